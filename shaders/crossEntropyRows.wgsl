// loss[i] = top[i] + rest[i] - x[i, label[i]], top[i] = max over j of x[i, j], rest[i] = log(sum over j of
// exp(x[i, j] - top[i])): one workgroup per row.
//
// Memory: x is [rows, classes], contiguous. Preamble: WG threads, `fn fail`. A label out of range is a fault and makes the
// loss NaN, as a logit does that is NaN.
struct Params {
  rows: u32,
  classes: u32,
  call: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> top: array<f32>;
@group(0) @binding(4) var<storage, read_write> rest: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

var<workgroup> lane: array<f32, WG>;
var<private> nanBits: u32 = 0x7fc00000u;

// By its bits, since drivers may take x != x for false; some make numbers of exp and log of NaN.
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
  let base = min(row, params.rows - 1u) * params.classes;

  var largest = x[base];
  for (var j = thread; j < params.classes; j += WG) {
    largest = max(largest, x[base + j]);
  }
  lane[thread] = largest;
  for (var width = WG / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      lane[thread] = max(lane[thread], lane[thread + width]);
    }
  }
  largest = workgroupUniformLoad(&lane[0]);

  var total = 0.0;
  for (var j = thread; j < params.classes; j += WG) {
    let v = x[base + j] - largest;
    total += select(exp(v), v, isNan(v));
  }
  lane[thread] = total;
  for (var width = WG / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      lane[thread] += lane[thread + width];
    }
  }
  if (thread == 0u && row < params.rows) {
    let logTotal = select(log(lane[0]), lane[0], isNan(lane[0]));
    let label = labels[row];
    top[row] = largest;
    rest[row] = logTotal;
    if (label >= 0 && label < i32(params.classes)) {
      loss[row] = logTotal + (largest - x[base + u32(label)]);
    } else {
      loss[row] = bitcast<f32>(nanBits);
      fail(params.call, label);
    }
  }
}
