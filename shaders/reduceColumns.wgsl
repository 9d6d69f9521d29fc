// out[o, s] = scale * reduction of x[o, r] over the s-th chunk of r: one thread per output and chunk, for many outputs.
//
// Memory, preamble and parameters as in reduceRows.wgsl. Neighbouring threads take neighbouring outputs, so reads
// are coalesced where the kept dims are innermost.
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

fn locate(i: u32, sizes: vec4<u32>, strides: vec4<u32>) -> u32 {
  let rest = i / sizes.z;
  return (i % sizes.z) * strides.z + (rest % sizes.y) * strides.y + (rest / sizes.y) * strides.x;
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let task = id.y * groups.x * WG + id.x;
  let o = task % params.outputs;
  let chunk = task / params.outputs;
  if (chunk >= params.chunks) {
    return;
  }
  let start = chunk * params.chunkSize;
  let end = min(start + params.chunkSize, params.reduced);
  let base = params.offset + locate(o, params.keptSizes, params.keptStrides);

  var total = identity();
  for (var first = start; first < end; first += BLOCK) {
    var block = identity();
    for (var k = 0u; k < BLOCK; k++) {
      if (first + k < end) {
        block = combine(block, prepare(x[base + locate(first + k, params.reducedSizes, params.reducedStrides)]));
      }
    }
    total = combine(total, block);
  }
  out[o * params.chunks + chunk] = total * params.scale;
}
