// Cases of average pooling and of its gradient.
import { grad } from '../../autograd/backward.ts';
import {
  type AveragePoolOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  avgPool1d,
  avgPool2d,
  globalAvgPool1d,
  globalAvgPool2d,
} from '../../ops/average-pool.ts';
import { expand } from '../../ops/broadcast.ts';
import { permute, transpose } from '../../ops/movement.ts';
import type { OutputSize } from '../../ops/pool.ts';
import { mean } from '../../ops/reduction.ts';
import { tensor } from '../../tensor/creation.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, crowd, given, normal, whole } from '../values.ts';
import { extremes } from './families.ts';

type Pair = [number, number];
type Pool = (x: Tensor) => Tensor;

const slide =
  (kernel: number | Pair, options?: AveragePoolOptions): Pool =>
  (x) =>
    avgPool2d(x, kernel, options);
const adapt =
  (size: OutputSize): Pool =>
  (x) =>
    adaptiveAvgPool2d(x, size);

const geometries: [title: string, x: Shape, pool: Pool, out: Shape][] = [
  ['one element', [1, 1, 1, 1], slide(1), [1, 1, 1, 1]],
  ['2 by 2', [2, 3, 4, 6], slide(2), [2, 3, 2, 3]],
  ['rests at the edges', [2, 2, 5, 7], slide(2), [2, 2, 2, 3]],
  ['rows and columns of more than a quad', [1, 2, 6, 18], slide([3, 2]), [1, 2, 2, 9]],
  ['windows that overlap', [2, 2, 7, 9], slide(3, { stride: 2 }), [2, 2, 3, 4]],
  ['windows one by one', [1, 2, 5, 6], slide([3, 2], { stride: 1 }), [1, 2, 3, 5]],
  ['windows apart', [1, 2, 8, 11], slide(2, { stride: [3, 4] }), [1, 2, 3, 3]],
  ['padding', [1, 2, 5, 6], slide(3, { stride: 2, padding: 1 }), [1, 2, 3, 3]],
  ['padding in columns', [2, 1, 4, 6], slide([2, 4], { padding: [0, 2] }), [2, 1, 2, 2]],
  [
    'padding that does not count',
    [2, 2, 5, 9],
    slide([2, 4], { stride: [2, 3], padding: [1, 2], countIncludePad: false }),
    [2, 2, 3, 4],
  ],
  ['a divisor', [2, 1, 5, 6], slide(3, { stride: 2, padding: 1, divisorOverride: 5 }), [2, 1, 3, 3]],
  [
    'a negative divisor, whatever else',
    [1, 2, 4, 6],
    slide([2, 3], { padding: 1, ceilMode: true, countIncludePad: false, divisorOverride: -7 }),
    [1, 2, 3, 3],
  ],
  ['ceilMode', [2, 2, 6, 8], slide(3, { stride: 2, ceilMode: true }), [2, 2, 3, 4]],
  [
    'ceilMode and padding, beyond which windows reach',
    [2, 2, 6, 9],
    slide([4, 5], { stride: [3, 4], padding: [1, 2], ceilMode: true }),
    [2, 2, 3, 3],
  ],
  [
    'ceilMode and padding that does not count',
    [2, 2, 6, 9],
    slide([4, 5], { stride: [3, 4], padding: [1, 2], ceilMode: true, countIncludePad: false }),
    [2, 2, 3, 3],
  ],
  [
    'ceilMode, whose last windows would begin in the padding',
    [2, 1, 5, 4],
    slide(2, { stride: 3, padding: 1, ceilMode: true }),
    [2, 1, 2, 2],
  ],
  ['one row', [3, 1, 1, 13], slide([1, 3]), [3, 1, 1, 4]],
  ['a window on all', [2, 3, 5, 4], slide([5, 4]), [2, 3, 1, 1]],
  ['windows of more columns than a block', [1, 2, 3, 150], slide([2, 131], { stride: [1, 7] }), [1, 2, 2, 3]],
  ['elements in more windows than a block', [1, 1, 2, 150], slide([1, 75], { stride: 1 }), [1, 1, 2, 76]],
  ['adaptive', [2, 3, 7, 10], adapt([3, 4]), [2, 3, 3, 4]],
  ['adaptive, of more than a quad', [1, 2, 13, 17], adapt([5, 11]), [1, 2, 5, 11]],
  ['adaptive, to a size that divides', [2, 2, 6, 8], adapt([3, 2]), [2, 2, 3, 2]],
  ['adaptive, to a size that divides in columns', [2, 2, 7, 8], adapt([3, 2]), [2, 2, 3, 2]],
  ['adaptive, to a larger image', [1, 2, 3, 2], adapt([5, 7]), [1, 2, 5, 7]],
  ['adaptive, columns as they are', [2, 1, 5, 3], adapt([2, null]), [2, 1, 2, 3]],
  ['adaptive, as it is', [2, 1, 2, 3], adapt(null), [2, 1, 2, 3]],
  ['without a batch', [3, 4, 6], slide(2), [3, 2, 3]],
  ['adaptive without a batch', [3, 4, 6], adapt([3, 5]), [3, 3, 5]],
  ['rows', [2, 3, 13], (x) => avgPool1d(x, 3, { stride: 2, padding: 1, ceilMode: true }), [2, 3, 7]],
  ['rows without a batch', [3, 7], (x) => avgPool1d(x, 2), [3, 3]],
  ['adaptive rows', [2, 3, 7], (x) => adaptiveAvgPool1d(x, 3), [2, 3, 3]],
  ['adaptive rows without a batch', [3, 8], (x) => adaptiveAvgPool1d(x, 5), [3, 5]],
];

