// out[n, c, d] = max(0, x[n, c, d] - x[n, label[n, d], d] + margin), and 0 where c == label[n, d]: one thread per score.
//
// Memory: x and out are [N, classes, inner], labels [N, inner], all contiguous; n = N * classes * inner. Preamble: `fn fail`, `fn nan`.
// A label out of range is a fault and makes its row NaN.
struct Params {
  n: u32,
  classes: u32,
  inner: u32,
  margin: f32,
  call: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at >= params.n) {
    return;
  }
  let c = at / params.inner % params.classes;
  let n = at / params.inner / params.classes;
  let d = at % params.inner;
  let label = labels[n * params.inner + d];
  if (label < 0 || label >= i32(params.classes)) {
    out[at] = nan();
    fail(params.call, label);
    return;
  }
  let v = x[at] - x[(n * params.classes + u32(label)) * params.inner + d] + params.margin;
  out[at] = select(v, 0.0, v <= 0.0 || i32(c) == label);
}
