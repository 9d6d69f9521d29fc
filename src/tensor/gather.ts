// Reads a strided layout out of a flat array, in row-major order.
import type { HostArray } from './dtype.ts';
import { collapse, elementCount, isContiguous, type Layout } from './shape.ts';

/** The elements of a layout over `data`, contiguous. Copies always. */
export function gather<T extends HostArray>(data: T, layout: Layout): T {
  const n = elementCount(layout.shape);
  if (isContiguous(layout)) return data.slice(layout.offset, layout.offset + n) as T;
  const out = new (data.constructor as new (n: number) => T)(n);
  const { sizes, strides } = collapse(layout.shape, layout.strides);
  let at = 0;
  const walk = (dim: number, from: number): void => {
    if (dim === sizes.length) {
      out[at++] = data[from];
      return;
    }
    for (let i = 0; i < sizes[dim]; i++) walk(dim + 1, from + i * strides[0][dim]);
  };
  if (n > 0) walk(0, layout.offset);
  return out;
}
