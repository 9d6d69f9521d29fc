// Shapes, strides and dims: the arithmetic of layouts, in elements, row-major.
import { ShapeError } from './errors.ts';

export type Shape = readonly number[];

/** Where the elements of a tensor lie in its storage. Element (i, j, ...) is at offset + i * strides[0] + j * strides[1] + ... */
export interface Layout {
  shape: Shape;
  strides: readonly number[];
  offset: number;
}

export const format = (shape: Shape) => `[${shape.join(',')}]`;

export const elementCount = (shape: Shape) => shape.reduce((n, size) => n * size, 1);

export const sameShape = (a: Shape, b: Shape) => a.length === b.length && a.every((size, i) => size === b[i]);

export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

export const contiguousLayout = (shape: Shape): Layout => ({ shape, strides: contiguousStrides(shape), offset: 0 });

/** Whether the elements lie row-major without gaps; strides of size-1 dims do not matter. */
export function isContiguous({ shape, strides }: Layout): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== step) return elementCount(shape) === 0;
    step *= shape[i];
  }
  return true;
}

/** Elements between places where a device can bind memory: 256 bytes, WebGPU's default alignment, of the smallest dtype. */
export const ALIGNMENT = 128;

/** Whether a kernel can read the layout as a plain array. */
export const isPlain = (layout: Layout): boolean => isContiguous(layout) && layout.offset % ALIGNMENT === 0;

/** Elements of storage from the offset to the last element of the layout. */
export function extent({ shape, strides }: Layout): number {
  if (elementCount(shape) === 0) return 0;
  return shape.reduce((last, size, i) => last + (size - 1) * strides[i], 0) + 1;
}

/** The most dims that kernels walk. */
const MAX_RANK = 8;

/** Throws where a shape has more dims than kernels walk. */
export function checkRank(op: string, shape: Shape): void {
  if (shape.length > MAX_RANK) {
    throw new ShapeError(`${op}: a tensor has at most ${MAX_RANK} dims, got ${shape.length}: ${format(shape)}`);
  }
}

export function checkShape(op: string, shape: Shape): void {
  if (!Array.isArray(shape)) throw new ShapeError(`${op}: expected a shape such as [2, 3], got ${shape}`);
  checkRank(op, shape);
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 0) {
      throw new ShapeError(`${op}: sizes must be whole numbers of at least 0, got ${format(shape)}`);
    }
  }
}

/** A dim that there must be, counted from the front; negative dims count from the end. */
export function normalizeDim(op: string, dim: number, rank: number): number {
  if (!Number.isInteger(dim) || dim < -rank || dim >= rank) {
    const expected = rank === 0 ? '' : ` (expected ${-rank} to ${rank - 1})`;
    throw new ShapeError(`${op}: dim ${dim} is out of range for rank ${rank}${expected}`);
  }
  return dim < 0 ? dim + rank : dim;
}

/** The same for ops that work along a dim: as in PyTorch, rank 0 is taken for a single element along dim 0. */
export const dimAlong = (op: string, dim: number, rank: number): number => normalizeDim(op, dim, Math.max(rank, 1));

/** One dim, several, or none given (all of them), sorted and without negatives. Of rank 0, where 0 and -1 may be given, none. */
export function normalizeDims(op: string, dims: number | readonly number[] | undefined, rank: number): number[] {
  if (dims === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list = (typeof dims === 'number' ? [dims] : [...dims]).map((dim) => dimAlong(op, dim, rank));
  if (new Set(list).size !== list.length) throw new ShapeError(`${op}: dim given twice in [${dims}]`);
  return rank === 0 ? [] : list.sort((a, b) => a - b);
}

/** The dims that a reduction takes away: of an empty list all, as of none. */
export const reducedDims = (op: string, dims: number | readonly number[] | undefined, rank: number): number[] =>
  normalizeDims(op, Array.isArray(dims) && dims.length === 0 ? undefined : dims, rank);

/** The common shape under NumPy broadcasting: aligned at the end, sizes equal or 1. */
export function broadcastShapes(op: string, ...shapes: Shape[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i;
      if (shape[i] === 1 || shape[i] === out[at]) continue;
      if (out[at] !== 1) {
        throw new ShapeError(`${op}: shapes do not broadcast, ${shapes.map(format).join(' and ')}`);
      }
      out[at] = shape[i];
    }
  }
  return out;
}

/** A layout read as a larger shape: broadcast dims get stride 0. The caller has checked that it broadcasts. */
export function expandLayout(layout: Layout, shape: Shape): Layout {
  const lead = shape.length - layout.shape.length;
  const strides = shape.map((size, i) => (i < lead || layout.shape[i - lead] !== size ? 0 : layout.strides[i - lead]));
  return { shape, strides, offset: layout.offset };
}

/**
 * Fewest dims that walk several layouts of one shape in step: drops size-1 dims and merges neighbours that are
 * contiguous with each other in every layout. Returns sizes and, per layout, strides.
 */
export function collapse(shape: Shape, ...strides: (readonly number[])[]): { sizes: number[]; strides: number[][] } {
  const sizes: number[] = [];
  const out: number[][] = strides.map(() => []);
  for (let i = 0; i < shape.length; i++) {
    if (shape[i] === 1) continue;
    const last = sizes.length - 1;
    if (last >= 0 && strides.every((s, k) => out[k][last] === s[i] * shape[i])) {
      sizes[last] *= shape[i];
      for (let k = 0; k < strides.length; k++) out[k][last] = strides[k][i];
    } else {
      sizes.push(shape[i]);
      for (let k = 0; k < strides.length; k++) out[k].push(strides[k][i]);
    }
  }
  return { sizes, strides: out };
}

/** A layout seen in another shape of as many elements, or null where no strides express it. */
export function reshapeLayout(layout: Layout, shape: Shape): Layout | null {
  const { offset } = layout;
  if (elementCount(shape) === 0) return { ...contiguousLayout(shape), offset };
  const { sizes, strides } = collapse(layout.shape, layout.strides);
  // From the last dim on, the collapsed dims are cut up: `left` elements, `step` apart, are left of the one at hand.
  let [left, step] = [1, 1];
  const steps = new Array<number>(shape.length);
  for (let i = shape.length - 1; i >= 0; i--) {
    if (left === 1 && shape[i] > 1) [left, step] = [sizes.pop()!, strides[0].pop()!];
    if (left % shape[i] !== 0) return null;
    steps[i] = step;
    step *= shape[i];
    left /= shape[i];
  }
  return { shape, strides: steps, offset };
}
