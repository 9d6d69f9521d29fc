// out[i, j] = (exp(x[i, j] - lse[i]) - (j == label[i])) * g[i]: one thread per logit.
//
// Memory: x and out are [rows, classes], contiguous; n = rows * classes.
struct Params {
  n: u32,
  classes: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at >= params.n) {
    return;
  }
  let i = at / params.classes;
  let j = at % params.classes;
  out[at] = (exp(x[at] - lse[i]) - select(0.0, 1.0, i32(j) == labels[i])) * g[i];
}
