// Cases of the smooth activations. Their tails have cases of their own, in units of the last place.
import { grad } from '../../autograd/backward.ts';
import { erf, gelu, logSigmoid, mish, sigmoid, silu, softplus, softsign } from '../../ops/activation.ts';
import { onesLike } from '../../ops/elementwise.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { given, normal } from '../values.ts';
import { curves, exact, floating, half, halves, magnitudes, spread, sweep, TAIL, type Unary } from './families.ts';

/** What all have: numbers of all kinds, derivatives where they are nearly straight, and half precision. */
const activation = (op: string, run: Unary): Case[] => [
  ...floating(op, run),
  { op, title: 'more numbers, and their slopes', inputs: [given(spread(-9, 9, 61))], run },
  {
    op,
    title: 'large numbers',
    inputs: [given([-1e4, -200, -100, -50, 50, 100, 200, 1e4])],
    run,
    gradients: 'compare',
  },
  curves(op, run),
  halves(op, 'float16', [normal(TAIL)], (x) => run(half(x))),
];

/** From 0 out to where results become subnormal, which adapters may take for 0. */
const left = (low: number, high: number) => magnitudes(low, high).map((x) => -x);

const geluTanh: Unary = (x) => gelu(x, { approximate: 'tanh' });

/** gelu's slope, which is made of the normal distribution: the row that no user calls. */
const slope = (x: Tensor) => grad(gelu(x), [x], { gradients: [onesLike(x)], createGraph: true })[0] as Tensor;

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [
  ...activation('sigmoid', sigmoid),
  exact('sigmoid', 'left tail', sigmoid, left(1e-30, 87), 3),
  exact('sigmoid', 'right tail', sigmoid, magnitudes(1e-30, 1e30), 2),

  ...activation('logSigmoid', logSigmoid),
  exact('logSigmoid', 'both tails', logSigmoid, [...sweep(1e-30, 87), -100, -1e4, -1e30], 4),

  ...activation('softplus', softplus),
  exact('softplus', 'both tails', softplus, [...sweep(1e-30, 87), 100, 1e4, 1e30], 4),
  exact('softplus', 'both sides of the threshold', (x) => softplus(x, 2, 3), [...spread(1, 2, 33), 1.5000001], 4),
  { op: 'softplus', title: 'beta and threshold', inputs: [normal(TAIL)], run: (x) => softplus(x, 2, 1) },
  { op: 'softplus', title: 'a steep beta', inputs: [normal(TAIL)], run: (x) => softplus(x, 3.5) },

  ...activation('softsign', softsign),
  exact('softsign', 'all magnitudes', softsign, sweep(1e-30, 1e30), 4),

  ...activation('silu', silu),
  exact('silu', 'both tails', silu, [...sweep(1e-30, 85), 1e4, 1e30], 4),

  ...activation('mish', mish),
  exact('mish', 'both tails', mish, [...sweep(1e-30, 85), 1e4, 1e30], 6),

  ...activation('erf', erf),
  exact('erf', 'all magnitudes', erf, sweep(1e-30, 1e30), 3),
  exact('erf', 'between branches', erf, spread(-4, 4), 3),

  ...activation('gelu', gelu),
  exact('gelu', 'small numbers', gelu, sweep(1e-30, 1), 8),
  exact('gelu', 'left tail', gelu, left(0.5, 12.5), 8),
  exact('gelu', 'right tail', gelu, magnitudes(0.5, 1e30), 4),
  refusal(
    'gelu',
    'an approximation that there is not',
    [normal([2])],
    (x) => gelu(x, { approximate: 'none at all' as never }),
    /gelu: expected approximate to be 'none' or 'tanh', got 'none at all'/,
  ),
  {
    op: 'normalCdf',
    title: 'through the slope of gelu',
    inputs: [given(spread(-6, 6, 61))],
    run: slope,
  },

  ...activation('geluTanh', geluTanh),
  // The exponent, a rounded number of up to 2 x^2, makes errors of as many units.
  exact('geluTanh', 'left tail', geluTanh, left(1e-30, 5), 50),
  exact('geluTanh', 'right tail', geluTanh, magnitudes(1e-30, 1e30), 4),
]);
