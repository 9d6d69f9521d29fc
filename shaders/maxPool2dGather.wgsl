// out[p, i] = x[p, winner[p, i]], 0 where winner is -1: one thread per output.
//
// Memory: planes p of `inner` outputs and `outer` image elements, all contiguous; n outputs.
struct Params {
  n: u32,
  outer: u32,
  inner: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> winner: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i < params.n) {
    let at = winner[i];
    put(i, select(0.0, x[(i / params.inner) * params.outer + u32(max(at, 0))], at >= 0));
  }
}
