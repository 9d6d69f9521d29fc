// out[c, o, t] = sum over the positions (n, h, w) of chunk c of g[n, o, h, w] * x[n, i, h', w']: the gradient of a
// convolution's weights as an implicit matrix product. t = (i, kh, kw) is a column; i counts within the group of o, which
// has O channels of g and I of x.
//
// (h', w') = (h, w) * stride - padding + (kh, kw) * dilation; what falls outside x counts as 0.
// Memory: g [N, groups * O, outH, outW] and x [N, groups * I, H, W] are contiguous, out is [chunks, groups * O, columns];
// the chunks are summed afterwards. A chunk is chunkRows rows of g; long rows are cut into segments of segmentW positions,
// and count as so many rows.
//
// Each thread computes ROWS channels of one group at 4 columns; the threads of a workgroup share channels and positions, so
// g, bound as `a`, is loaded once for all. With ROWS 1, for groups of few channels, it computes any 4 elements of out.
// Workgroups run over items (columns, or the elements of a chunk), then chunks, then tiles of channels.
// Preamble: WG threads; ROWS 1, 4, 8 or 16, with parts/sums.wgsl and one of those that read rows of `a`; `put`, which takes
// results.
struct Params {
  columns: u32, // I * kernelH * kernelW
  O: u32,
  I: u32,
  groups: u32,
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
  dilationH: u32,
  dilationW: u32,
  rows: u32, // N * outH * segments
  chunkRows: u32,
  chunks: u32,
  segments: u32,
  segmentW: u32,
  items: u32,
  itemGroups: u32, // workgroups that cover the items
  tiles: u32,
}

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let task = workgroup.y * workgroups.x + workgroup.x;
  let chunk = (task / params.itemGroups) % params.chunks;
  let tile = task / params.itemGroups / params.chunks;
  if (tile >= params.tiles) {
    return;
  }
  let t = (task % params.itemGroups) * WG * 4u + thread + STEPS * WG;
  let item = min(t, vec4<u32>(params.items - 1u));
  let plane = params.outH * params.outW;
  // Channels of g: those of the tile, from o to last at most, or with ROWS 1 the own ones of the items.
  let tiles = (params.O + ROWS - 1u) / ROWS;
  let o = (tile / tiles) * params.O + (tile % tiles) * ROWS;
  let last = (tile / tiles + 1u) * params.O - 1u;
  let own = select(vec4<u32>(o), item / params.columns, ROWS == 1u);
  // Position of the column's tap for the output at (0, 0); positions above or left of the image wrap around.
  let at = item % params.columns;
  let tapRow = at / params.kernelW;
  let i = (own / params.O) * params.I + tapRow / params.kernelH;
  let h0 = (tapRow % params.kernelH) * params.dilationH - params.paddingH;
  let w0 = (at % params.kernelW) * params.dilationW - params.paddingW;
  let H = vec4<u32>(params.H);
  let W = vec4<u32>(params.W);
  let places = placesOf(0u, o, last, plane);
  var sums = Sums();
  let end = min((chunk + 1u) * params.chunkRows, params.rows);
  for (var row = chunk * params.chunkRows; row < end; row++) {
    let outLine = row / params.segments;
    let image = outLine / params.outH;
    let outRow = outLine % params.outH;
    let start = (row % params.segments) * params.segmentW;
    let stop = min(start + params.segmentW, params.outW);
    let h = h0 + outRow * params.strideH;
    let line = ((image * params.groups * params.I + i) * params.H + h) * params.W;
    let g0 = image * params.groups * params.O * plane + outRow * params.outW;
    for (var column = start; column < stop; column++) {
      let w = w0 + column * params.strideW;
      let inside = (h < H) & (w < W);
      let source = select(vec4<u32>(), line + w, inside);
      let v = select(vec4<f32>(), vec4<f32>(x[source.x], x[source.y], x[source.z], x[source.w]), inside);
      let k = g0 + column;
      if (ROWS == 1u) {
        sums.s0[0] += gatherA(own * plane + k) * v;
      } else {
        addProducts(&sums, rowsAt(places, k), v);
      }
    }
  }
  // In one loop, for drivers compile `put`, which may be long, wherever it is called.
  let results = array<mat4x4<f32>, 4>(sums.s0, sums.s1, sums.s2, sums.s3);
  let base = (chunk * params.groups * params.O + o) * params.columns;
  for (var n = 0u; n < min(ROWS, last + 1u - o) * 4u; n++) {
    let row = n / 4u;
    if (t[n % 4u] < params.items) {
      put(base + row * params.columns + t[n % 4u], results[row / 4u][row % 4u][n % 4u]);
    }
  }
}
