// Views in another shape or another order: reshape, flatten, squeeze, unsqueeze, permute, transpose.
import { define, type ViewOp } from '../autograd/op.ts';
import { applyView, checkInputs } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import {
  checkShape,
  dimAlong,
  elementCount,
  format,
  normalizeDim,
  reshapeLayout,
  type Shape,
} from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { dimsOf } from './dims.ts';

const reshapeOp: ViewOp<{ shape: Shape }> = define({
  name: 'reshape',
  outputShape: (input, { shape }) => {
    if (elementCount(input) !== elementCount(shape)) {
      throw new ShapeError(
        `reshape: ${format(input)} has ${elementCount(input)} elements, ${format(shape)} ${elementCount(shape)}`,
      );
    }
    return shape;
  },
  view: (input, { shape }) => reshapeLayout(input, shape),
  vjp: (g, { inputs }) => reshape(g, inputs[0].shape),
});

/**
 * out = x, the same elements in the given shape; one size may be -1, which is then worked out. A view where strides
 * express it. Throws a ShapeError where the numbers of elements differ, and for sizes that are no whole numbers of at
 * least 0.
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  checkInputs('reshape', [x]);
  if (!Array.isArray(shape)) throw new ShapeError(`reshape: expected a shape such as [2, 3], got ${shape}`);
  const unknown = shape.indexOf(-1);
  if (unknown < 0) {
    checkShape('reshape', shape);
    return applyView(reshapeOp, x, { shape });
  }
  const known = shape.filter((_, i) => i !== unknown);
  checkShape('reshape', known);
  const rest = x.size / elementCount(known);
  if (!Number.isInteger(rest))
    throw new ShapeError(`reshape: ${format(x.shape)} does not divide into ${format(shape)}`);
  return applyView(reshapeOp, x, { shape: shape.map((size, i) => (i === unknown ? rest : size)) });
}

/**
 * out = x with the dims from `startDim` to `endDim` joined into one: [2, 3, 4] becomes [24], from dim 1 on [2, 12]. A
 * tensor of rank 0 becomes [1]. Throws a ShapeError for dims that x lacks or that stand the other way round.
 */
export function flatten(x: Tensor, startDim = 0, endDim = -1): Tensor {
  checkInputs('flatten', [x]);
  if (x.rank === 0) return reshape(x, [1]);
  const [from, to] = [normalizeDim('flatten', startDim, x.rank), normalizeDim('flatten', endDim, x.rank)];
  if (from > to)
    throw new ShapeError(`flatten: startDim ${startDim} lies behind endDim ${endDim} for ${format(x.shape)}`);
  const joined = elementCount(x.shape.slice(from, to + 1));
  return reshape(x, [...x.shape.slice(0, from), joined, ...x.shape.slice(to + 1)]);
}

/**
 * out = x without those of `dims` (default: all) that have size 1, so that [2, 1, 3] becomes [2, 3]; dims of other
 * sizes stay. Always a view. Throws a ShapeError for dims that x lacks or that come twice.
 */
export function squeeze(x: Tensor, dims?: number | readonly number[]): Tensor {
  const gone = dimsOf('squeeze', dims, x);
  return reshape(
    x,
    x.shape.filter((size, i) => size !== 1 || !gone.includes(i)),
  );
}

/**
 * out = x with a new dim of size 1 that becomes dim `dim` of the result, from -(rank + 1) to rank: for 1, [2, 3]
 * becomes [2, 1, 3]. Always a view. Throws a ShapeError for a dim beyond these.
 */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  checkInputs('unsqueeze', [x]);
  const at = normalizeDim('unsqueeze', dim, x.rank + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

const permuteOp: ViewOp<{ dims: number[] }> = define({
  name: 'permute',
  outputShape: (input, { dims }) => dims.map((d) => input[d]),
  view: (input, { dims }) => ({
    shape: dims.map((d) => input.shape[d]),
    strides: dims.map((d) => input.strides[d]),
    offset: input.offset,
  }),
  vjp: (g, { attrs }) => {
    const inverse: number[] = [];
    attrs.dims.forEach((d, i) => {
      inverse[d] = i;
    });
    return permute(g, inverse);
  },
});

/**
 * The dims in another order: out.shape[i] = x.shape[dims[i]]. Always a view. Throws a ShapeError where `dims` do not
 * name each dim of x once.
 */
export function permute(x: Tensor, dims: readonly number[]): Tensor {
  checkInputs('permute', [x]);
  if (!Array.isArray(dims)) throw new ShapeError(`permute: expected dims such as [1, 0], got ${dims}`);
  const list = dims.map((dim) => normalizeDim('permute', dim, x.rank));
  if (list.length !== x.rank || new Set(list).size !== x.rank) {
    throw new ShapeError(`permute: expected each of the ${x.rank} dims of ${format(x.shape)} once, got [${dims}]`);
  }
  return applyView(permuteOp, x, { dims: list });
}

/**
 * What works along a dim, where x may be of rank 0: then it works on [1], and the dim goes again. Throws as `run` does, and
 * where x is no tensor, released, or lacks the dim.
 */
export function along<T extends Tensor[]>(op: string, x: Tensor, dim: number, run: (x: Tensor, dim: number) => T): T {
  checkInputs(op, [x]);
  const d = dimAlong(op, dim, x.rank);
  return x.rank > 0 ? run(x, d) : (run(reshape(x, [1]), 0).map((y) => reshape(y, [])) as T);
}

/**
 * Two dims swapped; the last two by default: out[..., j, i] = x[..., i, j]. Always a view. Throws a ShapeError for
 * dims that x lacks.
 */
export function transpose(x: Tensor, dim0 = -2, dim1 = -1): Tensor {
  checkInputs('transpose', [x]);
  const dims = x.shape.map((_, i) => i);
  const [a, b] = [dimAlong('transpose', dim0, x.rank), dimAlong('transpose', dim1, x.rank)];
  if (x.rank > 0) [dims[a], dims[b]] = [b, a];
  return permute(x, dims);
}
