// Cases of arithmetic and rounding. What all elementwise kernels share, their layouts, is in layout.ts.
import {
  abs,
  add,
  ceil,
  clamp,
  div,
  floor,
  maximum,
  minimum,
  mul,
  neg,
  reciprocal,
  remainder,
  round,
  sign,
  square,
  sub,
  trunc,
} from '../../ops/elementwise.ts';
import { fromHost } from '../../tensor/creation.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, coins, given, givenWhole, nonzero, normal, SPECIAL, whole } from '../values.ts';
import {
  type Binary,
  binary,
  ENDS,
  exact,
  floating,
  half,
  halves,
  integer,
  integers,
  magnitudes,
  pairs,
  slopes,
  sweep,
  TAIL,
  type Unary,
  unary,
  without,
} from './families.ts';

/** Gradients are shared evenly in a tie. */
const ties = (op: string, run: Binary, expected: number[]): Case =>
  slopes(op, 'slopes at ties', (x) => run(x, 1), [0, 1, 2], expected);

/** Numbers on both sides of every jump, and on it. */
const JUMPS = [-3, -2.5, -2.4999998, -1.5, -1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.5000001, 0.75, 1, 1.5, 2.5, 3.5];

const rounding = (op: string, run: Unary): Case[] => [
  ...unary(op, run),
  { op, title: 'halves and their neighbours', inputs: [given(JUMPS)], run, gradients: 'none' },
  { op, title: 'numbers without a fraction', inputs: [given([8388609, -8388609, 1e9, 1e30])], run, gradients: 'none' },
  slopes(
    op,
    'the slope is 0',
    run,
    JUMPS,
    JUMPS.map(() => 0),
  ),
  integer(op, run),
];

const far = magnitudes(1e-3, 1e30, 97);

const remainders: Case[] = [
  ...binary('remainder', remainder, nonzero),
  ...integers('remainder', remainder),
  without('bool', 'remainder', remainder),
  {
    op: 'remainder',
    title: 'quotients of all sizes',
    inputs: [given([...far, ...far.map((x) => -x)]), given([...far].reverse().flatMap((y, i) => [y, i % 3 ? y : -y]))],
    run: remainder,
    gradients: 'none',
    tolerance: { ulp: 1 },
  },
  {
    op: 'remainder',
    title: 'numbers near a multiple',
    inputs: [
      given([7, -7, 7, -7, 6, -6, 5.9999995, -5.9999995, 0.3, 1e8, 1, -1]),
      given([3, 3, -3, -3, 3, 3, 3, 3, 0.1, 3, 1, 1]),
    ],
    run: remainder,
    gradients: 'none',
    tolerance: { ulp: 1 },
  },
  { op: 'remainder', title: 'int32 by 0', inputs: [givenWhole(ENDS)], run: (x) => remainder(x, 0), gradients: 'none' },
  halves('remainder', 'float16', [nonzero(TAIL)], (x) => remainder(half(x), 0.75)),
];

/** 0, 1, 2 beside another tensor. */
const steps = ({ device }: Tensor) => fromHost('case', [0, 1, 2], [3], { device });

const clamps: Case[] = [
  ...unary('clamp', (x) => clamp(x, -0.5, 0.75)),
  {
    op: 'clamp',
    title: 'three tensors that broadcast, bounds that cross',
    inputs: [normal([5, 1, 7]), normal([3, 1]), normal([7])],
    run: (x, low, high) => clamp(x, low, high),
  },
  { op: 'clamp', title: 'a lower bound', inputs: [normal(TAIL)], run: (x) => clamp(x, 0.25) },
  { op: 'clamp', title: 'an upper bound', inputs: [normal(TAIL)], run: (x) => clamp(x, undefined, 0.25) },
  { op: 'clamp', title: 'a lower tensor', inputs: [normal(TAIL), normal(TAIL)], run: (x, low) => clamp(x, low) },
  {
    op: 'clamp',
    title: 'an upper tensor',
    inputs: [normal(TAIL), normal(TAIL)],
    run: (x, high) => clamp(x, null, high),
  },
  {
    op: 'clamp',
    title: 'NaN and infinities in all places',
    inputs: [0, 1, 2].map((k) => given(Array.from({ length: 729 }, (_, i) => SPECIAL[Math.floor(i / 9 ** k) % 9]))),
    run: (x, low, high) => clamp(x, low, high),
    gradients: 'none',
  },
  {
    op: 'clamp',
    title: 'NaN and infinities with one bound',
    inputs: [given(SPECIAL)],
    run: (x) => [clamp(x, 0.5), clamp(x, null, 0.5)],
    gradients: 'none',
  },
  slopes('clamp', 'slopes at the bounds', (x) => clamp(x, -1, 1), [-2, -1, 0, 1, 2, Number.NaN], [0, 1, 1, 1, 0, 0]),
  slopes('clamp', 'slopes where bounds cross', (x) => clamp(x, 1, -1), [-2, -1, 0, 1, 2], [0, 0, 0, 0, 0]),
  slopes('clamp', 'slopes of a lower bound', (x) => clamp(steps(x), x), [1, 1, 1], [1, 0, 0]),
  slopes('clamp', 'slopes of an upper bound', (x) => clamp(steps(x), null, x), [1, 1, 1], [0, 0, 1]),
  { op: 'clamp', title: 'int32', inputs: [givenWhole(ENDS)], run: (x) => clamp(x, -3, 2 ** 24 + 1), gradients: 'none' },
  {
    op: 'clamp',
    title: 'int32 with one bound',
    inputs: [givenWhole(ENDS)],
    run: (x) => [clamp(x, 1), clamp(x, null, -1)],
    gradients: 'none',
  },
  halves('clamp', 'float16', [normal(TAIL)], (x) => clamp(half(x), -0.5)),
  refusal('clamp', 'no bound', [normal([2])], (x) => clamp(x), /clamp: expected a lower or an upper bound, got none/),
  refusal('clamp', 'int32 and a fraction', [whole(0, 9, [2])], (x) => clamp(x, 0.5), /whole number of 32 bits/),
  refusal(
    'clamp',
    'shapes that do not broadcast',
    [normal([3]), normal([2])],
    (x, y) => clamp(x, y),
    /do not broadcast/,
  ),
];

