// loss[i] = lse[i] - x[i, label[i]], lse[i] = log(sum over j of exp(x[i, j])): one workgroup per row.
//
// Memory: x is [rows, classes], contiguous. The largest logit is subtracted before exp. Preamble: WG threads.
// A label out of range makes the loss NaN.
struct Params {
  rows: u32,
  classes: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> lse: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> lane: array<f32, WG>;
var<private> nanBits: u32 = 0x7fc00000u;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = group.y * groups.x + group.x;
  let base = min(row, params.rows - 1u) * params.classes;

  var top = x[base];
  for (var j = thread; j < params.classes; j += WG) {
    top = max(top, x[base + j]);
  }
  lane[thread] = top;
  for (var width = WG / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      lane[thread] = max(lane[thread], lane[thread + width]);
    }
  }
  top = workgroupUniformLoad(&lane[0]);

  var total = 0.0;
  for (var j = thread; j < params.classes; j += WG) {
    total += exp(x[base + j] - top);
  }
  lane[thread] = total;
  for (var width = WG / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      lane[thread] += lane[thread + width];
    }
  }
  if (thread == 0u && row < params.rows) {
    let result = top + log(lane[0]);
    let label = labels[row];
    lse[row] = result;
    if (label >= 0 && label < i32(params.classes)) {
      loss[row] = result - x[base + u32(label)];
    } else {
      loss[row] = bitcast<f32>(nanBits);
    }
  }
}
