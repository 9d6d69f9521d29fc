// out[offset + i] = x[i] for up to 7 inputs x0 to x6, and zeros up to the next: one thread per element of out, the input
// chosen by the workgroup's z.
//
// Memory: segments[k] = (elements, offset, room) of input k, where room counts its elements of out, zeros included.
struct Params {
  segments: array<vec4<u32>, PACKED>,
}

@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(1) var<storage, read> x1: array<f32>;
@group(0) @binding(2) var<storage, read> x2: array<f32>;
@group(0) @binding(3) var<storage, read> x3: array<f32>;
@group(0) @binding(4) var<storage, read> x4: array<f32>;
@group(0) @binding(5) var<storage, read> x5: array<f32>;
@group(0) @binding(6) var<storage, read> x6: array<f32>;
@group(0) @binding(7) var<storage, read_write> out: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  let segment = params.segments[id.z];
  if (i >= segment.z) {
    return;
  }
  var v = 0.0;
  if (i < segment.x) {
    switch (id.z) {
      case 0u: { v = x0[i]; }
      case 1u: { v = x1[i]; }
      case 2u: { v = x2[i]; }
      case 3u: { v = x3[i]; }
      case 4u: { v = x4[i]; }
      case 5u: { v = x5[i]; }
      default: { v = x6[i]; }
    }
  }
  out[segment.y + i] = v;
}
