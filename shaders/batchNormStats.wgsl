// partials[c, chunk] = (count, mean, sum of squared deviations) of the chunk's elements of channel c, each less the channel's first
// element, so that large values close together keep their digits: one workgroup each.
//
// Memory: x is [N, C, L], contiguous; element e of channel c is image e / L, place e % L. Each thread takes PER_THREAD
// elements in two passes, mean first; threads are merged as a tree by Chan's formula, so nothing cancels.
// Preamble: WG threads, PER_THREAD, and BLOCK, the elements that are summed before they join the rest.
struct Params {
  N: u32,
  C: u32,
  L: u32,
  chunks: u32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

// (count, mean, sum of squared deviations)
var<workgroup> lane: array<vec3<f32>, WG>;

fn merge(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
  let n = a.x + b.x;
  if (n == 0.0) {
    return a;
  }
  let delta = b.y - a.y;
  let share = b.x / n;
  return vec3<f32>(n, a.y + delta * share, a.z + b.z + delta * delta * a.x * share);
}

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
  let pivot = x[c * params.L];

  var count = 0.0;
  var sum = 0.0;
  for (var b = 0u; b < PER_THREAD / BLOCK; b++) {
    var block = 0.0;
    for (var k = 0u; k < BLOCK; k++) {
      let e = first + (b * BLOCK + k) * WG;
      if (e < total) {
        count += 1.0;
        block += x[((e / params.L) * params.C + c) * params.L + e % params.L] - pivot;
      }
    }
    sum += block;
  }
  let mean = sum / max(count, 1.0);
  var squares = 0.0;
  for (var b = 0u; b < PER_THREAD / BLOCK; b++) {
    var block = 0.0;
    for (var k = 0u; k < BLOCK; k++) {
      let e = first + (b * BLOCK + k) * WG;
      if (e < total) {
        let d = (x[((e / params.L) * params.C + c) * params.L + e % params.L] - pivot) - mean;
        block += d * d;
      }
    }
    squares += block;
  }
  lane[thread] = vec3<f32>(count, mean, squares);
  for (var width = WG / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      lane[thread] = merge(lane[thread], lane[thread + width]);
    }
  }
  if (thread == 0u) {
    partials[task * 3u] = lane[0].x;
    partials[task * 3u + 1u] = lane[0].y;
    partials[task * 3u + 2u] = lane[0].z;
  }
}
