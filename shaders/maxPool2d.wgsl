// out[p, i, j] = max of x[p, h, w] over the window at (i, j); winner = h * W + w of the first maximum: each thread computes
// four neighbouring outputs of a row.
//
// Memory: planes p = image * channels + channel, all contiguous; `rows` = planes * outH, `quads` = outW / 4 rounded up.
// Padding never wins. NaN wins over numbers.
struct Params {
  rows: u32,
  quads: u32,
  H: u32,
  W: u32,
  outH: u32,
  outW: u32,
  kernelH: u32,
  kernelW: u32,
  strideH: u32,
  strideW: u32,
  paddingH: u32,
  paddingW: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> winner: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

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
  let plane = (row / params.outH) * params.H;
  // Unsigned: what lies above or left of the image wraps to huge values, which the bounds below exclude.
  let top = (row % params.outH) * params.strideH - params.paddingH;
  let end = min(first + 4u, params.outW);
  for (var j = first; j < end; j++) {
    let left = j * params.strideW - params.paddingW;
    var best = 0.0;
    var at = -1;
    for (var dh = 0u; dh < params.kernelH; dh++) {
      let h = top + dh;
      let line = (plane + h) * params.W;
      for (var dw = 0u; dw < params.kernelW; dw++) {
        let w = left + dw;
        if (h < params.H && w < params.W) {
          let v = x[line + w];
          if (at < 0 || v > best || (isNan(v) && !isNan(best))) {
            best = v;
            at = i32(h * params.W + w);
          }
        }
      }
    }
    out[row * params.outW + j] = best;
    winner[row * params.outW + j] = at;
  }
}
