// out[p, i, j] = max of x[p, h, w] over the window at (i, j); winner = h * W + w of the first maximum: a thread per output.
//
// Memory: planes p = image * channels + channel, all contiguous; n outputs. Padding never wins. NaN wins over numbers.
struct Params {
  n: u32,
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

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.y * groups.x * 64u + id.x;
  if (i >= params.n) {
    return;
  }
  let row = i / params.outW;
  let plane = (row / params.outH) * params.H * params.W;
  // Unsigned: above the image wraps to huge values, which the bounds below exclude.
  let top = (row % params.outH) * params.strideH - params.paddingH;
  let left = (i % params.outW) * params.strideW - params.paddingW;
  var best = 0.0;
  var at = -1;
  for (var dh = 0u; dh < params.kernelH; dh++) {
    for (var dw = 0u; dw < params.kernelW; dw++) {
      let h = top + dh;
      let w = left + dw;
      if (h < params.H && w < params.W) {
        let v = x[plane + h * params.W + w];
        if (at < 0 || v > best || (isNan(v) && !isNan(best))) {
          best = v;
          at = i32(h * params.W + w);
        }
      }
    }
  }
  out[i] = best;
  winner[i] = at;
}
