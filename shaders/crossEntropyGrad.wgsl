// out[n, c, d] = (exp(x[n, c, d] - top[n, d] - rest[n, d]) - wanted) * g[n, d], wanted = own * (c == label[n, d]) + even; 0 where
// the label is `ignore`: one thread per logit.
//
// Memory: x and out are [N, classes, inner], the others [N, inner], all contiguous but g, whose elements lie gStep apart, from
// gOffset on: 0 apart where all rows have the same. n = N * classes * inner. top and rest as in crossEntropyRows.wgsl.
struct Params {
  n: u32,
  classes: u32,
  inner: u32,
  ignore: i32,
  own: f32,
  even: f32,
  gOffset: u32,
  gStep: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read> top: array<f32>;
@group(0) @binding(3) var<storage, read> rest: array<f32>;
@group(0) @binding(4) var<storage, read> g: array<f32>;
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
  let c = at / params.inner % params.classes;
  let row = at / params.inner / params.classes * params.inner + at % params.inner;
  let label = labels[row];
  let v = x[at] - top[row] - rest[row];
  let wanted = select(0.0, params.own, i32(c) == label) + params.even;
  let slope = (select(exp(v), v, isNan(v)) - wanted) * g[params.gOffset + row * params.gStep];
  put(at, select(slope, 0.0, label == params.ignore));
}
