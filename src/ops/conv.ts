// Convolution of images: forward, gradient of the image, gradient of the weights. Each is a bilinear op whose gradients
// are the other two, so derivatives of any order come by themselves.
import source from '../../shaders/conv2d.wgsl';
import rowsSource from '../../shaders/conv2dRows.wgsl';
import weightGradSource from '../../shaders/conv2dWeightGrad.wgsl';
import weightGradRowsSource from '../../shaders/conv2dWeightGradRows.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import type { Dispatch, GpuTraits, Param, Plan } from '../tensor/backend.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { addition } from './broadcast.ts';
import { add } from './elementwise.ts';
import { ceilDiv, constants, grid, threads } from './launch.ts';
import { reshape } from './movement.ts';
import { chain, planReduction } from './reduce.ts';
import { type Pair, pair, windowCount } from './window.ts';

interface ConvAttrs {
  stride: Pair;
  padding: Pair;
  dilation: Pair;
}

/** The gradients also need the shape that the other operands do not tell. */
interface ConvGradAttrs extends ConvAttrs {
  shape: Shape;
}

/** Calls `visit` for every product of the sum: flat positions in x [N, I, H, W], weight [O, I, KH, KW], out [N, O, outH, outW]. */
function eachProduct(
  x: Shape,
  weight: Shape,
  out: Shape,
  { stride, padding, dilation }: ConvAttrs,
  visit: (x: number, w: number, out: number) => void,
): void {
  const [N, I, H, W] = x;
  const [O, , KH, KW] = weight;
  const [, , outH, outW] = out;
  for (let n = 0; n < N; n++) {
    for (let o = 0; o < O; o++) {
      for (let i = 0; i < I; i++) {
        for (let kh = 0; kh < KH; kh++) {
          for (let kw = 0; kw < KW; kw++) {
            const at = ((o * I + i) * KH + kh) * KW + kw;
            for (let h = 0; h < outH; h++) {
              const row = h * stride[0] - padding[0] + kh * dilation[0];
              if (row < 0 || row >= H) continue;
              for (let w = 0; w < outW; w++) {
                const column = w * stride[1] - padding[1] + kw * dilation[1];
                if (column < 0 || column >= W) continue;
                visit(((n * I + i) * H + row) * W + column, at, ((n * O + o) * outH + h) * outW + w);
              }
            }
          }
        }
      }
    }
  }
}

/** Fields of the uniform block that both shaders share, from the count of columns on. */
const geometry = (x: Shape, weight: Shape, out: Shape, { stride, padding, dilation }: ConvAttrs): Param[] => [
  ...x.slice(2),
  ...out.slice(2),
  ...weight.slice(2),
  ...stride,
  ...padding,
  ...dilation,
];

const convOp: Op<ConvAttrs> = define({
  name: 'conv2d',
  outputs: ([x, weight], { stride, padding, dilation }) => {
    const sizes = [0, 1].map((d) =>
      windowCount('conv2d', x.shape[2 + d], weight.shape[2 + d], stride[d], padding[d], dilation[d]),
    );
    return [{ shape: [x.shape[0], weight.shape[0], ...sizes], dtype: 'float32' }];
  },
  cpu: ([x, weight], [out], attrs) =>
    eachProduct(x.shape, weight.shape, out.shape, attrs, (i, w, o) => {
      out.data[o] += x.data[i] * weight.data[w];
    }),
  plan: ([x, weight], [out], attrs, gpu) => {
    const [, I, KH, KW] = weight.shape;
    const shapes = geometry(x.shape, weight.shape, out.shape, attrs);
    return planGather(out.shape, I, shapes, [I * KH * KW, KH * KW], attrs, gpu, false);
  },
  vjp: ([g], { inputs: [x, weight], attrs, needs }) => [
    needs[0] ? apply(inputGradOp, [g!, weight], { ...attrs, shape: x.shape })[0] : null,
    needs[1] ? apply(weightGradOp, [g!, x], { ...attrs, shape: weight.shape })[0] : null,
  ],
});

/** d loss / d x from g and the weights: the transposed convolution. */
const inputGradOp: Op<ConvGradAttrs> = define({
  name: 'conv2dInputGrad',
  outputs: (_inputs, { shape }) => [{ shape, dtype: 'float32' }],
  cpu: ([g, weight], [out], attrs) =>
    eachProduct(out.shape, weight.shape, g.shape, attrs, (i, w, o) => {
      out.data[i] += g.data[o] * weight.data[w];
    }),
  plan: ([g, weight], [out], attrs, gpu) => {
    const [O, I, KH, KW] = weight.shape;
    const shapes = geometry(g.shape, weight.shape, out.shape, attrs);
    return planGather(out.shape, O, shapes, [KH * KW, I * KH * KW], attrs, gpu, true);
  },
  vjp: ([gg], { inputs: [g, weight], attrs, needs }) => [
    needs[0] ? apply(convOp, [gg!, weight], attrs)[0] : null,
    needs[1] ? apply(weightGradOp, [g, gg!], { ...attrs, shape: weight.shape })[0] : null,
  ],
});

/** d loss / d weight from g and x. */
const weightGradOp: Op<ConvGradAttrs> = define({
  name: 'conv2dWeightGrad',
  outputs: (_inputs, { shape }) => [{ shape, dtype: 'float32' }],
  cpu: ([g, x], [out], attrs) =>
    eachProduct(x.shape, out.shape, g.shape, attrs, (i, w, o) => {
      out.data[w] += g.data[o] * x.data[i];
    }),
  plan: ([g, x], [out], attrs, gpu) => planWeightGrad(g.shape, x.shape, out.shape, attrs, gpu),
  vjp: ([gg], { inputs: [g, x], attrs, needs }) => [
    needs[0] ? apply(convOp, [x, gg!], attrs)[0] : null,
    needs[1] ? apply(inputGradOp, [g, gg!], { ...attrs, shape: x.shape })[0] : null,
  ],
});

