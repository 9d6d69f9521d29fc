// How kernels without workgroup memory read the ROWS rows of `a`, 4, 8 or 16, that all threads compute with, where subgroups have
// LANES lanes, 4 or 8: each lane loads one to four of them and gives them to the others. For adapters that load lane by lane,
// even what is the same for all lanes.
alias Places = vec4<u32>;

// Where the rows of this lane begin, every LANES-th from first + lane: `step` apart, row 0 at `start`; for those beyond `last`
// that one. To be called where all lanes are active.
fn placesOf(start: u32, first: u32, last: u32, step: u32) -> Places {
  let lane = subgroupExclusiveAdd(1u);
  return start + min(first + lane + LANES * STEPS, vec4<u32>(last)) * step;
}

// Column i holds the i-th four rows, each `k` behind its place; what is beyond ROWS is 0.
fn rowsAt(places: Places, k: u32) -> mat4x4<f32> {
  var rows = mat4x4<f32>();
  let first = a[places.x + k];
  rows[0] = lower(first);
  if (LANES == 8u) {
    rows[1] = upper(first);
    if (ROWS > 8u) {
      let second = a[places.y + k];
      rows[2] = lower(second);
      rows[3] = upper(second);
    }
  } else {
    if (ROWS > 4u) {
      rows[1] = lower(a[places.y + k]);
    }
    if (ROWS > 8u) {
      rows[2] = lower(a[places.z + k]);
      rows[3] = lower(a[places.w + k]);
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
