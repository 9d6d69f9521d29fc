// s = rho * s + (1 - rho) * slope^2; delta = slope * sqrt(u + eps) / sqrt(s + eps); u = rho * u + (1 - rho) * delta^2;
// x -= lr * delta; slope = g + weightDecay * x.
//
// Memory: flat arenas of all parameters, in quads; n elements. x, s and u are updated in place.
struct Params {
  n: u32,
  lr: f32,
  rho: f32,
  oneMinusRho: f32,
  eps: f32,
  weightDecay: f32,
}

@group(0) @binding(0) var<storage, read> g: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> s: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> u: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i * 4u >= params.n) {
    return;
  }
  let slope = g[i] + params.weightDecay * x[i];
  let squares = params.rho * s[i] + params.oneMinusRho * slope * slope;
  let delta = slope * sqrt(u[i] + params.eps) / sqrt(squares + params.eps);
  s[i] = squares;
  u[i] = params.rho * u[i] + params.oneMinusRho * delta * delta;
  x[i] -= params.lr * delta;
}
