// out[place of i] = x[source of i], or the fill value where x has none: one thread per element i of a box.
//
// Memory: the box has sizes[d] elements in its dim d, outermost first. In out it lies in runs of `inner` elements, `pitch`
// apart, from `to` on. x begins at `begin`; dims[d] = (start, step, count, stride): coordinate i of the box comes from
// coordinate `source(i - start, step, count)` of x's dim, which has count elements, stride apart.
// Preamble: RANK dims, MODE, `alias T`, and `fn fill(bits: u32) -> T`.
const PLACE = 0u;
const REFLECT = 1u;
const REPLICATE = 2u;

struct Params {
  n: u32,
  inner: u32,
  pitch: u32,
  to: u32,
  begin: u32,
  fill: u32,
  pad: vec2<u32>,
  sizes: array<vec4<u32>, 2>,
  dims: array<vec4<i32>, RANK>,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> out: array<T>;
@group(0) @binding(2) var<uniform> params: Params;

// Every `step`-th element is one of x's; mirrored at the ends; the ends repeated; x repeated. -1 or count: none of x's.
fn source(t: i32, step: i32, count: i32) -> i32 {
  switch (MODE) {
    case PLACE: { return select(-1, t / step, t % step == 0); }
    case REFLECT: { return count - 1 - abs(count - 1 - abs(t)); }
    case REPLICATE: { return clamp(t, 0, count - 1); }
    default: { return (t + count) % count; }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.n) {
    return;
  }
  var rest = i;
  var at = i32(params.begin);
  var inside = true;
  for (var k = 0u; k < RANK; k++) {
    let d = RANK - 1u - k;
    let size = params.sizes[d / 4u][d % 4u];
    let dim = params.dims[d];
    let coordinate = source(i32(rest % size) - dim.x, dim.y, dim.z);
    inside = inside && coordinate >= 0 && coordinate < dim.z;
    at += coordinate * dim.w;
    rest /= size;
  }
  var v = fill(params.fill);
  if (inside) {
    v = x[at];
  }
  out[params.to + (i / params.inner) * params.pitch + i % params.inner] = v;
}
