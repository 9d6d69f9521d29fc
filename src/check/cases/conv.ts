// Cases of convolution and its two gradients: stride, padding, dilation, thin shapes, and sums on two levels.
import { grad } from '../../autograd/tape.ts';
import { expand } from '../../ops/broadcast.ts';
import { type ConvOptions, conv2d } from '../../ops/conv.ts';
import { permute } from '../../ops/movement.ts';
import { mean } from '../../ops/reduction.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { crowd, given, normal, whole } from '../values.ts';

/** Shapes of input [N, I, H, W] and weight [O, I, KH, KW], with options. */
const geometries: [title: string, x: Shape, weight: Shape, options?: ConvOptions][] = [
  ['one element', [1, 1, 1, 1], [1, 1, 1, 1]],
  ['1 by 1 taps', [2, 3, 5, 7], [4, 3, 1, 1]],
  ['3 by 3 taps', [2, 3, 7, 9], [5, 3, 3, 3]],
  ['padding', [2, 2, 5, 6], [3, 2, 3, 3], { padding: 1 }],
  ['more padding than the taps reach', [1, 2, 3, 4], [2, 2, 2, 3], { padding: [2, 3] }],
  ['stride', [2, 2, 9, 8], [3, 2, 3, 2], { stride: 2 }],
  ['a stride that leaves a rest', [1, 2, 8, 11], [2, 2, 3, 3], { stride: [3, 4], padding: [1, 0] }],
  ['a stride beyond the taps', [1, 1, 7, 8], [2, 1, 2, 2], { stride: 3 }],
  ['stride in rows only', [1, 2, 9, 10], [2, 2, 3, 3], { stride: [2, 1], padding: 1 }],
  ['dilation', [1, 2, 9, 8], [3, 2, 3, 2], { dilation: [2, 3] }],
  ['dilation in rows only', [1, 2, 9, 10], [2, 2, 3, 3], { dilation: [2, 1], padding: [2, 1] }],
  ['stride, padding and dilation', [2, 3, 11, 10], [4, 3, 3, 2], { stride: [2, 3], padding: [2, 1], dilation: [2, 2] }],
  ['one row', [2, 2, 1, 19], [3, 2, 1, 5], { padding: [0, 2] }],
  ['one column', [2, 2, 19, 1], [3, 2, 5, 1], { padding: [2, 0] }],
  ['5 by 5 taps', [2, 2, 9, 17], [2, 2, 5, 5], { padding: 2 }],
  ['a row of 11 taps', [1, 2, 3, 19], [2, 2, 2, 11], { padding: [0, 3] }],
  ['taps that cover the image', [3, 2, 4, 5], [2, 2, 4, 5]],
  ['more channels than a thread takes', [1, 9, 4, 5], [11, 9, 2, 2]],
  ['more channels than a thread takes, and stride', [1, 9, 4, 5], [11, 9, 2, 2], { stride: 2 }],
  ['more columns than a workgroup takes', [1, 11, 4, 4], [2, 11, 3, 3], { padding: 1 }],
];

/** Weight gradients of a geometry: run as an op in its own right, so that its own gradients are checked too. */
const gradients =
  (options: ConvOptions | undefined, of: 0 | 1) =>
  (x: Tensor, weight: Tensor, g: Tensor): Tensor[] =>
    grad(conv2d(x, weight, null, options), [[x, weight][of]], { gradients: [g], createGraph: true }) as Tensor[];

function outputShape([N, , ...image]: Shape, [O, , ...taps]: Shape, options: ConvOptions = {}): Shape {
  const both = (v: number | readonly number[] = 1) => (typeof v === 'number' ? [v, v] : v);
  const [stride, padding, dilation] = [both(options.stride), both(options.padding ?? 0), both(options.dilation)];
  const size = (d: number) => Math.floor((image[d] + 2 * padding[d] - dilation[d] * (taps[d] - 1) - 1) / stride[d]) + 1;
  return [N, O, size(0), size(1)];
}

const shapes = geometries.flatMap(([title, x, weight, options]): Case[] => [
  { op: 'conv2d', title, inputs: [normal(x), normal(weight)], run: (x, weight) => conv2d(x, weight, null, options) },
  {
    op: 'conv2dInputGrad',
    title,
    inputs: [normal(x), normal(weight), normal(outputShape(x, weight, options))],
    run: gradients(options, 0),
  },
  {
    op: 'conv2dWeightGrad',
    title,
    inputs: [normal(x), normal(weight), normal(outputShape(x, weight, options))],
    run: gradients(options, 1),
  },
]);

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

