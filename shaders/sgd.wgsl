// x -= lr * slope, where slope = g + weightDecay * x. With momentum v = momentum * v + intake * slope, and
// x -= lr * v, or with Nesterov x -= lr * (slope + momentum * v).
//
// Memory: flat arenas of all parameters, in quads; n elements. g is read, x and v are updated in place.
// The preamble declares MOMENTUM and the bindings g, x, v and params. Without momentum v is none, and never touched.
struct Params {
  n: u32,
  lr: f32,
  momentum: f32,
  intake: f32,
  weightDecay: f32,
  nesterov: u32,
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i * 4u >= params.n) {
    return;
  }
  let slope = g[i] + params.weightDecay * x[i];
  var delta = slope;
  if (MOMENTUM) {
    let velocity = params.momentum * v[i] + params.intake * slope;
    v[i] = velocity;
    delta = select(velocity, slope + params.momentum * velocity, params.nesterov == 1u);
  }
  x[i] -= params.lr * delta;
}
