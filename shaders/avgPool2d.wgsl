// out[p, i, j] = sum of x[p, h, w] over the window at (i, j), over its divisor. TRANSPOSED, the gradient: out[p, h, w] = sum
// of x[p, i, j], each over its divisor, over the windows (i, j) that hold (h, w). Each thread computes four neighbours of a
// row of out.
//
// Memory: planes p = image * channels + channel, all contiguous; `rows` = planes * height of out, `quads` = its width / 4
// rounded up. Pairs are (height, width), those of `size` the image's, those of `count` the windows'. Sums are made in blocks
// of BLOCK columns, so that large windows lose little. Range, share and windowsOver come from pool.ts.
struct Params {
  rows: u32,
  quads: u32,
  size: vec2<u32>,
  count: vec2<u32>,
  kernel: vec2<u32>,
  stride: vec2<u32>,
  padding: vec2<u32>,
  dilation: vec2<u32>,
  divisor: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

// The elements of a window inside the image.
fn elements(window: vec2<u32>) -> Range {
  if (ADAPTIVE) { return share(window, params.size, params.count); }
  let first = window * params.stride;
  let low = params.padding;
  let high = params.padding + params.size;
  return Range(max(first, low) - low, min(first + params.kernel, high) - low);
}

fn divisor(window: vec2<u32>) -> f32 {
  if (params.divisor != 0.0) { return params.divisor; }
  var extent: vec2<u32>;
  if (COUNT_PADDING) {
    extent = min(params.kernel, params.size + 2u * params.padding - window * params.stride);
  } else {
    let held = elements(window);
    extent = held.end - held.first;
  }
  return f32(extent.x) * f32(extent.y);
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * WG + id.x;
  let row = index / params.quads;
  if (row >= params.rows) {
    return;
  }
  let xSize = select(params.size, params.count, TRANSPOSED);
  let outSize = select(params.count, params.size, TRANSPOSED);
  let first = (index % params.quads) * 4u;
  let plane = (row / outSize.x) * xSize.x;
  for (var column = first; column < min(first + 4u, outSize.y); column++) {
    let here = vec2<u32>(row % outSize.x, column);
    var held: Range;
    if (TRANSPOSED) { held = windowsOver(here); } else { held = elements(here); }
    var total = 0.0;
    for (var i = held.first.x; i < held.end.x; i++) {
      for (var block = held.first.y; block < held.end.y; block += BLOCK) {
        var part = 0.0;
        for (var j = block; j < min(block + BLOCK, held.end.y); j++) {
          let v = x[(plane + i) * xSize.y + j];
          if (TRANSPOSED) { part += v / divisor(vec2<u32>(i, j)); } else { part += v; }
        }
        total += part;
      }
    }
    if (!TRANSPOSED) { total /= divisor(here); }
    put(row * outSize.y + column, total);
  }
}
