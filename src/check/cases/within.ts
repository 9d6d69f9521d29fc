// Cases of data that must lie in a range: the bounds themselves, what lies beyond them, and who asks for it.
import { expand } from '../../ops/broadcast.ts';
import { transpose } from '../../ops/movement.ts';
import { mean } from '../../ops/reduction.ts';
import { bernoulli, multinomial } from '../../ops/sampling.ts';
import { LARGEST, type Range, within } from '../../ops/within.ts';
import { type Case, family } from '../case.ts';
import { between, crowd, given, normal } from '../values.ts';

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

const passes = (title: string, values: readonly number[], range: Range): Case => ({
  ...{ op: 'within', title, inputs: [given(values)], gradients: 'none' },
  run: (x) => within('case', x, range),
});

/** One number out of many that is wrong. */
const fault = (title: string, value: number, range: Range, at = 70): Case => ({
  ...{ op: 'within', title, inputs: [given(Array.from({ length: 71 }, (_, i) => (i === at ? value : 0.5)))] },
  run: (x) => within('case: expected numbers', x, range),
  faults: new RegExp(`^case: expected numbers, got ${value}$`),
});

const UNIT: Range = { low: 0, high: 1 };
const POSITIVE: Range = { low: 0, high: infinity, open: true };

const ranges: Case[] = [
  {
    op: 'within',
    title: 'numbers',
    inputs: [between(-1, 1, [5, 13])],
    run: (x) => within('case', x, { low: -2, high: 2 }),
  },
  {
    op: 'within',
    title: 'transposed',
    inputs: [normal([5, 7])],
    run: (x) => within('case', transpose(x), { low: -9, high: 9 }),
  },
  { op: 'within', title: 'rank 0', inputs: [normal([])], run: (x) => within('case', x, { low: -9, high: 9 }) },
  { op: 'within', title: 'no elements', inputs: [normal([0, 2])], run: (x) => within('case', x, UNIT) },
  passes('both bounds', [0, 1, -0, 0.5], UNIT),
  passes('infinities as bounds', [-infinity, 0, infinity], { low: -infinity, high: infinity }),
  passes('above the lower bound', [1e-30, 1, infinity], POSITIVE),
  passes('the largest number', [LARGEST, -LARGEST], { low: -LARGEST, high: LARGEST }),
  {
    ...{ op: 'within', title: 'more workgroups than one dimension holds', large: true, inputs: [normal([1])] },
    run: (x) => mean(within('case', expand(x, [crowd(x)]), { low: -9, high: 9 }), 0, true),
    reference: (x) => x,
    gradients: 'none',
    tolerance: { forward: 1e-6 },
  },
  {
    ...{ op: 'within', title: 'beyond the workgroups that one dimension holds', large: true, inputs: [given([2])] },
    run: (x) => (x.device.kind === 'cpu' ? within('case', x, UNIT) : within('case', expand(x, [crowd(x)]), UNIT)),
    faults: /^case, got 2$/,
  },
  fault('below', -0.03125, UNIT),
  fault('above, in front', 1.0000001192092896, UNIT, 0),
  fault('NaN', nan, UNIT),
  fault('NaN, without bounds', nan, { low: -infinity, high: infinity }),
  fault('the lower bound itself', 0, POSITIVE),
  fault('Infinity above the largest number', infinity, { low: 0, high: LARGEST }),
];

const weights = (title: string, values: readonly number[], got: RegExp, rows = 1): Case => ({
  ...{
    op: 'within',
    title: `multinomial, ${title}`,
    inputs: [given(values, rows === 1 ? undefined : [rows, values.length / rows])],
  },
  run: (x) => multinomial(x, 2, { replacement: true }),
  faults: got,
});

const asked: Case[] = [
  weights('a negative weight', [1, 2, -0.5], /^multinomial: expected finite weights of at least 0, got -0.5$/),
  weights('a weight of NaN', [1, nan, 2], /^multinomial: expected finite weights of at least 0, got NaN$/),
  weights('an infinite weight', [infinity, 1], /^multinomial: expected finite weights of at least 0, got Infinity$/),
  weights('no weight', [0, 0, 0], /^multinomial: expected a weight above 0 in each row, got 0$/),
  weights('a row without weight', [1, 0, 0, 0], /^multinomial: expected a weight above 0 in each row, got 0$/, 2),
  {
    ...{ op: 'within', title: 'multinomial, weights of all magnitudes', inputs: [given([LARGEST, 1e38, 1e-20, 0])] },
    run: (x) => [multinomial(x, 4), multinomial(x, 20, { replacement: true })],
    gradients: 'none',
  },
  ...[-0.25, 1.5, nan].map(
    (p): Case => ({
      ...{ op: 'within', title: `bernoulli of ${p}`, inputs: [given([0.5, p, 0])] },
      run: (x) => bernoulli(x),
      faults: new RegExp(`^bernoulli: expected probabilities from 0 to 1, got ${p}$`),
    }),
  ),
];

export const cases = family({ forward: 0, gradient: 0 }, [...ranges, ...asked]);
