// out[o, c] = reduction of x[o, r] over the r of chunk c: one thread per output and chunk, for many outputs.
//
// Memory, preamble and parameters as in reduceRows.wgsl, but for LANES. Neighbouring threads take neighbouring outputs, so reads are
// coalesced where the kept dims are innermost.
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

fn locate(i: u32, sizes: vec4<u32>, strides: vec4<u32>) -> u32 {
  let a = i / sizes.w;
  let b = a / sizes.z;
  let c = vec4<u32>(b / sizes.y, b % sizes.y, a % sizes.z, i % sizes.w) * strides;
  return c.x + c.y + c.z + c.w;
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let task = id.y * groups.x * WG + id.x;
  let o = task % params.outputs;
  let chunk = task / params.outputs;
  if (chunk >= params.chunks) {
    return;
  }
  let other = chunk / params.parts;
  let start = (chunk % params.parts) * params.partSize;
  let end = min(start + params.partSize, params.run);
  let origin = params.offset + locate(o, params.keptSizes, params.keptStrides);
  let base = origin + locate(other, params.otherSizes, params.otherStrides);
  let index = locate(other, params.otherSizes, params.otherIndices);
  let pivot = take(origin);

  var total = identity();
  for (var first = start; first < end; first += BLOCK) {
    var block = identity();
    for (var k = 0u; k < BLOCK; k++) {
      let r = first + k;
      if (r < end) {
        block = withElements(block, base + r * params.runStride, index + r * params.runIndex, pivot);
      }
    }
    total = combine(total, block);
  }
  store(o * params.chunks + chunk, total);
}
