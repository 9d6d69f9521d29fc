// starts[row, j] = how many indices of the row are below j, and not negative ones where j is 0: one thread per (row, j).
//
// Memory: pairs is [rows, count], each row sorted: (index + 2^31, its place). starts is [rows, limit + 1]: the pairs of index j lie
// from starts[j] to before starts[j + 1]. n = rows * (limit + 1). Preamble: WG threads, `fn fail`. An index out of range
// is a fault, and its pair lies outside all of them.
struct Params {
  n: u32,
  count: u32,
  limit: u32,
  call: u32,
}

@group(0) @binding(0) var<storage, read> pairs: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read_write> starts: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * WG + id.x;
  if (at >= params.n) {
    return;
  }
  let j = at % (params.limit + 1u);
  let base = at / (params.limit + 1u) * params.count;
  var low = 0u;
  var high = params.count;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (pairs[base + middle].x < (j | 0x80000000u)) {
      low = middle + 1u;
    } else {
      high = middle;
    }
  }
  starts[at] = low;
  if (j == 0u && low > 0u) {
    fail(params.call, bitcast<i32>(pairs[base].x ^ 0x80000000u));
  }
  if (j == params.limit && low < params.count) {
    fail(params.call, bitcast<i32>(pairs[base + params.count - 1u].x ^ 0x80000000u));
  }
}
