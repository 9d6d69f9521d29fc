// Cases of var, std, norm and logsumexp.
import { transpose } from '../../ops/movement.ts';
import { logsumexp, norm, std, type VarianceOptions, variance } from '../../ops/statistics.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, given, nonzero, normal } from '../values.ts';
import { half, halves } from './families.ts';
import { type Dims, empty, floatsOnly, type Reduce, reduction, special } from './reduction-layouts.ts';

const MILLION: Shape = [1_000_003];
const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: low } = Number;

type Spread = (x: Tensor, dims?: Dims, options?: VarianceOptions) => Tensor;

/** The layouts have dims of size 1, too, whose variance is 0 with a correction of 0, and NaN with that of 1. */
const population =
  (run: Spread): Reduce =>
  (x, dims, keepdim) =>
    run(x, dims, { correction: 0, keepdim });

/** Far from 0, where 1000^2 has lost the digits of a variance of 1 / 12. */
const far = (shape: Shape) => between(1000, 1001, shape);

/** A single element has a variance of 0, whose root has no slope. */
const single = (item: Case): Case =>
  item.title === 'rank 0' || item.title === 'one element' ? { ...item, gradients: 'compare' } : item;

const spread = (op: 'var' | 'std', run: Spread): Case[] => [
  // Gradients are differences from the mean.
  ...reduction(op, population(run), normal).map(single),
  special(op, population(run)),
  { ...special(op, (x, dims) => run(x, dims)), title: 'NaN and infinities, corrected' },
  ...empty(op, (x, dims) => run(x, dims)),
  ...floatsOnly(op, (x, dims) => run(x, dims)),
  { op, title: 'a correction of 1', inputs: [normal([5, 7])], run: (x) => [run(x, 1), run(x)] },
  { op, title: 'a correction of 1.5', inputs: [normal([5, 7])], run: (x) => run(x, 0, { correction: 1.5 }) },
  {
    op,
    title: 'as many elements as are taken off, and fewer',
    inputs: [normal([3, 1]), normal([3, 2])],
    run: (x, y) => [run(x, 1), run(y, 1, { correction: 2 }), run(y, 1, { correction: 3 })],
    gradients: 'none',
  },
  {
    op,
    title: 'equal elements',
    inputs: [given([2, 2, 2, 0, 0, 0], [2, 3])],
    run: (x) => run(x, 1),
    gradients: 'compare',
  },
  ...[[37], [5, 41], [4099]].map(
    (shape): Case => ({
      op,
      title: `far from 0, ${shape.join(' by ')}`,
      inputs: [far(shape)],
      run: (x) => [run(x, -1), run(x)],
      gradients: 'none',
    }),
  ),
  { op, title: 'far from 0, columns', inputs: [far([300, 67])], run: (x) => run(x, 0), gradients: 'none' },
  {
    op,
    title: 'a first element far from the others',
    inputs: [given(Array.from({ length: 4099 }, (_, i) => (i === 0 ? 1e4 : Math.sin(i))))],
    run: (x) => run(x, 0),
    gradients: 'none',
    // Nothing is gained by taking it off: what the others differ by is in their last places.
    tolerance: { forward: 1e-5 },
  },
  { op, title: 'a million', large: true, inputs: [far(MILLION)], run: (x) => run(x), gradients: 'none' },
  {
    op,
    title: 'a million, the other way round',
    large: true,
    inputs: [far([1009, 991])],
    run: (x) => [run(transpose(x)), run(x, 0)],
    gradients: 'none',
  },
  refusal(
    op,
    'a correction of NaN',
    [normal([3])],
    (x) => run(x, 0, { correction: nan }),
    /finite number as correction/,
  ),
  halves(op, 'float16', [normal([5, 37])], (x) => run(half(x), 1)),
];

const norms: Case[] = [
  ...reduction('norm', (x, dims, keepdim) => norm(x, 2, dims, keepdim), nonzero),
  special('norm', (x, dims) => norm(x, 2, dims)),
  ...empty('norm', (x, dims) => norm(x, 2, dims)),
  ...floatsOnly('norm', (x, dims) => norm(x, 2, dims)),
  { op: 'norm', title: 'the default', inputs: [normal([3, 5])], run: (x) => norm(x) },
  {
    op: 'norm',
    title: 'zeros',
    inputs: [given([0, 0, 0, 3, 4, 0], [2, 3])],
    run: (x) => norm(x, 2, 1),
    gradients: 'compare',
  },
  { op: 'norm', title: 'a million', large: true, inputs: [normal(MILLION)], run: (x) => norm(x), gradients: 'none' },
  refusal('norm', 'another p', [normal([3])], (x) => norm(x, 3), /norm: expected p of 1, 2 or Infinity, got 3/),
  refusal(
    'norm',
    'the largest of none',
    [normal([2, 0])],
    (x) => norm(x, inf, 1),
    /norm: expected at least one element/,
  ),
  halves('norm', 'float16', [normal([5, 37])], (x) => norm(half(x), 2, 1)),
  // The others are made of ops that are checked by themselves.
  { op: 'sum', title: 'norm with p = 1', inputs: [nonzero([5, 7])], run: (x) => [norm(x, 1, 0, true), norm(x, 1)] },
  {
    op: 'amax',
    title: 'norm with p = Infinity',
    inputs: [normal([5, 7])],
    run: (x) => [norm(x, inf, 0, true), norm(x, inf)],
  },
];

const logs: Case[] = [
  ...reduction('logsumexp', logsumexp, normal),
  special('logsumexp', logsumexp),
  ...empty('logsumexp', logsumexp),
  ...floatsOnly('logsumexp', logsumexp),
  {
    op: 'logsumexp',
    title: 'far from 0, rising, falling and apart',
    inputs: [given([1000, 1001, 1002, 1002, 1001, 1000, -1000, -1003, -999, -500, 0, 500], [4, 3])],
    run: (x) => [logsumexp(x, 1), logsumexp(x, 0), logsumexp(x)],
    gradients: 'compare',
    // Results near 1000 are rounded by 3e-5, which is a factor in the gradient.
    tolerance: { gradient: 5e-5 },
  },
  {
    op: 'logsumexp',
    title: 'infinities only, with their gradient',
    inputs: [given([low, low, low, inf, inf, low, low, 1, low, 1, nan, inf], [4, 3])],
    run: (x) => [logsumexp(x, 1), logsumexp(x, 0)],
    gradients: 'compare',
  },
  {
    op: 'logsumexp',
    title: 'wide rows on two levels',
    inputs: [between(-30, 30, [3, 4099])],
    run: (x) => [logsumexp(x, 1), logsumexp(x)],
    gradients: 'compare',
  },
  {
    op: 'logsumexp',
    title: 'a million',
    large: true,
    inputs: [normal(MILLION)],
    run: (x) => logsumexp(x),
    gradients: 'none',
  },
  halves('logsumexp', 'float16', [normal([5, 37])], (x) => logsumexp(half(x), 1)),
];

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [
  ...spread('var', variance),
  ...spread('std', std),
  ...norms,
  ...logs,
]);
