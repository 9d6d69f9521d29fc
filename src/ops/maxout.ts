// Maxout: the largest of several linear pieces.
import { ShapeError } from '../tensor/errors.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { dimOf } from './dims.ts';
import { amax } from './extrema.ts';
import { reshape } from './movement.ts';

/**
 * out[.., i, ..] = the largest of x[.., pieces i, ..] to x[.., pieces i + pieces - 1, ..] along `dim` (default: the
 * last), which so becomes as many times smaller (Goodfellow et al., 2013): a linear layer with `pieces` times the
 * outputs in front makes max(w1 x + b1, w2 x + b2, ...). The gradient goes to the largest, shared evenly in a tie. In
 * the shape of x but for that dim. Throws a ShapeError for a dim that x lacks, and for pieces that do not divide it.
 */
export function maxout(x: Tensor, pieces: number, dim = -1): Tensor {
  const d = dimOf('maxout', dim, x);
  if (!Number.isInteger(pieces) || pieces < 1 || x.shape[d] % pieces !== 0) {
    throw new ShapeError(`maxout: expected pieces that divide dim ${d} of ${format(x.shape)}, got ${pieces}`);
  }
  const { shape } = x;
  return amax(reshape(x, [...shape.slice(0, d), shape[d] / pieces, pieces, ...shape.slice(d + 1)]), d + 1);
}
