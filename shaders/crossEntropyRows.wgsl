// loss = rest - sum over c of target[c] (x[c] - top), where top = max over c of x[c], rest = log(sum over c of
// exp(x[c] - top)) and target[c] = own * (c == label) + even, which sums to 1; counted = 1. Where the label is `ignore`, loss
// and counted are 0. All that for each n and d: one workgroup per row x[n, :, d].
//
// Memory: x is [N, classes, inner], the others are [N, inner], all contiguous; rows = N * inner.
// Preamble: WG threads, BLOCK, `fn fail`, `fn preciseLog`, `fn nan`. A label out of range is a fault and makes the loss NaN, as a logit
// does that is NaN.
// Error: a thread sums blocks of BLOCK serially and then the blocks; threads are added as a tree.
struct Params {
  rows: u32,
  classes: u32,
  inner: u32,
  ignore: i32,
  own: f32,
  even: f32,
  call: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> top: array<f32>;
@group(0) @binding(4) var<storage, read_write> rest: array<f32>;
@group(0) @binding(5) var<storage, read_write> counted: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

var<workgroup> lane: array<vec2<f32>, WG>;

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
  let base = row / params.inner * params.classes * params.inner + row % params.inner;

  var largest = x[base];
  for (var c = thread; c < params.classes; c += WG) {
    largest = max(largest, x[base + c * params.inner]);
  }
  lane[thread].x = largest;
  for (var width = WG / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (thread < width) {
      lane[thread].x = max(lane[thread].x, lane[thread + width].x);
    }
  }
  largest = workgroupUniformLoad(&lane[0]).x;

  // The sums of exp(x - top) and of x - top.
  var total = vec2<f32>();
  for (var first = thread; first < params.classes; first += WG * BLOCK) {
    var block = vec2<f32>();
    for (var k = 0u; k < BLOCK; k++) {
      let c = first + k * WG;
      if (c < params.classes) {
        let v = x[base + c * params.inner] - largest;
        block += vec2<f32>(select(exp(v), v, isNan(v)), v);
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
  if (thread > 0u) {
    return;
  }
  let logTotal = preciseLog(lane[0].x);
  let label = labels[row];
  let counts = label != params.ignore;
  var value = 0.0;
  if (counts) {
    if (label >= 0 && label < i32(params.classes)) {
      // Classes that are ruled out make the sum infinite.
      let spread = select(0.0, params.even * lane[0].y, params.even > 0.0);
      value = logTotal - params.own * (x[base + u32(label) * params.inner] - largest) - spread;
    } else {
      value = nan();
      fail(params.call, label);
    }
  }
  loss[row] = value;
  top[row] = largest;
  rest[row] = logTotal;
  counted[row] = select(0.0, 1.0, counts);
}
