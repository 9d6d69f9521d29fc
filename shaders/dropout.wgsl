// out[i] = 0 where random word i < threshold, else scale * x[i]: one thread computes four elements from one Philox block.
//
// Memory: x and out are contiguous, in quads. Random word i is lane i % 4 of Philox4x32-10 (Salmon et al., SC'11) with
// counter (i / 4, 0, stream) and key (seed); src/tensor/random.ts computes the same words.
struct Params {
  n: u32,
  threshold: u32,
  scale: f32,
  pad: u32,
  key: vec2<u32>,
  stream: vec2<u32>,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

// High 32 bits of a * b, by 16-bit limbs: WGSL has no wide product.
fn mulHigh(a: u32, b: u32) -> u32 {
  let aLow = a & 0xffffu;
  let aHigh = a >> 16u;
  let bLow = b & 0xffffu;
  let bHigh = b >> 16u;
  let middle = aHigh * bLow + ((aLow * bLow) >> 16u);
  let other = aLow * bHigh + (middle & 0xffffu);
  return aHigh * bHigh + (middle >> 16u) + (other >> 16u);
}

fn philox(start: vec4<u32>, seed: vec2<u32>) -> vec4<u32> {
  var c = start;
  var k = seed;
  for (var round = 0u; round < 10u; round++) {
    c = vec4<u32>(
      mulHigh(0xcd9e8d57u, c.z) ^ c.y ^ k.x, 0xcd9e8d57u * c.z, mulHigh(0xd2511f53u, c.x) ^ c.w ^ k.y, 0xd2511f53u * c.x);
    k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let quad = id.y * groups.x * 64u + id.x;
  if (quad * 4u >= params.n) {
    return;
  }
  let words = philox(vec4<u32>(quad, 0u, params.stream), params.key);
  out[quad] = select(x[quad] * params.scale, vec4<f32>(), words < vec4<u32>(params.threshold));
}
