// out[o, c] = reduction of x[o, r] over the r of chunk c: one workgroup per output and chunk.
//
// Memory: x is walked by strides. Its kept dims are collapsed to at most 4 (count `outputs`). Of its reduced dims the
// longest is the run; it is cut into parts of partSize, and a chunk is one part for one index of the other reduced dims,
// of which there are at most 3. Dims are padded with size 1 in front. out is contiguous, chunks innermost. otherIndices and
// runIndex give the position of an element in the row-major order of all reduced dims.
// The preamble declares WG, BLOCK, `fn take(i)`, which reads x, the bindings out0.. (or `fn put(i, v)`) and params, the type
// ACC, `fn identity()`, `fn combine(a, b)`, `fn withElements(before, at, index, first element of the output) -> ACC`, which
// adds LANES elements, 1 or 4, those at `at` and behind it, and `fn store(at, a)`, which finishes a by params.divisor. Where
// LANES is 4, parts are multiples of 4.
// Error: a thread reduces blocks of BLOCK serially and combines the blocks; threads are combined as a tree.
struct Params {
  outputs: u32,
  chunks: u32,
  run: u32,
  runStride: u32,
  parts: u32,
  partSize: u32,
  offset: u32,
  divisor: f32,
  keptSizes: vec4<u32>,
  keptStrides: vec4<u32>,
  otherSizes: vec4<u32>,
  otherStrides: vec4<u32>,
  otherIndices: vec4<u32>,
  runIndex: u32,
}

var<workgroup> partial: array<ACC, WG>;

fn locate(i: u32, sizes: vec4<u32>, strides: vec4<u32>) -> u32 {
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
  let task = group.y * groups.x + group.x;
  let o = task / params.chunks;
  if (o >= params.outputs) {
    return;
  }
  let chunk = task % params.chunks;
  let other = chunk / params.parts;
  let start = (chunk % params.parts) * params.partSize;
  let end = min(start + params.partSize, params.run);
  let origin = params.offset + locate(o, params.keptSizes, params.keptStrides);
  let base = origin + locate(other, params.otherSizes, params.otherStrides);
  let index = locate(other, params.otherSizes, params.otherIndices);
  let pivot = take(origin);

  var total = identity();
  for (var first = start + thread * LANES; first < end; first += WG * BLOCK) {
    var block = identity();
    for (var k = 0u; k < BLOCK / LANES; k++) {
      let r = first + k * WG * LANES;
      if (r < end) {
        block = withElements(block, base + r * params.runStride, index + r * params.runIndex, pivot);
      }
    }
    total = combine(total, block);
  }
  partial[thread] = total;
  for (var width = WG / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      partial[thread] = combine(partial[thread], partial[thread + width]);
    }
  }
  if (thread == 0u) {
    store(task, partial[0]);
  }
}
