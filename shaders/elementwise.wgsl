// out[i] = f(x[i], y[i], ...): one thread computes four neighbouring elements of out.
//
// Memory: out is contiguous. Inputs are walked by strides over the RANK collapsed dims of out, outermost first:
// dims[d] = (size, stride of x, of y, of z); contiguous inputs are read by quads.
// The preamble declares the bindings, f (with the scalars a, b, c), and `fn compute(quad)`, which writes the four elements
// from quad * 4 on, and finds its inputs by offsetsOf where it must.
struct Params {
  n: u32,
  a: f32,
  b: f32,
  c: f32,
  offsets: vec4<u32>,
  dims: array<vec4<u32>, RANK>,
}

fn offsetsOf(i: u32) -> vec3<u32> {
  var at = params.offsets.xyz;
  var rest = i;
  for (var d = 0u; d < RANK - 1u; d++) {
    let dim = params.dims[RANK - 1u - d];
    at += (rest % dim.x) * dim.yzw;
    rest /= dim.x;
  }
  return at + rest * params.dims[0].yzw;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let quad = id.y * groups.x * 64u + id.x;
  if (quad * 4u >= params.n) {
    return;
  }
  compute(quad);
}
