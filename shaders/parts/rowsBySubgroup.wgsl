// How kernels without workgroup memory read the ROWS rows of `a` that all threads compute with, where subgroups have LANES lanes,
// 4 or 8, and ROWS is at least 4 and at most twice that: each lane loads a row or two and gives it to the others. For adapters that
// load lane by lane, even what is the same for all lanes.
struct Places { low: u32, high: u32 }

// Where the rows of this lane begin, first + lane and first + LANES + lane: `step` apart, row 0 at `start`; for those beyond
// `last` that one. To be called where all lanes are active.
fn placesOf(start: u32, first: u32, last: u32, step: u32) -> Places {
  let lane = subgroupExclusiveAdd(1u);
  return Places(start + min(first + lane, last) * step, start + min(first + LANES + lane, last) * step);
}

// Column i holds the i-th four rows, each `k` behind its place; what is beyond ROWS is 0.
fn rowsAt(places: Places, k: u32) -> mat4x4<f32> {
  var rows = mat4x4<f32>();
  let low = a[places.low + k];
  rows[0] = lower(low);
  if (ROWS > 4u && LANES == 8u) {
    rows[1] = upper(low);
  }
  if (ROWS > LANES) {
    let high = a[places.high + k];
    if (LANES == 8u) {
      rows[2] = lower(high);
      rows[3] = upper(high);
    } else {
      rows[1] = lower(high);
    }
  }
  return rows;
}

// What the first four lanes hold.
fn lower(x: f32) -> vec4<f32> {
  return vec4<f32>(
    subgroupBroadcast(x, 0u), subgroupBroadcast(x, 1u), subgroupBroadcast(x, 2u), subgroupBroadcast(x, 3u));
}

// What the last four of LANES hold.
fn upper(x: f32) -> vec4<f32> {
  return vec4<f32>(
    subgroupBroadcast(x, LANES - 4u), subgroupBroadcast(x, LANES - 3u),
    subgroupBroadcast(x, LANES - 2u), subgroupBroadcast(x, LANES - 1u));
}
