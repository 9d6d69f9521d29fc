// out[p, h, w] = sum of g[p, i, j] over the windows (i, j) that (h, w) won: each thread computes four neighbouring elements
// of a row of the image.
//
// Memory: planes p, all contiguous; `rows` = planes * height of the image, `quads` = its width / 4 rounded up. Pairs are
// (height, width), those of `size` the image's, those of `count` the windows'. Without OVERLAP an element is in at most one
// window, and windows are not ADAPTIVE. Range and windowsOver come from pool.ts.
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

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> winner: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

fn overlapping(plane: u32, h: u32, w: u32) -> f32 {
  let over = windowsOver(vec2<u32>(h, w));
  let mine = i32(h * params.size.y + w);
  var total = 0.0;
  for (var i = over.first.x; i < over.end.x; i++) {
    for (var j = over.first.y; j < over.end.y; j++) {
      let k = (plane + i) * params.count.y + j;
      total += select(0.0, g[k], winner[k] == mine);
    }
  }
  return total;
}

// The four elements from (h, w) on, each in at most one window.
fn separate(plane: u32, h: u32, w: u32) -> vec4<f32> {
  let p = h + params.padding.x;
  let i = p / params.stride.x;
  let columns = w + vec4<u32>(0u, 1u, 2u, 3u);
  let j = (columns + params.padding.y) / params.stride.y;
  // Elements between windows have no winner of theirs in the window before, which is read in their place.
  let inside = (j < vec4<u32>(params.count.y)) & vec4<bool>(i < params.count.x);
  let k = select(vec4<u32>(), (plane + i) * params.count.y + j, inside);
  let won = vec4<i32>(winner[k.x], winner[k.y], winner[k.z], winner[k.w]) == vec4<i32>(h * params.size.y + columns);
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
  let h = row % params.size.x;
  let plane = (row / params.size.x) * params.count.x;
  var v: vec4<f32>;
  if (OVERLAP) {
    v = vec4<f32>(
      overlapping(plane, h, w), overlapping(plane, h, w + 1u), overlapping(plane, h, w + 2u), overlapping(plane, h, w + 3u));
  } else {
    v = separate(plane, h, w);
  }
  let at = row * params.size.y + w;
  put(at, v.x);
  if (w + 1u < params.size.y) { put(at + 1u, v.y); }
  if (w + 2u < params.size.y) { put(at + 2u, v.z); }
  if (w + 3u < params.size.y) { put(at + 3u, v.w); }
}
