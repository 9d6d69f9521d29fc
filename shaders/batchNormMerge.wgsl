// center[c] = (mean, pivot, mean less the pivot) and variance[c] from the partials (count, mean less the pivot, sum of squared
// deviations) of channel c, where the pivot is the channel's first element: one workgroup per channel.
//
// Memory: partials is [C, chunks, 3], x is [N, C, L], center is [3, C]. variance is the biased one, divided by
// the count. Preamble: WG threads.
struct Params {
  C: u32,
  chunks: u32,
  L: u32,
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> center: array<f32>;
@group(0) @binding(3) var<storage, read_write> variance: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

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
  let c = group.y * groups.x + group.x;
  if (c >= params.C) {
    return;
  }
  var mine = vec3<f32>();
  for (var chunk = thread; chunk < params.chunks; chunk += WG) {
    let at = (c * params.chunks + chunk) * 3u;
    mine = merge(mine, vec3<f32>(partials[at], partials[at + 1u], partials[at + 2u]));
  }
  lane[thread] = mine;
  for (var width = WG / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      lane[thread] = merge(lane[thread], lane[thread + width]);
    }
  }
  if (thread == 0u) {
    let pivot = x[c * params.L];
    center[c] = pivot + lane[0].y;
    center[params.C + c] = pivot;
    center[2u * params.C + c] = lane[0].y;
    variance[c] = lane[0].z / lane[0].x;
  }
}
