// out[c, s, m, n] = sum over the k of chunk c of a[s, m, k] * b[s, k, n]: each thread computes 8 rows at 4 columns.
//
// Memory: all three are walked by the strides of their rows and columns, so a transposed operand is read in place, and a
// transposed result written; the planes of out follow each other, s first. The threads of a workgroup share their 8 rows, so
// a is loaded once for all; neighbours take neighbouring columns. Rows and columns past the edge are clamped when read, and
// not written. The chunks, of chunkK each, are summed afterwards.
// Preamble: WG threads; TILE, the rows of a thread: 8, or 1 for a product of one row; BLOCK, the products that are summed
// before they join the rest; `put`, which takes results.
struct Params {
  M: u32,
  N: u32,
  K: u32,
  columnGroups: u32,
  aRow: u32,
  aColumn: u32,
  bRow: u32,
  bColumn: u32,
  aBatch: u32,
  bBatch: u32,
  aOffset: u32,
  bOffset: u32,
  batch: u32,
  chunks: u32,
  chunkK: u32,
  outPlane: u32,
  outRow: u32,
  outColumn: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let tile = group.y * groups.x + group.x;
  let m = (tile / params.columnGroups) * TILE;
  let n = (tile % params.columnGroups) * WG * 4u + thread + vec4<u32>(0u, WG, 2u * WG, 3u * WG);
  if (m >= params.M) {
    return;
  }
  let last = params.M - 1u;
  let columns = min(n, vec4<u32>(params.N - 1u)) * params.bColumn;
  for (var task = group.z; task < params.batch * params.chunks; task += groups.z) {
    let s = task % params.batch;
    let start = (task / params.batch) * params.chunkK;
    let end = min(start + params.chunkK, params.K);
    let base = params.aOffset + s * params.aBatch;
    var at = params.bOffset + s * params.bBatch + columns + start * params.bRow;
    let a0 = base + min(m, last) * params.aRow;
    let a1 = base + min(m + 1u, last) * params.aRow;
    let a2 = base + min(m + 2u, last) * params.aRow;
    let a3 = base + min(m + 3u, last) * params.aRow;
    let a4 = base + min(m + 4u, last) * params.aRow;
    let a5 = base + min(m + 5u, last) * params.aRow;
    let a6 = base + min(m + 6u, last) * params.aRow;
    let a7 = base + min(m + 7u, last) * params.aRow;
    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    var c4 = vec4<f32>();
    var c5 = vec4<f32>();
    var c6 = vec4<f32>();
    var c7 = vec4<f32>();
    for (var first = start; first < end; first += BLOCK) {
      var b0 = vec4<f32>();
      var b1 = vec4<f32>();
      var b2 = vec4<f32>();
      var b3 = vec4<f32>();
      var b4 = vec4<f32>();
      var b5 = vec4<f32>();
      var b6 = vec4<f32>();
      var b7 = vec4<f32>();
      for (var step = first; step < min(first + BLOCK, end); step++) {
        let v = vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]);
        let k = step * params.aColumn;
        b0 += a[a0 + k] * v;
        if (TILE == 8u) {
          b1 += a[a1 + k] * v;
          b2 += a[a2 + k] * v;
          b3 += a[a3 + k] * v;
          b4 += a[a4 + k] * v;
          b5 += a[a5 + k] * v;
          b6 += a[a6 + k] * v;
          b7 += a[a7 + k] * v;
        }
        at += params.bRow;
      }
      c0 += b0;
      c1 += b1;
      c2 += b2;
      c3 += b3;
      c4 += b4;
      c5 += b5;
      c6 += b6;
      c7 += b7;
    }
    // In one loop, for drivers compile `put`, which may be long, wherever it is called.
    let sums = array<vec4<f32>, 8>(c0, c1, c2, c3, c4, c5, c6, c7);
    for (var i = 0u; i < min(TILE, params.M - m) * 4u; i++) {
      let column = n[i % 4u];
      if (column < params.N) {
        put(task * params.outPlane + (m + i / 4u) * params.outRow + column * params.outColumn, sums[i / 4u][i % 4u]);
      }
    }
  }
}