/** The gradient of the image, as an op in its own right. */
const imageGrad = (pool: Pool) => (x: Tensor, g: Tensor) =>
  grad(pool(x), [x], { gradients: [g], createGraph: true }) as Tensor[];

const shapes = geometries.flatMap(([title, x, pool, out]): Case[] => [
  { op: 'avgPool2d', title, inputs: [normal(x)], run: pool },
  { op: 'avgPool2dGrad', title, inputs: [normal(x), normal(out)], run: imageGrad(pool) },
]);

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

const others: Case[] = [
  {
    op: 'avgPool2d',
    title: 'means as PyTorch has them',
    inputs: [given([1, 5, 2, 4, 3, 9, 7, 8, 6, 0, 4, 2], [1, 1, 2, 6])],
    run: (x) => {
      const options = { stride: 3, padding: 1, ceilMode: true };
      const row = x.alias('row', { shape: [1, 12], strides: [12, 1], offset: 0 });
      return [
        avgPool2d(x, [2, 4], { ...options, padding: [0, 1] }),
        avgPool2d(x, [2, 4], { ...options, padding: [0, 1], countIncludePad: false }),
        avgPool2d(x, [2, 4], { ...options, padding: [0, 1], divisorOverride: 2 }),
        avgPool1d(row, 3, { stride: 5, padding: 1, ceilMode: true }),
        adaptiveAvgPool2d(x, [1, 4]),
        adaptiveAvgPool1d(row, 5),
      ];
    },
    reference: ({ device }) => {
      const literal = (...values: number[]) =>
        tensor(Float32Array.from(values), { device, shape: [1, 1, 1, values.length] });
      const rows = (...values: number[]) => tensor(Float32Array.from(values), { device, shape: [1, values.length] });
      return [
        literal(29 / 8, 30 / 8, 11 / 4),
        literal(29 / 6, 30 / 8, 11 / 2),
        literal(29 / 2, 30 / 2, 11 / 2),
        rows(6 / 3, 19 / 3, 6 / 3),
        literal(21 / 4, 21 / 4, 11 / 4, 18 / 4),
        rows(8 / 3, 9 / 3, 27 / 4, 14 / 3, 6 / 3),
      ];
    },
    gradients: 'none',
  },
  {
    op: 'avgPool2d',
    title: 'NaN and infinities, which reach their own windows only',
    inputs: [given([nan, 1, 2, 3, 4, 5, inf, 6, 7, 8, 9, 1, 2, -inf, inf, 3], [1, 1, 2, 8])],
    run: (x) => [avgPool2d(x, 2), avgPool2d(x, 2, { stride: 1, padding: 1 }), adaptiveAvgPool2d(x, [1, 3])],
    gradients: 'none',
  },
  {
    op: 'avgPool2d',
    title: 'many positive numbers, whose sum is made in blocks',
    inputs: [between(0.5, 1.5, [1, 1, 1, 8000])],
    run: slide([1, 7993], { stride: [1, 7] }),
    gradients: 'compare',
    // Number by number the sum would be off by a few 1e-6.
    tolerance: { forward: 5e-7 },
  },
  {
    op: 'avgPool2d',
    title: 'a transposed image, which is copied',
    inputs: [normal([1, 2, 4, 6])],
    run: (x) => avgPool2d(transpose(x), 2),
  },
  {
    op: 'avgPool2d',
    title: 'transposed rows, which are copied',
    inputs: [normal([2, 7, 3])],
    run: (x) => adaptiveAvgPool1d(permute(x, [0, 2, 1]), 3),
  },
  {
    op: 'avgPool2d',
    title: 'a window at an offset where memory can be bound',
    inputs: [normal([100])],
    run: (x) => avgPool2d(x.alias('window', { shape: [1, 2, 4, 4], strides: [32, 16, 4, 1], offset: 64 }), 2),
    gradients: 'none',
  },
  { op: 'avgPool2d', title: 'no images', inputs: [normal([0, 2, 4, 4])], run: slide(2) },
  { op: 'avgPool2d', title: 'no channels', inputs: [normal([2, 0, 5])], run: (x) => avgPool1d(x, 2) },
  { op: 'avgPool2d', title: 'to no elements', inputs: [normal([1, 2, 4, 5])], run: adapt([0, 2]) },
  {
    op: 'mean',
    title: 'global pooling',
    inputs: [normal([2, 3, 5, 7])],
    run: (x) => [globalAvgPool2d(x), adaptiveAvgPool2d(x, 1), adaptiveAvgPool2d(x, [1, 1])],
  },
  {
    op: 'mean',
    title: 'global pooling without a batch',
    inputs: [normal([3, 5, 7])],
    run: (x) => [globalAvgPool2d(x), adaptiveAvgPool2d(x, 1)],
  },
  {
    op: 'mean',
    title: 'global pooling of rows',
    inputs: [normal([2, 3, 7]), normal([3, 7])],
    run: (x, y) => [globalAvgPool1d(x), globalAvgPool1d(y)],
    reference: (x, y) => [mean(x, 2, true), mean(y, 1, true)],
  },
  {
    op: 'mean',
    title: 'adaptive pooling of rows to one',
    inputs: [normal([2, 3, 7])],
    run: (x) => adaptiveAvgPool1d(x, 1),
    reference: (x) => mean(x, 2, true),
  },
];

