// Cases of cumsum and cumprod, of the recurrence that their gradients are made of, and of positions.
import { expand } from '../../ops/broadcast.ts';
import { mul } from '../../ops/elementwise.ts';
import { permute, transpose } from '../../ops/movement.ts';
import { mean, prod } from '../../ops/reduction.ts';
import { cumprod, cumsum, positions, productsBefore, recurrence } from '../../ops/scan.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, coins, crowd, given, nonzero, normal, whole } from '../values.ts';
import { type Domain, half, halves } from './families.ts';

type Along = (x: Tensor, dim: number) => Tensor;

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

/** By rows of memory and by columns; threads that share a row have 16 or 64 elements each, and those alone 64. */
const layouts: [title: string, shape: Shape, dim: number][] = [
  ['one element', [1], 0],
  ['a vector', [17], 0],
  ['rows', [5, 37], 1],
  ['columns', [37, 5], 0],
  ['the middle', [3, 5, 4], 1],
  ['a negative dim', [3, 5, 2], -2],
  ['a dim of size 1', [4, 1, 3], 1],
  ['many short rows', [67, 5], 1],
  ['many columns', [7, 67], 0],
  ['as many as a workgroup takes', [2, 1024], 1],
  ['the outermost of 8 dims', [3, 2, 1, 2, 2, 1, 2, 2], 0],
];

const scans = (op: string, run: Along, domain: Domain): Case[] => [
  ...layouts.map(([title, shape, dim]): Case => ({ op, title, inputs: [domain(shape)], run: (x) => run(x, dim) })),
  {
    op,
    title: 'a transposed matrix',
    inputs: [domain([5, 7])],
    run: (x) => [run(transpose(x), 0), run(transpose(x), 1)],
  },
  {
    op,
    title: 'many columns of a transposed matrix',
    inputs: [domain([67, 5])],
    run: (x) => run(transpose(x), 0),
  },
  {
    op,
    title: '4 other dims, reversed',
    inputs: [domain([2, 3, 4, 2, 3])],
    run: (x) => run(permute(x, [4, 3, 2, 1, 0]), 2),
  },
  {
    op,
    title: '5 other dims, which are copied',
    inputs: [domain([2, 3, 2, 3, 2, 3])],
    run: (x) => run(permute(x, [5, 4, 3, 2, 1, 0]), 3),
  },
  {
    op,
    title: 'an expanded row',
    inputs: [domain([1, 7])],
    run: (x) => [run(expand(x, [5, 7]), 0), run(expand(x, [5, 7]), 1)],
  },
  {
    op,
    title: 'a window at an offset',
    inputs: [domain([90])],
    run: (x) => run(x.alias('window', { shape: [4, 5], strides: [1, 4], offset: 67 }), 1),
    gradients: 'none',
  },
  { op, title: 'rows of two chunks', inputs: [domain([3, 1025])], run: (x) => run(x, 1), gradients: 'compare' },
  { op, title: 'rows of several chunks', inputs: [domain([2, 5003])], run: (x) => run(x, 1), gradients: 'compare' },
  { op, title: 'columns of several chunks', inputs: [domain([263, 65])], run: (x) => run(x, 0), gradients: 'compare' },
  {
    op,
    title: 'few columns of several chunks',
    inputs: [domain([2053, 3])],
    run: (x) => run(x, 0),
    gradients: 'compare',
  },
  { op, title: 'rank 0', inputs: [domain([])], run: (x) => [run(x, 0), run(x, -1)] },
  refusal(op, 'rank 0 along dim 1', [domain([])], (x) => run(x, 1), /dim 1 is out of range for rank 1/),
  { op, title: 'no elements', inputs: [domain([3, 0])], run: (x) => [run(x, 0), run(x, 1)] },
  refusal(op, 'a dim that is not there', [domain([3])], (x) => run(x, 1), /dim 1 is out of range for rank 1/),
];

/** What has a dtype other than float32. */
const dtypes = (op: string, run: Along, integers: Case['inputs']): Case[] => [
  { op, title: 'int32', inputs: integers, run: (x) => [run(x, 0), run(x, 1)], gradients: 'none' },
  { op, title: 'bool', inputs: [coins([5, 7])], run: (x) => [run(x, 0), run(x, 1)], gradients: 'none' },
  halves(op, 'float16', [nonzero([3, 7])], (x) => [run(half(x), 1), run(half(x), 0)]),
  {
    op,
    title: 'NaN and infinities',
    inputs: [given([1, 2, nan, 3, 1, inf, 2, 3, 4, inf, -1, -inf], [3, 4])],
    run: (x) => run(x, 1),
    gradients: 'none',
  },
];

