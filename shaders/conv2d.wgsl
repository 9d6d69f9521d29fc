// out[n, o, h, w] = sum over i, kh, kw of x[n, i, h', w'] * weight[o, i, kh, kw]: convolution as an implicit matrix product
// of weights with image columns. o and i run over the channels of one group, O and I of each; a group has its own
// channels of x, of weight and of out. Each thread computes ROWS channels of one group at 4 positions.
//
// Forward: (h', w') = (h, w) * stride - padding + (kh, kw) * dilation. With TRANSPOSED, the gradient of the image, out is
// the image, x the gradient, o and i swap roles, and (h', w') = ((h, w) + padding - (kh, kw) * dilation) / stride where
// that is whole: so a workgroup takes positions that are multiples of the stride apart, a phase, which skip the same taps.
// What falls outside x counts as 0.
//
// Memory: x [N, groups * I, H, W] and out [N, groups * O, outH, outW] are contiguous; weight holds O * I * taps elements
// per group, walked by the strides weightO and weightI, and is bound as `a`. The threads of a workgroup share their channels,
// so weights are loaded once for all; neighbours take neighbouring positions of a phase. Workgroups run over positions, then
// phases, then channel tiles.
// Preamble: WG threads; ROWS 1, 4, 8 or 16, with parts/sums.wgsl and one of those that read rows of `a`; TRANSPOSED; UNIT
// where stride is 1; BLOCKED where sums are long: then those of blockI channels are summed before they join the rest, as
// short sums have small errors; `put`, which takes the results.
struct Params {
  positions: u32, // N * phaseH * phaseW
  O: u32,
  I: u32,
  groups: u32,
  blockI: u32,
  positionGroups: u32, // workgroups that cover the positions of all phases
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
  phaseH: u32, // rows and columns of out that a phase has at most
  phaseW: u32,
  phaseGroups: u32, // workgroups that cover the positions of one
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// Position in x of a tap that is `distance` from the first, of those that are not skipped. Negative positions wrap around.
fn tap(start: vec4<u32>, distance: u32, stride: u32) -> vec4<u32> {
  if (!TRANSPOSED) {
    return start + distance;
  }
  return start - select(distance / stride, distance, UNIT);
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
  let apart = select(vec2<u32>(1u), vec2<u32>(params.strideH, params.strideW), TRANSPOSED && !UNIT);
  let phase = (task % params.positionGroups) / params.phaseGroups;
  let phaseStart = vec2<u32>(phase / apart.y, phase % apart.y);
  let first = (task % params.positionGroups % params.phaseGroups) * WG * 4u;
  let positions = first + thread + STEPS * WG;
  let at = min(positions, vec4<u32>(params.positions - 1u));
  let row = at / params.phaseW;
  let image = row / params.phaseH;
  let outRow = row % params.phaseH * apart.x + phaseStart.x;
  let outColumn = at % params.phaseW * apart.y + phaseStart.y;
  var h0 = outRow * params.strideH - params.paddingH;
  var w0 = outColumn * params.strideW - params.paddingW;
  if (TRANSPOSED) {
    h0 = (outRow + params.paddingH) / apart.x;
    w0 = (outColumn + params.paddingW) / apart.y;
  }
  // How far taps of this phase are from the first, but for multiples of the stride.
  let rest = (phaseStart + vec2<u32>(params.paddingH, params.paddingW)) % apart;
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
      let down = kh * params.dilationH;
      if (TRANSPOSED && !UNIT && down % params.strideH != rest.x) {
        continue;
      }
      let h = tap(h0, down, params.strideH);
      let line = (plane + h) * params.W;
      let k0 = i * params.weightI + kh * params.kernelW;
      for (var kw = 0u; kw < params.kernelW; kw++) {
        let right = kw * params.dilationW;
        if (TRANSPOSED && !UNIT && right % params.strideW != rest.y) {
          continue;
        }
        let w = tap(w0, right, params.strideW);
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
  let outs = (image * params.groups + group) * params.O * size + outRow * params.outW + outColumn;
  let written = (positions < vec4<u32>(params.positions))
    & (outRow < vec4<u32>(params.outH)) & (outColumn < vec4<u32>(params.outW));
  // In one loop, for drivers compile `put`, which may be long, wherever it is called.
  let all = joined(sums, block);
  let results = array<mat4x4<f32>, 4>(all.s0, all.s1, all.s2, all.s3);
  for (var n = 0u; n < min(ROWS, params.O - o) * 4u; n++) {
    let row = n / 4u;
    if (written[n % 4u]) {
      put(outs[n % 4u] + (o + row) * size, results[row / 4u][row % 4u][n % 4u]);
    }
  }
}
