// g /= scale.
//
// Memory: scale is one element. g is a flat arena of all gradients, in quads; n elements, updated in place.
struct Params {
  n: u32,
}

@group(0) @binding(0) var<storage, read> scale: array<f32>;
@group(0) @binding(1) var<storage, read_write> g: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i * 4u >= params.n) {
    return;
  }
  g[i] /= scale[0];
}
