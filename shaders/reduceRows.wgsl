// out[o, s] = scale * reduction of x[o, r] over the s-th chunk of r: one workgroup per output and chunk.
//
// Memory: x is walked by strides; its kept dims are collapsed to at most 3 (count o), its reduced dims to at most 3
// (count r), outermost first and padded with size 1. out is contiguous, chunks innermost.
// The preamble declares WG, `fn combine(a, b)`, `fn prepare(x)` and `fn identity()`.
// Error: a thread sums blocks of BLOCK serially and adds the blocks; threads are summed as a tree.
struct Params {
  outputs: u32,
  reduced: u32,
  chunks: u32,
  chunkSize: u32,
  keptSizes: vec4<u32>,
  keptStrides: vec4<u32>,
  reducedSizes: vec4<u32>,
  reducedStrides: vec4<u32>,
  offset: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> partial: array<f32, WG>;

fn locate(i: u32, sizes: vec4<u32>, strides: vec4<u32>) -> u32 {
  let rest = i / sizes.z;
  return (i % sizes.z) * strides.z + (rest % sizes.y) * strides.y + (rest / sizes.y) * strides.x;
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let task = group.y * groups.x + group.x;
  let o = task / params.chunks;
  let start = (task % params.chunks) * params.chunkSize;
  let end = min(start + params.chunkSize, params.reduced);
  let base = params.offset + locate(o, params.keptSizes, params.keptStrides);

  var total = identity();
  if (o < params.outputs) {
    for (var first = start + thread; first < end; first += WG * BLOCK) {
      var block = identity();
      for (var k = 0u; k < BLOCK; k++) {
        let r = first + k * WG;
        if (r < end) {
          block = combine(block, prepare(x[base + locate(r, params.reducedSizes, params.reducedStrides)]));
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
