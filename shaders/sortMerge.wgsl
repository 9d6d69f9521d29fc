// out[row, ..] = the pairs (key, i) of a row, its sorted runs of `width` merged two by two: one thread for ITEMS neighbours of out.
//
// Memory: pairs is [rows, n]; parts = the threads of a row. width is a power of two, no less than ITEMS. Preamble: WG threads,
// ITEMS, and `out` with `fn put`, the pair at a place of a row.
// A thread finds by bisection how many of the pairs before its own come from the left run; from there on it merges. Of
// equal keys those of the left run go first, which keeps the order of their places.
struct Params {
  rows: u32,
  n: u32,
  taken: u32,
  inner: u32,
  parts: u32,
  width: u32,
}

@group(0) @binding(0) var<storage, read> pairs: array<vec2<u32>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * WG + id.x;
  if (at >= params.rows * params.parts) {
    return;
  }
  let row = at / params.parts;
  let first = at % params.parts * ITEMS;
  let base = row * params.n;
  let begin = first - first % (2u * params.width);
  let middle = min(begin + params.width, params.n);
  let end = min(middle + params.width, params.n);
  // Of the pairs before `first`, at least `low` and at most `high` are from the left run.
  let passed = first - begin;
  var low = passed - min(passed, end - middle);
  var high = min(passed, middle - begin);
  while (low < high) {
    let half = (low + high) / 2u;
    if (pairs[base + begin + half].x <= pairs[base + middle + passed - 1u - half].x) {
      low = half + 1u;
    } else {
      high = half;
    }
  }
  var left = begin + low;
  var right = middle + passed - low;
  for (var k = 0u; k < ITEMS; k++) {
    if (first + k < params.n) {
      let isLeft = left < middle && (right >= end || pairs[base + left].x <= pairs[base + right].x);
      put(row, first + k, pairs[base + select(right, left, isLeft)]);
      left += select(0u, 1u, isLeft);
      right += select(1u, 0u, isLeft);
    }
  }
}