const enormous: Pick<Case, 'title' | 'inputs' | 'run' | 'reference'>[] = [
  // Three levels on every adapter; one after the other, float32 would lose 1e-4.
  { title: 'a million', inputs: [between(0, 1, [2 ** 20 + 5])], run: (x) => cumsum(x, 0) },
  { title: 'a million, of both signs', inputs: [normal([2 ** 20 + 5])], run: (x) => cumsum(x, 0) },
  {
    title: 'rows, more workgroups than one dimension holds',
    inputs: [normal([1, 65])],
    run: (x) => mean(cumsum(expand(x, [65_537, 65]), 1), 0),
    reference: (x) => cumsum(mean(x, 0), 0),
  },
  {
    title: 'columns, more workgroups than one dimension holds',
    inputs: [normal([2, 1])],
    run: (x) => mean(cumsum(expand(x, [2, crowd(x)]), 0), 1),
    reference: (x) => cumsum(mean(x, 1), 0),
  },
];

const sums: Case[] = [
  ...scans('cumsum', cumsum, normal),
  ...dtypes('cumsum', cumsum, [whole(-9, 10, [5, 37])]),
  {
    op: 'cumsum',
    title: 'int32 of several chunks',
    inputs: [whole(-9, 10, [2, 5003])],
    run: (x) => cumsum(x, 1),
    gradients: 'none',
  },
  ...enormous.map((item): Case => ({ ...item, op: 'cumsum', large: true, gradients: 'none' })),
];

/** Rows of one 0, of two, of none. */
const zeros = given([2, 0, 3, 4, 0, 5, 0, 6, 1, 2, 3, 4], [3, 4]);

/** Factors whose products stay near 1. */
const factors: Domain = (shape) => between(0.9, 1.1, shape);

const products: Case[] = [
  ...scans('cumprod', cumprod, factors),
  ...dtypes('cumprod', cumprod, [whole(-2, 3, [3, 7])]),
  { op: 'cumprod', title: 'zeros among the factors', inputs: [zeros], run: (x) => [cumprod(x, 1), cumprod(x, 0)] },
  {
    op: 'cumprod',
    title: 'exclusive, both ways',
    inputs: [zeros],
    run: (x) => [productsBefore(x, 1), productsBefore(x, 0, true)],
  },
  {
    op: 'cumprod',
    title: 'exclusive, both ways, in several chunks',
    inputs: [factors([2, 2053])],
    run: (x) => [productsBefore(x, 1), productsBefore(x, 1, true)],
    gradients: 'compare',
  },
  {
    op: 'cumprod',
    title: 'the last is the product',
    inputs: [nonzero([3, 5])],
    run: (x) => [mul(cumprod(x, 1), 2), prod(x, 1)],
  },
];

const recurrences: Case[] = [
  ...[
    [[7], 0] as const,
    [[5, 37], 1] as const,
    [[37, 5], 0] as const,
    [[3, 67], 0] as const,
    [[3, 4, 5], 1] as const,
  ].map(
    ([shape, dim]): Case => ({
      op: 'recurrence',
      title: `[${shape}] along ${dim}`,
      inputs: [nonzero(shape), normal(shape)],
      run: (a, b) => [recurrence(a, b, dim), recurrence(a, b, dim, true)],
    }),
  ),
  {
    op: 'recurrence',
    title: 'of what is not contiguous',
    inputs: [normal([4, 3]), normal([3, 4])],
    run: (a, b) => recurrence(transpose(a), b, 1),
  },
  ...[[[2, 2053], 1] as const, [[263, 65], 0] as const].map(
    ([shape, dim]): Case => ({
      op: 'recurrence',
      title: `[${shape}] along ${dim}, in several chunks`,
      inputs: [between(-1, 1, shape), normal(shape)],
      run: (a, b) => [recurrence(a, b, dim), recurrence(a, b, dim, true)],
      gradients: 'compare',
    }),
  ),
];

const counts: Case[] = [
  [[5], 0] as const,
  [[3, 7, 2], 1] as const,
  [[1, 5003], 1] as const,
  [[70, 3], 0] as const,
  [[0, 3], 1] as const,
].map(([shape, dim]) => ({
  op: 'positions',
  title: `along ${dim} of [${shape}]`,
  inputs: [normal(shape)],
  run: (x) => positions(x, dim),
  gradients: 'none',
}));

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [
  ...sums,
  ...products.map((item) => ({ ...item, tolerance: { forward: 1e-5, gradient: 1e-5, ...item.tolerance } })),
  ...recurrences,
  ...counts,
]);
