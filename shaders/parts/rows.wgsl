// How kernels without workgroup memory read the ROWS rows of `a`, 1, 4 or 8, that they compute with: each thread loads all of them.
struct Places { p0: vec4<u32>, p1: vec4<u32> }

// Where rows first .. first + ROWS - 1 begin, in fours: `step` apart, row 0 at `start`; for those beyond `last` that one.
fn placesOf(start: u32, first: u32, last: u32, step: u32) -> Places {
  let end = vec4<u32>(last);
  return Places(start + min(first + STEPS, end) * step, start + min(first + 4u + STEPS, end) * step);
}

// Column i holds the i-th four rows, each `k` behind its place; what is beyond ROWS is 0.
fn rowsAt(places: Places, k: u32) -> mat4x4<f32> {
  var rows = mat4x4<f32>();
  if (ROWS == 1u) {
    rows[0] = vec4<f32>(a[places.p0.x + k], 0.0, 0.0, 0.0);
  } else {
    rows[0] = gatherA(places.p0 + k);
  }
  if (ROWS > 4u) {
    rows[1] = gatherA(places.p1 + k);
  }
  return rows;
}
