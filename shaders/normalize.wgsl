// out[i, j] = (x[i, j] - mean[i]) * rstd[i], rstd[i] = 1 / sqrt(variance[i] + eps), over the row x[i]; without CENTER the mean
// counts as 0, so that rstd is the root mean square's. One workgroup per row.
//
// Memory: x and out are [rows, size], contiguous; rstd is [rows]. Preamble: WG threads, BLOCK, CENTER.
// Error: a thread sums blocks of BLOCK serially and then the blocks; threads are added as a tree. The mean is taken twice, the
// second time of what the first left: deviations are exact where the values are large and close together.
struct Params {
  rows: u32,
  size: u32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> lane: array<vec2<f32>, WG>;

// Sums of x - shift and of its square over a row, the same for all threads.
fn sums(base: u32, shift: f32, thread: u32) -> vec2<f32> {
  var total = vec2<f32>();
  for (var first = thread; first < params.size; first += WG * BLOCK) {
    var block = vec2<f32>();
    for (var k = 0u; k < BLOCK; k++) {
      let j = first + k * WG;
      if (j < params.size) {
        let v = x[base + j] - shift;
        block += vec2<f32>(v, v * v);
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
  return workgroupUniformLoad(&lane[0]);
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
  let count = f32(params.size);

  var mean = 0.0;
  var rest = 0.0;
  var square = 0.0;
  if (CENTER) {
    mean = sums(base, 0.0, thread).x / count;
    workgroupBarrier();
    let deviations = sums(base, mean, thread) / count;
    rest = deviations.x;
    square = deviations.y - rest * rest;
  } else {
    square = sums(base, 0.0, thread).y / count;
  }
  let scale = 1.0 / sqrt(square + params.eps);
  for (var j = thread; j < params.size; j += WG) {
    put(base + j, ((x[base + j] - mean) - rest) * scale);
  }
  if (thread == 0u) {
    rstd[row] = scale;
  }
}
