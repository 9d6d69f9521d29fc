// For kernels of matrix products.

const STEPS = vec4<u32>(0u, 1u, 2u, 3u);

// Products of 4 rows and 4 columns; column i belongs to row i.
fn outer(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(a.x * b, a.y * b, a.z * b, a.w * b);
}
