// B of the GEMM core as a matrix: B[s, k, n] is b[bOffset + s * bBatch + walk(n) + walk(k)], where walk(n) is n * bColumn,
// or with SPLIT_N (n / bInner) * bOuter + (n % bInner) * bColumn; and walk(k) is k * bStep, or with SPLIT_B the like of
// bInnerK and bOuterK. Preamble: `b`, `gatherB`, ALONG_B, whether the elements of one column are neighbours, SPLIT_B.
alias Columns = vec4<u32>;

// Places of columns n .. n + 3 of B.
fn columnsOf(s: u32, n: u32) -> Columns {
  let index = min(n + STEPS, vec4<u32>(params.N - 1u));
  let start = params.bOffset + s * params.bBatch;
  if (SPLIT_N) {
    return start + (index / params.bInner) * params.bOuter + (index % params.bInner) * params.bColumn;
  }
  return start + index * params.bColumn;
}

// Column j holds B at k + j and `columns`.
fn blockB(columns: Columns, k: u32, end: u32) -> mat4x4<f32> {
  let index = min(k + STEPS, vec4<u32>(end - 1u));
  var at = index * params.bStep;
  if (SPLIT_B) {
    at = (index / params.bInnerK) * params.bOuterK + (index % params.bInnerK) * params.bStep;
  }
  if (ALONG_B) {
    let block = mat4x4<f32>(
      gatherB(columns.x + at), gatherB(columns.y + at), gatherB(columns.z + at), gatherB(columns.w + at));
    return masked(transpose(block), k, end);
  }
  let block = mat4x4<f32>(
    gatherB(columns + at.x), gatherB(columns + at.y), gatherB(columns + at.z), gatherB(columns + at.w));
  return masked(block, k, end);
}
