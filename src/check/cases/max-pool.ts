// Cases of max pooling, of its gradient, and of the gradient of that.
import { grad } from '../../autograd/backward.ts';
import { expand } from '../../ops/broadcast.ts';
import { amax } from '../../ops/extrema.ts';
import {
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  globalMaxPool1d,
  globalMaxPool2d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
} from '../../ops/max-pool.ts';
import { permute, transpose } from '../../ops/movement.ts';
import type { OutputSize } from '../../ops/pool.ts';
import { tensor } from '../../tensor/creation.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { apart, crowd, given, normal, whole } from '../values.ts';
import { extremes } from './families.ts';

type Pair = [number, number];
/** A pooling that gives the maxima and where they lie. */
type Pool = (x: Tensor) => Tensor[];

/** Maxima are exact, gradients are sums over few windows. */
const EXACT = { forward: 0, gradient: 1e-7 };

const slide =
  (kernel: number | Pair, options?: MaxPoolOptions): Pool =>
  (x) =>
    maxPool2d(x, kernel, { ...options, returnIndices: true });
const adapt =
  (size: OutputSize): Pool =>
  (x) =>
    adaptiveMaxPool2d(x, size, { returnIndices: true });

const geometries: [title: string, x: Shape, pool: Pool, out: Shape][] = [
  ['one element', [1, 1, 1, 1], slide(1), [1, 1, 1, 1]],
  ['2 by 2', [2, 3, 4, 6], slide(2), [2, 3, 2, 3]],
  ['more windows than a workgroup takes', [2, 3, 16, 20], slide(2), [2, 3, 8, 10]],
  ['rests at the edges', [2, 2, 5, 7], slide(2), [2, 2, 2, 3]],
  ['rows and columns of more than a quad', [1, 2, 6, 18], slide([3, 2]), [1, 2, 2, 9]],
  ['windows that overlap', [2, 2, 7, 9], slide(3, { stride: 2 }), [2, 2, 3, 4]],
  ['windows one by one', [1, 2, 5, 6], slide([3, 2], { stride: 1 }), [1, 2, 3, 5]],
  ['padding', [1, 2, 5, 6], slide(3, { stride: 2, padding: 1 }), [1, 2, 3, 3]],
  ['padding in columns', [2, 1, 4, 6], slide([2, 4], { padding: [0, 2] }), [2, 1, 2, 2]],
  ['windows apart', [1, 2, 8, 11], slide(2, { stride: [3, 4] }), [1, 2, 3, 3]],
  ['windows that overlap in columns only', [2, 2, 6, 7], slide(2, { stride: [2, 1] }), [2, 2, 3, 6]],
  ['one row', [3, 1, 1, 13], slide([1, 3]), [3, 1, 1, 4]],
  ['a window on all', [2, 3, 5, 4], slide([5, 4]), [2, 3, 1, 1]],
  ['dilation', [2, 2, 8, 11], slide([3, 2], { stride: [1, 2], padding: 1, dilation: [2, 3] }), [2, 2, 6, 5]],
  ['dilation in windows one by one', [1, 2, 7, 9], slide(3, { stride: 1, dilation: [3, 2] }), [1, 2, 1, 5]],
  ['dilation in windows that do not overlap', [2, 1, 7, 9], slide(2, { stride: [5, 3], dilation: 2 }), [2, 1, 1, 3]],
  ['ceilMode', [2, 2, 6, 8], slide(3, { stride: 2, ceilMode: true }), [2, 2, 3, 4]],
  ['ceilMode without a rest', [1, 2, 7, 6], slide([3, 2], { stride: 2, ceilMode: true }), [1, 2, 3, 3]],
  [
    'ceilMode, whose last windows would begin in the padding',
    [2, 1, 5, 4],
    slide(2, { stride: 3, padding: 1, ceilMode: true }),
    [2, 1, 2, 2],
  ],
  [
    'ceilMode, whose last windows begin at the last element',
    [1, 2, 6, 9],
    slide(2, { stride: [3, 4], padding: [1, 0], ceilMode: true }),
    [1, 2, 3, 3],
  ],
  ['ceilMode and a window larger than the image', [1, 2, 2, 3], slide(4, { stride: 3, ceilMode: true }), [1, 2, 1, 1]],
  [
    'ceilMode, padding and dilation',
    [1, 2, 9, 10],
    slide(3, { stride: [3, 2], padding: 1, dilation: [2, 3], ceilMode: true }),
    [1, 2, 3, 4],
  ],
  ['adaptive', [2, 3, 7, 10], adapt([3, 4]), [2, 3, 3, 4]],
  ['adaptive, of more than a quad', [1, 2, 13, 17], adapt([5, 11]), [1, 2, 5, 11]],
  ['adaptive, to a size that divides', [2, 2, 6, 8], adapt([3, 2]), [2, 2, 3, 2]],
  ['adaptive, to a size that divides in columns', [2, 2, 7, 8], adapt([3, 2]), [2, 2, 3, 2]],
  ['adaptive, to a larger image', [1, 2, 3, 2], adapt([5, 7]), [1, 2, 5, 7]],
  ['adaptive, columns as they are', [2, 1, 5, 3], adapt([2, null]), [2, 1, 2, 3]],
  ['adaptive, as it is', [2, 1, 2, 3], adapt(null), [2, 1, 2, 3]],
  ['adaptive, to one', [2, 2, 3, 5], adapt(1), [2, 2, 1, 1]],
  ['without a batch', [3, 4, 6], slide(2), [3, 2, 3]],
  ['adaptive without a batch', [3, 4, 6], adapt([3, 5]), [3, 3, 5]],
  [
    'rows',
    [2, 3, 14],
    (x) => maxPool1d(x, 3, { stride: 2, padding: 1, dilation: 2, ceilMode: true, returnIndices: true }),
    [2, 3, 7],
  ],
  ['rows without a batch', [3, 7], (x) => maxPool1d(x, 2, { returnIndices: true }), [3, 3]],
  ['adaptive rows', [2, 3, 7], (x) => adaptiveMaxPool1d(x, 3, { returnIndices: true }), [2, 3, 3]],
  ['adaptive rows without a batch', [3, 8], (x) => adaptiveMaxPool1d(x, 5, { returnIndices: true }), [3, 5]],
];

