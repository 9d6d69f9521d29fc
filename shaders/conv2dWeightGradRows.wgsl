// out[c, o, t] = sum over the positions (n, h, w) of chunk c of g[n, o, h, w] * x[n, i, h', w'], t = (i, kh, kw), as in
// conv2dWeightGrad.wgsl, for stride 1 and dilation 1 along a row: each thread computes ROWS channels of g, at most 8, at up to
// 8 neighbouring taps of one kernel row (i, kh), and keeps a window of x that slides by one with each position, so that a
// position costs one load of x.
//
// Memory and parameters as in conv2dWeightGrad.wgsl, but for the items: the kernel rows, I * kernelH of them, or with
// ROWS 1 those of every channel of g; and `tiles` counts the groups of 8 taps along a kernel row, too.
// Preamble: WG threads; ROWS, with what conv2dWeightGrad.wgsl has for it; `put`, which takes results; WIDE where kernelW is
// above 4, else only the first four taps of the window are computed.
struct Params {
  columns: u32, // I * kernelH * kernelW
  O: u32,
  I: u32,
  groups: u32,
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
  rows: u32, // N * outH * segments
  chunkRows: u32,
  chunks: u32,
  segments: u32,
  segmentW: u32,
  items: u32,
  itemGroups: u32, // workgroups that cover the items
  tiles: u32,
}

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// Element `column` of the row of x that begins at `line`; 0 outside. Negative columns wrap around.
fn load(line: u32, column: u32, width: u32) -> f32 {
  let inside = column < width;
  return select(0.0, x[select(0u, line + column, inside)], inside);
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let task = workgroup.y * workgroups.x + workgroup.x;
  let chunk = (task / params.itemGroups) % params.chunks;
  let tile = task / params.itemGroups / params.chunks;
  if (tile >= params.tiles) {
    return;
  }
  let item = (task % params.itemGroups) * WG + thread;
  // Threads past the last item work on it again, and store nothing.
  let valid = min(item, params.items - 1u);
  let kernelRows = params.I * params.kernelH;
  let tapGroups = (params.kernelW + 7u) / 8u;
  let kw = (tile % tapGroups) * 8u;
  // The first channel of g, and the last one of its group.
  let tiles = (params.O + ROWS - 1u) / ROWS;
  let channels = tile / tapGroups;
  let o = select((channels / tiles) * params.O + (channels % tiles) * ROWS, valid / kernelRows, ROWS == 1u);
  let group = o / params.O;
  let last = group * params.O + params.O - 1u;
  let at = valid % kernelRows;
  let i = group * params.I + at / params.kernelH;
  let h0 = (at % params.kernelH) * params.dilationH - params.paddingH;
  let first = kw - params.paddingW;
  let plane = params.outH * params.outW;
  let places = placesOf(0u, o, last, plane);
  var near = Sums();
  var far = Sums();
  let end = min((chunk + 1u) * params.chunkRows, params.rows);
  for (var row = chunk * params.chunkRows; row < end; row++) {
    let outLine = row / params.segments;
    let image = outLine / params.outH;
    let outRow = outLine % params.outH;
    let left = (row % params.segments) * params.segmentW;
    let right = min(left + params.segmentW, params.outW);
    let h = h0 + outRow * params.strideH;
    // A row outside x reads as a row of width 0.
    let width = select(0u, params.W, h < params.H);
    let line = ((image * params.groups * params.I + i) * params.H + h) * params.W;
    let start = image * params.groups * params.O * plane + outRow * params.outW;
    let begin = first + left;
    var low = vec4<f32>(0.0, load(line, begin, width), load(line, begin + 1u, width), load(line, begin + 2u, width));
    var high = vec4<f32>();
    if (WIDE) {
      high = vec4<f32>(
        load(line, begin + 3u, width), load(line, begin + 4u, width), load(line, begin + 5u, width),
        load(line, begin + 6u, width));
    }
    for (var column = left; column < right; column++) {
      if (WIDE) {
        low = vec4<f32>(low.yzw, high.x);
        high = vec4<f32>(high.yzw, load(line, first + 7u + column, width));
      } else {
        low = vec4<f32>(low.yzw, load(line, first + 3u + column, width));
      }
      let rows = rowsAt(places, start + column);
      addProducts(&near, rows, low);
      if (WIDE) {
        addProducts(&far, rows, high);
      }
    }
  }
  if (item >= params.items) {
    return;
  }
  // In one loop, for drivers compile `put`, which may be long, wherever it is called.
  let sums = array<mat4x4<f32>, 4>(near.s0, near.s1, far.s0, far.s1);
  let base = (chunk * params.groups * params.O + o) * params.columns + at * params.kernelW + kw;
  for (var n = 0u; n < min(ROWS, last + 1u - o) * 8u; n++) {
    let row = n / 8u;
    let j = n % 8u;
    if (kw + j < params.kernelW) {
      put(base + row * params.columns + j, sums[row / 4u + j / 4u * 2u][row % 4u][j % 4u]);
    }
  }
}
