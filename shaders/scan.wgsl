// out[i] = x[0] * x[1] * ... * x[i] along a dim (or up to x[i - 1], where EXCLUSIVE), for any associative * of ACCs.
//
// Rows of n elements are cut into chunks of LANES * PER; LANES threads scan a chunk, and each has PER neighbours. Where
// there is one chunk, one dispatch does it all. Otherwise a first one (TOTALS) writes the product of every chunk, to
// out[chunk * rows + row]; these are scanned in turn; and a last one takes what lies before each chunk from `carried`.
//
// Memory: inputs and out are walked by strides, a row by its at most 4 collapsed dims, padded with size 1 in front. A
// stride is negative (modulo 2^32) where the scan runs backwards, from a base at the end.
// The preamble declares WG, LANES, PER, EXCLUSIVE, TOTALS, the bindings, the type ACC, `fn identity()`, `fn combine(a, b)`,
// `fn load(at) -> ACC`, `fn carried(unit) -> ACC` and `fn store(at, a)`.
// Error: every result is a product of three: before the chunk, before the thread, and the thread's own.
struct Params {
  n: u32,
  rows: u32,
  units: u32,
  base: u32,
  stride: u32,
  outBase: u32,
  outStride: u32,
  sizes: vec4<u32>,
  strides: vec4<u32>,
  outStrides: vec4<u32>,
}

var<workgroup> lanes: array<ACC, WG>;

fn locate(i: u32, strides: vec4<u32>) -> u32 {
  let sizes = params.sizes;
  let a = i / sizes.w;
  let b = a / sizes.z;
  let c = vec4<u32>(b / sizes.y, b % sizes.y, a % sizes.z, i % sizes.w) * strides;
  return c.x + c.y + c.z + c.w;
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  // Units past the last have chunks past the end, where there is nothing to load or to store.
  // Neighbouring units are neighbouring rows, so that single lanes read coalesced where rows are columns of memory.
  let unit = (group.y * groups.x + group.x) * (WG / LANES) + thread / LANES;
  let lane = thread % LANES;
  let row = unit % params.rows;
  let first = (unit / params.rows * LANES + lane) * PER;
  let base = params.base + locate(row, params.strides);
  let outBase = params.outBase + locate(row, params.outStrides);

  var total = identity();
  if (LANES > 1u || TOTALS) {
    for (var k = 0u; k < PER; k++) {
      if (first + k < params.n) {
        total = combine(total, load(base + (first + k) * params.stride));
      }
    }
  }
  // Products up to each lane, its own included, by doubling.
  lanes[thread] = total;
  for (var width = 1u; width < LANES; width *= 2u) {
    workgroupBarrier();
    var below = identity();
    if (lane >= width) {
      below = lanes[thread - width];
    }
    workgroupBarrier();
    total = combine(below, total);
    lanes[thread] = total;
  }
  if (TOTALS) {
    if (lane == LANES - 1u && unit < params.units) {
      store(unit, total);
    }
    return;
  }
  workgroupBarrier();
  var before = carried(unit);
  if (lane > 0u) {
    before = combine(before, lanes[thread - 1u]);
  }
  var here = identity();
  for (var k = 0u; k < PER; k++) {
    let j = first + k;
    if (j < params.n) {
      if (EXCLUSIVE) {
        store(outBase + j * params.outStride, combine(before, here));
      }
      here = combine(here, load(base + j * params.stride));
      if (!EXCLUSIVE) {
        store(outBase + j * params.outStride, combine(before, here));
      }
    }
  }
}
