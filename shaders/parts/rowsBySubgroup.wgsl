// How matmul.wgsl reads `a` where subgroups have LANES lanes, 4 or 8: each lane loads a row or two, at most 2 LANES in all,
// and gives it to the others. For adapters that load lane by lane, even what is the same for all lanes.
struct Places { low: u32, high: u32 }

// Where the rows of this lane begin: m + lane and m + LANES + lane; `start` is where their plane does.
fn placesOf(start: u32, m: u32) -> Places {
  let lane = subgroupExclusiveAdd(1u); // all lanes are active
  let last = params.M - 1u;
  return Places(start + min(m + lane, last) * params.aRow, start + min(m + LANES + lane, last) * params.aRow);
}

// Column i holds the i-th four rows, `k` steps of memory behind their places; columns beyond ROWS hold zeros.
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
