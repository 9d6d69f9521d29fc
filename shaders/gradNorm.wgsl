// out[c] = the sum of x[i]^2, or the largest |x[i]|, over the i of chunk c: one workgroup per chunk. A last dispatch
// combines the chunks and takes the root of the sum.
//
// Memory: x is flat, n elements; a chunk is chunkSize of them, and out has one element per chunk.
// The preamble declares WG, BLOCK, LARGEST (instead of a sum), FIRST (x are no results yet) and LAST (out is the norm).
// Error: a thread adds blocks of BLOCK serially and then the blocks; threads are combined as a tree.
struct Params {
  n: u32,
  chunkSize: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> partial: array<f32, WG>;

fn take(v: f32) -> f32 {
  if (LARGEST) {
    return bitcast<f32>(bitcast<u32>(v) & 0x7fffffffu);
  }
  return select(v, v * v, FIRST);
}

// The bits of numbers of at least 0 are in the order of the numbers, with NaN above all, as max() need not have it.
fn combine(a: f32, b: f32) -> f32 {
  if (LARGEST) {
    return bitcast<f32>(max(bitcast<u32>(a), bitcast<u32>(b)));
  }
  return a + b;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let start = group.x * params.chunkSize;
  let end = min(start + params.chunkSize, params.n);
  var total = 0.0;
  for (var first = start + thread; first < end; first += WG * BLOCK) {
    var block = 0.0;
    for (var k = 0u; k < BLOCK; k++) {
      let i = first + k * WG;
      if (i < end) {
        block = combine(block, take(x[i]));
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
    let norm = partial[0];
    // sqrt() of NaN and infinity is left alone: they are what they are.
    let finite = (bitcast<u32>(norm) & 0x7fffffffu) < 0x7f800000u;
    out[group.x] = select(norm, sqrt(norm), LAST && !LARGEST && finite);
  }
}
