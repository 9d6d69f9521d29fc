// out[i, j] = y[i, j] * (g[i, j] - sum over k of g[i, k] y[i, k]), the gradient of softmax from its result y; for the
// logarithm, whose result is y, out[i, j] = g[i, j] - exp(y[i, j]) * sum over k of g[i, k]. One workgroup per row.
//
// Memory: y, g and out are [rows, size], contiguous. Preamble: WG threads, BLOCK, LOG for the logarithm.
// Error: a thread sums blocks of BLOCK serially and then the blocks; threads are added as a tree.
struct Params {
  rows: u32,
  size: u32,
}

@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> lane: array<f32, WG>;

// By its bits, since drivers may take x != x for false; some make numbers of exp of NaN.
fn isNan(v: f32) -> bool {
  return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
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

  var total = 0.0;
  for (var first = thread; first < params.size; first += WG * BLOCK) {
    var block = 0.0;
    for (var k = 0u; k < BLOCK; k++) {
      let j = first + k * WG;
      if (j < params.size) {
        block += g[base + j] * select(y[base + j], 1.0, LOG);
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
  for (var j = thread; j < params.size; j += WG) {
    let v = y[base + j];
    if (LOG) {
      put(base + j, g[base + j] - select(exp(v), v, isNan(v)) * total);
    } else {
      put(base + j, v * (g[base + j] - total));
    }
  }
}
