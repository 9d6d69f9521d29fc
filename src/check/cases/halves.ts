// Cases of float16 in kernels that are written for float32, and of loss scaling. Inputs are whole numbers, so that outputs are
// exact, whatever is rounded in memory; gradients are those of weights that are not.
import { avgPool2d } from '../../ops/average-pool.ts';
import { type ConvOptions, conv2d, convTranspose2d } from '../../ops/conv.ts';
import { unscaleOp, updateScaleOp } from '../../ops/loss-scale.ts';
import { linear, matmul } from '../../ops/matmul.ts';
import { maxPool2d } from '../../ops/max-pool.ts';
import { transpose } from '../../ops/movement.ts';
import { dropout } from '../../ops/random.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { digits, given, type Input, normal, whole } from '../values.ts';
import { half, halves } from './families.ts';
import { crowded, directly, inPlace, once, WHOLE } from './in-place.ts';

/** Halves hold 11 bits: gradients are rounded to these on each of their ways. */
const EXACT = { tolerance: { forward: 0, gradient: 2e-3 } };

/** A call on halves of exact values. */
const exact = (op: string, title: string, shapes: Shape[], run: Run, more: Partial<Case> = {}): Case =>
  halves(op, `float16, ${title}`, shapes.map(digits), (...inputs) => run(...inputs.map(half)), { ...EXACT, ...more });

const product = (title: string, a: Shape, b: Shape, run: Run = matmul): Case => exact('matmul', title, [a, b], run);

const products: Case[] = [
  product('tails in every dim', [5, 3], [3, 7]),
  product('primes beyond a tile', [13, 37], [37, 67]),
  product('whole tiles', [16, 8], [8, 64]),
  product('a row and a matrix', [1, 19], [19, 5]),
  product('a matrix and a column', [17, 11], [11, 1]),
  product('no inner elements', [3, 0], [0, 5]),
  product('no rows', [0, 3], [3, 5]),
  product('NT', [9, 13], [11, 13], (a, b) => matmul(a, transpose(b))),
  product('TN', [13, 9], [13, 11], (a, b) => matmul(transpose(a), b)),
  product('in quads, NT', [20, 24], [28, 24], (a, b) => matmul(a, transpose(b))),
  product('in quads, TN', [24, 20], [24, 28], (a, b) => matmul(transpose(a), b)),
  product('a batch', [3, 5, 7], [3, 7, 9]),
  product('a batch and one matrix', [2, 5, 7], [7, 9]),
  halves('matmul', 'float16, long sums', [normal([3, 4099]), normal([4099, 5])], (a, b) => matmul(half(a), half(b)), {
    gradients: 'compare',
  }),
  exact('matmul', 'linear', [[4, 5, 7], [9, 7], [9]], linear),
];

const geometries: [title: string, x: Shape, weight: Shape, options?: ConvOptions][] = [
  ['3 by 3 taps', [2, 3, 7, 9], [5, 3, 3, 3], { padding: 1 }],
  ['1 by 1 taps', [2, 20, 4, 5], [24, 20, 1, 1]],
  ['stride', [2, 2, 9, 8], [3, 2, 3, 2], { stride: 2, padding: 1 }],
  ['dilation', [1, 2, 9, 8], [3, 2, 3, 2], { dilation: [2, 3] }],
  ['a row of 11 taps', [1, 4, 2, 15], [9, 4, 2, 11], { padding: [0, 3] }],
  ['more channels than a thread takes', [1, 9, 4, 5], [11, 9, 2, 2]],
  ['such channels, and stride', [1, 9, 4, 5], [11, 9, 2, 2], { stride: 2 }],
  ['depthwise', [2, 5, 6, 7], [5, 1, 3, 3], { padding: 1, groups: 5 }],
  ['depthwise, and stride', [2, 3, 7, 8], [6, 1, 3, 3], { stride: 2, padding: 1, groups: 3 }],
  ['tiles, in groups', [2, 36, 5, 7], [40, 18, 3, 3], { padding: 1, groups: 2 }],
  ['tiles, stride', [2, 18, 9, 10], [17, 18, 3, 2], { stride: [2, 3], padding: [1, 2] }],
];

