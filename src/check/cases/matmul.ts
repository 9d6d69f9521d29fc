// Cases of matrix products: sizes around the tiles, operands read transposed, batches.
import { expand } from '../../ops/broadcast.ts';
import { CONFIGURATIONS } from '../../ops/gemm-config.ts';
import { linear, matmul } from '../../ops/matmul.ts';
import { permute, transpose } from '../../ops/movement.ts';
import type { Shape } from '../../tensor/shape.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, given, normal, whole } from '../values.ts';

const product = (title: string, a: Shape, b: Shape): Case => ({
  op: 'matmul',
  title,
  inputs: [normal(a), normal(b)],
  run: matmul,
});

const also = (configurations: readonly string[]) => configurations.map((configuration) => ({ configuration }));

const sizes: Case[] = [
  product('one element', [1, 1], [1, 1]),
  product('tails in every dim', [5, 3], [3, 7]),
  product('primes beyond a tile', [13, 37], [37, 67]),
  product('whole tiles', [16, 8], [8, 64]),
  product('a row and a matrix', [1, 19], [19, 5]),
  product('a matrix and a column', [17, 11], [11, 1]),
  product('an outer product', [9, 1], [1, 33]),
  product('an inner product', [1, 101], [101, 1]),
  product('more columns than a workgroup', [3, 5], [5, 269]),
  product('no inner elements', [3, 0], [0, 5]),
  product('no rows', [0, 3], [3, 5]),
  product('no columns', [2, 3], [3, 0]),
  product('two vectors', [7], [7]),
  product('a vector and a matrix', [7], [7, 5]),
  product('a matrix and a vector', [5, 7], [7]),
  product('a vector and a batch', [7], [3, 7, 5]),
];

const transposed: Case[] = [
  { op: 'matmul', title: 'NT', inputs: [normal([9, 13]), normal([11, 13])], run: (a, b) => matmul(a, transpose(b)) },
  { op: 'matmul', title: 'TN', inputs: [normal([13, 9]), normal([13, 11])], run: (a, b) => matmul(transpose(a), b) },
  {
    op: 'matmul',
    title: 'TT',
    inputs: [normal([13, 9]), normal([11, 13])],
    run: (a, b) => matmul(transpose(a), transpose(b)),
  },
  {
    op: 'matmul',
    title: 'a batch of TT',
    inputs: [normal([3, 5, 9]), normal([3, 7, 5])],
    run: (a, b) => matmul(transpose(a), transpose(b)),
  },
  {
    op: 'matmul',
    title: 'operands without a dim of stride 1, which are copied',
    inputs: [normal([5, 7, 2]), normal([7, 3, 2])],
    run: (a, b) => matmul(permute(a, [2, 0, 1]), permute(b, [2, 0, 1])),
  },
  {
    op: 'matmul',
    title: 'an expanded row',
    inputs: [normal([1, 7]), normal([7, 3])],
    run: (a, b) => matmul(expand(a, [5, 7]), b),
  },
  {
    op: 'matmul',
    title: 'windows at an offset',
    inputs: [normal([100]), normal([100])],
    run: (a, b) =>
      matmul(
        a.alias('window', { shape: [3, 5], strides: [5, 1], offset: 71 }),
        b.alias('window', { shape: [5, 4], strides: [1, 6], offset: 7 }),
      ),
    gradients: 'none',
  },
];

const batches: Case[] = [
  product('a batch', [3, 5, 7], [3, 7, 2]),
  product('a batch and one matrix', [3, 5, 7], [7, 2]),
  product('one matrix and a batch', [5, 7], [3, 7, 2]),
  product('a batch of one and a batch', [1, 5, 7], [3, 7, 2]),
  product('rank 6, batch dims that broadcast on both sides', [2, 1, 2, 1, 3, 4], [3, 1, 2, 4, 5]),
  product('two batch dims', [2, 3, 5, 7], [2, 3, 7, 4]),
  product('batch dims broadcast on one side', [2, 3, 5, 7], [3, 7, 4]),
  product('batch dims broadcast on both sides', [2, 1, 5, 7], [1, 3, 7, 4]),
  product('the inner batch dim broadcast', [2, 1, 5, 7], [2, 3, 7, 4]),
  product('no batches', [0, 5, 7], [7, 2]),
];

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

const special: Case = {
  op: 'matmul',
  title: 'NaN and infinities, which reach their own rows and columns only',
  inputs: [given([1, nan, 2, 3, inf, 4], [3, 2]), given([1, 2, inf, 0, 3, 4, 5, 6], [2, 4])],
  run: matmul,
  gradients: 'none',
};

const layers: Case[] = [
  { op: 'matmul', title: 'linear', inputs: [normal([5, 7]), normal([3, 7]), normal([3])], run: linear },
  { op: 'matmul', title: 'linear of one output', inputs: [normal([2, 5, 7]), normal([7]), normal([])], run: linear },
  {
    op: 'matmul',
    title: 'linear without bias, rank 3',
    inputs: [normal([2, 5, 7]), normal([3, 7])],
    run: (x, w) => linear(x, w),
  },
];

