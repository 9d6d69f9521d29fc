// Activations, with derivatives that need one kernel where that is possible.
import type { Tensor } from '../tensor/tensor.ts';
import { elementwise } from './define.ts';
import { exp, gt, minimum, mul, square, sub, where } from './elementwise.ts';

const reluCall = elementwise({
  name: 'relu',
  cpu: (x) => Math.max(x, 0),
  wgsl: 'select(x, 0.0, x <= 0.0)',
  vjp: [({ g, out }) => reluGrad([g, out])],
});

/** The gradient of relu from its output: g where y > 0, else 0. */
const reluGrad = elementwise({
  name: 'reluGrad',
  cpu: (g, y) => (y <= 0 ? 0 : g),
  wgsl: 'select(x, 0.0, y <= 0.0)',
  vjp: [({ g, y }) => reluGrad([g, y]), null],
});

/** max(x, 0); NaN stays NaN. */
export const relu = (x: Tensor): Tensor => reluCall([x]);

const leakyReluCall = elementwise({
  name: 'leakyRelu',
  cpu: (x, slope) => (x <= 0 ? x * slope : x),
  wgsl: 'select(x, x * a, x <= 0.0)',
  vjp: [({ g, x, scalars }) => leakyReluGrad([g, x], scalars)],
});

/** The gradient of leakyRelu: g where y > 0, else slope * g. */
const leakyReluGrad = elementwise({
  name: 'leakyReluGrad',
  cpu: (g, y, slope) => (y <= 0 ? g * slope : g),
  wgsl: 'select(x, x * a, y <= 0.0)',
  vjp: [({ g, y, scalars }) => leakyReluGrad([g, y], scalars), null],
});

/** x where x > 0, else negativeSlope * x. */
export const leakyRelu = (x: Tensor, negativeSlope = 0.01): Tensor => leakyReluCall([x], [negativeSlope]);

// exp(x) - 1 loses digits near 0, where seven terms of the series are exact to float32.
const SERIES = [7, 6, 5, 4, 3, 2].reduce((inner, n) => `(1.0 + x / ${n}.0 * ${inner})`, '1.0');
const eluCall = elementwise({
  name: 'elu',
  cpu: (x, alpha) => (x <= 0 ? alpha * Math.expm1(x) : x),
  wgsl: `select(x, a * select(exp(x) - 1.0, x * ${SERIES}, x > -0.3), x <= 0.0)`,
  vjp: [({ g, x, scalars: [alpha] }) => where(gt(x, 0), g, mul(g, mul(exp(minimum(x, 0)), alpha)))],
});

/** x where x > 0, else alpha * (e^x - 1). */
export const elu = (x: Tensor, alpha = 1): Tensor => eluCall([x], [alpha]);

const sigmoidCall = elementwise({
  name: 'sigmoid',
  cpu: (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  wgsl: 'select(exp(x) / (1.0 + exp(x)), 1.0 / (1.0 + exp(-x)), x >= 0.0)',
  vjp: [({ g, out }) => mul(g, mul(out, sub(1, out)))],
});

/** 1 / (1 + e^-x) */
export const sigmoid = (x: Tensor): Tensor => sigmoidCall([x]);

const tanhCall = elementwise({
  name: 'tanh',
  cpu: Math.tanh,
  // Beyond 10 the result rounds to 1 anyway, and some adapters compute tanh as a quotient that overflows.
  wgsl: 'select(tanh(clamp(x, -10.0, 10.0)), x, isNan(x))',
  vjp: [({ g, out }) => mul(g, sub(1, square(out)))],
});

/** Hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => tanhCall([x]);
