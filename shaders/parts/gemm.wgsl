// What the kernels of the GEMM core share, out[s, m, n] = sum over k of A[s, m, k] * B[s, k, n]: parameters, A and places.
//
// Operands lie in memory in steps. A[s, m, k] is a[aOffset + s * aBatch + m * aRow + walk(k)], where walk(k) is
// k * aStep, or with SPLIT_A (k / aInner) * aOuter + (k % aInner) * aStep: so a plane of an image is walked for each of its
// images. out is walked likewise, n with SPLIT_N in two steps. The kernels ask for blocks of 4 by 4, column j of which is
// A[s, m .. m + 3, k + j]. Beyond M, rows are clamped; beyond the sum's end, a block holds zeros.
// Preamble: `a`, `gatherA`, which takes 4 elements of it; ALONG_A, whether the elements of one row are neighbours;
// SPLIT_A; SPLIT_N; outer.wgsl.
struct Params {
  M: u32,
  N: u32,
  K: u32,
  tilesM: u32, // tiles that cover M, and N
  tilesN: u32,
  tileK: u32, // TILE_K
  batch: u32,
  chunks: u32, // parts that K is cut into, each summed for itself
  chunkK: u32,
  aOffset: u32,
  aBatch: u32,
  aRow: u32,
  aStep: u32,
  aInner: u32,
  aOuter: u32,
  outChunk: u32,
  outBatch: u32,
  outRow: u32,
  outStep: u32,
  outInner: u32,
  outOuter: u32,
  bOffset: u32,
  bBatch: u32,
  bColumn: u32, // this and all that follows: see the parts that read B
  bInner: u32,
  bOuter: u32,
  bStep: u32,
  bInnerK: u32,
  bOuterK: u32,
  H: u32,
  W: u32,
  columnH: u32,
  columnW: u32,
  originH: u32,
  originW: u32,
  sizeH: u32,
  sizeW: u32,
  stepH: u32,
  stepW: u32,
  strideH: u32,
  strideW: u32,
}

// Places of rows m .. m + 3 of A.
fn rowsOf(s: u32, m: u32) -> vec4<u32> {
  return params.aOffset + s * params.aBatch + min(m + STEPS, vec4<u32>(params.M - 1u)) * params.aRow;
}

// The block without the columns beyond the end of the sum.
fn masked(block: mat4x4<f32>, k: u32, end: u32) -> mat4x4<f32> {
  let zero = vec4<f32>();
  return mat4x4<f32>(
    select(zero, block[0], k < end), select(zero, block[1], k + 1u < end),
    select(zero, block[2], k + 2u < end), select(zero, block[3], k + 3u < end));
}

// Column j holds A at `rows` and k + j.
fn blockA(rows: vec4<u32>, k: u32, end: u32) -> mat4x4<f32> {
  let index = min(k + STEPS, vec4<u32>(end - 1u));
  var at = index * params.aStep;
  if (SPLIT_A) {
    at = (index / params.aInner) * params.aOuter + (index % params.aInner) * params.aStep;
  }
  if (ALONG_A) {
    let block = mat4x4<f32>(gatherA(rows.x + at), gatherA(rows.y + at), gatherA(rows.z + at), gatherA(rows.w + at));
    return masked(transpose(block), k, end);
  }
  let block = mat4x4<f32>(gatherA(rows + at.x), gatherA(rows + at.y), gatherA(rows + at.z), gatherA(rows + at.w));
  return masked(block, k, end);
}

// Places in out of columns n .. n + 3, seen from the start of a row.
fn placesOf(n: u32) -> vec4<u32> {
  let index = n + STEPS;
  if (SPLIT_N) {
    return (index / params.outInner) * params.outOuter + (index % params.outInner) * params.outStep;
  }
  return index * params.outStep;
}

// Hands over a block whose column i is row m + i of out, at columns n .. n + 3; `start` is where its plane begins. The loop
// is one that compilers do not unroll, see gemmTile.wgsl.
fn putBlock(start: u32, m: u32, n: u32, block: mat4x4<f32>) {
  let places = start + placesOf(n);
  for (var i = 0u; i < min(4u, max(m, params.M) - m); i++) {
    let values = block[i];
    let at = places + (m + i) * params.outRow;
    if (n < params.N) { put(at.x, values.x); }
    if (n + 1u < params.N) { put(at.y, values.y); }
    if (n + 2u < params.N) { put(at.z, values.z); }
    if (n + 3u < params.N) { put(at.w, values.w); }
  }
}
