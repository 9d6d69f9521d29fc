// out[n, o, h, w] = sum over i, kh, kw of x[n, i, h', w'] * weight[o, i, kh, kw]: convolution as an implicit matrix product
// of weights with image columns. o and i run over the channels of one group, O and I of each; a group has its own
// channels of x, of weight and of out. Each thread computes ROWS channels of one group at 4 positions.
//
// Forward: (h', w') = (h, w) * stride - padding + (kh, kw) * dilation. With TRANSPOSED, the gradient of the image, out is
// the image, x the gradient, o and i swap roles, and (h', w') = ((h, w) + padding - (kh, kw) * dilation) / stride where
// that is whole. What falls outside x counts as 0.
//
// Memory: x [N, groups * I, H, W] and out [N, groups * O, outH, outW] are contiguous; weight holds O * I * taps elements
// per group, walked by the strides weightO and weightI, and is bound as `a`. The threads of a workgroup share their channels,
// so weights are loaded once for all; neighbours take neighbouring positions. Workgroups run over positions, then over
// channel tiles.
// Preamble: WG threads; ROWS 1, 4, 8 or 16, with parts/sums.wgsl and one of those that read rows of `a`; TRANSPOSED; UNIT
// where stride is 1; BLOCKED where sums are long: then those of blockI channels are summed before they join the rest, as
// short sums have small errors; `put`, which takes the results.
struct Params {
  positions: u32, // N * outH * outW
  O: u32,
  I: u32,
  groups: u32,
  blockI: u32,
  positionGroups: u32, // workgroups that cover the positions
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
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// Position of tap k in x, or a value past its end where there is none. Negative positions wrap around.
fn tap(start: vec4<u32>, k: u32, dilation: u32, stride: u32) -> vec4<u32> {
  if (!TRANSPOSED) {
    return start + k * dilation;
  }
  let at = start - k * dilation;
  if (UNIT) {
    return at;
  }
  return select(vec4<u32>(0xffffffffu), at / stride, at % stride == vec4<u32>());
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
  if (group >= params.groups) {
    return;
  }
  let first = (task % params.positionGroups) * WG * 4u;
  let positions = first + thread + STEPS * WG;
  let at = min(positions, vec4<u32>(params.positions - 1u));
  let row = at / params.outW;
  let image = row / params.outH;
  var h0 = row % params.outH;
  var w0 = at % params.outW;
  if (TRANSPOSED) {
    h0 += params.paddingH;
    w0 += params.paddingW;
  } else {
    h0 = h0 * params.strideH - params.paddingH;
    w0 = w0 * params.strideW - params.paddingW;
  }
  let H = vec4<u32>(params.H);
  let W = vec4<u32>(params.W);
  let taps = params.kernelH * params.kernelW;
  let places = placesOf(group * params.O * params.I * taps, o, params.O - 1u, params.weightO);
  let channels = (image * params.groups + group) * params.I;
  var sums = Sums();
  var block = Sums();
  for (var i = 0u; i < params.I; i++) {
    let plane = (channels + i) * params.H;
    for (var kh = 0u; kh < params.kernelH; kh++) {
      let h = tap(h0, kh, params.dilationH, params.strideH);
      let line = (plane + h) * params.W;
      let k0 = i * params.weightI + kh * params.kernelW;
      for (var kw = 0u; kw < params.kernelW; kw++) {
        let w = tap(w0, kw, params.dilationW, params.strideW);
        let inside = (h < H) & (w < W);
        let source = select(vec4<u32>(), line + w, inside);
        let v = select(vec4<f32>(), vec4<f32>(x[source.x], x[source.y], x[source.z], x[source.w]), inside);
        addProducts(&block, rowsAt(places, k0 + kw), v);
      }
    }
    if (BLOCKED && i % params.blockI == params.blockI - 1u) {
      sums = joined(sums, block);
      block = Sums();
    }
  }
  let size = params.outH * params.outW;
  let outs = (image * params.groups + group) * params.O * size + at % size;
  // In one loop, for drivers compile `put`, which may be long, wherever it is called.
  let all = joined(sums, block);
  let results = array<mat4x4<f32>, 4>(all.s0, all.s1, all.s2, all.s3);
  for (var n = 0u; n < min(ROWS, params.O - o) * 4u; n++) {
    let row = n / 4u;
    if (positions[n % 4u] < params.positions) {
      put(outs[n % 4u] + (o + row) * size, results[row / 4u][row % 4u][n % 4u]);
    }
  }
}
