// Cases of powers, exponentials, logarithms, trigonometric and hyperbolic functions.
import {
  atan,
  atan2,
  cos,
  cosh,
  exp,
  expm1,
  log,
  log1p,
  pow,
  rsqrt,
  sin,
  sinh,
  sqrt,
  tan,
  tanh,
} from '../../ops/elementwise.ts';
import type { Shape } from '../../tensor/shape.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, given, givenWhole, type Input, nonzero, normal, SPECIAL, whole } from '../values.ts';
import {
  binary,
  curves,
  ENDS,
  exact,
  floating,
  half,
  halves,
  integers,
  magnitudes,
  pairs,
  slopes,
  spread,
  sweep,
  TAIL,
  without,
} from './families.ts';

const positive = (shape: Shape): Input => between(0.2, 3, shape);

const exponentials: Case[] = [
  ...floating('exp', exp),
  exact('exp', 'up to the largest', exp, spread(-87, 88.5), 2),
  exact('exp', 'small numbers', exp, sweep(1e-30, 1), 2),
  exact('exp', 'overflow and underflow', exp, [0, 88.8, 89, 100, 1e4, 1e30, -110, -1e4, -1e30]),
  ...floating('expm1', expm1),
  exact('expm1', 'up to the largest', expm1, spread(-90, 88.5), 2),
  exact('expm1', 'small numbers', expm1, sweep(1e-30, 1.5), 2),
  exact('expm1', 'between steps', expm1, spread(-1.2, 1.2), 2),
  exact('expm1', 'overflow and underflow', expm1, [88.8, 89, 100, 1e4, 1e30, -110, -1e4, -1e30]),
  curves('expm1', expm1, [-1e4, -100, -20, -1e-3, 1e-3, 20, 80]),
  ...floating('log', log, positive),
  exact('log', 'all magnitudes', log, magnitudes(1e-37, 1e38), 2),
  exact('log', 'around 1', log, spread(0.4, 2.2), 2),
  exact('log', 'below 0', log, [-1e-30, -0.5, -1e30]),
  ...floating('log1p', log1p, positive),
  exact('log1p', 'small numbers', log1p, sweep(1e-30, 0.99), 3),
  exact('log1p', 'all magnitudes', log1p, magnitudes(0.1, 1e38), 3),
  exact('log1p', 'between branches', log1p, spread(-0.9, 1), 3),
  exact('log1p', '-1 and below', log1p, [-1, -1.0000001, -2, -1e30]),
  ...floating('sqrt', sqrt, positive),
  exact('sqrt', 'all magnitudes', sqrt, magnitudes(1e-30, 1e30), 4),
  ...floating('rsqrt', rsqrt, positive),
  exact('rsqrt', 'all magnitudes', rsqrt, magnitudes(1e-30, 1e30), 4),
];

/** Exponents on both sides of each special case. */
const EXPONENTS = [...SPECIAL, 0.5, -0.5, 2, -2, 3, -3, 16777215, 16777216, -16777215, 1e10, -1e10, 1e30, -1e30];
const BASES = [...SPECIAL, 0.5, -0.5, 1.5, 2, -2, -3, 1e30, -1e30, 1.0000001, 0.99999994, 1e-30];

const powers: Case[] = [
  ...binary('pow', pow, normal, positive),
  ...integers('pow', pow),
  without('bool', 'pow', pow),
  {
    op: 'pow',
    title: 'special cases',
    inputs: pairs(BASES, EXPONENTS).map((v) => given(v)),
    run: pow,
    gradients: 'none',
  },
  ...[2, 3, 0.5, 1.5, -1, -7.703125, 12.3125].map((y) =>
    exact('pow', `bases of all magnitudes to the ${y}`, (x) => pow(x, y), magnitudes(1e-3, 1e3), 2),
  ),
  exact('pow', 'subnormal and huge bases', (x) => pow(x, 0.125), magnitudes(2e-38, 3e38), 2),
  ...[2, 10, 0.375, 1.0009765625].map((x) => exact('pow', `exponents of ${x}`, (y) => pow(x, y), spread(-35, 35), 2)),
  exact('pow', 'bases near 1', (x) => pow(x, 700.25), spread(0.89, 1.12), 4),
  exact('pow', 'negative bases', (x) => pow(x, -3), sweep(1e-3, 1e3), 2),
  exact('pow', 'overflow and underflow', (x) => pow(3, x), [80, 81, 100, 127, 200, 1e5, -100, -200, -1e5]),
  { op: 'pow', title: 'a negative base and whole exponents', inputs: [nonzero(TAIL)], run: (x) => pow(x, 3) },
  { op: 'pow', title: 'the exponents 0 and 1', inputs: [nonzero(TAIL)], run: (x) => [pow(x, 0), pow(x, 1)] },
  {
    op: 'pow',
    title: 'exponents around 0',
    inputs: [positive([6]), given([0, 1, 2, 0, 1, -1])],
    run: pow,
    // The gradient tells an exponent of 0 apart, which its differences see as a kink.
    gradients: 'compare',
  },
  slopes('pow', 'slopes of the exponent at base 0', (y) => pow(0, y), [0, 1, 2.5], [0, 0, 0]),
  slopes('pow', 'slopes of exponents as tensors', (x) => pow(x, x), [1, 2], [1, 4 * (1 + Math.log(2))]),
  slopes('pow', 'slopes at base 0', (x) => pow(x, 2), [0, -0, 3], [0, 0, 6]),
  slopes('pow', 'slopes at base 0 and exponent 0', (x) => pow(x, 0), [0, -0, 3], [0, 0, 0]),
  {
    op: 'pow',
    title: 'slopes at base 0, exponents as tensors',
    inputs: [given([0, 0, 0, 2]), given([0, 1, 2, 0])],
    run: pow,
    gradients: 'compare',
  },
  {
    op: 'pow',
    title: 'int32 to all exponents',
    inputs: pairs([...ENDS, 3, -2], [0, 1, 2, 3, 5, 13, 31, 32, 33, -1, -2, 2 ** 31 - 1]).map((v) => givenWhole(v)),
    run: pow,
    gradients: 'none',
  },
  halves('pow', 'float16', [positive(TAIL)], (x) => pow(half(x), 1.5)),
  refusal(
    'pow',
    'int32 to a negative number',
    [whole(1, 9, [2])],
    (x) => pow(x, -1),
    /exponent of at least 0 beside int32/,
  ),
];