/** The gradient of the image, and the gradient of that with respect to g: the elements of gg at the winners. */
const imageGrad = (pool: Pool) => (x: Tensor, g: Tensor) =>
  grad(pool(x)[0], [x], { gradients: [g], createGraph: true }) as Tensor[];

const winners = (pool: Pool) => (x: Tensor, g: Tensor, gg: Tensor) =>
  grad(imageGrad(pool)(x, g), [g], { gradients: [gg], createGraph: true }) as Tensor[];

const shapes = geometries.flatMap(([title, x, pool, out]): Case[] => [
  { op: 'maxPool2d', title, inputs: [apart(x)], run: pool },
  {
    op: 'maxPool2dGrad',
    title,
    inputs: [apart(x), normal(out)],
    run: imageGrad(pool),
    tolerance: { forward: EXACT.gradient },
  },
  { op: 'maxPool2dGather', title, inputs: [apart(x), normal(out), normal(x)], run: winners(pool) },
]);

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

/** Two columns 10 apart, around images of 9. */
const missing = slide([1, 2], { padding: [0, 1], dilation: [1, 10] });

const values: Case[] = [
  {
    op: 'maxPool2d',
    title: 'ties, of which the first wins',
    inputs: [given([1, 2, 2, 1, 2, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 4, 4])],
    run: slide(2),
    gradients: 'compare',
  },
  {
    op: 'maxPool2d',
    title: 'NaN and infinities',
    inputs: [given([1, nan, -inf, -inf, nan, 2, -inf, -inf, inf, 3, nan, inf, 1, 2, inf, nan], [1, 1, 4, 4])],
    run: slide(2),
    gradients: 'compare',
  },
  {
    op: 'maxPool2d',
    title: '-Infinity beside numbers',
    inputs: [given([-inf, 1, 2, -inf, 3, 4, -inf, -5], [1, 1, 2, 4])],
    run: slide(2),
    gradients: 'compare',
  },
  {
    op: 'maxPool2d',
    title: 'padding around negative numbers, which does not win',
    inputs: [given([-1, -2, -3, -4], [1, 1, 2, 2])],
    run: slide(2, { padding: 1 }),
    gradients: 'compare',
  },
  {
    op: 'maxPool2d',
    title: 'maxima and positions as PyTorch has them',
    inputs: [given([1, 5, 2, 4, 3, 9, 7, 8, 6, 0, 4, 2], [1, 1, 2, 6])],
    run: (x) => [
      ...maxPool2d(x, [2, 3], { stride: [1, 2], padding: [0, 1], ceilMode: true, returnIndices: true }),
      ...maxPool1d(x.alias('row', { shape: [1, 12], strides: [12, 1], offset: 0 }), 2, {
        stride: 4,
        padding: 1,
        dilation: 3,
        ceilMode: true,
        returnIndices: true,
      }),
      ...adaptiveMaxPool2d(x, [1, 4], { returnIndices: true }),
    ],
    reference: ({ device }) => [
      tensor(Float32Array.of(8, 8, 9, 9), { device, shape: [1, 1, 1, 4] }),
      tensor(Int32Array.of(7, 7, 5, 5), { device, shape: [1, 1, 1, 4] }),
      tensor(Float32Array.of(2, 7, 8, 2), { device, shape: [1, 4] }),
      tensor(Int32Array.of(2, 6, 7, 11), { device, shape: [1, 4] }),
      tensor(Float32Array.of(8, 8, 4, 9), { device, shape: [1, 1, 1, 4] }),
      tensor(Int32Array.of(7, 7, 3, 5), { device, shape: [1, 1, 1, 4] }),
    ],
    gradients: 'none',
  },
  {
    op: 'maxPool2d',
    title: 'the maxima only',
    inputs: [apart([2, 3, 5, 6])],
    run: (x) => [maxPool2d(x, 2), adaptiveMaxPool2d(x, 2)],
  },
  {
    op: 'maxPool2d',
    title: 'the maxima of rows only',
    inputs: [apart([2, 3, 7])],
    run: (x) => [maxPool1d(x, 2), adaptiveMaxPool1d(x, 3)],
  },
  {
    op: 'maxPool2d',
    title: 'windows around the image, with no element',
    inputs: [apart([1, 2, 2, 9])],
    run: missing,
    gradients: 'compare',
  },
  {
    op: 'maxPool2dGather',
    title: 'windows around the image, with no element',
    inputs: [apart([1, 2, 2, 9]), normal([1, 2, 2, 1]), normal([1, 2, 2, 9])],
    run: winners(missing),
    gradients: 'compare',
  },
  {
    op: 'maxPool2d',
    title: 'a transposed image, which is copied',
    inputs: [apart([1, 2, 4, 6])],
    run: (x) => slide(2)(transpose(x)),
  },
  {
    op: 'maxPool2d',
    title: 'transposed rows, which are copied',
    inputs: [apart([2, 7, 3])],
    run: (x) => maxPool1d(permute(x, [0, 2, 1]), 2, { returnIndices: true }),
  },
  {
    op: 'maxPool2d',
    title: 'a window at an offset where memory can be bound',
    inputs: [apart([100])],
    run: (x) => slide(2)(x.alias('window', { shape: [1, 2, 4, 4], strides: [32, 16, 4, 1], offset: 64 })),
    gradients: 'none',
  },
  { op: 'maxPool2d', title: 'no images', inputs: [normal([0, 2, 4, 4])], run: slide(2) },
  { op: 'maxPool2d', title: 'no channels', inputs: [normal([2, 0, 5])], run: (x) => maxPool1d(x, 2) },
  { op: 'maxPool2d', title: 'to no elements', inputs: [apart([1, 2, 4, 5])], run: adapt([0, 2]) },
  { op: 'amax', title: 'global pooling', inputs: [apart([2, 3, 5, 7])], run: globalMaxPool2d },
  {
    op: 'amax',
    title: 'global pooling of rows',
    inputs: [apart([2, 3, 7]), apart([3, 7])],
    run: (x, y) => [globalMaxPool1d(x), globalMaxPool1d(y)],
    reference: (x, y) => [amax(x, 2, true), amax(y, 1, true)],
  },
  {
    op: 'amax',
    title: 'global pooling, a large plane without a batch',
    inputs: [apart([2, 83, 101])],
    run: globalMaxPool2d,
    reference: (x) => amax(x, [1, 2], true),
    gradients: 'compare',
  },
];

