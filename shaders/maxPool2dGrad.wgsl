// out[p, h, w] = sum of g[p, i, j] over the windows (i, j) that (h, w) won: one thread per element of the image.
//
// Memory: planes p, all contiguous; n elements. The windows over (h, w) are those with
// i * stride <= h + padding < i * stride + kernel.
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

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> winner: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// First and last + 1 of the windows over position p.
fn windows(p: u32, kernel: u32, stride: u32, count: u32) -> vec2<u32> {
  let first = select(0u, (p - kernel) / stride + 1u, p >= kernel);
  return vec2<u32>(first, min(p / stride + 1u, count));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at >= params.n) {
    return;
  }
  let row = at / params.W;
  let h = row % params.H;
  let w = at % params.W;
  let plane = (row / params.H) * params.outH * params.outW;
  let mine = i32(h * params.W + w);
  let rows = windows(h + params.paddingH, params.kernelH, params.strideH, params.outH);
  let columns = windows(w + params.paddingW, params.kernelW, params.strideW, params.outW);
  var total = 0.0;
  for (var i = rows.x; i < rows.y; i++) {
    for (var j = columns.x; j < columns.y; j++) {
      let k = plane + i * params.outW + j;
      total += select(0.0, g[k], winner[k] == mine);
    }
  }
  out[at] = total;
}
