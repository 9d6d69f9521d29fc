// Cases of max pooling, of its gradient, and of the gradient of that.
import { grad } from '../../autograd/tape.ts';
import { expand } from '../../ops/broadcast.ts';
import { transpose } from '../../ops/movement.ts';
import { maxPool2d, type PoolOptions } from '../../ops/pool.ts';
import { mean } from '../../ops/reduction.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { apart, crowd, given, normal, whole } from '../values.ts';

type Pair = [number, number];

/** Maxima are exact, gradients are sums over few windows; a mean rounds. */
const EXACT = { forward: 0, gradient: 1e-7 };
const MEAN = { forward: 1e-6 };

const geometries: [title: string, x: Shape, kernel: number | Pair, out: Shape, options?: PoolOptions][] = [
  ['one element', [1, 1, 1, 1], 1, [1, 1, 1, 1]],
  ['2 by 2', [2, 3, 4, 6], 2, [2, 3, 2, 3]],
  ['rests at the edges', [2, 2, 5, 7], 2, [2, 2, 2, 3]],
  ['rows and columns of more than a quad', [1, 2, 6, 18], [3, 2], [1, 2, 2, 9]],
  ['windows that overlap', [2, 2, 7, 9], 3, [2, 2, 3, 4], { stride: 2 }],
  ['windows one by one', [1, 2, 5, 6], [3, 2], [1, 2, 3, 5], { stride: 1 }],
  ['padding', [1, 2, 5, 6], 3, [1, 2, 3, 3], { stride: 2, padding: 1 }],
  ['padding in columns', [2, 1, 4, 6], [2, 4], [2, 1, 2, 2], { padding: [0, 2] }],
  ['windows apart', [1, 2, 8, 11], 2, [1, 2, 3, 3], { stride: [3, 4] }],
  ['one row', [3, 1, 1, 13], [1, 3], [3, 1, 1, 4]],
  ['a window on all', [2, 3, 5, 4], [5, 4], [2, 3, 1, 1]],
];

/** The gradient of the image, and the gradient of that with respect to g: the elements of gg at the winners. */
const imageGrad = (kernel: number | Pair, options?: PoolOptions) => (x: Tensor, g: Tensor) =>
  grad(maxPool2d(x, kernel, options), [x], { gradients: [g], createGraph: true }) as Tensor[];

const winners = (kernel: number | Pair, options?: PoolOptions) => (x: Tensor, g: Tensor, gg: Tensor) =>
  grad(imageGrad(kernel, options)(x, g), [g], { gradients: [gg], createGraph: true }) as Tensor[];

const shapes = geometries.flatMap(([title, x, kernel, out, options]): Case[] => [
  { op: 'maxPool2d', title, inputs: [apart(x)], run: (x) => maxPool2d(x, kernel, options) },
  {
    op: 'maxPool2dGrad',
    title,
    inputs: [apart(x), normal(out)],
    run: imageGrad(kernel, options),
    tolerance: { forward: EXACT.gradient },
  },
  { op: 'maxPool2dGather', title, inputs: [apart(x), normal(out), normal(x)], run: winners(kernel, options) },
]);

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

const values: Case[] = [
  {
    op: 'maxPool2d',
    title: 'ties, of which the first wins',
    inputs: [given([1, 2, 2, 1, 2, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 4, 4])],
    run: (x) => maxPool2d(x, 2),
    gradients: 'compare',
  },
  {
    op: 'maxPool2d',
    title: 'NaN and infinities',
    inputs: [given([1, nan, -inf, -inf, nan, 2, -inf, -inf, inf, 3, nan, inf, 1, 2, inf, nan], [1, 1, 4, 4])],
    run: (x) => maxPool2d(x, 2),
    gradients: 'compare',
  },
  {
    op: 'maxPool2d',
    title: 'padding around negative numbers, which does not win',
    inputs: [given([-1, -2, -3, -4], [1, 1, 2, 2])],
    run: (x) => maxPool2d(x, 2, { padding: 1 }),
    gradients: 'compare',
  },
  {
    op: 'maxPool2d',
    title: 'a transposed image, which is copied',
    inputs: [apart([1, 2, 4, 6])],
    run: (x) => maxPool2d(transpose(x), 2),
  },
  { op: 'maxPool2d', title: 'no images', inputs: [normal([0, 2, 4, 4])], run: (x) => maxPool2d(x, 2) },
];

/** Images so many that each kernel needs more workgroups than one dimension holds. Their mean is theirs, as all are alike. */
const many: Case[] = [
  {
    op: 'maxPool2d',
    title: 'more rows than one dimension of workgroups holds',
    large: true,
    inputs: [normal([1, 1, 2, 2])],
    run: (x) => mean(maxPool2d(expand(x, [crowd(x), 1, 2, 2]), 2), 0),
    reference: (x) => mean(maxPool2d(x, 2), 0),
    gradients: 'none',
    tolerance: MEAN,
  },
  {
    op: 'maxPool2dGrad',
    title: 'more rows than one dimension of workgroups holds',
    large: true,
    inputs: [normal([1, 1, 1, 2]), normal([1, 1, 1, 1])],
    run: (x, g) => {
      const images = crowd(x);
      const crowded = imageGrad([1, 2])(expand(x, [images, 1, 1, 2]), expand(g, [images, 1, 1, 1]));
      return crowded.map((dx) => mean(dx, 0));
    },
    reference: (x, g) => imageGrad([1, 2])(x, g).map((dx) => mean(dx, 0)),
    gradients: 'none',
    tolerance: MEAN,
  },
];

const image = normal([1, 2, 4, 4]);
const refused: Case[] = [
  refusal(
    'maxPool2d',
    'three dims',
    [normal([2, 4, 4])],
    (x) => maxPool2d(x, 2),
    /maxPool2d: expected input \[N, C, H, W\], got \[2,4,4\]/,
  ),
  refusal(
    'maxPool2d',
    'int32',
    [whole(0, 9, [1, 1, 2, 2])],
    (x) => maxPool2d(x, 2),
    /maxPool2d: expected dtype float32, got int32/,
  ),
  refusal(
    'maxPool2d',
    'a window beyond the image',
    [image],
    (x) => maxPool2d(x, 5),
    /a window of 5 does not fit an image of 4/,
  ),
  refusal(
    'maxPool2d',
    'padding beyond half the window',
    [image],
    (x) => maxPool2d(x, 2, { padding: 2 }),
    /padding must be at most half the kernel/,
  ),
  refusal(
    'maxPool2d',
    'stride 0',
    [image],
    (x) => maxPool2d(x, 2, { stride: 0 }),
    /expected stride as one or two whole numbers of at least 1/,
  ),
  refusal(
    'maxPool2d',
    'half a window',
    [image],
    (x) => maxPool2d(x, 1.5),
    /expected kernelSize as one or two whole numbers/,
  ),
];

export const cases = family(EXACT, [...shapes, ...values, ...many, ...refused]);
