// blocks[b, lane] = the sum of BLOCK neighbours of a lane of sorted sources, or of sums from here: one thread per (b, lane).
//
// Memory: a lane is an index of source's dims other than `dim`; pairs is [rows, count], each row sorted: (index + 2^31, place of
// the source in `dim`). dims[d] = (size of out, size of source, stride of source, stride of rows), outermost first.
// blocks holds the levels one behind the other, each [blocks of the level, lanes]. With FIRST the sources are read, else the
// level that begins at `reading`; n elements are written, from `writing` on. Preamble: WG, RANK, BLOCK, FIRST, alias T.
struct Params {
  n: u32,
  dim: u32,
  count: u32,
  lanes: u32,
  offset: u32,
  step: u32,
  reading: u32,
  writing: u32,
  dims: array<vec4<u32>, RANK>,
}

@group(0) @binding(0) var<storage, read> source: array<T>;
@group(0) @binding(1) var<storage, read> pairs: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> blocks: array<T>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * WG + id.x;
  if (at >= params.n) {
    return;
  }
  let lane = at % params.lanes;
  let first = at / params.lanes * BLOCK;
  var total = T(0);
  if (FIRST) {
    var base = params.offset;
    var row = 0u;
    var rest = lane;
    for (var d = 0u; d < RANK; d++) {
      let e = RANK - 1u - d;
      let dim = params.dims[e];
      if (e != params.dim) {
        base += rest % dim.y * dim.z;
        row += rest % dim.y * dim.w;
        rest /= dim.y;
      }
    }
    for (var k = 0u; k < BLOCK; k++) {
      total += source[base + pairs[row * params.count + first + k].y * params.step];
    }
  } else {
    for (var k = 0u; k < BLOCK; k++) {
      total += blocks[params.reading + (first + k) * params.lanes + lane];
    }
  }
  blocks[params.writing + at] = total;
}
