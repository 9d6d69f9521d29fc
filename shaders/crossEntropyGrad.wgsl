// out[i, j] = (exp(x[i, j] - top[i] - rest[i]) - (j == label[i])) * g[i]: one thread per logit.
//
// Memory: x and out are [rows, classes], contiguous; n = rows * classes. top and rest as in crossEntropyRows.wgsl.
struct Params {
  n: u32,
  classes: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read> top: array<f32>;
@group(0) @binding(3) var<storage, read> rest: array<f32>;
@group(0) @binding(4) var<storage, read> g: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

// By its bits, since drivers may take x != x for false; some make a number of exp(NaN).
fn isNan(v: f32) -> bool {
  return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at >= params.n) {
    return;
  }
  let i = at / params.classes;
  let j = at % params.classes;
  let v = x[at] - top[i] - rest[i];
  out[at] = (select(exp(v), v, isNan(v)) - select(0.0, 1.0, i32(j) == labels[i])) * g[i];
}
