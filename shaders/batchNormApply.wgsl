// out[n, c, l] = (x[n, c, l] - mean[c]) / sqrt(variance[c] + eps) * weight[c] + bias[c], the mean in two parts: one thread per
// element.
//
// Memory: x and out are [N, C, L], contiguous; n elements. center is [3, C]: the means, and once more as numbers
// and how much larger they are.
struct Params {
  n: u32,
  C: u32,
  L: u32,
  count: u32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> center: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at < params.n) {
    let c = (at / params.L) % params.C;
    let deviation = (x[at] - center[params.C + c]) - center[2u * params.C + c];
    put(at, deviation * (weight[c] * inverseSqrt(variance[c] + params.eps)) + bias[c]);
  }
}
