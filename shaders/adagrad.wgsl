// s += slope^2; x -= lr * slope / (sqrt(s) + eps); slope = g + weightDecay * x.
//
// Memory: flat arenas of all parameters, in quads; n elements. x and s are updated in place.
struct Params {
  n: u32,
  lr: f32,
  eps: f32,
  weightDecay: f32,
}

@group(0) @binding(0) var<storage, read> g: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> s: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i * 4u >= params.n) {
    return;
  }
  let slope = g[i] + params.weightDecay * x[i];
  let squares = s[i] + slope * slope;
  s[i] = squares;
  x[i] -= params.lr * slope / (sqrt(squares) + params.eps);
}
