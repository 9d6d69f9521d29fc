// out[p, i] = x[p, winner[p, i]]: one thread per output.
//
// Memory: planes p of `inner` outputs and `outer` image elements, all contiguous; n outputs.
struct Params {
  n: u32,
  outer: u32,
  inner: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> winner: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < params.n) {
    out[i] = x[(i / params.inner) * params.outer + u32(winner[i])];
  }
}
