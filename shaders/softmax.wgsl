// out[i, j] = exp(x[i, j] - top[i]) / total[i], or its logarithm; top[i] = max over j of x[i, j], total[i] = sum over j of
// exp(x[i, j] - top[i]): one workgroup per row.
//
// Memory: x and out are [rows, size], contiguous. Preamble: WG threads, BLOCK, LOG for the logarithm.
// Error: a thread sums blocks of BLOCK serially and then the blocks; threads are added as a tree.
struct Params {
  rows: u32,
  size: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> lane: array<f32, WG>;

// By its bits, since drivers may take x != x for false; some make numbers of exp of NaN.
fn isNan(v: f32) -> bool {
  return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
}

fn power(v: f32) -> f32 {
  return select(exp(v), v, isNan(v));
}

// NaN wins.
fn larger(a: f32, b: f32) -> f32 {
  return select(b, a, a > b || isNan(a));
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) {
    return;
  }
  let base = row * params.size;

  var largest = x[base];
  for (var j = thread; j < params.size; j += WG) {
    largest = larger(largest, x[base + j]);
  }
  lane[thread] = largest;
  for (var width = WG / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      lane[thread] = larger(lane[thread], lane[thread + width]);
    }
  }
  let top = workgroupUniformLoad(&lane[0]);

  var total = 0.0;
  for (var first = thread; first < params.size; first += WG * BLOCK) {
    var block = 0.0;
    for (var k = 0u; k < BLOCK; k++) {
      let j = first + k * WG;
      if (j < params.size) {
        block += power(x[base + j] - top);
      }
    }
    total += block;
  }
  lane[thread] = total;
  for (var width = WG / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      lane[thread] += lane[thread + width];
    }
  }
  total = workgroupUniformLoad(&lane[0]);
  let logTotal = select(log(total), total, isNan(total));
  for (var j = thread; j < params.size; j += WG) {
    let shifted = x[base + j] - top;
    if (LOG) {
      put(base + j, shifted - logTotal);
    } else {
      put(base + j, power(shifted) / total);
    }
  }
}
