// Cases of convolution and its two gradients: stride, padding, dilation, groups, thin shapes, and sums on two levels.
import { grad } from '../../autograd/backward.ts';
import { expand } from '../../ops/broadcast.ts';
import { type ConvOptions, conv2d, convTranspose2d } from '../../ops/conv.ts';
import { CONFIGURATIONS } from '../../ops/gemm-config.ts';
import { permute } from '../../ops/movement.ts';
import { mean } from '../../ops/reduction.ts';
import type { Pair } from '../../ops/window.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family } from '../case.ts';
import { crowd, given, type Input, normal } from '../values.ts';

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
  ['5 by 5 taps', [1, 4, 3, 9], [9, 4, 5, 5], { padding: 2 }],
  ['5 by 5 taps, of few channels', [2, 2, 4, 17], [2, 2, 5, 5], { padding: 2 }],
  ['a row of 11 taps', [1, 4, 2, 15], [9, 4, 2, 11], { padding: [0, 3] }],
  ['a row of 11 taps, of few channels', [1, 2, 3, 19], [2, 2, 2, 11], { padding: [0, 3] }],
  ['a row of 8 taps, more channels than a thread takes', [1, 1, 3, 10], [16, 1, 1, 8]],
  ['a row of 9 taps', [1, 1, 3, 12], [9, 1, 1, 9]],
  ['taps that cover the image', [3, 2, 4, 5], [2, 2, 4, 5]],
  ['more channels than a thread takes', [1, 9, 4, 5], [11, 9, 2, 2]],
  ['more channels than a thread takes, and stride', [1, 9, 4, 5], [11, 9, 2, 2], { stride: 2 }],
  ['more columns than a workgroup takes', [1, 31, 2, 3], [4, 31, 3, 3], { padding: 1 }],
  ['rows of taps for four small workgroups, on two levels', [3, 10, 30, 9], [2, 10, 3, 3], { padding: 1 }],
  ['such columns, and stride', [3, 14, 59, 17], [2, 14, 3, 3], { stride: 2, padding: 1 }],
  ['two groups', [2, 4, 5, 6], [6, 2, 3, 3], { padding: 1, groups: 2 }],
  ['groups of as many channels as a thread takes', [1, 2, 4, 4], [16, 1, 3, 3], { padding: 1, groups: 2 }],
  ['groups of more channels than a thread takes', [1, 18, 3, 4], [22, 9, 2, 2], { groups: 2 }],
  ['groups of seven channels', [1, 2, 3, 5], [14, 1, 2, 2], { groups: 2 }],
  ['such groups, and stride', [1, 27, 3, 4], [33, 9, 2, 2], { stride: 2, groups: 3 }],
  ['depthwise', [2, 5, 6, 7], [5, 1, 3, 3], { padding: 1, groups: 5 }],
  ['depthwise, with two channels of each', [2, 3, 7, 8], [6, 1, 3, 3], { stride: 2, padding: 1, groups: 3 }],
  ['depthwise, with nine channels of each', [2, 3, 4, 5], [27, 1, 2, 2], { groups: 3 }],
  ['depthwise, more taps than a workgroup takes', [1, 31, 3, 3], [31, 1, 3, 3], { padding: 1, groups: 31 }],
  ['tiles, in groups', [2, 36, 5, 7], [40, 18, 3, 3], { padding: 1, groups: 2 }],
  [
    'tiles, stride, padding and dilation',
    [2, 18, 9, 10],
    [17, 18, 3, 2],
    { stride: [2, 3], padding: [1, 2], dilation: [2, 1] },
  ],
  ['tiles, 1 by 1 taps, in quads', [3, 20, 4, 5], [24, 20, 1, 1]],
  ['tiles, 1 by 1 taps, odd, in groups', [2, 38, 3, 7], [42, 19, 1, 1], { groups: 2 }],
  ['depthwise, 11 taps', [1, 3, 3, 19], [3, 1, 2, 11], { padding: [1, 5], groups: 3 }],
];

/** Weight gradients of a geometry: run as an op in its own right, so that its own gradients are checked too. */
const gradients =
  (options: ConvOptions | undefined, of: 0 | 1) =>
  (x: Tensor, weight: Tensor, g: Tensor): Tensor[] =>
    grad(conv2d(x, weight, null, options), [[x, weight][of]], { gradients: [g], createGraph: true }) as Tensor[];

