// Arithmetic, one row each: sums, products, quotients, remainders, sizes and bounds.

import { FLOATS, isFloat } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { cast } from './cast.ts';
import { eq, ge, gt, le, logicalAnd, logicalOr, lt, where } from './comparison.ts';
import { binary, checkOperands, elementwise, flat, NUMBERS, type Operand, tensorsOf, unary } from './define.ts';
import { remainder as reference } from './reference-math.ts';
import { nearest } from './rounding.ts';

/**
 * out = x + y. Floats, or int32 with wraparound. In the shape to which x and y broadcast. Throws a ShapeError for
 * bool, for two dtypes, for a number that int32 cannot hold beside it, and for shapes that do not broadcast.
 */
export const add = binary({ name: 'add', cpu: (x, y) => x + y, wgsl: 'x + y', vjp: [({ g }) => g, ({ g }) => g] });

/**
 * out = x - y. Floats, or int32 with wraparound. In the shape to which x and y broadcast. Throws a ShapeError for
 * bool, for two dtypes, for a number that int32 cannot hold beside it, and for shapes that do not broadcast.
 */
export const sub = binary({ name: 'sub', cpu: (x, y) => x - y, wgsl: 'x - y', vjp: [({ g }) => g, ({ g }) => neg(g)] });

/**
 * out = x * y. Floats, or int32 with wraparound. In the shape to which x and y broadcast. Throws a ShapeError for
 * bool, for two dtypes, for a number that int32 cannot hold beside it, and for shapes that do not broadcast.
 */
export const mul = binary({
  name: 'mul',
  cpu: (x, y) => x * y,
  wgsl: 'x * y',
  int32: { cpu: Math.imul },
  vjp: [({ g, y }) => mul(g, y), ({ g, x }) => mul(g, x)],
});

const quotient = binary({
  name: 'div',
  cpu: (x, y) => x / y,
  wgsl: 'x / y',
  dtypes: [FLOATS, FLOATS],
  vjp: [({ g, y }) => div(g, y), ({ g, y, out }) => neg(div(mul(g, out), y))],
});

/**
 * out = x / y: infinite or NaN where y is 0. Floats; of int32 the true quotient, as float32, to which both are cast
 * first, which rounds beyond 2^24. In the shape to which x and y broadcast. Throws a ShapeError for bool, for two
 * dtypes, and for shapes that do not broadcast.
 */
export function div(x: Operand, y: Operand): Tensor {
  const isWhole = (v: Operand) => typeof v === 'number' || (v instanceof Tensor && v.dtype === 'int32');
  const real = (v: Operand) => (v instanceof Tensor ? cast(v, 'float32') : v);
  if (!isWhole(x) || !isWhole(y)) return quotient(x, y);
  checkOperands('div', [x, y]);
  return quotient(real(x), real(y));
}

/**
 * out = x - y * floor(x / y): the remainder with the sign of y. Floats, exact for every quotient: NaN where y is 0 or
 * x infinite; x or y where y is infinite. int32: 0 where y is 0. In the shape to which x and y broadcast. Throws a
 * ShapeError for bool, for two dtypes, for a number that int32 cannot hold beside it, and for shapes that do not
 * broadcast.
 */
export const remainder = binary({
  name: 'remainder',
  cpu: reference,
  branch: (x, y) => Math.floor(x / y),
  wgsl: 'remainder(x, y)',
  int32: { wgsl: 'remainderInt(x, y)' },
  // What was taken off x is a multiple of y, by which y's gradient counts.
  vjp: [({ g }) => g, ({ g, x, y, out }) => neg(mul(g, nearest(div(sub(x, out), y))))],
});

/**
 * out = the nearest number with so many decimals, of two the even one: 0.5 gives 0, 1.5 gives 2; of -2 decimals, the
 * nearest hundred. As in PyTorch x is scaled by the power of ten, rounded and scaled back, so what overflows on the way
 * is infinite. NaN and infinities stay, and so does int32. The gradient is 0. In the shape of x. Throws a ShapeError for
 * bool, for decimals that are no whole number from -38 to 38, and for int32 with others than 0.
 */
export function round(x: Tensor, decimals = 0): Tensor {
  if (decimals === 0) return nearest(x);
  tensorsOf('round', [x]);
  if (!Number.isInteger(decimals) || Math.abs(decimals) > 38) {
    throw new ShapeError(`round: expected decimals as a whole number from -38 to 38, got ${decimals}`);
  }
  if (!isFloat(x.dtype)) throw new ShapeError(`round: expected x of dtype float32 beside decimals, got ${x.dtype}`);
  const scale = 10 ** Math.abs(decimals);
  return decimals > 0 ? div(nearest(mul(x, scale)), scale) : mul(nearest(div(x, scale)), scale);
}

/** Which of two numbers is larger. */
const order = (x: number, y: number) => Number(x > y) - Number(x < y);

/**
 * out = max(x, y); NaN if either is. Floats or int32. The gradient is shared evenly in a tie. In the shape to which x
 * and y broadcast. Throws a ShapeError for bool, for two dtypes, for a number that int32 cannot hold beside it, and
 * for shapes that do not broadcast.
 */
