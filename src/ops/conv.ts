// Convolution of images, forward and transposed, and its gradients. All are one sum of products of image, weight and
// result; its three rows are bilinear, and each has the other two as gradients, so derivatives of any order come by themselves.
import { define, type Op } from '../autograd/op.ts';
import { apply, checkInputs } from '../autograd/tape.ts';
import type { Spec } from '../tensor/backend.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ConvAttrs } from './conv-attrs.ts';
import { planGather, planWeightGrad } from './conv-plan.ts';
import { biased, floatOf } from './half.ts';
import { inHalves } from './launch.ts';
import { reshape } from './movement.ts';
import { type Pair, pair, windowCount } from './window.ts';

/** Calls `visit` for every product of the sum: flat positions in x [N, I, H, W], weight [O, I / groups, KH, KW], out [N, O, outH, outW]. */
function eachProduct(
  x: Shape,
  weight: Shape,
  out: Shape,
  { stride, padding, dilation, groups }: ConvAttrs,
  visit: (x: number, w: number, out: number) => void,
): void {
  const [N, I, H, W] = x;
  const [O, groupI, KH, KW] = weight;
  const [, , outH, outW] = out;
  for (let n = 0; n < N; n++) {
    for (let o = 0; o < O; o++) {
      const first = Math.floor(o / (O / groups)) * groupI;
      for (let i = 0; i < groupI; i++) {
        for (let kh = 0; kh < KH; kh++) {
          for (let kw = 0; kw < KW; kw++) {
            const at = ((o * groupI + i) * KH + kh) * KW + kw;
            for (let h = 0; h < outH; h++) {
              const row = h * stride[0] - padding[0] + kh * dilation[0];
              if (row < 0 || row >= H) continue;
              for (let w = 0; w < outW; w++) {
                const column = w * stride[1] - padding[1] + kw * dilation[1];
                if (column < 0 || column >= W) continue;
                visit(((n * I + first + i) * H + row) * W + column, at, ((n * O + o) * outH + h) * outW + w);
              }
            }
          }
        }
      }
    }
  }
}

/** A multiplication and an addition for each tap of each channel at each position of `result`; taps on padding count, too. */
const flopsOf = (result: Shape, weight: Shape): number => 2 * elementCount(result) * elementCount(weight.slice(1));

/** What the three rows have in common. */
const row = (name: string) => ({
  name,
  outputs: (inputs: Spec[], { shape }: ConvAttrs): Spec[] => [{ shape, dtype: floatOf(name, inputs) }],
  autocast: 'float16' as const,
  puts: true,
});

const convOp: Op<ConvAttrs> = define({
  ...row('conv2d'),
  cpu: ([x, weight], [out], attrs) =>
    eachProduct(x.shape, weight.shape, out.shape, attrs, (i, w, o) => {
      out.data[o] += x.data[i] * weight.data[w];
    }),
  flops: ([, weight], [out]) => flopsOf(out.shape, weight.shape),
  plan: ([x, weight], [out], attrs, gpu) =>
    inHalves(planGather(x.shape, weight.shape, out.shape, attrs, gpu, false), [x, weight], [out]),
  vjp: ([g], { inputs: [x, weight], attrs, needs }) => [
    needs[0] ? apply(inputGradOp, [g!, weight], { ...attrs, shape: x.shape })[0] : null,
    needs[1] ? apply(weightGradOp, [g!, x], { ...attrs, shape: weight.shape })[0] : null,
  ],
});

/** d loss / d x from g and the weights: the transposed convolution. */
const inputGradOp: Op<ConvAttrs> = define({
  ...row('conv2dInputGrad'),
  cpu: ([g, weight], [out], attrs) =>
    eachProduct(out.shape, weight.shape, g.shape, attrs, (i, w, o) => {
      out.data[i] += g.data[o] * weight.data[w];
    }),
  flops: ([g, weight]) => flopsOf(g.shape, weight.shape),
  plan: ([g, weight], [out], attrs, gpu) =>
    inHalves(planGather(g.shape, weight.shape, out.shape, attrs, gpu, true), [g, weight], [out]),
  vjp: ([gg], { inputs: [g, weight], attrs, needs }) => [
    needs[0] ? apply(convOp, [gg!, weight], { ...attrs, shape: g.shape })[0] : null,
    needs[1] ? apply(weightGradOp, [g, gg!], { ...attrs, shape: weight.shape })[0] : null,
  ],
});

/** d loss / d weight from g and x. */
const weightGradOp: Op<ConvAttrs> = define({
  ...row('conv2dWeightGrad'),
  cpu: ([g, x], [out], attrs) =>
    eachProduct(x.shape, out.shape, g.shape, attrs, (i, w, o) => {
      out.data[w] += g.data[o] * x.data[i];
    }),
  flops: ([g], [weight]) => flopsOf(g.shape, weight.shape),
  plan: ([g, x], [out], attrs, gpu) => inHalves(planWeightGrad(g.shape, x.shape, out.shape, attrs, gpu), [g, x], [out]),
  vjp: ([gg], { inputs: [g, x], attrs, needs }) => [
    needs[0] ? apply(convOp, [x, gg!], { ...attrs, shape: g.shape })[0] : null,
    needs[1] ? apply(inputGradOp, [g, gg!], { ...attrs, shape: x.shape })[0] : null,
  ],
});