const convolutions: Case[] = [
  ...geometries.map(([title, x, weight, options]) =>
    exact('conv2d', title, [x, weight], (x, weight) => conv2d(x, weight, null, options)),
  ),
  exact(
    'conv2d',
    'long sums',
    [
      [1, 140, 3, 4],
      [3, 140, 3, 3],
    ],
    (x, w) => conv2d(x, w),
    { gradients: 'compare' },
  ),
  exact('conv2d', 'bias', [[2, 3, 5, 4], [5, 3, 2, 2], [5]], (x, w, b) => conv2d(x, w, b)),
  exact('conv2dInputGrad', 'transposed', [[2, 3, 4, 5], [3, 4, 3, 2], [4]], (x, w, b) =>
    convTranspose2d(x, w, b, { stride: 2 }),
  ),
];

/** Numbers of which no two are equal, and which float16 holds. */
const ranks =
  (shape: Shape): Input =>
  (stream) => {
    const made = normal(shape)(stream);
    const order = [...made.data.keys()].sort((a, b) => made.data[a] - made.data[b]);
    const data = Float32Array.from(made.data);
    order.forEach((at, rank) => {
      data[at] = rank - 100;
    });
    return { ...made, data };
  };

const pooled = (title: string, shape: Shape, run: (x: Tensor) => Tensor | Tensor[]): Case =>
  halves('maxPool2d', `float16, ${title}`, [ranks(shape)], (x) => run(half(x)), EXACT);

const pools: Case[] = [
  pooled('windows side by side', [2, 3, 5, 7], (x) => maxPool2d(x, 2)),
  pooled('windows that overlap', [1, 2, 7, 9], (x) => maxPool2d(x, 3, { stride: 2, padding: 1 })),
  pooled('winners', [1, 2, 5, 6], (x) => maxPool2d(x, 2, { returnIndices: true })),
  halves('avgPool2d', 'float16', [digits([2, 3, 6, 7])], (x) => avgPool2d(half(x), 2), EXACT),
  halves('avgPool2d', 'float16, windows that overlap', [digits([1, 2, 7, 9])], (x) =>
    avgPool2d(half(x), 3, { stride: 2, padding: 1 }),
  ),
  halves('dropout', 'float16', [digits([7, 39])], (x) => dropout(half(x), 0.5, { seed: 3, stream: 5 }), EXACT),
];

const unscale = inPlace(unscaleOp, {});
const scaling = { growth: 2, backoff: 0.25, interval: 3 };
/** What becomes of [scale, streak, found], after a norm. */
const judged = (title: string, [scale, streak, norm]: number[]): Case =>
  once(
    'updateScale',
    title,
    [scale, streak, 7, norm].map((v) => given([v], [])),
    inPlace(updateScaleOp, scaling),
  );

const scales: Case[] = [
  once('unscale', 'more than one workgroup', [normal([517]), given([8], [])], unscale),
  once('unscale', 'whole workgroups', [normal([WHOLE]), given([8], [])], unscale),
  once('unscale', 'no elements', [normal([0]), given([8], [])], unscale),
  once(
    'unscale',
    'special values',
    [given([0, -0, 3, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]), given([0.5], [])],
    unscale,
  ),
  crowded(unscaleOp, {}, [given([3], [1]), given([4], [])]),
  ...Object.entries({ 'two scales': normal([2]), 'an int32 scale': whole(0, 9, []) }).map(([title, scale]) =>
    refusal(
      'unscale',
      title,
      [normal([4]), scale],
      directly(unscaleOp, {}),
      /^unscale: expected a number, float32 \[\]/,
    ),
  ),
  refusal(
    'unscale',
    'a matrix',
    [normal([2, 2]), given([1], [])],
    directly(unscaleOp, {}),
    /^unscale: expected flat tensors/,
  ),
  judged('a good step', [64, 0, 5]),
  judged('one before the scale grows', [64, 1, 5]),
  judged('the scale grows', [64, 2, 5]),
  judged('a scale that would be infinite stays', [2 ** 127, 2, 5]),
  judged('a norm of 0', [64, 1, 0]),
  judged('the largest norm', [64, 1, 3.4028234663852886e38]),
  judged('an infinite norm', [64, 2, Number.POSITIVE_INFINITY]),
  judged('NaN', [64, 1, Number.NaN]),
  refusal(
    'updateScale',
    'a vector',
    [normal([]), normal([]), normal([]), normal([3])],
    directly(updateScaleOp, scaling),
    /^updateScale: expected a number, float32 \[\], got float32 \[3\]/,
  ),
];

export const cases: Case[] = [
  ...products,
  ...convolutions,
  ...pools,
  ...family({ forward: 1e-6, gradient: 0 }, scales),
];
