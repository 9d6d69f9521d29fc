// out[n, o, h, w] = sum over i, kh, kw of x[n, i, h', w'] * weight[o, i, kh, kw], as in conv2d.wgsl, for stride 1 and
// dilation 1 along a row: each thread computes TILE channels at 8 neighbouring positions of a row, and keeps a window of 8
// elements of x that slides by one with each tap, so that a tap costs one load of x.
//
// Meant for adapters where a load costs as much as arithmetic, software adapters above all: neighbouring threads are 8
// positions apart, which a GPU would rather not see. Memory and parameters as in conv2d.wgsl, but for `segments`, the
// number of 8-position segments in a row of out, `rows` = N * outH, and `positionGroups`, the workgroups that cover the
// segments of all rows. Preamble: as there.
struct Params {
  positions: u32,
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
@group(0) @binding(1) var<storage, read> weight: array<f32>;
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
  let tiles = (params.O + TILE - 1u) / TILE;
  let tile = task / params.positionGroups;
  let o = (tile % tiles) * TILE;
  let group = tile / tiles;
  let index = (task % params.positionGroups) * WG + thread;
  let row = index / params.segments;
  if (row >= params.rows || group >= params.groups) {
    return;
  }
  let w = (index % params.segments) * 8u;
  let image = row / params.outH;
  let h = row % params.outH;
  // The window begins at the first tap; in the transposed case taps run backwards.
  let first = select(w - params.paddingW, w + params.paddingW + 1u - params.kernelW, TRANSPOSED);
  let h0 = select(h * params.strideH - params.paddingH, h + params.paddingH, TRANSPOSED);
  let own = group * params.O * params.I * params.kernelH * params.kernelW;
  let last = params.O - 1u;
  let s = params.weightO;
  let a0 = own + min(o, last) * s;
  let a1 = own + min(o + 1u, last) * s;
  let a2 = own + min(o + 2u, last) * s;
  let a3 = own + min(o + 3u, last) * s;
  let a4 = own + min(o + 4u, last) * s;
  let a5 = own + min(o + 5u, last) * s;
  let a6 = own + min(o + 6u, last) * s;
  let a7 = own + min(o + 7u, last) * s;
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
        let k = k0 + select(kw, params.kernelW - 1u - kw, TRANSPOSED);
        let w0 = weight[a0 + k];
        c0 += w0 * low;
        d0 += w0 * high;
        if (TILE == 8u) {
          let w1 = weight[a1 + k];
          c1 += w1 * low;
          d1 += w1 * high;
          let w2 = weight[a2 + k];
          c2 += w2 * low;
          d2 += w2 * high;
          let w3 = weight[a3 + k];
          c3 += w3 * low;
          d3 += w3 * high;
          let w4 = weight[a4 + k];
          c4 += w4 * low;
          d4 += w4 * high;
          let w5 = weight[a5 + k];
          c5 += w5 * low;
          d5 += w5 * high;
          let w6 = weight[a6 + k];
          c6 += w6 * low;
          d6 += w6 * high;
          let w7 = weight[a7 + k];
          c7 += w7 * low;
          d7 += w7 * high;
        }
      }
    }
  }
  // In one loop, for drivers compile `put`, which may be long, wherever it is called.
  let sums = array<vec4<f32>, 16>(c0, d0, c1, d1, c2, d2, c3, d3, c4, d4, c5, d5, c6, d6, c7, d7);
  let plane = (image * params.groups + group) * params.O + o;
  for (var i = 0u; i < min(TILE, params.O - o) * 8u; i++) {
    let column = w + i % 8u;
    if (column < params.outW) {
      put(((plane + i / 8u) * params.outH + h) * params.outW + column, sums[i / 4u][i % 4u]);
    }
  }
}
