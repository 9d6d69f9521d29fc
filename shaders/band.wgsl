// out[b, r, c] = x[b, r, c] where low <= c - r <= high, else 0: one thread per element.
//
// Memory: matrices of `rows` times `columns`, contiguous; n elements in all. Preamble: `alias T`.
struct Params {
  n: u32,
  rows: u32,
  columns: u32,
  low: i32,
  high: i32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> out: array<T>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.n) {
    return;
  }
  let right = i32(i % params.columns) - i32(i / params.columns % params.rows);
  var v = T();
  if (right >= params.low && right <= params.high) {
    v = x[i];
  }
  out[i] = v;
}
