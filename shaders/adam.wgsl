// m = b1 * m + (1 - b1) * slope; v = b2 * v + (1 - b2) * slope^2; x -= lr1 * m / (sqrt(v * inverse2) + eps);
// slope = g + weightDecay * x, lr1 = lr / (1 - b1^step), inverse2 = 1 / (1 - b2^step).
//
// Memory: flat arenas of all parameters, in quads; n elements. x, m and v are updated in place.
struct Params {
  n: u32,
  lr1: f32,
  beta1: f32,
  oneMinusBeta1: f32,
  beta2: f32,
  oneMinusBeta2: f32,
  inverse2: f32,
  eps: f32,
  weightDecay: f32,
}

@group(0) @binding(0) var<storage, read> g: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> v: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i * 4u >= params.n) {
    return;
  }
  let slope = g[i] + params.weightDecay * x[i];
  let first = params.beta1 * m[i] + params.oneMinusBeta1 * slope;
  let second = params.beta2 * v[i] + params.oneMinusBeta2 * slope * slope;
  m[i] = first;
  v[i] = second;
  x[i] -= params.lr1 * first / (sqrt(second * params.inverse2) + params.eps);
}
