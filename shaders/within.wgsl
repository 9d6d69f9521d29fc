// out[i] = x[i], and a fault where that does not lie from `low` to `high`: one thread per element.
//
// Memory: x and out are contiguous, n elements; with `open` the bound `low` itself is out. NaN lies nowhere. Preamble: WG
// threads; `fn fail`, which gets the bits of x[i]; `fn isNan`.
struct Params {
  n: u32,
  low: f32,
  high: f32,
  open: u32,
  call: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * WG + id.x;
  if (i >= params.n) {
    return;
  }
  let v = x[i];
  out[i] = v;
  if (isNan(v) || v < params.low || v > params.high || (v == params.low && params.open == 1u)) {
    fail(params.call, bitcast<i32>(v));
  }
}
