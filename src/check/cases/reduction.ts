// Cases of sum, mean and max: by rows and by columns of memory, on one level and on two.
import { expand, sum } from '../../ops/broadcast.ts';
import { permute, transpose } from '../../ops/movement.ts';
import { max, mean } from '../../ops/reduction.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { apart, between, crowd, given, type Input, normal, whole } from '../values.ts';

type Reduce = (x: Tensor, dims?: number | readonly number[], keepdim?: boolean) => Tensor;

/** Shapes and dims, from one element to three kept and three reduced dims that do not merge. */
const layouts: [title: string, shape: Shape, dims?: number | number[]][] = [
  ['rank 0', []],
  ['one element', [1, 1], 1],
  ['all of a vector', [17]],
  ['rows', [5, 37], 1],
  ['columns', [37, 5], 0],
  ['many short rows', [67, 3], 1],
  ['many columns', [7, 67], 0],
  ['the middle', [3, 5, 4], 1],
  ['a negative dim', [3, 5], -2],
  ['outer and inner', [3, 5, 4], [0, 2]],
  ['every other of 6 dims', [2, 3, 2, 3, 2, 3], [0, 2, 4]],
  ['the others of 6 dims', [2, 3, 2, 3, 2, 3], [1, 3, 5]],
  ['every other of 8 dims', [2, 3, 2, 2, 3, 2, 2, 2], [1, 3, 5, 7]],
];

const reduction = (op: string, run: Reduce, domain: (shape: Shape) => Input): Case[] => [
  ...layouts.map(([title, shape, dims]): Case => ({ op, title, inputs: [domain(shape)], run: (x) => run(x, dims) })),
  { op, title: 'dims kept', inputs: [domain([3, 5, 2])], run: (x) => run(x, [0, 2], true) },
  { op, title: 'a transposed matrix', inputs: [domain([5, 7])], run: (x) => run(transpose(x), 0) },
  {
    op,
    title: 'all of 6 dims, reversed',
    inputs: [domain([2, 3, 2, 3, 2, 3])],
    run: (x) => run(permute(x, [5, 4, 3, 2, 1, 0])),
  },
  {
    op,
    title: 'some of 6 dims, reversed',
    inputs: [domain([2, 3, 2, 3, 2, 3])],
    run: (x) => run(permute(x, [5, 4, 3, 2, 1, 0]), [0, 1, 2, 3]),
  },
  { op, title: 'an expanded row', inputs: [domain([1, 7])], run: (x) => run(expand(x, [5, 7]), 1) },
  {
    op,
    title: 'a window at an offset',
    inputs: [domain([90])],
    run: (x) => run(x.alias('window', { shape: [4, 5], strides: [1, 4], offset: 67 }), 1),
    gradients: 'none',
  },
  { op, title: 'rows on two levels', inputs: [domain([2, 4099])], run: (x) => run(x, 1), gradients: 'compare' },
  { op, title: 'columns on two levels', inputs: [domain([263, 65])], run: (x) => run(x, 0), gradients: 'compare' },
  {
    op,
    title: 'NaN and infinities',
    inputs: [given([1, Number.NaN, 3, 2, Number.POSITIVE_INFINITY, 4, Number.NEGATIVE_INFINITY, 5, 6], [3, 3])],
    run: (x) => [run(x, 1), run(x, 0), run(x)],
    gradients: 'none',
  },
  refusal(op, 'int32', [whole(0, 9, [3])], (x) => run(x), new RegExp(`${op}: expected dtype float32, got int32`)),
  refusal(op, 'a dim that is not there', [normal([3])], (x) => run(x, 1), /dim 1 is out of range for rank 1/),
  refusal(op, 'a dim twice', [normal([3, 2])], (x) => run(x, [1, -1]), /dim given twice/),
];

/** Sums over nothing are 0, means NaN, which leaves no difference to take. */
const empty = (op: string, run: Reduce): Case[] => [
  { op, title: 'over no elements', inputs: [normal([3, 0])], run: (x) => [run(x, 1), run(x)], gradients: 'compare' },
  {
    op,
    title: 'over an empty dim and one that is not',
    inputs: [normal([0, 2, 3])],
    run: (x) => run(x, [0, 2]),
    gradients: 'compare',
  },
  { op, title: 'no outputs', inputs: [normal([0, 3])], run: (x) => run(x, 1) },
];

const MILLION: Shape = [1_000_003];

const sums: Case[] = [
  {
    op: 'sum',
    title: 'a million elements',
    large: true,
    inputs: [between(0, 1, MILLION)],
    run: (x) => sum(x),
    gradients: 'none',
  },
  {
    op: 'sum',
    title: 'rows, more workgroups than one dimension holds',
    large: true,
    inputs: [normal([1, 17])],
    run: (x) => sum(expand(x, [65_537, 17]), 1),
    gradients: 'none',
  },
  {
    op: 'sum',
    title: 'columns, more workgroups than one dimension holds',
    large: true,
    inputs: [normal([2, 1])],
    run: (x) => mean(sum(expand(x, [2, crowd(x)]), 0)),
    reference: (x) => sum(x),
    gradients: 'none',
  },
];

const maxima: Case[] = [
  {
    op: 'max',
    title: 'ties',
    inputs: [given([1, 3, 3, 2, 2, 2], [2, 3])],
    run: (x) => max(x, 1),
    gradients: 'compare',
  },
  {
    op: 'max',
    title: 'a million elements',
    large: true,
    inputs: [between(-2, -1, MILLION)],
    run: (x) => max(x),
    gradients: 'none',
  },
  refusal('max', 'no elements', [normal([3, 0])], (x) => max(x, 1), /max: expected at least one element/),
];

export const cases = family({ forward: 1e-6, gradient: 1e-6 }, [
  ...reduction('sum', sum, normal),
  ...empty('sum', sum),
  ...sums,
  ...reduction('mean', mean, normal),
  ...empty('mean', mean),
  ...reduction('max', max, apart),
  ...maxima,
]);
