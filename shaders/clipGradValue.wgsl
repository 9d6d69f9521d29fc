// g = min(max(g, -limit), limit); NaN stays.
//
// Memory: a flat arena of all gradients, in quads; n elements, updated in place.
struct Params {
  n: u32,
  limit: f32,
}

@group(0) @binding(0) var<storage, read_write> g: array<vec4<f32>>;
@group(0) @binding(1) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i * 4u >= params.n) {
    return;
  }
  let v = g[i];
  // By its bits: drivers may take x != x for false, and clamp() NaN to a number.
  let isNan = (bitcast<vec4<u32>>(v) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
  g[i] = select(clamp(v, vec4(-params.limit), vec4(params.limit)), v, isNan);
}