export const maximum = binary({
  name: 'maximum',
  cpu: Math.max,
  branch: order,
  wgsl: 'select(select(y, x, x > y), x + y, isNan(f32(x)) || isNan(f32(y)))',
  vjp: [({ g, x, y }) => share(g, lt(x, y), x, y), ({ g, x, y }) => share(g, gt(x, y), x, y)],
});

/**
 * out = min(x, y); NaN if either is. Floats or int32. The gradient is shared evenly in a tie. In the shape to which x
 * and y broadcast. Throws a ShapeError for bool, for two dtypes, for a number that int32 cannot hold beside it, and
 * for shapes that do not broadcast.
 */
export const minimum = binary({
  name: 'minimum',
  cpu: Math.min,
  branch: order,
  wgsl: 'select(select(y, x, x < y), x + y, isNan(f32(x)) || isNan(f32(y)))',
  vjp: [({ g, x, y }) => share(g, gt(x, y), x, y), ({ g, x, y }) => share(g, lt(x, y), x, y)],
});

/** 0 for who loses, half of g where x and y are equal, else g: next to NaN for both. */
const share = (g: Tensor, loses: Tensor, x: Operand, y: Operand) => where(loses, 0, where(eq(x, y), mul(g, 0.5), g));

const clampCall = elementwise({
  name: 'clamp',
  cpu: (x, low, high) => Math.min(Math.max(x, low), high),
  branch: (x, low, high) => order(x, low) + 3 * order(x, high) + 9 * order(low, high),
  wgsl: 'select(min(max(x, y), z), x + y + z, isNan(f32(x)) || isNan(f32(y)) || isNan(f32(z)))',
  dtypes: [NUMBERS, NUMBERS, NUMBERS],
  vjp: [
    ({ g, x, y, z }) => where(logicalAnd(ge(x, y), le(x, z)), g, 0),
    ({ g, x, y, z }) => where(logicalAnd(lt(x, y), below(y, z)), g, 0),
    ({ g, x, y, z }) => where(logicalOr(gt(x, z), below(z, y)), g, 0),
  ],
});

/** x < y, also of two numbers. */
const below = (x: Operand, y: Operand) => (typeof x === 'number' && typeof y === 'number' ? Number(x < y) : lt(x, y));

/** What clamp takes for a bound that was left out. */
const UNBOUNDED = {
  floats: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/**
 * out = min(max(x, `min`), `max`): `max` where the bounds cross, NaN where x or a bound is. Either bound may be left
 * out; they are numbers or tensors. Floats or int32. x gets the gradient between the bounds and at them, a bound
 * where it is in force. In the shape to which x and the bounds broadcast. Throws a ShapeError without any bound, for
 * bool, for two dtypes, for a bound that is no whole number of 32 bits beside int32, and for shapes that do not
 * broadcast.
 */
export function clamp(x: Tensor, min?: Operand | null, max?: Operand | null): Tensor {
  tensorsOf('clamp', [x]);
  if (min == null && max == null) throw new ShapeError('clamp: expected a lower or an upper bound, got none');
  const [low, high] = UNBOUNDED[x.dtype === 'int32' ? 'int32' : 'floats'];
  return clampCall([x, min ?? low, max ?? high]);
}

/** out = -x. Floats or int32, where -2^31 is its own. In the shape of x. Throws a ShapeError for bool. */
export const neg = unary({ name: 'neg', cpu: (x) => -x, wgsl: '-x', dtypes: [NUMBERS], vjp: [({ g }) => neg(g)] });

/**
 * out = |x|, with gradient 0 at 0. Floats or int32, where -2^31 stays. In the shape of x. Throws a ShapeError for
 * bool.
 */
export const abs = unary({
  name: 'abs',
  cpu: Math.abs,
  branch: Math.sign,
  wgsl: 'abs(x)',
  dtypes: [NUMBERS],
  vjp: [({ g, x }) => mul(g, sign(x as Tensor))],
});

/**
 * out = -1, 0 or 1, by the sign of x; 0 for NaN. Floats or int32. The gradient is 0. In the shape of x. Throws a
 * ShapeError for bool.
 */
export const sign = unary({
  name: 'sign',
  cpu: (x) => Number(x > 0) - Number(x < 0),
  branch: Math.sign,
  wgsl: 'OUT(x > 0) - OUT(x < 0)',
  dtypes: [NUMBERS],
  vjp: [flat],
});

/** out = x * x. Floats, or int32 with wraparound. In the shape of x. Throws a ShapeError for bool. */
export const square = unary({
  name: 'square',
  autocast: 'float32',
  cpu: (x) => x * x,
  wgsl: 'x * x',
  int32: { cpu: (x) => Math.imul(x, x) },
  dtypes: [NUMBERS],
  vjp: [({ g, x }) => mul(g, mul(x, 2))],
});

/** out = 1 / x: infinite at 0. In the shape of x. Throws a ShapeError for int32 and bool. */
export const reciprocal = unary({
  name: 'reciprocal',
  autocast: 'float32',
  cpu: (x) => 1 / x,
  wgsl: '1.0 / x',
  vjp: [({ g, out }) => neg(mul(g, square(out)))],
});
