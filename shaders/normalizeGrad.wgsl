// out[i, j] = rstd[i] * (g[i, j] - mean over k of g[i, k] - y[i, j] * mean over k of g[i, k] y[i, k]), the gradient of
// normalize.wgsl from its results y and rstd; without CENTER the mean of g counts as 0. One workgroup per row.
//
// Memory: g, y and out are [rows, size], contiguous; rstd is [rows]. Preamble: WG threads, BLOCK, CENTER.
// Error: a thread sums blocks of BLOCK serially and then the blocks; threads are added as a tree.
struct Params {
  rows: u32,
  size: u32,
}

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> lane: array<vec2<f32>, WG>;

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

  var total = vec2<f32>();
  for (var first = thread; first < params.size; first += WG * BLOCK) {
    var block = vec2<f32>();
    for (var k = 0u; k < BLOCK; k++) {
      let j = first + k * WG;
      if (j < params.size) {
        let v = g[base + j];
        block += vec2<f32>(v, v * y[base + j]);
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
  let means = workgroupUniformLoad(&lane[0]) / f32(params.size);
  let shift = select(0.0, means.x, CENTER);
  for (var j = thread; j < params.size; j += WG) {
    put(base + j, rstd[row] * (g[base + j] - shift - y[base + j] * means.y));
  }
}
