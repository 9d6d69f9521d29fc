// Local response normalization, in ops: a channel against the energy of its neighbours.
import { isFullFloat } from '../autograd/autocast.ts';
import { checkInputs } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount, format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { avgPool2d } from './average-pool.ts';
import { add, div, mul, pow, square } from './elementwise.ts';
import { checkOption } from './loss.ts';
import { reshape } from './movement.ts';
import { pad } from './pad.ts';

export interface ResponseNormOptions {
  /** Default 1e-4. */
  alpha?: number;
  /** Default 0.75. */
  beta?: number;
  /** Default 1. */
  k?: number;
}

/**
 * out = x / (k + alpha mean(x^2))^beta, where the mean goes over `size` neighbouring channels around each (Krizhevsky
 * et al., 2012), zeros beyond the first and the last, as in PyTorch. x is [N, C, ...]. In the shape of x. Throws a
 * ShapeError below rank 3, for other dtypes than float32, for a size that is no whole number of at least 1, and for
 * alpha, beta or k that are not finite.
 */
export function localResponseNorm(
  x: Tensor,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: ResponseNormOptions = {},
): Tensor {
  checkInputs('localResponseNorm', [x]);
  if (x.rank < 3) {
    throw new ShapeError(`localResponseNorm: expected input [N, C, ...] of at least 3 dims, got ${format(x.shape)}`);
  }
  if (!isFullFloat(x)) throw new ShapeError(`localResponseNorm: expected dtype float32, got ${x.dtype}`);
  if (!Number.isInteger(size) || size < 1) {
    throw new ShapeError(`localResponseNorm: expected size as a whole number of at least 1, got ${size}`);
  }
  for (const [name, value] of Object.entries({ alpha, beta, k })) {
    checkOption('localResponseNorm', Number.isFinite(value), `a finite number as ${name}`, value);
  }
  if (x.size === 0) return x;
  const [N, C, ...rest] = x.shape;
  const before = Math.floor(size / 2);
  // Channels as rows of an image, whose windows are one wide.
  const energy = pad(reshape(square(x), [N, 1, C, elementCount(rest)]), [0, 0, before, size - 1 - before]);
  const mean = reshape(avgPool2d(energy, [size, 1], { stride: 1 }), x.shape);
  return div(x, pow(add(mul(mean, alpha), k), beta));
}
