// a += rate * (x - a): the exponential moving average of x, where rate = 1 - decay.
//
// Memory: flat arenas of all parameters, in quads; n elements. a is updated in place.
struct Params {
  n: u32,
  rate: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> a: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i * 4u >= params.n) {
    return;
  }
  a[i] += params.rate * (x[i] - a[i]);
}
