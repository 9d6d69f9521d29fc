// partials[c, chunk] = (sum of g, sum of g * xhat) over the chunk's elements of channel c: one workgroup each.
//
// xhat = (x - mean) / sqrt(variance + eps), the mean in two parts.
//
// Memory: g and x are [N, C, L], contiguous; element e of channel c is image e / L, place e % L. center is [3, C], the means and
// their parts. Preamble: WG threads, PER_THREAD elements for each, summed in blocks of BLOCK.
struct Params {
  N: u32,
  C: u32,
  L: u32,
  chunks: u32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> center: array<f32>;
@group(0) @binding(3) var<storage, read> variance: array<f32>;
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

var<workgroup> lane: array<vec2<f32>, WG>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let task = group.y * groups.x + group.x;
  let c = task / params.chunks;
  if (c >= params.C) {
    return;
  }
  let first = (task % params.chunks) * WG * PER_THREAD + thread;
  let total = params.N * params.L;
  let pivot = center[params.C + c];
  let rest = center[2u * params.C + c];
  var sums = vec2<f32>();
  for (var b = 0u; b < PER_THREAD / BLOCK; b++) {
    var block = vec2<f32>();
    for (var k = 0u; k < BLOCK; k++) {
      let e = first + (b * BLOCK + k) * WG;
      if (e < total) {
        let at = ((e / params.L) * params.C + c) * params.L + e % params.L;
        block += vec2<f32>(g[at], g[at] * ((x[at] - pivot) - rest));
      }
    }
    sums += block;
  }
  sums.y *= inverseSqrt(variance[c] + params.eps);
  lane[thread] = sums;
  for (var width = WG / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      lane[thread] += lane[thread + width];
    }
  }
  if (thread == 0u) {
    partials[task * 2u] = lane[0].x;
    partials[task * 2u + 1u] = lane[0].y;
  }
}