function outputShape([N, , ...image]: Shape, [O, , ...taps]: Shape, options: ConvOptions = {}): Shape {
  const both = (v: number | readonly number[] = 1) => (typeof v === 'number' ? [v, v] : v);
  const padding = both((options.padding as number | Pair) ?? 0);
  const [stride, dilation] = [both(options.stride), both(options.dilation)];
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

/** One window along a row on software adapters, each position by itself on others; the gradients, too. */
const kinds = [
  ['3 by 3 taps', [1, 2, 4, 9], [9, 2, 3, 3]],
  ['5 by 5 taps, of few channels', [2, 2, 4, 17], [2, 2, 5, 5]],
] as const;

const planned: Case[] = [
  ...kinds.map(
    ([title, x, weight]): Case => ({
      ...{ op: 'conv2d', title: `plans of both kinds, ${title}`, inputs: [normal(x), normal(weight)] },
      run: (x, weight) => conv2d(x, weight, null, { padding: 1 }),
      gradients: 'compare',
      also: [{ plans: 'software' }, { plans: 'hardware' }],
    }),
  ),
  ...(
    [
      ['tiles, more than one of any size', normal([2, 15, 7, 11]), normal([131, 15, 3, 3]), { padding: 1 }],
      ['tiles, with strides', normal([2, 5, 9, 12]), normal([17, 5, 3, 3]), { padding: 2, stride: [2, 3] }],
    ] as [string, Input, Input, ConvOptions][]
  ).map(
    ([title, x, weight, options]): Case => ({
      ...{ op: 'conv2d', title, inputs: [x, weight] },
      run: (x, weight) => conv2d(x, weight, null, options),
      gradients: 'compare',
      also: CONFIGURATIONS.map((configuration) => ({ configuration })),
    }),
  ),
];

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
    inputs: [normal([3, 1, 21, 30]), normal([9, 1, 2, 2]), normal([3, 9, 20, 29])],
    run: gradients(undefined, 1),
    gradients: 'compare',
  },
  {
    op: 'conv2dWeightGrad',
    title: 'positions on two levels, depthwise',
    inputs: [normal([3, 2, 21, 30]), normal([2, 1, 2, 2]), normal([3, 2, 20, 29])],
    run: gradients({ groups: 2 }, 1),
    gradients: 'compare',
  },
  {
    op: 'conv2dWeightGrad',
    title: 'rows longer than a chunk',
    inputs: [normal([2, 1, 2, 1201]), normal([1, 1, 1, 2]), normal([2, 1, 2, 1200])],
    run: gradients(undefined, 1),
    gradients: 'compare',
  },
  {
    op: 'conv2dWeightGrad',
    title: 'rows longer than a chunk, with stride and more channels',
    inputs: [normal([2, 2, 2, 1402]), normal([5, 2, 1, 2]), normal([2, 5, 2, 701])],
    run: gradients({ stride: [1, 2] }, 1),
    gradients: 'compare',
  },
  {
    op: 'conv2d',
    title: 'long sums of products, in blocks',
    inputs: [normal([2, 1300, 2, 3]), normal([16, 650, 2, 2])],
    run: (x, weight) => conv2d(x, weight, null, { groups: 2 }),
    gradients: 'compare',
  },
  {
    op: 'conv2dInputGrad',
    title: 'long sums of products, in blocks',
    inputs: [normal([2, 16, 2, 3]), normal([1300, 8, 2, 2]), normal([2, 1300, 1, 2])],
    run: gradients({ groups: 2 }, 0),
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
  {
    op: 'conv2d',
    title: 'depthwise, more channels than one dimension of workgroups holds',
    large: true,
    inputs: [normal([1, 65_537, 1, 1]), normal([65_537, 1, 1, 1])],
    run: (x, weight) => conv2d(x, weight, null, { groups: 65_537 }),
    gradients: 'none',
  },
  // More channels than 65,535 tiles of 8 hold.
  {
    op: 'conv2d',
    title: 'more channels than one dimension of workgroups holds',
    large: true,
    inputs: [normal([1, 1, 1, 1]), normal([524_289, 1, 1, 1])],
    run: (x, weight) => conv2d(x, weight),
    gradients: 'none',
  },
  {
    op: 'conv2dInputGrad',
    title: 'more channels than one dimension of workgroups holds',
    large: true,
    inputs: [normal([1, 1, 1, 1]), normal([1, 524_289, 1, 1])],
    run: (x, weight) => convTranspose2d(x, weight, null, { stride: 2 }),
    gradients: 'none',
  },
  ...[undefined, { stride: 2 }].map(
    (options): Case => ({
      op: 'conv2dWeightGrad',
      title: `more channels than one dimension of workgroups holds${options ? ', and stride' : ''}`,
      large: true,
      inputs: [normal([1, 1, 1, 1]), normal([1]), normal([1, 524_289, 1, 1])],
      run: (x, weight, g) => gradients(options, 1)(x, expand(weight, [524_289, 1, 1, 1]), g),
      gradients: 'none',
    }),
  ),
];

export const cases = family({ forward: 1e-6, gradient: 1e-6 }, [...shapes, ...planned, ...others, ...many]);
