// out[o, c] = scale * reduction of x[o, r] over the r of chunk c: one workgroup per output and chunk.
//
// Memory: x is walked by strides. Its kept dims are collapsed to at most 4 (count `outputs`). Of its reduced dims the
// longest is the run; it is cut into parts of partSize, and a chunk is one part for one index of the other reduced dims,
// of which there are at most 3. Dims are padded with size 1 in front. out is contiguous, chunks innermost.
// The preamble declares WG, BLOCK, `fn combine(a, b)` and `fn identity()`.
// Error: a thread reduces blocks of BLOCK serially and combines the blocks; threads are combined as a tree.
struct Params {
  outputs: u32,
  chunks: u32,
  run: u32,
  runStride: u32,
  parts: u32,
  partSize: u32,
  offset: u32,
  scale: f32,
  keptSizes: vec4<u32>,
  keptStrides: vec4<u32>,
  otherSizes: vec4<u32>,
  otherStrides: vec4<u32>,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> partial: array<f32, WG>;

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
  let chunk = task % params.chunks;
  let start = (chunk % params.parts) * params.partSize;
  let end = min(start + params.partSize, params.run);
  let base = params.offset + locate(o, params.keptSizes, params.keptStrides)
    + locate(chunk / params.parts, params.otherSizes, params.otherStrides);

  var total = identity();
  if (o < params.outputs) {
    for (var first = start + thread; first < end; first += WG * BLOCK) {
      var block = identity();
      for (var k = 0u; k < BLOCK; k++) {
        let r = first + k * WG;
        if (r < end) {
          block = combine(block, x[base + r * params.runStride]);
        }
      }
      total = combine(total, block);
    }
  }
  partial[thread] = total;
  for (var width = WG / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      partial[thread] = combine(partial[thread], partial[thread + width]);
    }
  }
  if (thread == 0u && o < params.outputs) {
    out[task] = partial[0] * params.scale;
  }
}
