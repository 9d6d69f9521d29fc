// B of the GEMM core gathered from an image: n = (p, i, j) and k = (q, u, v), one a position of a convolution's result and
// the other a tap of its weights, meet at row h = i * columnH + originH + u * stepH and column
// w = j * columnW + originW + v * stepW of plane p * bColumn + q * bStep of b. Outside the image, B is 0. (i, j) count up to
// (bInner, bOuter), (u, v) up to (sizeH, sizeW). Steps may be negative, as they wrap around.
//
// With DIVIDED, the gradient of an image by a convolution with strides, h and w are divided by them, and B is 0 where that
// leaves a rest. Preamble: `b`, and DIVIDED.
struct Columns {
  at: vec4<u32>,
  h: vec4<u32>,
  w: vec4<u32>,
}

// Where columns n .. n + 3 of B begin in memory, and in the image.
fn columnsOf(s: u32, n: u32) -> Columns {
  let index = min(n + STEPS, vec4<u32>(params.N - 1u));
  let line = index / params.bOuter;
  return Columns(
    params.bOffset + s * params.bBatch + (line / params.bInner) * params.bColumn,
    (line % params.bInner) * params.columnH + params.originH,
    (index % params.bOuter) * params.columnW + params.originW);
}

// B at the columns and k = (q, u, v).
fn elements(columns: Columns, k: vec3<u32>, inSum: bool) -> vec4<f32> {
  var h = columns.h + k.y * params.stepH;
  var w = columns.w + k.z * params.stepW;
  var inside = vec4<bool>(inSum);
  if (DIVIDED) {
    inside &= (h % params.strideH == vec4<u32>()) & (w % params.strideW == vec4<u32>());
    h /= params.strideH;
    w /= params.strideW;
  }
  inside &= (h < vec4<u32>(params.H)) & (w < vec4<u32>(params.W));
  let at = select(vec4<u32>(), columns.at + k.x * params.bStep + h * params.W + w, inside);
  return select(vec4<f32>(), vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]), inside);
}

// The k after this one.
fn next(k: vec3<u32>) -> vec3<u32> {
  let v = k.z + 1u;
  let wraps = v == params.sizeW;
  let u = k.y + select(0u, 1u, wraps);
  let full = u == params.sizeH;
  return vec3<u32>(k.x + select(0u, 1u, full), select(u, 0u, full), select(v, 0u, wraps));
}

// Column j holds B at k + j and `columns`.
fn blockB(columns: Columns, k: u32, end: u32) -> mat4x4<f32> {
  let line = k / params.sizeW;
  let k0 = vec3<u32>(line / params.sizeH, line % params.sizeH, k % params.sizeW);
  let k1 = next(k0);
  let k2 = next(k1);
  let k3 = next(k2);
  return mat4x4<f32>(
    elements(columns, k0, k < end), elements(columns, k1, k + 1u < end),
    elements(columns, k2, k + 2u < end), elements(columns, k3, k + 3u < end));
}
