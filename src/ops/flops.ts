// How much a kernel computes, for explain() and summaries: so many floating-point operations for each element.
// Counted by the formula of the row: an addition, a product, a comparison, a root or a power is one each. What is done once for
// a row or a channel does not count.
import type { Spec } from '../tensor/backend.ts';
import { elementCount } from '../tensor/shape.ts';

/** So many for each element of output 0. */
export const perOutput =
  (count: number) =>
  (_inputs: Spec[], [out]: Spec[]): number =>
    count * elementCount(out.shape);

/** So many for each element of input 0. */
export const perInput =
  (count: number) =>
  ([x]: Spec[]): number =>
    count * elementCount(x.shape);
