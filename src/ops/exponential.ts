// Powers, roots, exponentials and logarithms, one row each, of floats; pow takes int32, too. NaN gives NaN, but for pow.
import { ShapeError } from '../tensor/errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { abs, add, div, mul, sub } from './arithmetic.ts';
import { onesLike } from './cast.ts';
import { eq, ge, gt, logicalAnd, logicalOr, ne, where } from './comparison.ts';
import { binary, type Operand, unary } from './define.ts';
import { power, powerInt } from './reference-math.ts';

/** out = e^x: 0 for -Infinity, infinite above 88.7. In the shape of x. Throws a ShapeError for int32 and bool. */
export const exp = unary({
  name: 'exp',
  autocast: 'float32',
  cpu: Math.exp,
  wgsl: 'preciseExp(x)',
  vjp: [({ g, out }) => mul(g, out)],
});

/**
 * out = e^x - 1, without the cancellation near 0: -1 for -Infinity. In the shape of x. Throws a ShapeError for int32
 * and bool.
 */
export const expm1 = unary({
  name: 'expm1',
  autocast: 'float32',
  cpu: Math.expm1,
  wgsl: 'expm1(x)',
  vjp: [({ g, x }) => mul(g, exp(x as Tensor))],
});

/**
 * Natural logarithm: out = log(x), -Infinity for 0 and NaN below. In the shape of x. Throws a ShapeError for int32
 * and bool.
 */
export const log = unary({
  name: 'log',
  autocast: 'float32',
  cpu: Math.log,
  wgsl: 'preciseLog(x)',
  vjp: [({ g, x }) => div(g, x)],
});

/**
 * out = log(1 + x), without the cancellation near 0; -Infinity for -1 and NaN below. In the shape of x. Throws a
 * ShapeError for int32 and bool.
 */
export const log1p = unary({
  name: 'log1p',
  autocast: 'float32',
  cpu: Math.log1p,
  wgsl: 'log1p(x)',
  vjp: [({ g, x }) => div(g, add(x, 1))],
});

/**
 * Square root: out = sqrt(x), NaN below 0. The gradient at 0 is infinite. In the shape of x. Throws a ShapeError for
 * int32 and bool.
 */
export const sqrt = unary({
  name: 'sqrt',
  cpu: Math.sqrt,
  wgsl: 'sqrt(x)',
  vjp: [({ g, out }) => div(g, mul(out, 2))],
});

/** out = 1 / sqrt(x): infinite at 0, NaN below. In the shape of x. Throws a ShapeError for int32 and bool. */
export const rsqrt = unary({
  name: 'rsqrt',
  autocast: 'float32',
  cpu: (x) => 1 / Math.sqrt(x),
  wgsl: 'inverseSqrt(x)',
  vjp: [({ g, x, out }) => mul(g, mul(div(out, x), -0.5))],
});

const powCall = binary({
  name: 'pow',
  autocast: 'float32',
  cpu: power,
  wgsl: 'power(x, y)',
  int32: { cpu: powerInt, wgsl: 'powerInt(x, y)' },
  vjp: [
    ({ g, x, y }) => mul(g, mul(y, pow(x, oneLess(x as Tensor, y)))),
    ({ g, x, y, out }) => mul(g, mul(out, log(growing(x, y as Tensor)))),
  ],
});

/** y - 1; but 0 where x and y are 0, or x NaN, so that y x^(y - 1) is 0 and not 0 * Infinity. */
function oneLess(x: Tensor, y: Operand): Operand {
  if (typeof y === 'number') return y === 0 ? 0 : y - 1;
  return where(logicalOr(gt(abs(x), 0), ne(y, 0)), sub(y, 1), 0);
}

/** x, of which the logarithm tells how x^y grows with y; but 1 where x = 0 and y >= 0, from where it does not grow at all. */
function growing(x: Operand, y: Tensor): Tensor {
  const base = x instanceof Tensor ? x : mul(onesLike(y), x);
  return where(logicalAnd(eq(base, 0), ge(y, 0)), 1, base);
}

/**
 * out = x^y, as IEEE 754 has it: x^0 = 1 and 1^y = 1 even for NaN, a negative base takes whole exponents only (else
 * NaN). The gradient of the exponent is 0 at x = 0 for y >= 0. Floats, or int32 with wraparound, where exponents
 * below 0 give 0 but for the bases 1 and -1. In the shape to which x and y broadcast. Throws a ShapeError for bool,
 * for two dtypes, for a number that int32 cannot hold beside it, for shapes that do not broadcast, and for a plain
 * number below 0 as the exponent of int32.
 */
export function pow(x: Operand, y: Operand): Tensor {
  if (x instanceof Tensor && x.dtype === 'int32' && typeof y === 'number' && y < 0) {
    throw new ShapeError(`pow: expected an exponent of at least 0 beside int32, got ${y}`);
  }
  return powCall(x, y);
}