const smooth: Case[] = [
  ...floating('reciprocal', reciprocal, nonzero),
  exact('reciprocal', 'all magnitudes', reciprocal, sweep(1e-30, 1e30), 3),
  ...unary('square', square),
  integer('square', square),
  exact('square', 'all magnitudes', square, sweep(1e-15, 1e15), 1),
  ...unary('neg', neg),
  integer('neg', neg),
];

const kinked: Case[] = [
  ...unary('abs', abs, nonzero),
  integer('abs', abs),
  slopes('abs', 'slopes around 0', abs, [-2, -0, 0, 3], [-1, 0, 0, 1]),
  ...unary('sign', sign, nonzero),
  integer('sign', sign),
  slopes('sign', 'the slope is 0', sign, [-2, -0, 0, 3], [0, 0, 0, 0]),
  ...rounding('floor', floor),
  ...rounding('ceil', ceil),
  ...rounding('round', (x) => round(x)),
  {
    ...{ op: 'round', title: 'decimals', gradients: 'none' },
    inputs: [given([1.23456, -1.23456, 0.125, 0.375, -0.001, 12345.678, -154, 260, 340, 1e30, ...SPECIAL])],
    run: (x) => [round(x, 2), round(x, 4), round(x, -1), round(x, -2)],
  },
  // Halves of a hundredth, to the bit.
  {
    ...{ op: 'round', title: 'decimals, of two the even one', inputs: [given([0.125, 0.375, -0.625])] },
    ...{ run: (x: Tensor) => round(x, 2), gradients: 'none' as const },
    reference: ({ device }) => fromHost('case', [0.12, 0.38, -0.62], [3], { device }),
  },
  slopes('round', 'the slope is 0, with decimals', (x) => round(x, 1), [-0.33, 0.25, 1.72], [0, 0, 0]),
  halves('round', 'float16, decimals', [normal(TAIL)], (x) => round(half(x), 1), { gradients: 'none' }),
  refusal(
    'round',
    'int32 and decimals',
    [whole(0, 9, [2])],
    (x) => round(x, 1),
    /^round: expected x of dtype float32 .*int32/,
  ),
  refusal('round', 'bool and decimals', [coins([2])], (x) => round(x, 1), /^round: expected x of dtype float32 .*bool/),
  refusal(
    'round',
    'half a decimal',
    [normal([2])],
    (x) => round(x, 0.5),
    /^round: expected decimals as a whole .*, got 0.5/,
  ),
  refusal('round', 'too many decimals', [normal([2])], (x) => round(x, 39), /^round: expected decimals .*, got 39/),
  ...rounding('trunc', trunc),
];

const sums: Case[] = (
  [
    ['add', add],
    ['sub', sub],
    ['mul', mul],
    ['maximum', maximum],
    ['minimum', minimum],
  ] as [string, Binary][]
).flatMap(([op, run]) => [
  ...binary(op, run),
  ...integers(op, run),
  without('bool', op, run),
  halves(op, 'float16', [normal([4, 6]), normal([4, 6])], (x, y) => run(half(x), half(y))),
]);

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [
  ...sums,
  halves('mul', 'float16 and a number', [normal(TAIL)], (x) => mul(half(x), 1.5)),
  ...binary('div', div, (shape) => between(-3, -0.4, shape)),
  without('bool', 'div', div),
  {
    ...{ op: 'div', title: 'int32: the true quotient', inputs: pairs(ENDS).map((values) => givenWhole(values)) },
    run: div,
    gradients: 'none',
  },
  {
    ...{ op: 'div', title: 'int32 and a number', inputs: [whole(-5, 6, TAIL)], gradients: 'none' },
    run: (x) => [div(x, 2), div(x, 0.75), div(1, x), div(x, 0)],
  },
  exact('div', 'all magnitudes', (x) => div(x, 3), sweep(1e-30, 1e30), 3),
  ties('maximum', maximum, [0, 0.5, 1]),
  ties('minimum', minimum, [1, 0.5, 0]),
  ...remainders,
  ...clamps,
  ...smooth,
  ...kinked,
]);
