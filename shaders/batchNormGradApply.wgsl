// dx[n, c, l] = weight[c] / s * (g[n, c, l] - (dBias[c] + xhat[n, c, l] * dWeight[c]) / count), s = sqrt(variance[c] + eps),
// xhat = (x - mean) / s, the mean in two parts: one thread per element.
//
// Memory: g, x and dx are [N, C, L], contiguous; n elements, count of them per channel. center is [3, C], the
// means and their parts.
struct Params {
  n: u32,
  C: u32,
  L: u32,
  count: u32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> center: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read> dWeight: array<f32>;
@group(0) @binding(6) var<storage, read> dBias: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at < params.n) {
    let c = (at / params.L) % params.C;
    let rstd = inverseSqrt(variance[c] + params.eps);
    let xhat = ((x[at] - center[params.C + c]) - center[2u * params.C + c]) * rstd;
    let share = (dBias[c] + xhat * dWeight[c]) / f32(params.count);
    put(at, weight[c] * rstd * (g[at] - share));
  }
}
