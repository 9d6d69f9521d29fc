// Activations of floats in pieces, one row each: those with kinks. What a gradient is at a kink is PyTorch's choice. NaN gives NaN.
import { checkInputs } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { abs, add, div, minimum, mul } from './arithmetic.ts';
import { gt, le, lt, where } from './comparison.ts';
import { elementwise, unary } from './define.ts';
import { exp } from './exponential.ts';
import { reshape } from './movement.ts';

/** Which side of 0 an element is on. */
const side = (x: number) => Number(x <= 0);

/**
 * out = max(x, 0); NaN stays NaN. The gradient at 0 is 0. In the shape of x. Throws a ShapeError for int32 and bool.
 */
export const relu = unary({
  name: 'relu',
  cpu: (x) => Math.max(x, 0),
  branch: side,
  wgsl: 'select(x, 0.0, x <= 0.0)',
  vjp: [({ g, out }) => reluGrad([g, out])],
});

/** The gradient of relu from its output: g where y > 0, else 0. */
const reluGrad = elementwise({
  name: 'reluGrad',
  cpu: (g, y) => (y <= 0 ? 0 : g),
  branch: (_, y) => side(y),
  wgsl: 'select(x, 0.0, y <= 0.0)',
  vjp: [({ g, y }) => reluGrad([g, y]), null],
});

const leakyReluCall = elementwise({
  name: 'leakyRelu',
  cpu: (x, slope) => (x <= 0 ? x * slope : x),
  branch: side,
  wgsl: 'select(x, x * a, x <= 0.0)',
  vjp: [({ g, x, scalars }) => leakyReluGrad([g, x], scalars)],
});

/** The gradient of leakyRelu: g where y > 0, else slope * g, for NaN too. */
const leakyReluGrad = elementwise({
  name: 'leakyReluGrad',
  cpu: (g, y, slope) => (y > 0 ? g : g * slope),
  branch: (_, y) => side(y),
  wgsl: 'select(x * a, x, y > 0.0)',
  vjp: [({ g, y, scalars }) => leakyReluGrad([g, y], scalars), null],
});

/**
 * out = x where x > 0, else negativeSlope * x. The gradient at 0 is negativeSlope. In the shape of x. Throws a
 * ShapeError for int32 and bool.
 */
export const leakyRelu = (x: Tensor, negativeSlope = 0.01): Tensor => leakyReluCall([x], [negativeSlope]);

const preluCall = elementwise({
  name: 'prelu',
  cpu: (x, weight) => (x > 0 ? x : weight * x),
  branch: side,
  wgsl: 'select(y * x, x, x > 0.0)',
  vjp: [({ g, x, y }) => where(gt(x, 0), g, mul(g, y)), ({ g, x }) => where(gt(x, 0), 0, mul(g, x))],
});

/**
 * out = x where x > 0, else weight * x. `weight` has one element, or one per channel: [C] for x [N, C, ...]. The
 * gradient at 0 is weight. In the shape of x. Throws a ShapeError for other weights, for int32 and bool, and for two
 * dtypes.
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  checkInputs('prelu', [x, weight]);
  const channels = x.rank > 1 ? x.shape[1] : 1;
  if (weight.rank > 1 || (weight.size !== 1 && weight.size !== channels)) {
    const wanted = channels === 1 ? '[1]' : `[1] or [${channels}]`;
    throw new ShapeError(`prelu: expected a weight ${wanted} for x ${format(x.shape)}, got ${format(weight.shape)}`);
  }
  return preluCall([
    x,
    reshape(
      weight,
      x.shape.map((_, d) => (d === 1 ? weight.size : 1)),
    ),
  ]);
}

/** The common row: a = alpha and b = scale as in selu, c the scale of the exponent as in celu. */
const eluCall = elementwise({
  name: 'elu',
  cpu: (x, alpha, scale, steep) => scale * (x <= 0 ? alpha * Math.expm1(x * steep) : x),
  branch: side,
  wgsl: 'b * select(x, a * expm1(x * c), x <= 0.0)',
  vjp: [
    ({ g, x, scalars: [alpha, scale, steep] }) =>
      where(le(x, 0), mul(mul(g, exp(mul(minimum(x, 0), steep))), alpha * scale * steep), mul(g, scale)),
  ],
});

