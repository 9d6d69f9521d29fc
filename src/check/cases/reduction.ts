// Cases of sum, mean, prod, any, all and countNonzero.
import { expand, sum } from '../../ops/broadcast.ts';
import { add, cast, contiguous, mul } from '../../ops/elementwise.ts';
import { permute } from '../../ops/movement.ts';
import { all, any, countNonzero, mean, prod } from '../../ops/reduction.ts';
import { elementCount, type Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family } from '../case.ts';
import { between, coins, crowd, given, givenWhole, nonzero, normal, whole } from '../values.ts';
import { half, halves } from './families.ts';
import { empty, floatsOnly, type Reduce, reduction, special, wholes } from './reduction-layouts.ts';

const MILLION: Shape = [1_000_003];
const SIDE = 4096;

/** 2^24 elements, of which the rows are all the same: the reference needs one. */
const square = (x: Tensor): Tensor => contiguous(expand(x, [SIDE, SIDE]));

const enormous: Omit<Case, 'large' | 'gradients'>[] = [
  { op: 'sum', title: 'a million elements', inputs: [between(0, 1, MILLION)], run: (x) => sum(x) },
  {
    op: 'sum',
    title: '2^24 uniform numbers',
    inputs: [between(0, 1, [SIDE])],
    run: (x) => sum(square(x)),
    reference: (x) => mul(sum(x), SIDE),
  },
  {
    op: 'sum',
    title: '2^24 normal numbers about 1',
    inputs: [normal([SIDE])],
    run: (x) => sum(square(add(x, 1))),
    reference: (x) => mul(sum(add(x, 1)), SIDE),
  },
  {
    op: 'mean',
    title: '2^24 uniform numbers',
    inputs: [between(0, 1, [SIDE])],
    run: (x) => mean(square(x)),
    reference: (x) => mean(x),
  },
  {
    op: 'mean',
    title: '2^24 normal numbers about 1, the other way round',
    inputs: [normal([SIDE])],
    run: (x) => mean(permute(square(add(x, 1)), [1, 0])),
    reference: (x) => mean(add(x, 1)),
  },
  {
    op: 'sum',
    title: 'rows, more workgroups than one dimension holds',
    inputs: [normal([1, 17])],
    run: (x) => sum(expand(x, [65_537, 17]), 1),
  },
  {
    op: 'sum',
    title: 'columns, more workgroups than one dimension holds',
    inputs: [normal([2, 1])],
    run: (x) => mean(sum(expand(x, [2, crowd(x)]), 0)),
    reference: (x) => sum(x),
  },
];

const long = enormous.map((item): Case => ({ ...item, large: true, gradients: 'none' }));

const float16: Case[] = [
  halves('sum', 'float16', [normal([5, 37])], (x) => [sum(half(x), 1), sum(half(x), 0), sum(half(x))]),
  halves('sum', 'float16 on two levels', [between(0, 1, [4099])], (x) => sum(half(x)), { gradients: 'compare' }),
  halves('sum', 'many columns of float16', [normal([7, 67])], (x) => sum(half(x), 0)),
  halves(
    'sum',
    'float16 beyond its whole numbers',
    [between(0.9, 1.1, [5000])],
    (x) => sum(half(x)),
    // One after the other in halves they would stop at 2048.
    { gradients: 'none' },
  ),
  halves('mean', 'float16', [normal([5, 37])], (x) => mean(half(x), 1)),
  halves('prod', 'float16', [nonzero([5, 7])], (x) => prod(half(x), 1)),
  // What broadcasting has for a gradient is a sum of halves.
  halves('add', 'float16, broadcast', [normal([4, 1]), normal([6])], (x, y) => add(half(x), half(y))),
  halves('mul', 'float16, broadcast', [normal([3, 1, 5]), normal([4, 1])], (x, y) => mul(half(x), half(y))),
  ...[any, all, countNonzero].map((run, i) =>
    halves(['any', 'all', 'countNonzero'][i], 'float16', [whole(0, 2, [5, 3])], (x) => run(half(x), 1), {
      gradients: 'none',
    }),
  ),
];

/** Products of the others where one factor is 0, where two are, and where none is. */
const zeros = given([2, 0, 3, 4, 0, 5, 0, 6, 1, 2, 3, 4], [3, 4]);

/** Whole numbers whose products stay within 2^31: -1, 1 and a few 3. */
const signs = (shape: Shape) =>
  givenWhole(
    Array.from({ length: elementCount(shape) }, (_, i) => (i % 577 === 5 ? 3 : i % 7 === 3 ? -1 : 1)),
    shape,
  );

const products: Case[] = [
  { op: 'prod', title: 'zeros among the factors', inputs: [zeros], run: (x) => prod(x, 1) },
  { op: 'prod', title: 'zeros over columns', inputs: [zeros], run: (x) => prod(x, 0) },
  {
    op: 'prod',
    title: 'a single zero over several dims',
    inputs: [given([2, 0, 3, 4], [2, 1, 2])],
    run: (x) => prod(x),
  },
];

/** Rows of nothing true, of all true, of one that is or is not, first or last; NaN is true. */
const truths = given(
  [0, 0, -0, 1, -2, 0.5, 0, 0, 3, 0, 5, 6, 7, 8, 0, Number.NaN, 1, Number.NEGATIVE_INFINITY, 0, Number.NaN, 0],
  [7, 3],
);

/** One element that differs from all others, at both sides of a chunk's end, in the last one, and nowhere. */
const needle = (value: number, hay: number) =>
  given(
    [2049, 2050, 4098, 9999].flatMap((at) => Array.from({ length: 4099 }, (_, i) => (i === at ? value : hay))),
    [4, 4099],
  );

const logic = (op: string, run: Reduce, value: number, hay: number): Case[] => [
  ...reduction(op, run, (shape) => whole(0, 2, shape), { gradients: 'none' }),
  ...wholes(op, run, (shape) => whole(-1, 2, shape)),
  { op, title: 'floats, NaN among them', inputs: [truths], run: (x) => run(x, 1), gradients: 'none' },
  { op, title: 'one of many', inputs: [needle(value, hay)], run: (x) => run(x, 1), gradients: 'none' },
  { op, title: 'one of many columns', inputs: [needle(value, hay)], run: (x) => run(x, 0), gradients: 'none' },
  { op, title: 'bools of a comparison', inputs: [coins([9])], run: (x) => run(cast(x, 'bool')), gradients: 'none' },
  ...empty(op, run, 'none'),
];

export const cases = family({ forward: 1e-6, gradient: 1e-6 }, [
  ...reduction('sum', sum, normal),
  special('sum', sum),
  ...empty('sum', sum),
  ...wholes('sum', sum),
  ...reduction('mean', mean, normal),
  special('mean', mean),
  ...empty('mean', mean),
  ...floatsOnly('mean', mean),
  // Thousands of factors near 1: every one of them rounds.
  ...reduction('prod', prod, (shape) => between(0.98, 1.02, shape), { tolerance: { forward: 1e-5, gradient: 1e-5 } }),
  special('prod', prod),
  ...empty('prod', prod),
  ...wholes('prod', prod, signs),
  ...products,
  ...logic('any', any, 1, 0),
  ...logic('all', all, 0, 1),
  ...logic('countNonzero', countNonzero, 1, 0),
  ...float16,
  ...long,
]);
