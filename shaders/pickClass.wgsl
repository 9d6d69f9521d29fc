// out[n, d] = x[n, label[n, d], d] and counted[n, d] = 1; both are 0 where the label is `ignore`: one thread per (n, d).
//
// Memory: x is [N, classes, inner] at its strides; labels, out and counted are [N, inner], contiguous; rows = N * inner.
// Preamble: `fn fail`, `fn nan`. A label out of range is a fault and makes out NaN.
struct Params {
  rows: u32,
  classes: u32,
  inner: u32,
  ignore: i32,
  offset: u32,
  strideN: u32,
  strideC: u32,
  strideD: u32,
  call: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read_write> counted: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let row = id.y * groups.x * 64u + id.x;
  if (row >= params.rows) {
    return;
  }
  let label = labels[row];
  let n = row / params.inner;
  let d = row % params.inner;
  var value = 0.0;
  if (label != params.ignore) {
    if (label >= 0 && label < i32(params.classes)) {
      value = x[params.offset + n * params.strideN + u32(label) * params.strideC + d * params.strideD];
    } else {
      value = nan();
      fail(params.call, label);
    }
  }
  out[row] = value;
  counted[row] = select(1.0, 0.0, label == params.ignore);
}
