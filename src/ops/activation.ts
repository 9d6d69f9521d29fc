// Activations of floats, one row each: the smooth ones here, those in pieces in rectifier.ts. Formulas are such that neither
// tail overflows or cancels; NaN gives NaN.
import { ShapeError } from '../tensor/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { abs, add, clamp, div, mul, neg, square, sub } from './arithmetic.ts';
import { gt, where } from './comparison.ts';
import { elementwise, unary } from './define.ts';
import { exp } from './exponential.ts';
import * as reference from './reference-math.ts';

export * from './rectifier.ts';
export { tanh } from './trigonometry.ts';

/** out = 1 / (1 + e^-x): from 0 to 1. In the shape of x. Throws a ShapeError for int32 and bool. */
export const sigmoid = unary({
  name: 'sigmoid',
  cpu: reference.sigmoid,
  wgsl: 'sigmoid(x)',
  vjp: [({ g, out }) => mul(g, mul(out, sub(1, out)))],
});

/**
 * out = log(sigmoid(x)) = -log(1 + e^-x), which is x for large negative x. In the shape of x. Throws a ShapeError for
 * int32 and bool.
 */
export const logSigmoid = unary({
  name: 'logSigmoid',
  cpu: (x) => -reference.softplus(-x),
  wgsl: '-softplus(-x)',
  vjp: [({ g, x }) => mul(g, sigmoid(neg(x as Tensor)))],
});

const softplusCall = elementwise({
  name: 'softplus',
  autocast: 'float32',
  cpu: (x, beta, threshold) => (x * beta > threshold ? x : reference.softplus(x * beta) / beta),
  branch: (x, beta, threshold) => Number(x * beta > threshold),
  wgsl: 'select(softplus(x * a) / a, x, x * a > b)',
  vjp: [
    ({ g, x, scalars: [beta, threshold] }) => {
      const z = mul(x, beta);
      return where(gt(z, threshold), g, mul(g, sigmoid(z)));
    },
  ],
});

/**
 * out = log(1 + e^(beta x)) / beta; x itself where beta x > threshold. In the shape of x. Throws a ShapeError for
 * int32 and bool, and for beta 0.
 */
export function softplus(x: Tensor, beta = 1, threshold = 20): Tensor {
  if (beta === 0) throw new ShapeError('softplus: expected a beta other than 0, got 0');
  return softplusCall([x], [beta, threshold]);
}

/** out = x / (1 + |x|); NaN for infinities. In the shape of x. Throws a ShapeError for int32 and bool. */
export const softsign = unary({
  name: 'softsign',
  cpu: (x) => x / (1 + Math.abs(x)),
  wgsl: 'x / (1.0 + abs(x))',
  vjp: [({ g, x }) => div(g, square(add(abs(x as Tensor), 1)))],
});

/** out = x sigmoid(x); NaN for -Infinity. In the shape of x. Throws a ShapeError for int32 and bool. */
export const silu = unary({
  name: 'silu',
  cpu: (x) => x * reference.sigmoid(x),
  wgsl: 'x * sigmoid(x)',
  vjp: [
    ({ g, x }) => {
      const [up, down] = [sigmoid(x as Tensor), sigmoid(neg(x as Tensor))];
      return mul(g, mul(up, add(1, mul(x, down))));
    },
  ],
});

/**
 * out = x tanh(log(1 + e^x)); NaN for -Infinity. With s = sigmoid(x) and q = sigmoid(-x) = 1 - s the hyperbolic
 * tangent is s (1 + q) / (1 + q^2), which cancels nowhere. In the shape of x. Throws a ShapeError for int32 and bool.
 */
export const mish = unary({
  name: 'mish',
  cpu: (x) => x * Math.tanh(reference.softplus(x)),
  wgsl: 'x * sigmoid(x) * (1.0 + sigmoid(-x)) / (1.0 + sigmoid(-x) * sigmoid(-x))',
  vjp: [
    ({ g, x }) => {
      const [s, q] = [sigmoid(x as Tensor), sigmoid(neg(x as Tensor))];
      const d = add(square(q), 1);
      const curve = div(mul(s, add(q, 1)), d);
      return mul(g, add(curve, mul(x, mul(s, square(div(mul(q, 2), d))))));
    },
  ],
});

/**
 * The error function: out = 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x. In the shape of x. Throws a
 * ShapeError for int32 and bool.
 */
export const erf = unary({
  name: 'erf',
  cpu: reference.erf,
  wgsl: 'errorFunction(x)',
  vjp: [({ g, x }) => mul(g, mul(exp(neg(square(x as Tensor))), 2 / Math.sqrt(Math.PI)))],
});

/** The probability of a normal number below x, and its density. */
const normalCdf = unary({
  name: 'normalCdf',
  cpu: reference.normalCdf,
  wgsl: 'normalCdf(x)',
  vjp: [({ g, x }) => mul(g, density(x as Tensor))],
});
const density = (x: Tensor) => mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));

/** From here on the curves of gelu are straight, even in float64, and their derivatives would be 0 * Infinity. */
const STRAIGHT = 40;

const geluExact = unary({
  name: 'gelu',
  cpu: (x) => x * reference.normalCdf(x),
  wgsl: 'x * normalCdf(x)',
  vjp: [
    ({ g, x }) => {
      const t = clamp(x as Tensor, -STRAIGHT, STRAIGHT);
      return mul(g, add(normalCdf(t), mul(t, density(t))));
    },
  ],
});

/** sqrt(2 / pi), twice: (1 + tanh(v)) / 2 = sigmoid(2 v), which does not cancel for large negative v. */
const WIDTH = 2 * Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

const geluTanh = elementwise({
  name: 'geluTanh',
  cpu: (x, width, cubic) => x * reference.sigmoid(width * (x + cubic * x ** 3)),
  wgsl: 'x * sigmoid(a * (x + b * x * x * x))',
  vjp: [
    ({ g, x }) => {
      const t = clamp(x as Tensor, -STRAIGHT, STRAIGHT);
      const squared = square(t);
      const v = mul(mul(t, add(mul(squared, CUBIC), 1)), WIDTH);
      const slope = mul(add(mul(squared, 3 * CUBIC), 1), WIDTH);
      const s = sigmoid(v);
      return mul(g, mul(s, add(mul(mul(t, slope), sigmoid(neg(v))), 1)));
    },
  ],
});

/**
 * x times the probability of a normal number below x: out = x (1 + erf(x / sqrt(2))) / 2. With `approximate: 'tanh'`:
 * out = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. NaN for -Infinity. In the shape of x. Throws a ShapeError
 * for int32 and bool, and for another `approximate`.
 */
export function gelu(x: Tensor, { approximate = 'none' }: { approximate?: 'none' | 'tanh' } = {}): Tensor {
  if (approximate === 'tanh') return geluTanh([x], [WIDTH, CUBIC]);
  if (approximate !== 'none') {
    throw new ShapeError(`gelu: expected approximate to be 'none' or 'tanh', got '${approximate}'`);
  }
  return geluExact(x);
}