/** Each beyond 65,535 workgroups in one dimension. */
const many = [
  product('more rows than workgroups in one dimension', [524_289, 1], [1, 1]),
  {
    // Their results fill a buffer: what workgroups beyond the last one write would be seen.
    ...product('more batches than workgroups in one dimension', [131_072, 1, 2], [2, 1]),
    also: also(['32x32']),
  },
].map((item): Case => ({ ...item, gradients: 'none', large: true }));

/** Beyond one tile of any size in all dims, and the layouts that tiles are read in; each with quads in memory, and without. */
const tiles = [
  product('tiles', [132, 24], [24, 260]),
  product('tiles, tails in every dim', [131, 21], [21, 261]),
  ...[
    { M: 36, K: 40, N: 68, title: 'in quads' },
    { M: 35, K: 37, N: 67, title: 'odd' },
  ].flatMap(({ M, K, N, title }): Case[] => [
    {
      ...{ op: 'matmul', title: `tiles, NT, ${title}`, inputs: [normal([M, K]), normal([N, K])] },
      run: (a, b) => matmul(a, transpose(b)),
    },
    {
      ...{ op: 'matmul', title: `tiles, TN, ${title}`, inputs: [normal([K, M]), normal([K, N])] },
      run: (a, b) => matmul(transpose(a), b),
    },
  ]),
  product('tiles, batches, and more rows than columns', [3, 35, 20], [20, 17]),
  product('tiles, long sums in chunks', [17, 1030], [1030, 18]),
  product('tiles, no inner elements', [17, 0], [0, 18]),
].map((item): Case => ({ ...item, gradients: 'compare' }));

/** With every tile on every adapter, or with some of them, as large ones take long to compile on software. */
const everyTile: Case[] = [
  { ...product('tiles of all sizes', [131, 21], [21, 261]), also: also(CONFIGURATIONS) },
  { ...product('tiles of all sizes, sums in a few chunks', [128, 17, 523], [523, 18]), also: also(CONFIGURATIONS) },
].map((item): Case => ({ ...item, gradients: 'compare' }));

/**
 * Long sums of one sign in each quarter of a tile: the larger a sum is, the more each addition rounds off. Without blocks errors
 * are several times as large.
 */
const inBlocks: Case = {
  ...product('tiles, long sums in blocks', [128, 33, 1040], [128, 1040, 33]),
  ...{ inputs: [between(0, 1, [128, 33, 1040]), between(0, 1, [128, 1040, 33])], also: also(['64x64 by 8']) },
  ...{ gradients: 'none', tolerance: { forward: 1e-6 } },
};

/** Sums of many products, which are cut into chunks where the outputs are few. */
const long = [
  {
    ...product('a long sum of products', [2, 5003], [5003, 3]),
    inputs: [between(0, 1, [2, 5003]), between(0, 1, [5003, 3])],
  },
  product('a long sum, batched', [3, 2, 4099], [4099, 2]),
  {
    ...product('a dot product', [1, 262_147], [262_147, 1]),
    inputs: [between(0, 1, [1, 262_147]), between(0, 1, [262_147, 1])],
    large: true,
  },
].map((item): Case => ({ ...item, gradients: 'compare' }));

const refused: Case[] = [
  refusal(
    'matmul',
    'inner sizes that differ',
    [normal([2, 3]), normal([4, 5])],
    matmul,
    /matmul: inner dimensions differ, \[2,3\] @ \[4,5\]/,
  ),
  refusal(
    'matmul',
    'vectors that differ',
    [normal([3]), normal([4])],
    matmul,
    /matmul: inner dimensions differ, \[3\] @ \[4\]/,
  ),
  refusal(
    'matmul',
    'batches that differ',
    [normal([2, 3, 4]), normal([3, 4, 5])],
    matmul,
    /matmul: shapes do not broadcast, \[2\] and \[3\]/,
  ),
  refusal('matmul', 'a scalar', [normal([]), normal([3])], matmul, /matmul: expected at least 1 dim/),
  refusal(
    'matmul',
    'int32',
    [whole(0, 9, [2, 3]), normal([3, 2])],
    matmul,
    /matmul: expected dtype float32 or float16, got int32/,
  ),
  refusal(
    'matmul',
    'linear with other features',
    [normal([2, 3]), normal([5, 4])],
    (x, w) => linear(x, w),
    /linear: expected input \[..., in\] and weight \[out, in\] or \[in\], got \[2,3\] and \[5,4\]/,
  ),
  refusal(
    'matmul',
    'linear with another bias',
    [normal([2, 3]), normal([5, 3]), normal([4])],
    linear,
    /linear: expected bias \[5\], got \[4\]/,
  ),
];

export const cases = family({ forward: 2e-6, gradient: 2e-6 }, [
  ...sizes,
  ...transposed,
  ...batches,
  ...layers,
  ...tiles,
  ...everyTile,
  inBlocks,
  special,
  ...many,
  ...long,
  ...refused,
]);
