// Windows that slide over images: what convolution and pooling share.
import { ShapeError } from '../tensor/errors.ts';

/** A value for height and one for width. */
export type Pair = [number, number];

/** One number for both, or two; whole and at least `least`. */
export function pair(op: string, name: string, value: number | readonly number[], least: number): Pair {
  const list = typeof value === 'number' ? [value, value] : [...value];
  if (list.length !== 2 || list.some((v) => !Number.isInteger(v) || v < least)) {
    throw new ShapeError(`${op}: expected ${name} as one or two whole numbers of at least ${least}, got ${value}`);
  }
  return list as Pair;
}

/** How many windows fit: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1. */
export function windowCount(
  op: string,
  size: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
): number {
  const span = dilation * (kernel - 1) + 1;
  const count = Math.floor((size + 2 * padding - span) / stride) + 1;
  if (count < 1) {
    throw new ShapeError(`${op}: a window of ${span} does not fit an image of ${size} with padding ${padding}`);
  }
  return count;
}
