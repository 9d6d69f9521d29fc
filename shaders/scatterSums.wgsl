// out[.., j, ..] = sum of source[.., i, ..] over the i with index[.., i, ..] == j: one thread per element of out.
//
// Memory: out is contiguous, n elements; source, pairs, blocks and dims are as in scatterBlocks.wgsl, starts is as in
// scatterStarts.wgsl. Outside of source's dims out is 0. Preamble: WG, RANK, BLOCK, alias T.
// Error: the sources of j are neighbours in `pairs`. What lies in whole blocks is taken from their sums, and of these again what
// lies in whole blocks of blocks: no sum is longer than 2 * BLOCK, and none is of sources of two j.
struct Params {
  n: u32,
  dim: u32,
  count: u32,
  limit: u32,
  offset: u32,
  step: u32,
  dims: array<vec4<u32>, RANK>,
}

@group(0) @binding(0) var<storage, read> source: array<T>;
@group(0) @binding(1) var<storage, read> pairs: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read> blocks: array<T>;
@group(0) @binding(4) var<storage, read_write> out: array<T>;
@group(0) @binding(5) var<uniform> params: Params;

// Where the sources of a lane are: at first one by one, then as sums of blocks.
struct Lane {
  base: u32,
  row: u32,
  first: u32,
  lanes: u32,
}

fn value(level: u32, lane: Lane, p: u32) -> T {
  if (level == 0u) {
    return source[lane.base + pairs[lane.row * params.count + p].y * params.step];
  }
  return blocks[lane.first + p * lane.lanes];
}

fn sumOf(begin: u32, end: u32, all: Lane) -> T {
  var lane = all;
  var total = T(0);
  var low = begin;
  var high = end;
  var length = params.count;
  for (var level = 0u; low < high; level++) {
    let head = min(high, (low + BLOCK - 1u) / BLOCK * BLOCK);
    let tail = max(head, high / BLOCK * BLOCK);
    var part = T(0);
    for (var p = low; p < head; p++) {
      part += value(level, lane, p);
    }
    for (var p = tail; p < high; p++) {
      part += value(level, lane, p);
    }
    total += part;
    low = head / BLOCK;
    high = tail / BLOCK;
    if (level > 0u) {
      lane.first += length * lane.lanes;
    }
    length /= BLOCK;
  }
  return total;
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * WG + id.x;
  if (at >= params.n) {
    return;
  }
  var lane = Lane(params.offset, 0u, 0u, 1u);
  var j: u32;
  var inside = params.count > 0u;
  var rest = at;
  for (var d = 0u; d < RANK; d++) {
    let e = RANK - 1u - d;
    let dim = params.dims[e];
    let c = rest % dim.x;
    rest /= dim.x;
    if (e == params.dim) {
      j = c;
    } else {
      inside = inside && c < dim.y;
      lane.base += c * dim.z;
      lane.row += c * dim.w;
      lane.first += c * lane.lanes;
      lane.lanes *= dim.y;
    }
  }
  var total = T(0);
  if (inside) {
    let run = lane.row * (params.limit + 1u) + j;
    total = sumOf(starts[run], starts[run + 1u], lane);
  }
  out[at] = total;
}
