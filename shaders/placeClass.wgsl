// out[n, c, d] = value[n, d] where c == label[n, d] and this is not `ignore`, else 0: one thread per element of out.
//
// Memory: out is [N, classes, inner], value and labels are [N, inner], all contiguous; n = N * classes * inner.
struct Params {
  n: u32,
  classes: u32,
  inner: u32,
  ignore: i32,
}

@group(0) @binding(0) var<storage, read> value: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at >= params.n) {
    return;
  }
  let c = at / params.inner % params.classes;
  let row = at / params.inner / params.classes * params.inner + at % params.inner;
  let label = labels[row];
  out[at] = select(0.0, value[row], i32(c) == label && label != params.ignore);
}
