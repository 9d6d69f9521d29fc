// out[i] = x[i] * (0 where random word i < threshold, else scale), so that NaN stays: one thread computes four elements
// from one Philox block.
//
// Memory: x and out are contiguous, in quads. Random word i is lane i % 4 of the block with counter (i / 4, 0, stream) and
// key (seed). Preamble: parts/philox.wgsl.
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

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let quad = id.y * groups.x * 64u + id.x;
  if (quad * 4u >= params.n) {
    return;
  }
  let words = philox(vec4<u32>(quad, 0u, params.stream), params.key);
  out[quad] = x[quad] * select(vec4<f32>(params.scale), vec4<f32>(), words < vec4<u32>(params.threshold));
}
