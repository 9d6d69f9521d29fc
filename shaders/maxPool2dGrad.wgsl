// out[p, h, w] = sum of g[p, i, j] over the windows (i, j) that (h, w) won: each thread computes four neighbouring elements
// of a row of the image.
//
// Memory: planes p, all contiguous; `rows` = planes * H, `quads` = W / 4 rounded up. The windows over (h, w) are those with
// i * stride <= h + padding < i * stride + kernel; without OVERLAP there is at most one.
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

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> winner: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// First and last + 1 of the windows over position p.
fn windows(p: u32, kernel: u32, stride: u32, count: u32) -> vec2<u32> {
  let first = select(0u, (p - kernel) / stride + 1u, p >= kernel);
  return vec2<u32>(first, min(p / stride + 1u, count));
}

fn overlapping(plane: u32, h: u32, w: u32) -> f32 {
  let rows = windows(h + params.paddingH, params.kernelH, params.strideH, params.outH);
  let columns = windows(w + params.paddingW, params.kernelW, params.strideW, params.outW);
  let mine = i32(h * params.W + w);
  var total = 0.0;
  for (var i = rows.x; i < rows.y; i++) {
    for (var j = columns.x; j < columns.y; j++) {
      let k = (plane + i) * params.outW + j;
      total += select(0.0, g[k], winner[k] == mine);
    }
  }
  return total;
}

// The four elements from (h, w) on, each in at most one window.
fn separate(plane: u32, h: u32, w: u32) -> vec4<f32> {
  let p = h + params.paddingH;
  let i = p / params.strideH;
  let columns = w + vec4<u32>(0u, 1u, 2u, 3u);
  let q = columns + params.paddingW;
  let j = q / params.strideW;
  let inRow = p - i * params.strideH < params.kernelH && i < params.outH;
  let inside = (q - j * params.strideW < vec4<u32>(params.kernelW)) & (j < vec4<u32>(params.outW)) & vec4<bool>(inRow);
  let k = select(vec4<u32>(), (plane + i) * params.outW + j, inside);
  let won = vec4<i32>(winner[k.x], winner[k.y], winner[k.z], winner[k.w]) == vec4<i32>(h * params.W + columns);
  return select(vec4<f32>(), vec4<f32>(g[k.x], g[k.y], g[k.z], g[k.w]), inside & won);
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * WG + id.x;
  let row = index / params.quads;
  if (row >= params.rows) {
    return;
  }
  let w = (index % params.quads) * 4u;
  let h = row % params.H;
  let plane = (row / params.H) * params.outH;
  var v: vec4<f32>;
  if (OVERLAP) {
    v = vec4<f32>(
      overlapping(plane, h, w), overlapping(plane, h, w + 1u), overlapping(plane, h, w + 2u), overlapping(plane, h, w + 3u));
  } else {
    v = separate(plane, h, w);
  }
  let at = row * params.W + w;
  out[at] = v.x;
  if (w + 1u < params.W) { out[at + 1u] = v.y; }
  if (w + 2u < params.W) { out[at + 2u] = v.z; }
  if (w + 3u < params.W) { out[at + 3u] = v.w; }
}
