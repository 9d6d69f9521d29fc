// out[row, ..] = the pairs (key of x[row, i], i), each block of BLOCK neighbours i sorted: one workgroup per block.
//
// Memory: x is walked by strides: the rows over RANK dims, dims[d] = (size, stride), outermost first, and `step` within a row
// of n. Its elements are taken as bits. Preamble: WG threads, BLOCK a power of two, `fn keyOf`,
// an order-preserving u32; and `out` with `fn put`, the pair at a place of a row.
// Runs of doubled width are merged: an element goes as far as its place in its own run and its rank in the other.
struct Params {
  rows: u32,
  n: u32,
  taken: u32,
  inner: u32,
  blocks: u32,
  offset: u32,
  step: u32,
  flip: u32,
  dims: array<vec4<u32>, RANK>,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> items: array<vec2<u32>, 2u * BLOCK>;

// Equal keys stay in the order of their places.
fn before(a: vec2<u32>, b: vec2<u32>) -> bool {
  return a.x < b.x || (a.x == b.x && a.y < b.y);
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let task = group.y * groups.x + group.x;
  if (task >= params.rows * params.blocks) {
    return;
  }
  let row = task / params.blocks;
  let first = task % params.blocks * BLOCK;
  let count = min(BLOCK, params.n - first);
  var base = params.offset + first * params.step;
  var rest = row;
  for (var d = 0u; d < RANK; d++) {
    let dim = params.dims[RANK - 1u - d];
    base += rest % dim.x * dim.y;
    rest /= dim.x;
  }
  for (var i = thread; i < count; i += WG) {
    items[i] = vec2<u32>(keyOf(x[base + i * params.step]) ^ params.flip, first + i);
  }

  // The halves of `items` take turns.
  var half = 0u;
  for (var width = 1u; width < count; width *= 2u) {
    workgroupBarrier();
    for (var i = thread; i < count; i += WG) {
      let item = items[half + i];
      let other = min((i ^ width) & ~(width - 1u), count);
      var low = other;
      var high = min(other + width, count);
      while (low < high) {
        let middle = (low + high) / 2u;
        if (before(items[half + middle], item)) {
          low = middle + 1u;
        } else {
          high = middle;
        }
      }
      items[BLOCK - half + (i & ~(2u * width - 1u)) + (i & (width - 1u)) + low - other] = item;
    }
    half = BLOCK - half;
  }
  workgroupBarrier();
  for (var i = thread; i < count; i += WG) {
    put(row, first + i, items[half + i]);
  }
}