/** Angles in every quarter of the circle, at all distances from 0. */
const ANGLES = [...spread(-13, 13, 411), ...sweep(10, 3e38)];
/** Numbers nearest to multiples of pi / 2, where all that counts is what they miss it by; of some the low words carry. */
const NEAR = [
  ...[1, 2, 3, 4, 9, 1087, 2174, 2485, 4348].map((k) => (k * Math.PI) / 2),
  355,
  710,
  -103993,
  16367173 * 2 ** 72,
];

const angles: Case[] = [
  ...floating('sin', sin),
  exact('sin', 'small numbers', sin, sweep(1e-30, 1), 2),
  exact('sin', 'angles of all sizes', sin, ANGLES, 3),
  exact('sin', 'near multiples of pi / 2', sin, NEAR, 3),
  ...floating('cos', cos),
  exact('cos', 'small numbers', cos, sweep(1e-30, 1), 2),
  exact('cos', 'angles of all sizes', cos, ANGLES, 3),
  exact('cos', 'near multiples of pi / 2', cos, NEAR, 3),
  ...floating('tan', tan, (shape) => between(-1.3, 1.3, shape)),
  exact('tan', 'small numbers', tan, sweep(1e-30, 1), 4),
  exact('tan', 'angles of all sizes', tan, ANGLES, 5),
  exact('tan', 'near multiples of pi / 2', tan, NEAR, 5),
  halves('sin', 'float16', [normal(TAIL)], (x) => sin(half(x))),
];

const arcs: Case[] = [
  ...floating('atan', atan),
  exact('atan', 'all magnitudes', atan, sweep(1e-30, 1e30), 3),
  exact('atan', 'between branches', atan, spread(-2.6, 2.6), 3),
  ...binary('atan2', atan2, nonzero, nonzero),
  without('bool', 'atan2', atan2),
  without('int32', 'atan2', atan2),
  {
    op: 'atan2',
    title: 'points in all directions',
    inputs: pairs([...spread(-3, 3, 19), ...sweep(1e-20, 1e20).slice(0, 40)]).map((v) => given(v)),
    run: atan2,
    gradients: 'none',
    tolerance: { ulp: 4 },
  },
];

const hyperbolic: Case[] = [
  ...floating('sinh', sinh),
  exact('sinh', 'small numbers', sinh, sweep(1e-30, 2), 3),
  exact('sinh', 'up to the largest', sinh, spread(-89.25, 89.25), 3),
  exact('sinh', 'overflow', sinh, [89.5, -90, 1e4, -1e30]),
  ...floating('cosh', cosh),
  exact('cosh', 'small numbers', cosh, sweep(1e-30, 2), 3),
  exact('cosh', 'up to the largest', cosh, spread(-89.25, 89.25), 3),
  exact('cosh', 'overflow', cosh, [89.5, -90, 1e4, -1e30]),
  ...floating('tanh', tanh),
  exact('tanh', 'all magnitudes', tanh, sweep(1e-30, 1e30), 4),
  exact('tanh', 'numbers around 0', tanh, spread(-10, 10), 4),
  curves('tanh', tanh),
];

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [
  ...exponentials,
  ...powers,
  ...angles,
  ...arcs,
  ...hyperbolic,
]);
