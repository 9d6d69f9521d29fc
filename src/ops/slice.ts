// Parts of a tensor, all views: slice, narrow, select; and place, the gradient of a slice.
import { define, type Op, type ViewOp } from '../autograd/op.ts';
import { apply, applyView } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { checkShape, elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { copyOnCpu, only, planCopy } from './copy.ts';
import { dimOf } from './dims.ts';
import { reshape } from './movement.ts';

interface SliceAttrs {
  dim: number;
  start: number;
  length: number;
  step: number;
}

const sliceShape = (shape: Shape, { dim, length }: SliceAttrs) => shape.map((size, d) => (d === dim ? length : size));

const sliceOp: ViewOp<SliceAttrs> = define({
  name: 'slice',
  outputShape: sliceShape,
  view: ({ shape, strides, offset }, attrs) => {
    const { dim, start, step } = attrs;
    const part = sliceShape(shape, attrs);
    return {
      shape: part,
      strides: strides.map((stride, d) => (d === dim ? stride * step : stride)),
      // What is empty stays where it is: further on there may be no memory to bind.
      offset: elementCount(part) === 0 ? offset : offset + start * strides[dim],
    };
  },
  vjp: (g, { inputs: [x], attrs: { dim, start, step } }) =>
    place(g, x.shape, only(x.rank, dim, start, 0), only(x.rank, dim, step, 1)),
});

interface PlaceAttrs {
  shape: Shape;
  start: readonly number[];
  step: readonly number[];
  value: number;
}

const placeOp: Op<PlaceAttrs> = define({
  name: 'place',
  autocast: 'widest',
  outputs: ([x], { shape, start, step }) => {
    checkShape('place', shape);
    const fits = x.shape.every((n, d) => n === 0 || (start[d] >= 0 && start[d] + (n - 1) * step[d] < shape[d]));
    if (!fits || x.shape.length !== shape.length) {
      throw new ShapeError(
        `place: ${format(x.shape)} at [${start}] by steps [${step}] does not fit into ${format(shape)}`,
      );
    }
    return [{ shape, dtype: x.dtype }];
  },
  strided: () => [true],
  cpu: ([x], [out], attrs) => copyOnCpu(x, out, { mode: 'place', ...attrs }),
  plan: ([x], [out], attrs) => ({ dispatches: planCopy(x, out.shape, { mode: 'place', ...attrs }) }),
  vjp: ([g], { inputs: [x], attrs: { start, step } }) => [
    x.shape.reduce((part, length, dim) => {
      if (length === part.shape[dim]) return part;
      return applyView(sliceOp, part, { dim, start: start[dim], length, step: step[dim] });
    }, g!),
  ],
});

/**
 * A tensor of this shape that holds x at `start`, its elements `step` apart in each dim, and `value` everywhere else:
 * out[start + step * i] = x[i].
 */
export const place = (
  x: Tensor,
  shape: Shape,
  start: readonly number[],
  step: readonly number[] = shape.map(() => 1),
  value = 0,
): Tensor => apply(placeOp, [x], { shape, start, step, value })[0];

function checkWhole(op: string, values: Record<string, number>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Number.isInteger(value)) throw new ShapeError(`${op}: expected ${name} as a whole number, got ${value}`);
  }
}

/**
 * out[.., i, ..] = x[.., start + step i, ..], the elements start, start + step, ... below end of a dim. As in Python,
 * negative places count from the end, and places beyond the ends are moved there. The step is at least 1. Always a
 * view, of size ceil((end - start) / step) in that dim. Throws a ShapeError for a dim that x lacks, for places that
 * are no whole numbers, and for a step below 1.
 */
export function slice(x: Tensor, dim: number, start = 0, end?: number, step = 1): Tensor {
  const d = dimOf('slice', dim, x);
  const size = x.shape[d];
  checkWhole('slice', { start, end: end ?? size, step });
  if (step < 1) throw new ShapeError(`slice: expected a step of at least 1, got ${step}`);
  const [from, to] = [start, end ?? size].map((at) => Math.min(Math.max(at < 0 ? at + size : at, 0), size));
  return applyView(sliceOp, x, { dim: d, start: from, length: Math.max(0, Math.ceil((to - from) / step)), step });
}

/**
 * out[.., i, ..] = x[.., start + i, ..], `length` elements of a dim from `start` on, which may count from the end.
 * Always a view, of that size in the dim. Throws a ShapeError for a dim that x lacks, and for places beyond its ends
 * or that are no whole numbers.
 */
export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
  const d = dimOf('narrow', dim, x);
  const size = x.shape[d];
  checkWhole('narrow', { start, length });
  const from = start < 0 ? start + size : start;
  if (from < 0 || length < 0 || from + length > size) {
    throw new ShapeError(`narrow: ${length} elements from ${start} are not in dim ${d} of ${format(x.shape)}`);
  }
  return applyView(sliceOp, x, { dim: d, start: from, length, step: 1 });
}

/**
 * out[..] = x[.., index, ..], the part of x with one index, which may count from the end, in a dim. Always a view,
 * without that dim. Throws a ShapeError for a dim that x lacks, and for an index beyond its ends.
 */
export function select(x: Tensor, dim: number, index: number): Tensor {
  const d = dimOf('select', dim, x);
  const size = x.shape[d];
  if (!Number.isInteger(index) || index < -size || index >= size) {
    throw new ShapeError(`select: index ${index} is out of range for dim ${d} of ${format(x.shape)}`);
  }
  const part = applyView(sliceOp, x, { dim: d, start: index < 0 ? index + size : index, length: 1, step: 1 });
  return reshape(
    part,
    x.shape.filter((_, i) => i !== d),
  );
}
