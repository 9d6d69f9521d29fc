// m = b1 * m + (1 - b1) * slope; v = b2 * v + (1 - b2) * slope^2; x = kept * x - lr1 * m / (sqrt(v * inverse2) + eps);
// slope = g + weightDecay * x, lr1 = lr / (1 - b1^step), inverse2 = 1 / (1 - b2^step).
// AMSGrad: w = max(w, v), and w takes the place of v in x. AdamW: kept = 1 - lr * decay and weightDecay = 0; Adam: kept = 1.
//
// Memory: flat arenas of all parameters, in quads; n elements. g is read, the others are updated in place.
// The preamble declares AMSGRAD and the bindings g, x, m, v, w and params. Without AMSGrad w is none, and never touched.
struct Params {
  n: u32,
  lr1: f32,
  beta1: f32,
  oneMinusBeta1: f32,
  beta2: f32,
  oneMinusBeta2: f32,
  inverse2: f32,
  eps: f32,
  kept: f32,
  weightDecay: f32,
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i * 4u >= params.n) {
    return;
  }
  let slope = g[i] + params.weightDecay * x[i];
  let first = params.beta1 * m[i] + params.oneMinusBeta1 * slope;
  var second = params.beta2 * v[i] + params.oneMinusBeta2 * slope * slope;
  m[i] = first;
  v[i] = second;
  if (AMSGRAD) {
    // The bits of numbers of at least 0 are in the order of the numbers, with NaN above all, as max() need not have it.
    second = bitcast<vec4<f32>>(max(bitcast<vec4<u32>>(w[i]), bitcast<vec4<u32>>(second)));
    w[i] = second;
  }
  x[i] = params.kept * x[i] - params.lr1 * first / (sqrt(second * params.inverse2) + params.eps);
}
