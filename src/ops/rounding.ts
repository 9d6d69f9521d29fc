// Rounding to whole numbers, one row each. int32 stays as it is; the gradients are 0.
import { flat, NUMBERS, unary } from './define.ts';
import { roundEven } from './reference-math.ts';

const rounding = (name: string, cpu: (x: number) => number) =>
  unary({ name, cpu, branch: cpu, wgsl: `${name}(x)`, int32: { wgsl: 'x' }, dtypes: [NUMBERS], vjp: [flat] });

/**
 * out = the largest whole number that is not above x. NaN and infinities stay, and so does int32. The gradient is 0.
 * In the shape of x. Throws a ShapeError for bool.
 */
export const floor = rounding('floor', Math.floor);

/**
 * out = the smallest whole number that is not below x. NaN and infinities stay, and so does int32. The gradient is 0.
 * In the shape of x. Throws a ShapeError for bool.
 */
export const ceil = rounding('ceil', Math.ceil);

/** round to whole numbers, which arithmetic.ts extends to decimals. */
export const nearest = rounding('round', roundEven);

/**
 * out = the whole number next to x towards 0. NaN and infinities stay, and so does int32. The gradient is 0. In the
 * shape of x. Throws a ShapeError for bool.
 */
export const trunc = rounding('trunc', Math.trunc);
