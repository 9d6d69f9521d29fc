// Cases of max, min, amax, amin, argmax and argmin: values, the first of equals, NaN, and where gradients go.
import { opNamed } from '../../autograd/op.ts';
import { apply } from '../../autograd/tape.ts';
import { expand } from '../../ops/broadcast.ts';
import { amax, amin, argmax, argmin, max, min } from '../../ops/extrema.ts';
import { permute } from '../../ops/movement.ts';
import { mean } from '../../ops/reduction.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family } from '../case.ts';
import { apart, between, coins, crowd, given, normal, whole } from '../values.ts';
import { half, halves } from './families.ts';
import { type Dims, type Reduce, reduction, refusesEmpty, special, wholes } from './reduction-layouts.ts';

const MILLION: Shape = [1_000_003];

const ties = given([1, 3, 3, 2, 2, 2, -1, -1, -4, -4, 5, 5], [4, 3]);
const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: low } = Number;
/** Rows of nothing but the value that everything beats, and of several NaN. */
const extremes = given([low, low, low, inf, inf, inf, 1, nan, nan, nan, inf, nan, low, inf, low], [5, 3]);

const values = (op: 'amax' | 'amin', run: Reduce): Case[] => [
  ...reduction(op, run, apart),
  special(op, run),
  ...wholes(op, run),
  ...refusesEmpty(op, run),
  { op, title: 'ties', inputs: [ties], run: (x) => run(x, 1), gradients: 'compare' },
  { op, title: 'infinities only', inputs: [extremes], run: (x) => run(x, 1), gradients: 'none' },
  { op, title: 'a million', large: true, inputs: [between(-2, -1, MILLION)], run: (x) => run(x), gradients: 'none' },
  halves(op, 'float16', [apart([5, 37])], (x) => run(half(x), 1)),
  halves(op, 'ties of float16', [ties], (x) => run(half(x), 0), { gradients: 'compare' }),
];

type Extreme = typeof max;
/** As reductions are called: over one dim, or over all. */
const called =
  (run: Extreme): Reduce =>
  (x: Tensor, dim?: Dims, keepdim?: boolean) =>
    dim === undefined ? run(x) : run(x, dim as number, keepdim);

/** Over all, these are amax and amin under another name. */
const pairs = (op: 'max' | 'min', run: Extreme): Case[] => [
  ...reduction(op, called(run), apart, {}, false).map((item) => whole1(item, op)),
  special(op, (x, dim) => run(x, dim as number)),
  ...wholes(op, (x, dim = -1) => run(x, dim as number)),
  ...refusesEmpty(op, called(run)),
  { op, title: 'ties', inputs: [ties], run: (x) => [...run(x, 1), ...run(x, 0)], gradients: 'compare' },
  { op, title: 'ties over all', inputs: [ties], run: (x) => [run(x), ...run(x, 0)], gradients: 'compare' },
  { op, title: 'infinities only', inputs: [extremes], run: (x) => run(x, 1), gradients: 'none' },
  { op, title: 'NaN, and its gradient', inputs: [extremes], run: (x) => run(x, 1), gradients: 'compare' },
  { op, title: 'ties on two levels', inputs: [whole(0, 3, [2, 4099])], run: (x) => run(x, 1), gradients: 'none' },
  { op, title: 'many columns with ties', inputs: [whole(0, 3, [9, 67])], run: (x) => run(x, 0), gradients: 'none' },
  { op, title: 'a million', large: true, inputs: [between(0, 1, MILLION)], run: (x) => run(x, 0), gradients: 'none' },
  halves(op, 'float16', [apart([5, 37])], (x) => [...run(half(x), 1), ...run(half(x), 0)]),
];

/** max(x) runs amax, so that a case of max has to take a dim, too. */
function whole1(item: Case, op: 'max' | 'min'): Case {
  if (item.refuses) return item;
  const both = op === 'max' ? max : min;
  return { ...item, run: (x) => [item.run(x), x.rank > 0 ? both(x, 0) : both(x.reshape([1]), 0)].flat() };
}

const places = (op: 'argmax' | 'argmin', run: typeof argmax): Case[] => {
  const none = { gradients: 'none' } as const;
  const reduce: Reduce = (x, dim, keepdim) => run(x, dim as number | undefined, keepdim);
  return [
    ...reduction(op, reduce, (shape) => whole(0, 4, shape), none, false),
    special(op, reduce),
    ...wholes(op, reduce),
    ...refusesEmpty(op, reduce),
    { op, title: 'floats', inputs: [normal([5, 37])], run: (x) => [run(x, 1), run(x, 0), run(x)], ...none },
    { op, title: 'ties', inputs: [ties], run: (x) => [run(x, 1), run(x, 0), run(x)], ...none },
    { op, title: 'infinities only', inputs: [extremes], run: (x) => [run(x, 1), run(x, 0), run(x)], ...none },
    { op, title: 'dims kept over all', inputs: [normal([3, 4])], run: (x) => run(x, undefined, true), ...none },
    {
      op,
      title: 'all of 4 dims of floats, turned',
      inputs: [apart([5, 2, 4, 3])],
      run: (x) => [run(permute(x, [2, 0, 3, 1])), run(permute(x, [1, 3, 0, 2]))],
      ...none,
    },
    {
      op,
      // The row can do what the function has no name for; so may every row with places to come.
      title: 'many columns over two dims',
      inputs: [whole(0, 4, [4, 5, 13, 3])],
      run: (x) => apply(opNamed(op), [x], { dims: [0, 3], keepdim: false }),
      ...none,
    },
    { op, title: 'bool, by row', inputs: [coins([4, 5])], run: (x) => run(x, 1), ...none },
    { op, title: 'a million', large: true, inputs: [between(0, 1, MILLION)], run: (x) => run(x), ...none },
    {
      op,
      title: 'rows, more workgroups than one dimension holds',
      large: true,
      inputs: [normal([1, 17])],
      run: (x) => run(expand(x, [65_537, 17]), 1),
      ...none,
    },
    halves(op, 'float16', [apart([5, 37])], (x) => [run(half(x), 1), run(half(x), 0)], none),
  ];
};

/** More outputs than fit one dimension of workgroups. */
const crowds: Case[] = [
  {
    op: 'amax',
    title: 'columns, more workgroups than one dimension holds',
    large: true,
    inputs: [normal([2, 1])],
    run: (x) => mean(amax(expand(x, [2, crowd(x)]), 0)),
    reference: (x) => amax(x),
    gradients: 'none',
  },
];

export const cases = family({ forward: 1e-6, gradient: 1e-6 }, [
  ...values('amax', amax),
  ...values('amin', amin),
  ...pairs('max', max),
  ...pairs('min', min),
  ...places('argmax', argmax),
  ...places('argmin', argmin),
  ...crowds,
]);
