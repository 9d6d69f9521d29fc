// Dims that users name, beside the tensor whose dims they are.
import { checkInputs } from '../autograd/tape.ts';
import { normalizeDim, normalizeDims, reducedDims } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A dim of x, counted from the front. Throws where x is no tensor or released, or lacks it. */
export function dimOf(op: string, dim: number, x: Tensor): number {
  checkInputs(op, [x]);
  return normalizeDim(op, dim, x.rank);
}

/** Some dims of x, or all where none are given, sorted and from the front. Throws where x is no tensor or released, or lacks one. */
export function dimsOf(op: string, dims: number | readonly number[] | undefined, x: Tensor): number[] {
  checkInputs(op, [x]);
  return normalizeDims(op, dims, x.rank);
}

/** The same for those that a reduction takes away: of an empty list all, as of none. */
export function goneOf(op: string, dims: number | readonly number[] | undefined, x: Tensor): number[] {
  checkInputs(op, [x]);
  return reducedDims(op, dims, x.rank);
}
