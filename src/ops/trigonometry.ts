// Trigonometric and hyperbolic functions of floats, one row each. Angles are in radians, of any size; what is infinite has
// no sine, cosine or tangent: NaN.

import { FLOATS } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, div, mul, neg, square } from './arithmetic.ts';
import { binary, type Operand, unary } from './define.ts';

/** Sine: out = sin(x), x in radians. In the shape of x. Throws a ShapeError for int32 and bool. */
export const sin = unary({
  name: 'sin',
  cpu: Math.sin,
  wgsl: 'sine(x)',
  vjp: [({ g, x }) => mul(g, cos(x as Tensor))],
});

/** Cosine: out = cos(x), x in radians. In the shape of x. Throws a ShapeError for int32 and bool. */
export const cos = unary({
  name: 'cos',
  cpu: Math.cos,
  wgsl: 'cosine(x)',
  vjp: [({ g, x }) => neg(mul(g, sin(x as Tensor)))],
});

/** Tangent: out = sin(x) / cos(x), x in radians. In the shape of x. Throws a ShapeError for int32 and bool. */
export const tan = unary({
  name: 'tan',
  autocast: 'float32',
  cpu: Math.tan,
  wgsl: 'tangent(x)',
  vjp: [({ g, out }) => mul(g, add(square(out), 1))],
});

/** Arctangent: out = atan(x), between -pi / 2 and pi / 2. In the shape of x. Throws a ShapeError for int32 and bool. */
export const atan = unary({
  name: 'atan',
  cpu: Math.atan,
  wgsl: 'arctan(x)',
  vjp: [({ g, x }) => div(g, add(square(x as Tensor), 1))],
});

/**
 * out = atan2(x, y), the angle between -pi and pi whose tangent is x / y, in the quadrant of the point (y, x); of
 * zeros and infinities as IEEE 754 has it, with the signs of zeros. The gradient at the origin is NaN. In the shape
 * to which x and y broadcast. Throws a ShapeError for other dtypes than floats, for two of them, and for shapes that
 * do not broadcast.
 */
export const atan2 = binary({
  name: 'atan2',
  // The operands are named as rows name them: the first is y.
  cpu: Math.atan2,
  // Beside the cut, where it jumps by a full turn.
  branch: (x, y) => (-y >= 100 * Math.abs(x) ? Math.sign(x) : 0),
  wgsl: 'arctan2(x, y)',
  dtypes: [FLOATS, FLOATS],
  vjp: [
    ({ g, x, y }) => div(mul(g, y), add(squared(x), squared(y))),
    ({ g, x, y }) => neg(div(mul(g, x), add(squared(x), squared(y)))),
  ],
});

const squared = (v: Operand) => (typeof v === 'number' ? v * v : square(v));

/** Hyperbolic sine: out = (e^x - e^-x) / 2. In the shape of x. Throws a ShapeError for int32 and bool. */
export const sinh = unary({
  name: 'sinh',
  autocast: 'float32',
  cpu: Math.sinh,
  wgsl: 'sineH(x)',
  vjp: [({ g, x }) => mul(g, cosh(x as Tensor))],
});

/** Hyperbolic cosine: out = (e^x + e^-x) / 2. In the shape of x. Throws a ShapeError for int32 and bool. */
export const cosh = unary({
  name: 'cosh',
  autocast: 'float32',
  cpu: Math.cosh,
  wgsl: 'cosineH(x)',
  vjp: [({ g, x }) => mul(g, sinh(x as Tensor))],
});

/**
 * Hyperbolic tangent: out = (e^x - e^-x) / (e^x + e^-x), exact near 0 and at both ends. In the shape of x. Throws a
 * ShapeError for int32 and bool.
 */
export const tanh = unary({
  name: 'tanh',
  cpu: Math.tanh,
  wgsl: 'tangentH(x)',
  vjp: [({ g, out }) => mul(g, add(neg(square(out)), 1))],
});
