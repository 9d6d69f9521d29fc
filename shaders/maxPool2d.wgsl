// out[p, i, j] = max of x[p, h, w] over the window at (i, j); winner = h * W + w of the first maximum: each thread computes
// four neighbouring outputs of a row.
//
// Memory: planes p = image * channels + channel, all contiguous; `rows` = planes * height of out, `quads` = its width / 4
// rounded up. Pairs are (height, width), those of `size` the image's, those of `count` the windows'. Padding never wins. The
// last NaN wins over all, as in PyTorch. Without any element, out = -Infinity and winner = -1. Range and share come from pool.ts.
struct Params {
  rows: u32,
  quads: u32,
  size: vec2<u32>,
  count: vec2<u32>,
  kernel: vec2<u32>,
  stride: vec2<u32>,
  padding: vec2<u32>,
  dilation: vec2<u32>,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> winner: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

// -Infinity by its bits, and by way of a variable: WGSL has no constant for it.
var<private> lowest: u32 = 0xff800000u;

fn isNan(v: f32) -> bool {
  return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * WG + id.x;
  let row = index / params.quads;
  if (row >= params.rows) {
    return;
  }
  let first = (index % params.quads) * 4u;
  let i = row % params.count.x;
  let plane = (row / params.count.x) * params.size.x;
  let end = min(first + 4u, params.count.y);
  for (var j = first; j < end; j++) {
    // Unsigned: what lies above or left of the image wraps to huge values, which the bounds below exclude.
    var corner = vec2<u32>(i, j) * params.stride - params.padding;
    var taps = params.kernel;
    if (ADAPTIVE) {
      let held = share(vec2<u32>(i, j), params.size, params.count);
      corner = held.first;
      taps = held.end - held.first;
    }
    var best = bitcast<f32>(lowest);
    var at = -1;
    var h = corner.x;
    for (var dh = 0u; dh < taps.x; dh++) {
      let line = (plane + h) * params.size.y;
      var w = corner.y;
      for (var dw = 0u; dw < taps.y; dw++) {
        if (h < params.size.x && w < params.size.y) {
          let v = x[line + w];
          if (at < 0 || v > best || isNan(v)) {
            best = v;
            at = i32(h * params.size.y + w);
          }
        }
        w += params.dilation.y;
      }
      h += params.dilation.x;
    }
    put(row * params.count.y + j, best);
    winner[row * params.count.y + j] = at;
  }
}
