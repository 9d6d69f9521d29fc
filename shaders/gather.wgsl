// out[.., i, ..] = x[.., index[.., i, ..], ..]: one thread per element of out.
//
// Memory: out is contiguous, n elements. x and index are walked by strides over the RANK collapsed dims of out, outermost first:
// dims[d] = (size, stride of x, of index); in the dim of the indices, which has `limit` elements, x goes by `step` instead.
// Elements of x are taken as bits. Preamble: WG threads, `fn fail`. An index out of range is a fault and gives `bad`.
struct Params {
  n: u32,
  limit: u32,
  step: u32,
  xOffset: u32,
  indexOffset: u32,
  bad: u32,
  call: u32,
  dims: array<vec4<u32>, RANK>,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * WG + id.x;
  if (at >= params.n) {
    return;
  }
  var place = vec2<u32>(params.xOffset, params.indexOffset);
  var rest = at;
  for (var d = 0u; d < RANK; d++) {
    let dim = params.dims[RANK - 1u - d];
    place += rest % dim.x * dim.yz;
    rest /= dim.x;
  }
  let i = index[place.y];
  if (i >= 0 && i < i32(params.limit)) {
    out[at] = x[place.x + u32(i) * params.step];
  } else {
    out[at] = params.bad;
    fail(params.call, i);
  }
}
