// out[c, s, m, n] = sum over the k of chunk c of a[s, m, k] * b[s, k, n], without workgroup memory: each thread computes ROWS
// rows at 4 or 8 columns, 64 results at most.
//
// Memory: all three are walked by the strides of their rows and columns, so a transposed operand is read in place, and a
// transposed result written; the planes of out follow each other, s first. The threads of a workgroup share their rows, so a
// is loaded once for all. A thread takes its columns in fours: neighbours where b holds quads, else every WG-th, for then its
// own neighbours take what lies beside them. Rows and columns past the edge are clamped when read, and not written. The
// chunks, of chunkK each, are summed afterwards.
// Preamble: WG threads; ROWS: 1, 4, 8 or 16, with parts/sums.wgsl and one of those that read rows of `a`; WIDE, whether a
// thread has 8 columns, with at most 8 rows; QUADS, whether b holds vec4s; BLOCK, the products that are summed before they
// join the rest; `gatherB`, which takes 4 elements of b; `put`, which takes results.
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

const COLUMNS = select(4u, 8u, WIDE);

@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let tile = group.y * groups.x + group.x;
  let m = (tile / params.columnGroups) * ROWS;
  if (m >= params.M) {
    return;
  }
  let spread = thread * select(1u, 4u, QUADS) + STEPS * select(WG, 1u, QUADS);
  let near = (tile % params.columnGroups) * COLUMNS * WG + spread;
  let far = near + 4u * WG;
  let lastColumn = vec4<u32>(params.N - select(1u, 4u, QUADS)) + STEPS * select(0u, 1u, QUADS);
  for (var task = group.z; task < params.batch * params.chunks; task += groups.z) {
    let s = task % params.batch;
    let start = (task / params.batch) * params.chunkK;
    let end = min(start + params.chunkK, params.K);
    let places = placesOf(params.aOffset + s * params.aBatch, m, params.M - 1u, params.aRow);
    let plane = params.bOffset + s * params.bBatch + start * params.bRow;
    var left = plane + min(near, lastColumn) * params.bColumn;
    var right = plane + min(far, lastColumn) * params.bColumn;
    var leftSums = Sums();
    var rightSums = Sums();
    for (var first = start; first < end; first += BLOCK) {
      var leftBlock = Sums();
      var rightBlock = Sums();
      for (var step = first; step < min(first + BLOCK, end); step++) {
        let rows = rowsAt(places, step * params.aColumn);
        addProducts(&leftBlock, rows, gatherB(left));
        if (WIDE) {
          addProducts(&rightBlock, rows, gatherB(right));
        }
        left += params.bRow;
        right += params.bRow;
      }
      leftSums = joined(leftSums, leftBlock);
      rightSums = joined(rightSums, rightBlock);
    }
    // In one loop, for drivers compile `put`, which may be long, wherever it is called.
    // Where there are right columns, there are at most 8 rows, and else the right sums are 0.
    let sums = array<mat4x4<f32>, 4>(
      leftSums.s0, leftSums.s1, leftSums.s2 + rightSums.s0, leftSums.s3 + rightSums.s1);
    for (var i = 0u; i < min(ROWS, params.M - m) * COLUMNS; i++) {
      let row = i / COLUMNS;
      let j = i % COLUMNS;
      let column = select(near, far, j >= 4u)[j % 4u];
      if (column < params.N) {
        let at = task * params.outPlane + (m + row) * params.outRow + column * params.outColumn;
        put(at, sums[row / 4u + j / 4u * 2u][row % 4u][j % 4u]);
      }
    }
  }
}
