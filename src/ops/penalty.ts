// Penalties on parameters, to be added to a loss.
import { checkInputs } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { sum } from './broadcast.ts';
import { abs, add, square } from './elementwise.ts';

function total(op: string, parameters: Iterable<Tensor>, size: (w: Tensor) => Tensor): Tensor {
  const list = [...parameters];
  if (list.length === 0) throw new ShapeError(`${op}: expected at least one tensor, got none`);
  checkInputs(op, list);
  for (const { dtype } of list) {
    if (dtype !== 'float32') throw new ShapeError(`${op}: expected float32 tensors, got ${dtype}`);
  }
  return list.map((w) => sum(size(w))).reduce((a, b) => add(a, b));
}

/**
 * out = sum of |w| over all elements of some float32 tensors, such as `model.parameters()`: a scalar []. Throws a
 * ShapeError for no tensors, and for other dtypes.
 */
export const l1Penalty = (parameters: Iterable<Tensor>): Tensor => total('l1Penalty', parameters, abs);

/**
 * out = sum of w^2 over all elements of some float32 tensors, such as `model.parameters()`: a scalar [], without a
 * factor, so that the usual 1/2 lambda |w|^2, whose gradient is lambda w, is `l2Penalty(...).mul(0.5 * lambda)`.
 * Throws a ShapeError for no tensors, and for other dtypes.
 */
export const l2Penalty = (parameters: Iterable<Tensor>): Tensor => total('l2Penalty', parameters, square);
