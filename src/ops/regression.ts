// Losses of numbers against numbers: squares, sizes, and what is between them.
import type { Tensor } from '../tensor/tensor.ts';
import { elementwise } from './define.ts';
import { abs, clamp, mul, neg, square, sub } from './elementwise.ts';
import { checkOption, checkPair, type LossOptions, reducer } from './loss.ts';

/**
 * loss = (input - target)^2, both float32 of one shape; a scalar [], or with reduction 'none' the losses in the shape
 * of input. Throws a ShapeError for other dtypes and shapes, and another `reduction`.
 */
export function mseLoss(input: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  const finish = reducer('mseLoss', reduction);
  checkPair('mseLoss', input, target);
  return finish(square(sub(input, target)));
}

/**
 * loss = |input - target|, with gradient 0 where they are equal, both float32 of one shape; a scalar [], or with
 * reduction 'none' the losses in the shape of input. Throws a ShapeError for other dtypes and shapes, and another
 * `reduction`.
 */
export function l1Loss(input: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  const finish = reducer('l1Loss', reduction);
  checkPair('l1Loss', input, target);
  return finish(abs(sub(input, target)));
}

/**
 * steep d^2 for |d| < edge, slope (|d| - edge / 2) beyond, where d = x - y and slope = 2 steep edge, so that the pieces meet
 * without a bend. Its gradient is a line cut off at the edges.
 */
const bowl = elementwise({
  name: 'huber',
  cpu: (x, y, edge, steep, slope) => {
    const d = Math.abs(x - y);
    return d < edge ? steep * d * d : slope * (d - edge / 2);
  },
  branch: (x, y, edge) => (x - y <= -edge ? -1 : Number(x - y >= edge)),
  wgsl: 'select(c * (abs(x - y) - 0.5 * a), b * (x - y) * (x - y), abs(x - y) < a)',
  vjp: [
    ({ g, x, y, scalars: [, steep, slope] }) => mul(g, clamp(mul(sub(x, y), 2 * steep), -slope, slope)),
    ({ g, x, y, scalars: [, steep, slope] }) => neg(mul(g, clamp(mul(sub(x, y), 2 * steep), -slope, slope))),
  ],
});

/**
 * With d = input - target: loss = d^2 / (2 beta) for |d| < beta, |d| - beta / 2 beyond; l1Loss for beta = 0. Both
 * float32 of one shape; a scalar [], or with reduction 'none' the losses in the shape of input. Throws a ShapeError
 * for other dtypes and shapes, for beta below 0, and another `reduction`.
 */
export function smoothL1Loss(
  input: Tensor,
  target: Tensor,
  { beta = 1, reduction = 'mean' }: LossOptions & { beta?: number } = {},
): Tensor {
  const finish = reducer('smoothL1Loss', reduction);
  checkPair('smoothL1Loss', input, target);
  checkOption('smoothL1Loss', beta >= 0, 'beta of at least 0', beta);
  if (beta === 0) return finish(abs(sub(input, target)));
  return finish(bowl([input, target], [beta, 0.5 / beta, 1]));
}

/**
 * With d = input - target: loss = d^2 / 2 for |d| < delta, delta (|d| - delta / 2) beyond. Both float32 of one shape;
 * a scalar [], or with reduction 'none' the losses in the shape of input. Throws a ShapeError for other dtypes and
 * shapes, for a delta that is not above 0, and another `reduction`.
 */
export function huberLoss(
  input: Tensor,
  target: Tensor,
  { delta = 1, reduction = 'mean' }: LossOptions & { delta?: number } = {},
): Tensor {
  const finish = reducer('huberLoss', reduction);
  checkPair('huberLoss', input, target);
  checkOption('huberLoss', delta > 0, 'delta above 0', delta);
  return finish(bowl([input, target], [delta, 0.5, delta]));
}