/** Images so many that the kernel needs more workgroups than one dimension holds. As all are alike, so are their extremes. */
const many: Case[] = [
  {
    op: 'avgPool2d',
    title: 'more rows than one dimension of workgroups holds',
    large: true,
    inputs: [normal([1, 1, 2, 2])],
    run: (x) => extremes([avgPool2d(expand(x, [crowd(x), 1, 2, 2]), 2)]),
    reference: (x) => extremes([avgPool2d(x, 2)]),
    gradients: 'none',
  },
  {
    op: 'avgPool2dGrad',
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
];

const pool = (options: AveragePoolOptions) => (x: Tensor) => avgPool2d(x, 2, options);

const refused: Case[] = (
  [
    [
      'two dims',
      [4, 4],
      (x) => avgPool2d(x, 2),
      /avgPool2d: expected input \[N, C, H, W\] or \[C, H, W\], got \[4,4\]/,
    ],
    ['five dims', [1, 1, 1, 4, 4], (x) => adaptiveAvgPool2d(x, 2), /adaptiveAvgPool2d: expected input \[N, C, H, W\]/],
    ['an image as rows', [1, 2, 4, 4], (x) => avgPool1d(x, 2), /avgPool1d: expected input \[N, C, L\] or \[C, L\]/],
    ['one dim', [4], (x) => adaptiveAvgPool1d(x, 2), /adaptiveAvgPool1d: expected input \[N, C, L\] or \[C, L\]/],
    ['empty planes', [1, 2, 0, 4], (x) => avgPool2d(x, 2, { padding: 1 }), /expected planes that are not empty/],
    ['empty planes, to one', [2, 0, 4], (x) => adaptiveAvgPool2d(x, 1), /expected planes that are not empty/],
    ['a window beyond the image', [1, 2, 4, 4], (x) => avgPool2d(x, 5), /a window of 5 does not fit an image of 4/],
    ['padding beyond half the window', [1, 2, 4, 4], pool({ padding: 2 }), /padding must be at most half the kernel/],
    ['half a stride', [1, 2, 4, 4], pool({ stride: 0.5 }), /expected stride as one or two whole numbers of at least 1/],
    ['no window', [1, 2, 4, 4], (x) => avgPool2d(x, 0), /avgPool2d: expected kernelSize as one or two whole numbers/],
    [
      'no window of a row',
      [2, 4],
      (x) => avgPool1d(x, 0),
      /avgPool1d: expected kernelSize as a whole number of at least 1/,
    ],
    ['divisor 0', [1, 2, 4, 4], pool({ divisorOverride: 0 }), /divisorOverride as a whole number other than 0, got 0/],
    ['half a divisor', [1, 2, 4, 4], pool({ divisorOverride: 0.5 }), /divisorOverride as a whole number other than 0/],
    ['half an output', [2, 4, 4], (x) => adaptiveAvgPool2d(x, 0.5), /expected outputSize as one or two whole numbers/],
    ['output size -1', [2, 4], (x) => adaptiveAvgPool1d(x, -1), /expected outputSize as a whole number of at least 0/],
    [
      'too many shares',
      [1, 1],
      (x) => adaptiveAvgPool1d(expand(x, [1, 70_001]), 65_536),
      /expected sizes that divide, or whose product is below 2\^32, got \[1,70001\] to \[1,65536\]/,
    ],
    ['rank 2, globally', [4, 4], globalAvgPool2d, /globalAvgPool2d: expected input \[N, C, H, W\] or \[C, H, W\]/],
    ['rank 4, rows globally', [1, 2, 4, 4], globalAvgPool1d, /globalAvgPool1d: expected input \[N, C, L\] or \[C, L\]/],
    ['empty rows, globally', [2, 0], globalAvgPool1d, /globalAvgPool1d: expected planes that are not empty/],
    ['empty planes, globally', [2, 0, 4], globalAvgPool2d, /globalAvgPool2d: expected planes that are not empty/],
  ] as [string, Shape, (x: Tensor) => Tensor, RegExp][]
).map(([title, x, run, error]) => refusal('avgPool2d', title, [normal(x)], run, error));

const dtypes: Case[] = [
  refusal(
    'avgPool2d',
    'int32',
    [whole(0, 9, [1, 1, 2, 2])],
    (x) => avgPool2d(x, 2),
    /avgPool2d: expected dtype float32 or float16, got int32/,
  ),
];

export const cases = family({ forward: 1e-6, gradient: 1e-6 }, [...shapes, ...others, ...many, ...refused, ...dtypes]);