interface Options<Size> {
  /** Distance between windows. Default 1. */
  stride?: Size;
  /** Distance between the taps of the kernel. Default 1. */
  dilation?: Size;
  /** Channels are cut into so many groups, each with its own weights. Default 1; as many as channels is a depthwise convolution. */
  groups?: number;
}

interface ForwardOptions<Size> extends Options<Size> {
  /**
   * Zeros around the image. 'valid' is none, the default; 'same', for stride 1, keeps the image's size, with one zero more
   * at the end than in front where their number is odd.
   */
  padding?: Size | 'same' | 'valid';
}

interface TransposeOptions<Size> extends Options<Size> {
  /** Rows and columns cut off around the result: the padding of the convolution whose transpose this is. Default 0. */
  padding?: Size;
  /** Rows and columns more at the end of the result; smaller than stride or dilation. Default 0. */
  outputPadding?: Size;
}

export type ConvOptions = ForwardOptions<number | Pair>;
export type Conv1dOptions = ForwardOptions<number>;
export type ConvTransposeOptions = TransposeOptions<number | Pair>;
export type ConvTranspose1dOptions = TransposeOptions<number>;

type AnyOptions = ConvOptions & Pick<ConvTransposeOptions, 'outputPadding'>;

/** A call of any of the public functions. `dims` are those of an image: 2, or 1, which runs as an image of one row. */
interface Call {
  op: string;
  dims: 1 | 2;
  transposed: boolean;
}

const IMAGE = { 1: ['C, L', 'K'], 2: ['C, H, W', 'KH, KW'] };

/** Checks everything about a call before anything runs. Shapes come back as those of images of two dims, in batches. */
function check(
  { op, dims, transposed }: Call,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null | undefined,
  options: AnyOptions,
): { x: Shape; weight: Shape; attrs: ConvAttrs } {
  checkInputs(op, [x, weight], bias);
  const shapes = `input ${format(x.shape)}, weight ${format(weight.shape)}`;
  const expect = (holds: boolean, message: string) => {
    if (!holds) throw new ShapeError(`${op}: ${message}; ${shapes}`);
  };
  const [image, kernel] = IMAGE[dims];
  const channels = transposed ? 'C, O / groups' : 'O, C / groups';
  expect(
    (x.rank === dims + 1 || x.rank === dims + 2) && weight.rank === dims + 2,
    `expected input [N, ${image}] or [${image}] and weight [${channels}, ${kernel}]`,
  );
  const stride = pair(op, 'stride', options.stride ?? 1, 1, dims);
  const dilation = pair(op, 'dilation', options.dilation ?? 1, 1, dims);
  const extra = pair(op, 'outputPadding', options.outputPadding ?? 0, 0, dims);
  const { groups = 1 } = options;
  expect(Number.isInteger(groups) && groups >= 1, `expected groups as a whole number of at least 1, got ${groups}`);

  const lift = (shape: Shape): Shape => (dims === 2 ? shape : [...shape.slice(0, -1), 1, ...shape.slice(-1)]);
  const [N, C, ...size] = lift(x.rank === dims + 1 ? [1, ...x.shape] : x.shape);
  const [first, second, ...taps] = lift(weight.shape);
  const [taken, made] = transposed ? [first, second * groups] : [second * groups, first];
  expect(weight.size > 0, 'expected a weight that is not empty');
  expect(!size.includes(0), 'expected an image that is not empty');
  expect(C % groups === 0, `input channels must be divisible by groups, got ${C} and ${groups}`);
  expect(first % groups === 0, `the first dim of weight must be divisible by groups, got ${first} and ${groups}`);
  expect(
    C === taken,
    `weight expects ${taken} input channels${groups > 1 ? ` in ${groups} groups` : ''}, input has ${C}`,
  );
  floatOf(op, bias ? [x, weight, bias] : [x, weight]);
  if (bias) expect(bias.rank === 1 && bias.size === made, `expected bias [${made}], got ${format(bias.shape)}`);

  const same = options.padding === 'same' && !transposed;
  expect(!same || stride.every((s) => s === 1), `padding 'same' needs stride 1, got ${options.stride}`);
  const zeros = options.padding === 'valid' && !transposed ? 0 : (options.padding ?? 0);
  // Of an odd number of zeros, one half is not whole: windowCount takes all of them, the front gets the smaller part.
  const padding = same ? taps.map((k, d) => (dilation[d] * (k - 1)) / 2) : pair(op, 'padding', zeros, 0, dims);
  const outSize = size.map((n, d) => {
    if (!transposed) return windowCount(op, n, taps[d], stride[d], padding[d], dilation[d]);
    expect(
      extra[d] < stride[d] || extra[d] < dilation[d],
      `expected outputPadding smaller than stride or dilation, got ${extra[d]}, ${stride[d]} and ${dilation[d]}`,
    );
    const count = (n - 1) * stride[d] - 2 * padding[d] + dilation[d] * (taps[d] - 1) + extra[d] + 1;
    expect(count >= 1, `nothing is left of the result with padding ${padding[d]}`);
    return count;
  });
  return {
    x: [N, C, ...size],
    weight: [first, second, ...taps],
    attrs: {
      stride,
      padding: padding.map(Math.floor) as Pair,
      dilation,
      groups,
      shape: [N, made, ...outSize],
    },
  };
}

