// out[c, o, t] = sum over the positions (n, h, w) of chunk c of g[n, o, h, w] * x[n, i, h', w']: the gradient of a
// convolution's weights as an implicit matrix product. t = (i, kh, kw) is a column; each thread computes 8 channels of g
// at 4 columns, over one chunk of positions.
//
// (h', w') = (h, w) * stride - padding + (kh, kw) * dilation; what falls outside x counts as 0.
// Memory: g [N, O, outH, outW] and x [N, I, H, W] are contiguous, out is [chunks, O, columns]; the chunks are summed
// afterwards. The threads of a workgroup share channels and positions, so g is loaded once for all. Preamble: WG threads.
struct Params {
  columns: u32, // I * kernelH * kernelW
  O: u32,
  I: u32,
  H: u32,
  W: u32,
  outH: u32,
  outW: u32,
  kernelH: u32,
  kernelW: u32,
  strideH: u32,
  strideW: u32,
  paddingH: u32,
  paddingW: u32,
  dilationH: u32,
  dilationW: u32,
  rows: u32, // N * outH
  chunkRows: u32,
  columnGroups: u32,
}

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

fn store4(chunk: u32, o: u32, t: vec4<u32>, values: vec4<f32>) {
  if (o >= params.O) {
    return;
  }
  let base = (chunk * params.O + o) * params.columns;
  if (t.x < params.columns) { out[base + t.x] = values.x; }
  if (t.y < params.columns) { out[base + t.y] = values.y; }
  if (t.z < params.columns) { out[base + t.z] = values.z; }
  if (t.w < params.columns) { out[base + t.w] = values.w; }
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let task = group.y * groups.x + group.x;
  let chunk = task / params.columnGroups;
  let t = (task % params.columnGroups) * WG * 4u + thread + vec4<u32>(0u, WG, 2u * WG, 3u * WG);
  let o = group.z * 8u;
  // Position of column t's tap for the output at (0, 0); positions above or left of the image wrap around.
  let at = min(t, vec4<u32>(params.columns - 1u));
  let tapRow = at / params.kernelW;
  let i = tapRow / params.kernelH;
  let h0 = (tapRow % params.kernelH) * params.dilationH - params.paddingH;
  let w0 = (at % params.kernelW) * params.dilationW - params.paddingW;
  let H = vec4<u32>(params.H);
  let W = vec4<u32>(params.W);
  let plane = params.outH * params.outW;
  let last = params.O - 1u;
  let a0 = min(o, last) * plane;
  let a1 = min(o + 1u, last) * plane;
  let a2 = min(o + 2u, last) * plane;
  let a3 = min(o + 3u, last) * plane;
  let a4 = min(o + 4u, last) * plane;
  let a5 = min(o + 5u, last) * plane;
  let a6 = min(o + 6u, last) * plane;
  let a7 = min(o + 7u, last) * plane;
  var c0 = vec4<f32>();
  var c1 = vec4<f32>();
  var c2 = vec4<f32>();
  var c3 = vec4<f32>();
  var c4 = vec4<f32>();
  var c5 = vec4<f32>();
  var c6 = vec4<f32>();
  var c7 = vec4<f32>();
  let end = min((chunk + 1u) * params.chunkRows, params.rows);
  for (var row = chunk * params.chunkRows; row < end; row++) {
    let image = row / params.outH;
    let outRow = row % params.outH;
    let h = h0 + outRow * params.strideH;
    let line = ((image * params.I + i) * params.H + h) * params.W;
    let g0 = image * params.O * plane + outRow * params.outW;
    for (var column = 0u; column < params.outW; column++) {
      let w = w0 + column * params.strideW;
      let inside = (h < H) & (w < W);
      let source = select(vec4<u32>(), line + w, inside);
      let v = select(vec4<f32>(), vec4<f32>(x[source.x], x[source.y], x[source.z], x[source.w]), inside);
      let k = g0 + column;
      c0 += g[a0 + k] * v;
      c1 += g[a1 + k] * v;
      c2 += g[a2 + k] * v;
      c3 += g[a3 + k] * v;
      c4 += g[a4 + k] * v;
      c5 += g[a5 + k] * v;
      c6 += g[a6 + k] * v;
      c7 += g[a7 + k] * v;
    }
  }
  // Without images there are no rows, and one chunk of zeros.
  if (chunk * params.chunkRows < max(params.rows, 1u)) {
    store4(chunk, o, t, c0);
    store4(chunk, o + 1u, t, c1);
    store4(chunk, o + 2u, t, c2);
    store4(chunk, o + 3u, t, c3);
    store4(chunk, o + 4u, t, c4);
    store4(chunk, o + 5u, t, c5);
    store4(chunk, o + 6u, t, c6);
    store4(chunk, o + 7u, t, c7);
  }
}
