// expand and sum: each is the other's gradient, which is why they share a file. Also sumTo, which undoes broadcasting.
import { define, type ViewOp } from '../autograd/op.ts';
import { apply, applyView, checkInputs } from '../autograd/tape.ts';
import { FLOATS, isFloat } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { broadcastShapes, checkShape, expandLayout, format, type Shape, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { goneOf } from './dims.ts';
import { reshape } from './movement.ts';
import { type Reduction, reducedShape, reductionRow } from './reduce.ts';

const expandOp: ViewOp<{ shape: Shape }> = define({
  name: 'expand',
  outputShape: (input, { shape }) => {
    checkShape('expand', shape);
    if (!sameShape(broadcastShapes('expand', input, shape), shape)) {
      throw new ShapeError(`expand: ${format(input)} does not expand to ${format(shape)}`);
    }
    return shape;
  },
  view: (input, { shape }) => expandLayout(input, shape),
  vjp: (g, { inputs }) => sumTo(g, inputs[0].shape),
});

/**
 * x repeated along its dims of size 1, and along new leading dims, without a copy: out[..., i, ...] = x[..., 0, ...]
 * there. -1 keeps a size. In the given shape. Throws a ShapeError for a shape to which x does not broadcast.
 */
export function expand(x: Tensor, shape: Shape): Tensor {
  checkInputs('expand', [x]);
  const lead = shape.length - x.rank;
  return applyView(expandOp, x, { shape: shape.map((n, i) => (n === -1 && i >= lead ? x.shape[i - lead] : n)) });
}

/** A sum of floats has their dtype; whole numbers and bools add up to int32. */
export const addition: Reduction = {
  name: 'sum',
  dtypes: [...FLOATS, 'int32', 'bool'],
  out: (dtype) => [isFloat(dtype) ? dtype : 'int32'],
  cpu: (values) => pairwiseSum(values, 0, values.length),
  identity: 'ACC()',
  combine: 'a + b',
};

function pairwiseSum(values: Float64Array, from: number, to: number): number {
  if (to - from <= 8) {
    let total = 0;
    for (let i = from; i < to; i++) total += values[i];
    return total;
  }
  const middle = (from + to) >> 1;
  return pairwiseSum(values, from, middle) + pairwiseSum(values, middle, to);
}

/** A gradient of a reduction's output with the reduced dims back, expanded to the input's shape. */
export function expandBack(g: Tensor, shape: Shape, dims: number[]): Tensor {
  return expand(reshape(g, reducedShape(shape, { dims, keepdim: true })), shape);
}

const sumOp = reductionRow(addition, ([g], { inputs: [x], attrs }) => [expandBack(g!, x.shape, attrs.dims)]);

/**
 * out = sum of x over `dims` (default, and where the list is empty: all); int32 for int32 and bool. Pairwise on the
 * CPU, blocked and tree-shaped on the GPU, in float32 for float16, too. In the shape of x without `dims`, which with
 * `keepdim` stay with size 1. Throws a ShapeError for dims that x lacks or that come twice.
 */
export function sum(x: Tensor, dims?: number | readonly number[], keepdim = false): Tensor {
  return apply(sumOp, [x], { dims: goneOf('sum', dims, x), keepdim })[0];
}

/** Sum over the dims along which `shape` was broadcast to x's shape; the gradient of that broadcast. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.rank - shape.length;
  // Of one element there is nothing to add.
  const dims = x.shape.flatMap((n, i) => (n !== 1 && (i < lead || shape[i - lead] === 1) ? [i] : []));
  return reshape(dims.length > 0 ? sum(x, dims) : x, shape);
}
