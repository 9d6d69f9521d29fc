// out[n, o, h, w] = sum over i, kh, kw of x[n, i, h', w'] * weight[o, i, kh, kw]: convolution as an implicit matrix product
// of weights with image columns. Each thread computes 8 channels at 4 positions.
//
// Forward: (h', w') = (h, w) * stride - padding + (kh, kw) * dilation. With TRANSPOSED, the gradient of the image, out is
// the image, x the gradient, o and i swap roles, and (h', w') = ((h, w) + padding - (kh, kw) * dilation) / stride where
// that is whole. What falls outside x counts as 0.
//
// Memory: x [N, I, H, W] and out [N, O, outH, outW] are contiguous, weight is walked by the strides weightO and weightI.
// The threads of a workgroup share their 8 channels, so weights are loaded once for all; neighbours take neighbouring
// positions. Preamble: WG threads, TRANSPOSED, and UNIT where stride is 1.
struct Params {
  positions: u32, // N * outH * outW
  O: u32,
  I: u32,
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
  weightO: u32,
  weightI: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// Position of tap k in x, or a value past its end where there is none. Negative positions wrap around.
fn tap(start: vec4<u32>, k: u32, dilation: u32, stride: u32) -> vec4<u32> {
  if (!TRANSPOSED) {
    return start + k * dilation;
  }
  let at = start - k * dilation;
  if (UNIT) {
    return at;
  }
  return select(vec4<u32>(0xffffffffu), at / stride, at % stride == vec4<u32>());
}

fn store(position: u32, o: u32, value: f32) {
  if (position < params.positions && o < params.O) {
    let plane = params.outH * params.outW;
    out[((position / plane) * params.O + o) * plane + position % plane] = value;
  }
}

fn store4(positions: vec4<u32>, o: u32, values: vec4<f32>) {
  store(positions.x, o, values.x);
  store(positions.y, o, values.y);
  store(positions.z, o, values.z);
  store(positions.w, o, values.w);
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let first = (group.y * groups.x + group.x) * WG * 4u;
  let positions = first + thread + vec4<u32>(0u, WG, 2u * WG, 3u * WG);
  let o = group.z * 8u;
  let at = min(positions, vec4<u32>(params.positions - 1u));
  let row = at / params.outW;
  let image = row / params.outH;
  var h0 = row % params.outH;
  var w0 = at % params.outW;
  if (TRANSPOSED) {
    h0 += params.paddingH;
    w0 += params.paddingW;
  } else {
    h0 = h0 * params.strideH - params.paddingH;
    w0 = w0 * params.strideW - params.paddingW;
  }
  let H = vec4<u32>(params.H);
  let W = vec4<u32>(params.W);
  let last = params.O - 1u;
  let s = params.weightO;
  let a0 = min(o, last) * s;
  let a1 = min(o + 1u, last) * s;
  let a2 = min(o + 2u, last) * s;
  let a3 = min(o + 3u, last) * s;
  let a4 = min(o + 4u, last) * s;
  let a5 = min(o + 5u, last) * s;
  let a6 = min(o + 6u, last) * s;
  let a7 = min(o + 7u, last) * s;
  var c0 = vec4<f32>();
  var c1 = vec4<f32>();
  var c2 = vec4<f32>();
  var c3 = vec4<f32>();
  var c4 = vec4<f32>();
  var c5 = vec4<f32>();
  var c6 = vec4<f32>();
  var c7 = vec4<f32>();
  for (var i = 0u; i < params.I; i++) {
    let plane = (image * params.I + i) * params.H;
    for (var kh = 0u; kh < params.kernelH; kh++) {
      let h = tap(h0, kh, params.dilationH, params.strideH);
      let line = (plane + h) * params.W;
      let k0 = i * params.weightI + kh * params.kernelW;
      for (var kw = 0u; kw < params.kernelW; kw++) {
        let w = tap(w0, kw, params.dilationW, params.strideW);
        let inside = (h < H) & (w < W);
        let source = select(vec4<u32>(), line + w, inside);
        let v = select(vec4<f32>(), vec4<f32>(x[source.x], x[source.y], x[source.z], x[source.w]), inside);
        let k = k0 + kw;
        c0 += weight[a0 + k] * v;
        c1 += weight[a1 + k] * v;
        c2 += weight[a2 + k] * v;
        c3 += weight[a3 + k] * v;
        c4 += weight[a4 + k] * v;
        c5 += weight[a5 + k] * v;
        c6 += weight[a6 + k] * v;
        c7 += weight[a7 + k] * v;
      }
    }
  }
  store4(positions, o, c0);
  store4(positions, o + 1u, c1);
  store4(positions, o + 2u, c2);
  store4(positions, o + 3u, c3);
  store4(positions, o + 4u, c4);
  store4(positions, o + 5u, c5);
  store4(positions, o + 6u, c6);
  store4(positions, o + 7u, c7);
}
