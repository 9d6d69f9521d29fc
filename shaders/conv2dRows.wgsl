// out[n, o, h, w] = sum over i, kh, kw of x[n, i, h', w'] * weight[o, i, kh, kw], as in conv2d.wgsl, for stride 1 and
// dilation 1 along a row: each thread computes ROWS channels, at most 8, at 8 neighbouring positions of a row, and keeps a
// window of 8 elements of x that slides by one with each tap, so that a tap costs one load of x.
//
// Meant for adapters where a load costs as much as arithmetic, software adapters above all: neighbouring threads are 8
// positions apart, which a GPU would rather not see. Memory and parameters as in conv2d.wgsl, but for `segments`, the
// number of 8-position segments in a row of out, `rows` = N * outH, and `positionGroups`, the workgroups that cover the
// segments of all rows. Preamble: as there.
struct Params {
  positions: u32, // not used here, as blockI
  O: u32,
  I: u32,
  groups: u32,
  blockI: u32, // not used here, where sums are short
  positionGroups: u32,
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
  weightO: u32,
  weightI: u32,
  segments: u32,
  rows: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
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
  let tiles = (params.O + ROWS - 1u) / ROWS;
  let tile = task / params.positionGroups;
  let o = (tile % tiles) * ROWS;
  let group = tile / tiles;
  let index = (task % params.positionGroups) * WG + thread;
  if (group >= params.groups) {
    return;
  }
  // Threads past the last row work on it again, and store nothing.
  let row = min(index / params.segments, params.rows - 1u);
  let w = (index % params.segments) * 8u;
  let image = row / params.outH;
  let h = row % params.outH;
  // The window begins at the first tap; in the transposed case taps run backwards.
  let first = select(w - params.paddingW, w + params.paddingW + 1u - params.kernelW, TRANSPOSED);
  let h0 = select(h * params.strideH - params.paddingH, h + params.paddingH, TRANSPOSED);
  let taps = params.kernelH * params.kernelW;
  let places = placesOf(group * params.O * params.I * taps, o, params.O - 1u, params.weightO);
  var near = Sums();
  var far = Sums();
  let channels = (image * params.groups + group) * params.I;
  for (var i = 0u; i < params.I; i++) {
    let plane = (channels + i) * params.H;
    for (var kh = 0u; kh < params.kernelH; kh++) {
      var y = h0 + kh * params.dilationH;
      if (TRANSPOSED) {
        y = h0 - kh * params.dilationH;
        if (!UNIT) {
          y = select(0xffffffffu, y / params.strideH, y % params.strideH == 0u);
        }
      }
      // A row outside x reads as a row of width 0.
      let width = select(0u, params.W, y < params.H);
      let line = (plane + y) * params.W;
      var low = vec4<f32>(
        0.0, load(line, first, width), load(line, first + 1u, width), load(line, first + 2u, width));
      var high = vec4<f32>(
        load(line, first + 3u, width), load(line, first + 4u, width), load(line, first + 5u, width),
        load(line, first + 6u, width));
      let k0 = i * params.weightI + kh * params.kernelW;
      for (var kw = 0u; kw < params.kernelW; kw++) {
        low = vec4<f32>(low.yzw, high.x);
        high = vec4<f32>(high.yzw, load(line, first + 7u + kw, width));
        let rows = rowsAt(places, k0 + select(kw, params.kernelW - 1u - kw, TRANSPOSED));
        addProducts(&near, rows, low);
        addProducts(&far, rows, high);
      }
    }
  }
  if (index / params.segments >= params.rows) {
    return;
  }
  // In one loop, for drivers compile `put`, which may be long, wherever it is called.
  let sums = array<mat4x4<f32>, 4>(near.s0, near.s1, far.s0, far.s1);
  let plane = (image * params.groups + group) * params.O + o;
  for (var n = 0u; n < min(ROWS, params.O - o) * 8u; n++) {
    let channel = n / 8u;
    let j = n % 8u;
    if (w + j < params.outW) {
      put(((plane + channel) * params.outH + h) * params.outW + w + j, sums[channel / 4u + j / 4u * 2u][channel % 4u][j % 4u]);
    }
  }
}
