// found = 1 where the norm is infinite or NaN, and then scale *= backoff, streak = 0. Else found = 0 and streak += 1; when
// that is interval, scale *= growth, unless it would be infinite, and streak = 0.
//
// Memory: each array is one element, and one thread does it all. Preamble: `fn isFinite`.
struct Params {
  growth: f32,
  backoff: f32,
  interval: f32,
}

@group(0) @binding(0) var<storage, read> norm: array<f32>;
@group(0) @binding(1) var<storage, read_write> scale: array<f32>;
@group(0) @binding(2) var<storage, read_write> streak: array<f32>;
@group(0) @binding(3) var<storage, read_write> found: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main() {
  if (!isFinite(norm[0])) {
    found[0] = 1.0;
    scale[0] *= params.backoff;
    streak[0] = 0.0;
    return;
  }
  found[0] = 0.0;
  streak[0] += 1.0;
  if (streak[0] >= params.interval) {
    let grown = scale[0] * params.growth;
    if (isFinite(grown)) {
      scale[0] = grown;
    }
    streak[0] = 0.0;
  }
}
