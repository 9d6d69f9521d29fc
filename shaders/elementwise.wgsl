// out[i] = f(x[i], y[i], ...): one thread computes four neighbouring elements of out.
//
// Memory: out is contiguous. With FLAT every input is contiguous too, or a single element; else inputs are walked by
// strides over the RANK collapsed dims of out, outermost first: dims[d] = (size, stride of x, of y, of z).
// The preamble declares the bindings and the scalars a, b, c, and
//   fn flat(i) -> vec4<OUT>                the quad i of a FLAT call
//   fn strided(at: vec3<u32>) -> OUT       one element, at the given input offsets
struct Params {
  n: u32,
  a: f32,
  b: f32,
  c: f32,
  offsets: vec4<u32>,
  dims: array<vec4<u32>, RANK>,
}

// By its bits: drivers may take x != x for false, and pass NaN off as a number.
fn isNan(v: f32) -> bool {
  return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
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
  let i = quad * 4u;
  if (i >= params.n) {
    return;
  }
  if (FLAT) {
    out[quad] = flat(quad);
  } else if (QUADS) {
    // The innermost dim is a multiple of 4, so the four elements differ in their innermost coordinate only.
    let at = offsetsOf(i);
    let step = params.dims[RANK - 1u].yzw;
    out[quad] = vec4<OUT>(strided(at), strided(at + step), strided(at + 2u * step), strided(at + 3u * step));
  } else {
    out[quad] = vec4<OUT>(
      strided(offsetsOf(i)), strided(offsetsOf(i + 1u)), strided(offsetsOf(i + 2u)), strided(offsetsOf(i + 3u)));
  }
}