/**
 * out = x where x > 0, else alpha * (e^x - 1). The gradient at 0 is alpha. In the shape of x. Throws a ShapeError for
 * int32 and bool.
 */
export const elu = (x: Tensor, alpha = 1): Tensor => eluCall([x], [alpha, 1, 1]);

/**
 * out = 1.0507 elu(x, 1.6733): the numbers for which layers keep mean 0 and variance 1. In the shape of x. Throws a
 * ShapeError for int32 and bool.
 */
export const selu = (x: Tensor): Tensor => eluCall([x], [1.6732632423543772, 1.0507009873554805, 1], 'selu');

/**
 * out = x where x > 0, else alpha * (e^(x / alpha) - 1): smooth for every alpha, which must not be 0. In the shape of
 * x. Throws a ShapeError for int32, bool and alpha 0.
 */
export function celu(x: Tensor, alpha = 1): Tensor {
  if (alpha === 0) throw new ShapeError('celu: expected an alpha other than 0, got 0');
  return eluCall([x], [alpha, 1, 1 / alpha], 'celu');
}

const hardtanhCall = elementwise({
  name: 'hardtanh',
  cpu: (x, low, high) => Math.min(Math.max(x, low), high),
  branch: (x, low, high) => (x <= low ? -1 : Number(x >= high)),
  wgsl: 'select(min(max(x, a), b), x, isNan(x))',
  vjp: [({ g, x, scalars }) => hardtanhGrad([g, x], scalars)],
});

/** The gradient of hardtanh: g between the bounds, else 0. */
const hardtanhGrad = elementwise({
  name: 'hardtanhGrad',
  cpu: (g, x, low, high) => (x <= low || x >= high ? 0 : g),
  branch: (_, x, low, high) => (x <= low ? -1 : Number(x >= high)),
  wgsl: 'select(x, 0.0, y <= a || y >= b)',
  vjp: [({ g, y, scalars }) => hardtanhGrad([g, y], scalars), null],
});

/**
 * out = min(max(x, `min`), `max`); NaN stays NaN. The gradient at the bounds is 0, other than clamp's. In the shape
 * of x. Throws a ShapeError for int32, bool and min > max.
 */
export function hardtanh(x: Tensor, min = -1, max = 1): Tensor {
  if (min > max) throw new ShapeError(`hardtanh: expected min <= max, got ${min} and ${max}`);
  return hardtanhCall([x], [min, max]);
}

/** out = min(max(x, 0), 6): hardtanh with these bounds. In the shape of x. Throws a ShapeError for int32 and bool. */
export const relu6 = (x: Tensor): Tensor => hardtanhCall([x], [0, 6], 'relu6');

const clipped = (x: number) => Math.min(Math.max(x + 3, 0), 6);
const piece = (x: number) => (x <= -3 ? -1 : Number(x >= 3));

/**
 * out = min(max(x + 3, 0), 6) / 6: 0 up to -3, 1 from 3 on. The gradient at -3 and 3 is 0. In the shape of x. Throws
 * a ShapeError for int32 and bool.
 */
export const hardsigmoid = unary({
  name: 'hardsigmoid',
  cpu: (x) => clipped(x) / 6,
  branch: piece,
  wgsl: 'select(clamp(x + 3.0, 0.0, 6.0) / 6.0, x, isNan(x))',
  vjp: [({ g, x }) => where(lt(abs(x as Tensor), 3), div(g, 6), 0)],
});

/**
 * out = x hardsigmoid(x); NaN for -Infinity. The gradient is 0 at -3 and 1 at 3. In the shape of x. Throws a
 * ShapeError for int32 and bool.
 */
export const hardswish = unary({
  name: 'hardswish',
  cpu: (x) => (x * clipped(x)) / 6,
  branch: piece,
  wgsl: 'select(x * (clamp(x + 3.0, 0.0, 6.0) / 6.0), x, isNan(x))',
  vjp: [({ g, x }) => where(le(x, -3), 0, where(lt(x, 3), mul(g, add(div(x, 3), 0.5)), g))],
});
