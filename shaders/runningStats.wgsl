// runningMean += momentum * (mean - runningMean); runningVar += momentum * (unbias * variance - runningVar).
//
// Memory: one value per channel, in quads; n channels. The running statistics are updated in place.
struct Params {
  n: u32,
  momentum: f32,
  unbias: f32,
}

@group(0) @binding(0) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> variance: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> runningMean: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> runningVar: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i * 4u >= params.n) {
    return;
  }
  runningMean[i] += params.momentum * (mean[i] - runningMean[i]);
  runningVar[i] += params.momentum * (params.unbias * variance[i] - runningVar[i]);
}