const others: Case[] = [
  {
    op: 'conv2d',
    title: 'bias',
    inputs: [normal([2, 2, 4, 5]), normal([3, 2, 2, 2]), normal([3])],
    run: (x, w, b) => conv2d(x, w, b),
  },
  {
    op: 'conv2d',
    title: 'NaN and infinities, which reach their own windows only',
    inputs: [given([nan, 1, 2, 3, 4, 5, inf, 6, 7, 8, 9, 1], [1, 1, 3, 4]), normal([2, 1, 2, 2])],
    run: (x, weight) => [conv2d(x, weight, null, { padding: 1 }), conv2d(x, weight, null, { padding: 1, stride: 2 })],
    gradients: 'none',
  },
  {
    op: 'conv2d',
    title: 'a window at an offset where memory can be bound',
    inputs: [normal([100]), normal([2, 2, 2, 2])],
    run: (x, weight) => conv2d(x.alias('window', { shape: [1, 2, 3, 4], strides: [24, 12, 4, 1], offset: 64 }), weight),
    gradients: 'none',
  },
  {
    op: 'conv2d',
    title: 'channels last, which are copied',
    inputs: [normal([2, 4, 5, 3]), normal([2, 3, 2, 2])],
    run: (x, weight) => conv2d(permute(x, [0, 3, 1, 2]), weight),
  },
  {
    op: 'conv2dWeightGrad',
    title: 'no images',
    inputs: [normal([0, 2, 4, 5]), normal([3, 2, 2, 2]), normal([0, 3, 3, 4])],
    run: gradients(undefined, 1),
  },
  {
    op: 'conv2d',
    title: 'no images',
    inputs: [normal([0, 2, 4, 5]), normal([3, 2, 2, 2])],
    run: (x, w) => conv2d(x, w),
  },
  {
    op: 'conv2dWeightGrad',
    title: 'positions on two levels',
    inputs: [normal([3, 1, 21, 30]), normal([2, 1, 2, 2]), normal([3, 2, 20, 29])],
    run: gradients(undefined, 1),
    gradients: 'compare',
  },
  {
    op: 'conv2dWeightGrad',
    title: 'rows longer than a chunk',
    inputs: [normal([1, 1, 2, 701]), normal([1, 1, 1, 2]), normal([1, 1, 2, 700])],
    run: gradients(undefined, 1),
    gradients: 'compare',
  },
];

/** Images so many that kernels need more workgroups than one dimension holds. Their mean is theirs, as all are alike. */
const many: Case[] = [
  {
    op: 'conv2d',
    title: 'more rows than one dimension of workgroups holds',
    large: true,
    inputs: [normal([1, 1, 1, 2]), normal([1, 1, 1, 2])],
    run: (x, weight) => mean(conv2d(expand(x, [crowd(x), 1, 1, 2]), weight), 0),
    reference: (x, weight) => mean(conv2d(x, weight), 0),
    gradients: 'none',
  },
  {
    op: 'conv2d',
    title: 'more positions than one dimension of workgroups holds',
    large: true,
    inputs: [normal([1, 1, 1, 2]), normal([1, 1, 1, 1])],
    run: (x, weight) => mean(conv2d(expand(x, [4 * crowd(x), 1, 1, 2]), weight, null, { stride: 2 }), 0),
    reference: (x, weight) => mean(conv2d(x, weight, null, { stride: 2 }), 0),
    gradients: 'none',
  },
];

const image = normal([1, 2, 4, 4]);
const refused: Case[] = [
  refusal(
    'conv2d',
    'three dims',
    [normal([2, 4, 4]), normal([3, 2, 2, 2])],
    (x, w) => conv2d(x, w),
    /conv2d: expected input \[N, C, H, W\]/,
  ),
  refusal(
    'conv2d',
    'other channels',
    [image, normal([3, 5, 2, 2])],
    (x, w) => conv2d(x, w),
    /weight expects 5 input channels, input has 2/,
  ),
  refusal(
    'conv2d',
    'no taps',
    [image, normal([3, 2, 0, 2])],
    (x, w) => conv2d(x, w),
    /expected a weight that is not empty/,
  ),
  refusal(
    'conv2d',
    'another bias',
    [image, normal([3, 2, 2, 2]), normal([2])],
    (x, w, b) => conv2d(x, w, b),
    /conv2d: expected bias \[3\], got \[2\]/,
  ),
  refusal(
    'conv2d',
    'taps beyond the image',
    [image, normal([3, 2, 5, 2])],
    (x, w) => conv2d(x, w),
    /a window of 5 does not fit an image of 4 with padding 0/,
  ),
  refusal(
    'conv2d',
    'stride 0',
    [image, normal([3, 2, 2, 2])],
    (x, w) => conv2d(x, w, null, { stride: 0 }),
    /expected stride as one or two whole numbers of at least 1, got 0/,
  ),
  refusal(
    'conv2d',
    'three paddings',
    [image, normal([3, 2, 2, 2])],
    (x, w) => conv2d(x, w, null, { padding: [1, 1, 1] as never }),
    /expected padding as one or two/,
  ),
  refusal(
    'conv2d',
    'int32',
    [whole(0, 9, [1, 2, 4, 4]), normal([3, 2, 2, 2])],
    (x, w) => conv2d(x, w),
    /conv2d: expected dtype float32, got int32/,
  ),
];

export const cases = family({ forward: 1e-6, gradient: 1e-6 }, [...shapes, ...others, ...many, ...refused]);
