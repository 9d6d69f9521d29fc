// s = alpha * s + (1 - alpha) * slope^2; delta = slope / (sqrt(s) + eps); x -= lr * delta; slope = g + weightDecay * x.
// Centered: m = alpha * m + (1 - alpha) * slope, and s - m^2 takes the place of s in delta.
// With momentum: v = momentum * v + delta; x -= lr * v.
//
// Memory: flat arenas of all parameters, in quads; n elements. g is read, the others are updated in place.
// The preamble declares CENTERED, MOMENTUM and the bindings g, x, s, m, v and params. Where m or v is none, it is never touched.
struct Params {
  n: u32,
  lr: f32,
  alpha: f32,
  oneMinusAlpha: f32,
  eps: f32,
  weightDecay: f32,
  momentum: f32,
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i * 4u >= params.n) {
    return;
  }
  let slope = g[i] + params.weightDecay * x[i];
  let squares = params.alpha * s[i] + params.oneMinusAlpha * slope * slope;
  s[i] = squares;
  var spread = squares;
  if (CENTERED) {
    let mean = params.alpha * m[i] + params.oneMinusAlpha * slope;
    m[i] = mean;
    // Where all slopes were equal, rounding may leave less than 0. NaN stays, which max() need not give.
    spread -= mean * mean;
    spread = select(spread, vec4<f32>(), spread < vec4<f32>());
  }
  var delta = slope / (sqrt(spread) + params.eps);
  if (MOMENTUM) {
    delta += params.momentum * v[i];
    v[i] = delta;
  }
  x[i] -= params.lr * delta;
}
