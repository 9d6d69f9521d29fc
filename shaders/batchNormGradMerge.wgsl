// dBias[c], dWeight[c] = the sums of channel c's partials (sum of g, sum of g * xhat): one workgroup per channel.
//
// Memory: partials is [C, chunks, 2]. Preamble: WG threads.
struct Params {
  C: u32,
  chunks: u32,
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> dWeight: array<f32>;
@group(0) @binding(2) var<storage, read_write> dBias: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> lane: array<vec2<f32>, WG>;

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
  var sums = vec2<f32>();
  for (var chunk = thread; chunk < params.chunks; chunk += WG) {
    let at = (c * params.chunks + chunk) * 2u;
    sums += vec2<f32>(partials[at], partials[at + 1u]);
  }
  lane[thread] = sums;
  for (var width = WG / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      lane[thread] += lane[thread + width];
    }
  }
  if (thread == 0u) {
    dBias[c] = lane[0].x;
    dWeight[c] = lane[0].y;
  }
}
