// out[c, o, t] = sum over the positions (n, h, w) of chunk c of g[n, o, h, w] * x[n, i, h', w'], t = (i, kh, kw), as in
// conv2dWeightGrad.wgsl, for stride 1 and dilation 1 along a row: each thread computes 8 channels of g at up to 8
// neighbouring taps of one kernel row (i, kh), and keeps a window of x that slides by one with each position, so that a
// position costs one load of x.
//
// Memory and parameters as in conv2dWeightGrad.wgsl, but for `kernelRows` = I * kernelH and `columnGroups`, the workgroups
// that cover them; the workgroup's z holds the 8 channels and the group of 8 taps. Preamble: WG threads; WIDE where kernelW is above 4, else
// only the first four taps of the window are computed.
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

// Element `column` of the row of x that begins at `line`; 0 outside. Negative columns wrap around.
fn load(line: u32, column: u32, width: u32) -> f32 {
  let inside = column < width;
  return select(0.0, x[select(0u, line + column, inside)], inside);
}

fn store4(at: u32, kw: u32, values: vec4<f32>) {
  if (kw < params.kernelW) { out[at] = values.x; }
  if (kw + 1u < params.kernelW) { out[at + 1u] = values.y; }
  if (kw + 2u < params.kernelW) { out[at + 2u] = values.z; }
  if (kw + 3u < params.kernelW) { out[at + 3u] = values.w; }
}

fn store8(chunk: u32, o: u32, kernelRow: u32, kw: u32, low: vec4<f32>, high: vec4<f32>) {
  // Without images there are no rows, and one chunk of zeros.
  if (o < params.O && chunk * params.chunkRows < max(params.rows, 1u) && kernelRow < params.I * params.kernelH) {
    let at = (chunk * params.O + o) * params.columns + kernelRow * params.kernelW + kw;
    store4(at, kw, low);
    if (WIDE) {
      store4(at + 4u, kw + 4u, high);
    }
  }
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let task = group.y * groups.x + group.x;
  let chunk = task / params.columnGroups;
  let kernelRow = (task % params.columnGroups) * WG + thread;
  let tapGroups = (params.kernelW + 7u) / 8u;
  let kw = (group.z % tapGroups) * 8u;
  let o = (group.z / tapGroups) * 8u;
  // Threads past the last kernel row work on it again, and store nothing.
  let at = min(kernelRow, params.I * params.kernelH - 1u);
  let i = at / params.kernelH;
  let h0 = (at % params.kernelH) * params.dilationH - params.paddingH;
  let first = kw - params.paddingW;
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
  var d0 = vec4<f32>();
  var c1 = vec4<f32>();
  var d1 = vec4<f32>();
  var c2 = vec4<f32>();
  var d2 = vec4<f32>();
  var c3 = vec4<f32>();
  var d3 = vec4<f32>();
  var c4 = vec4<f32>();
  var d4 = vec4<f32>();
  var c5 = vec4<f32>();
  var d5 = vec4<f32>();
  var c6 = vec4<f32>();
  var d6 = vec4<f32>();
  var c7 = vec4<f32>();
  var d7 = vec4<f32>();
  let end = min((chunk + 1u) * params.chunkRows, params.rows);
  for (var row = chunk * params.chunkRows; row < end; row++) {
    let image = row / params.outH;
    let outRow = row % params.outH;
    let h = h0 + outRow * params.strideH;
    // A row outside x reads as a row of width 0.
    let width = select(0u, params.W, h < params.H);
    let line = ((image * params.I + i) * params.H + h) * params.W;
    let start = image * params.O * plane + outRow * params.outW;
    var low = vec4<f32>(0.0, load(line, first, width), load(line, first + 1u, width), load(line, first + 2u, width));
    var high = vec4<f32>();
    if (WIDE) {
      high = vec4<f32>(
        load(line, first + 3u, width), load(line, first + 4u, width), load(line, first + 5u, width),
        load(line, first + 6u, width));
    }
    for (var column = 0u; column < params.outW; column++) {
      if (WIDE) {
        low = vec4<f32>(low.yzw, high.x);
        high = vec4<f32>(high.yzw, load(line, first + 7u + column, width));
      } else {
        low = vec4<f32>(low.yzw, load(line, first + 3u + column, width));
      }
      let k = start + column;
      let g0 = g[a0 + k];
      c0 += g0 * low;
      let g1 = g[a1 + k];
      c1 += g1 * low;
      let g2 = g[a2 + k];
      c2 += g2 * low;
      let g3 = g[a3 + k];
      c3 += g3 * low;
      let g4 = g[a4 + k];
      c4 += g4 * low;
      let g5 = g[a5 + k];
      c5 += g5 * low;
      let g6 = g[a6 + k];
      c6 += g6 * low;
      let g7 = g[a7 + k];
      c7 += g7 * low;
      if (WIDE) {
        d0 += g0 * high;
        d1 += g1 * high;
        d2 += g2 * high;
        d3 += g3 * high;
        d4 += g4 * high;
        d5 += g5 * high;
        d6 += g6 * high;
        d7 += g7 * high;
      }
    }
  }
  store8(chunk, o, kernelRow, kw, c0, d0);
  store8(chunk, o + 1u, kernelRow, kw, c1, d1);
  store8(chunk, o + 2u, kernelRow, kw, c2, d2);
  store8(chunk, o + 3u, kernelRow, kw, c3, d3);
  store8(chunk, o + 4u, kernelRow, kw, c4, d4);
  store8(chunk, o + 5u, kernelRow, kw, c5, d5);
  store8(chunk, o + 6u, kernelRow, kw, c6, d6);
  store8(chunk, o + 7u, kernelRow, kw, c7, d7);
}
