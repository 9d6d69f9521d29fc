// How matmul.wgsl reads `a`: each thread loads all of its rows.
struct Places { p0: vec4<u32>, p1: vec4<u32>, p2: vec4<u32>, p3: vec4<u32> }

// Where rows m .. m + ROWS - 1 begin, in fours; `start` is where their plane does.
fn placesOf(start: u32, m: u32) -> Places {
  let last = vec4<u32>(params.M - 1u);
  return Places(
    start + min(m + STEPS, last) * params.aRow, start + min(m + 4u + STEPS, last) * params.aRow,
    start + min(m + 8u + STEPS, last) * params.aRow, start + min(m + 12u + STEPS, last) * params.aRow);
}

// Column i holds the i-th four rows, `k` steps of memory behind their places; columns beyond ROWS hold zeros.
fn rowsAt(places: Places, k: u32) -> mat4x4<f32> {
  var rows = mat4x4<f32>();
  rows[0] = gatherA(places.p0 + k);
  if (ROWS > 4u) {
    rows[1] = gatherA(places.p1 + k);
  }
  if (ROWS > 8u) {
    rows[2] = gatherA(places.p2 + k);
    rows[3] = gatherA(places.p3 + k);
  }
  return rows;
}