function convolve(call: Call, x: Tensor, weight: Tensor, bias?: Tensor | null, options: AnyOptions = {}): Tensor {
  const { attrs, ...shapes } = check(call, x, weight, bias, options);
  const images = x.rank === 4 ? x : reshape(x, shapes.x);
  const kernels = weight.rank === 4 ? weight : reshape(weight, shapes.weight);
  const [product] = apply(call.transposed ? inputGradOp : convOp, [images, kernels], attrs);
  const out = bias ? biased(product, reshape(bias, [1, bias.size, 1, 1])) : product;
  const [N, O, ...size] = attrs.shape;
  const own = [O, ...size.slice(2 - call.dims)];
  return x.rank === 4 ? out : reshape(out, x.rank === call.dims + 1 ? own : [N, ...own]);
}

/**
 * 2-D convolution (cross-correlation, as everywhere in deep learning): out[n, o, i, j] = bias[o] + the sum over c, u,
 * v of weight[o, c, u, v] x[n, first + c, stride i - padding + dilation u, stride j - padding + dilation v], where
 * first is the first channel of o's group, and x is 0 in the padding, where a weight of NaN or Infinity gives NaN. x
 * [N, C, H, W] or [C, H, W], weight [O, C / groups, KH, KW], bias [O]; out [N, O, outH, outW] or [O, outH, outW] with
 * outH = floor((H + 2 padding - dilation (KH - 1) - 1) / stride) + 1. Throws a ShapeError for other ranks, for
 * channels, groups or a bias that do not fit, for an empty weight or image, for a kernel larger than the padded
 * image, for options that are no whole numbers of at least 1 (padding: 0), for padding 'same' with another stride
 * than 1, and for other dtypes than float32 and float16, or two of them.
 */
export const conv2d = (x: Tensor, weight: Tensor, bias?: Tensor | null, options?: ConvOptions): Tensor =>
  convolve({ op: 'conv2d', dims: 2, transposed: false }, x, weight, bias, options);

/**
 * 1-D convolution: out[n, o, i] = bias[o] + the sum over c, u of weight[o, c, u] x[n, first + c, stride i - padding +
 * dilation u], where first is the first channel of o's group, and x is 0 in the padding, where a weight of NaN or
 * Infinity gives NaN. x [N, C, L] or [C, L], weight [O, C / groups, K], bias [O]; out [N, O, outL] or [O, outL] with
 * outL = floor((L + 2 padding - dilation (K - 1) - 1) / stride) + 1. Throws a ShapeError as conv2d does.
 */
export const conv1d = (x: Tensor, weight: Tensor, bias?: Tensor | null, options?: Conv1dOptions): Tensor =>
  convolve({ op: 'conv1d', dims: 1, transposed: false }, x, weight, bias, options);

/**
 * Transposed 2-D convolution, the gradient of conv2d with respect to its input, plus bias[o]: out[n, o, y, x] = the
 * sum of weight[c, o, u, v] x[n, c, i, j] over all c of o's group, in which o is counted, and all i, j, u, v with y =
 * stride i - padding + dilation u and x = stride j - padding + dilation v. x [N, C, H, W] or [C, H, W], weight [C, O
 * / groups, KH, KW], bias [O]; out [N, O, outH, outW] or [O, outH, outW] with outH = (H - 1) stride - 2 padding +
 * dilation (KH - 1) + outputPadding + 1. Throws a ShapeError as conv2d does, for an outputPadding that is not below
 * stride or dilation, and for padding that leaves nothing of the result.
 */
export const convTranspose2d = (x: Tensor, weight: Tensor, bias?: Tensor | null, options?: ConvTransposeOptions) =>
  convolve({ op: 'convTranspose2d', dims: 2, transposed: true }, x, weight, bias, options);

/**
 * Transposed 1-D convolution, plus bias[o]: out[n, o, y] = the sum of weight[c, o, u] x[n, c, i] over all c of o's
 * group, in which o is counted, and all i, u with y = stride i - padding + dilation u. x [N, C, L] or [C, L], weight
 * [C, O / groups, K], bias [O]; out [N, O, outL] or [O, outL] with outL = (L - 1) stride - 2 padding + dilation (K -
 * 1) + outputPadding + 1. Throws a ShapeError as convTranspose2d does.
 */
export const convTranspose1d = (x: Tensor, weight: Tensor, bias?: Tensor | null, options?: ConvTranspose1dOptions) =>
  convolve({ op: 'convTranspose1d', dims: 1, transposed: true }, x, weight, bias, options);