/**
 * The sum over `summed` channels and the taps, for `channels` channels of out. `strides` are those of the weight for the
 * two. Both shaders take 8 channels per thread; conv2dRows saves loads, conv2d takes any stride and coalesces.
 */
function planGather(
  out: Shape,
  summed: number,
  shapes: Param[],
  strides: Param[],
  attrs: ConvAttrs,
  gpu: GpuTraits,
  TRANSPOSED: boolean,
): Plan {
  const [N, channels, H, W] = out;
  const positions = N * H * W;
  if (positions * channels === 0) return { dispatches: [] };
  const { stride, dilation } = attrs;
  const params = [positions, channels, summed, ...shapes, ...strides];
  const preamble = constants({ WG: threads(gpu), TRANSPOSED, UNIT: stride.every((s) => s === 1) });
  const launch = (file: string, text: string, count: number, more: Param[] = []): Plan => {
    const [x, y] = grid(ceilDiv(count, threads(gpu)));
    const shader = { file, source: text, preamble };
    return { dispatches: [{ shader, params: [...params, ...more], workgroups: [x, y, ceilDiv(channels, 8)] }] };
  };
  if (gpu.software && stride[1] === 1 && dilation[1] === 1) {
    const segments = ceilDiv(W, 8);
    return launch('conv2dRows.wgsl', rowsSource, N * H * segments, [segments, N * H]);
  }
  return launch('conv2d.wgsl', source, ceilDiv(positions, 4));
}

/** Positions that one thread adds up before the sum is split into chunks. */
const CHUNK_POSITIONS = 512;

function planWeightGrad(g: Shape, x: Shape, weight: Shape, attrs: ConvAttrs, gpu: GpuTraits): Plan {
  const [O, I, KH, KW] = weight;
  const columns = I * KH * KW;
  if (O * columns === 0) return { dispatches: [] };
  const rows = g[0] * g[2];
  const chunkRows = Math.max(1, Math.floor(CHUNK_POSITIONS / g[3]));
  const chunks = Math.max(1, ceilDiv(rows, chunkRows));
  const slides = gpu.software && attrs.stride[1] === 1 && attrs.dilation[1] === 1;
  const columnGroups = ceilDiv(slides ? I * KH : columns, threads(gpu) * (slides ? 1 : 4));
  const params = [columns, O, I, ...geometry(x, weight, g, attrs), rows, chunkRows, columnGroups];
  const [file, text] = slides
    ? ['conv2dWeightGradRows.wgsl', weightGradRowsSource]
    : ['conv2dWeightGrad.wgsl', weightGradSource];
  const preamble = constants({ WG: threads(gpu), ...(slides && { WIDE: KW > 4 }) });
  const [gx, gy] = grid(chunks * columnGroups);
  const product: Dispatch = {
    shader: { file, source: text, preamble },
    params,
    workgroups: [gx, gy, ceilDiv(O, 8) * (slides ? ceilDiv(KW, 8) : 1)],
  };
  if (chunks === 1) return { dispatches: [product] };
  // The chunks are summed by the shared reduction, over the first dim of [chunks, O * columns].
  const n = O * columns;
  const layout = { shape: [chunks, n], strides: [n, 1], offset: 0 };
  const total = planReduction(addition, layout, { dims: [0], keepdim: false }, gpu);
  return chain({ ...product, writes: [{ of: 'temp', index: 0 }] }, chunks * n, total);
}

export interface ConvOptions {
  stride?: number | Pair;
  /** Rows and columns of zeros around the image. */
  padding?: number | Pair;
  /** Distance between the taps of the kernel. */
  dilation?: number | Pair;
}

/**
 * 2-D convolution (cross-correlation, as everywhere in deep learning): x [N, I, H, W], weight [O, I, KH, KW],
 * bias [O]; out [N, O, outH, outW] with outH = floor((H + 2 padding - dilation (KH - 1) - 1) / stride) + 1.
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: ConvOptions = {}): Tensor {
  const stride = pair('conv2d', 'stride', options.stride ?? 1, 1);
  const padding = pair('conv2d', 'padding', options.padding ?? 0, 0);
  const dilation = pair('conv2d', 'dilation', options.dilation ?? 1, 1);
  const shapes = `input ${format(x.shape)}, weight ${format(weight.shape)}`;
  if (x.rank !== 4 || weight.rank !== 4) {
    throw new ShapeError(`conv2d: expected input [N, C, H, W] and weight [O, C, KH, KW], got ${shapes}`);
  }
  if (x.shape[1] !== weight.shape[1]) {
    throw new ShapeError(
      `conv2d: weight expects ${weight.shape[1]} input channels, input has ${x.shape[1]}; ${shapes}`,
    );
  }
  if (elementCount(weight.shape) === 0) throw new ShapeError(`conv2d: expected a weight that is not empty; ${shapes}`);
  if (bias && !(bias.rank === 1 && bias.size === weight.shape[0])) {
    throw new ShapeError(`conv2d: expected bias [${weight.shape[0]}], got ${format(bias.shape)}; ${shapes}`);
  }
  for (const t of [x, weight]) {
    if (t.dtype !== 'float32') throw new ShapeError(`conv2d: expected dtype float32, got ${t.dtype}; ${shapes}`);
  }
  const [out] = apply(convOp, [x, weight], { stride, padding, dilation });
  return bias ? add(out, reshape(bias, [1, bias.size, 1, 1])) : out;
}
