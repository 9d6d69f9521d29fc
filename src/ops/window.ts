// Windows that slide over images: what convolution and pooling share.
import { ShapeError } from '../tensor/errors.ts';

/** A value for height and one for width. */
export type Pair = [number, number];

/**
 * One number for both, or two; whole and at least `least`. With `dims` 1 it is one number, for the width of an image that
 * is a single row; the height gets `least`, which changes nothing for a kernel, stride, padding or dilation there.
 */
export function pair(
  op: string,
  name: string,
  value: number | string | readonly number[],
  least: number,
  dims = 2,
): Pair {
  const list = typeof value === 'number' ? Array<number>(dims).fill(value) : Array.from(value, Number);
  if (list.length !== dims || list.some((v) => !Number.isInteger(v) || v < least)) {
    const numbers = dims === 2 ? 'one or two whole numbers' : 'a whole number';
    throw new ShapeError(`${op}: expected ${name} as ${numbers} of at least ${least}, got ${value}`);
  }
  return (dims === 2 ? list : [least, ...list]) as Pair;
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