/** Images so many that each kernel needs more workgroups than one dimension holds. As all are alike, so are their extremes. */
const many: Case[] = [
  {
    op: 'maxPool2d',
    title: 'more rows than one dimension of workgroups holds',
    large: true,
    inputs: [normal([1, 1, 2, 2])],
    run: (x) => extremes([maxPool2d(expand(x, [crowd(x), 1, 2, 2]), 2)]),
    reference: (x) => extremes([maxPool2d(x, 2)]),
    gradients: 'none',
  },
  {
    op: 'maxPool2dGrad',
    title: 'more rows than one dimension of workgroups holds',
    large: true,
    inputs: [normal([1, 1, 1, 2]), normal([1, 1, 1, 1])],
    run: (x, g) => {
      const images = crowd(x);
      const crowded = imageGrad(slide([1, 2]))(expand(x, [images, 1, 1, 2]), expand(g, [images, 1, 1, 1]));
      return extremes(crowded);
    },
    reference: (x, g) => extremes(imageGrad(slide([1, 2]))(x, g)),
    gradients: 'none',
  },
  {
    op: 'maxPool2dGather',
    title: 'more outputs than one dimension of workgroups holds',
    large: true,
    inputs: [normal([1, 1, 1, 1]), normal([1, 1, 1, 1]), normal([1, 1, 1, 1])],
    run: (...inputs) => {
      const all = inputs.map((x) => expand(x, [65_535 * 64 + 1, 1, 1, 1]));
      return extremes(winners(slide(1))(all[0], all[1], all[2]));
    },
    reference: (x, g, gg) => extremes(winners(slide(1))(x, g, gg)),
    gradients: 'none',
  },
];

const pool = (options: MaxPoolOptions) => (x: Tensor) => maxPool2d(x, 2, options);

const refused: Case[] = (
  [
    [
      'two dims',
      [4, 4],
      (x) => maxPool2d(x, 2),
      /maxPool2d: expected input \[N, C, H, W\] or \[C, H, W\], got \[4,4\]/,
    ],
    ['five dims', [1, 1, 1, 4, 4], (x) => adaptiveMaxPool2d(x, 2), /adaptiveMaxPool2d: expected input \[N, C, H, W\]/],
    ['an image as rows', [1, 2, 4, 4], (x) => maxPool1d(x, 2), /maxPool1d: expected input \[N, C, L\] or \[C, L\]/],
    ['one dim', [4], (x) => adaptiveMaxPool1d(x, 2), /adaptiveMaxPool1d: expected input \[N, C, L\] or \[C, L\]/],
    ['empty planes', [1, 2, 0, 4], (x) => maxPool2d(x, 2, { padding: 1 }), /expected planes that are not empty/],
    ['empty rows', [1, 2, 0], (x) => adaptiveMaxPool1d(x, 2), /adaptiveMaxPool1d: expected planes that are not empty/],
    ['a window beyond the image', [1, 2, 4, 4], (x) => maxPool2d(x, 5), /a window of 5 does not fit an image of 4/],
    [
      'a dilated window beyond the image',
      [1, 2, 4, 4],
      (x) => maxPool2d(x, [1, 3], { dilation: 3, padding: [0, 1] }),
      /a window of 7 does not fit an image of 4 with padding 1/,
    ],
    [
      'a window far beyond the image, with ceilMode',
      [1, 2, 4, 4],
      (x) => maxPool2d(x, 6, { stride: 2, ceilMode: true }),
      /a window of 6 does not fit an image of 4/,
    ],
    ['padding beyond half the window', [1, 2, 4, 4], pool({ padding: 2 }), /padding must be at most half the kernel/],
    ['padding -1', [1, 2, 4, 4], pool({ padding: -1 }), /expected padding as one or two whole numbers of at least 0/],
    ['stride 0', [1, 2, 4, 4], pool({ stride: 0 }), /expected stride as one or two whole numbers of at least 1/],
    ['dilation 0', [1, 2, 4, 4], pool({ dilation: 0 }), /expected dilation as one or two whole numbers of at least 1/],
    ['half a window', [1, 2, 4, 4], (x) => maxPool2d(x, 1.5), /expected kernelSize as one or two whole numbers/],
    ['half a window of a row', [2, 4], (x) => maxPool1d(x, 1.5), /kernelSize as a whole number of at least 1, got 1.5/],
    [
      'two windows of a row',
      [2, 4],
      (x) => maxPool1d(x, [1, 2] as never),
      /maxPool1d: expected kernelSize as a whole number/,
    ],
    ['half an output', [2, 4, 4], (x) => adaptiveMaxPool2d(x, [1, 0.5]), /expected outputSize as one or two whole/],
    [
      'three output sizes',
      [2, 4, 4],
      (x) => adaptiveMaxPool2d(x, [1, 2, 3] as never),
      /expected outputSize as one or two whole numbers of at least 0, got 1,2,3/,
    ],
    ['output size -1', [2, 4], (x) => adaptiveMaxPool1d(x, -1), /expected outputSize as a whole number of at least 0/],
    ['rank 2, globally', [4, 4], globalMaxPool2d, /globalMaxPool2d: expected input \[N, C, H, W\] or \[C, H, W\]/],
    ['rank 4, rows globally', [1, 2, 4, 4], globalMaxPool1d, /globalMaxPool1d: expected input \[N, C, L\] or \[C, L\]/],
    ['empty rows, globally', [2, 0], globalMaxPool1d, /globalMaxPool1d: expected planes that are not empty/],
    ['empty planes, globally', [2, 0, 4], globalMaxPool2d, /globalMaxPool2d: expected planes that are not empty/],
  ] as [string, Shape, (x: Tensor) => Tensor, RegExp][]
).map(([title, x, run, error]) => refusal('maxPool2d', title, [normal(x)], run, error));

const dtypes: Case[] = [
  refusal(
    'maxPool2d',
    'int32',
    [whole(0, 9, [1, 1, 2, 2])],
    (x) => maxPool2d(x, 2),
    /maxPool2d: expected dtype float32 or float16, got int32/,
  ),
];

export const cases = family(EXACT, [...shapes, ...values, ...many, ...refused, ...dtypes]);
