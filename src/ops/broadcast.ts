// expand and sum: each is the other's gradient, which is why they share a file. Also sumTo, which undoes broadcasting.
import { define, type Op, type ViewOp } from '../autograd/op.ts';
import { apply, applyView } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import {
  broadcastShapes,
  checkShape,
  expandLayout,
  format,
  normalizeDims,
  type Shape,
  sameShape,
} from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { reshape } from './movement.ts';
import { isReducible, planReduction, type ReduceAttrs, type Reduction, reducedShape, reduceOnCpu } from './reduce.ts';

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

/** x repeated along its dims of size 1, and along new leading dims, without a copy; -1 keeps a size. */
export function expand(x: Tensor, shape: Shape): Tensor {
  const lead = shape.length - x.rank;
  return applyView(expandOp, x, { shape: shape.map((n, i) => (n === -1 && i >= lead ? x.shape[i - lead] : n)) });
}

export const addition: Reduction = {
  name: 'sum',
  cpu: (values) => pairwiseSum(values, 0, values.length),
  wgsl: `fn identity() -> f32 { return 0.0; }
fn combine(a: f32, b: f32) -> f32 { return a + b; }
`,
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

/** The common row of reductions that give one float per output. */
export function reductionRow(reduction: Reduction, vjp: Op<ReduceAttrs>['vjp']): Op<ReduceAttrs> {
  return define({
    name: reduction.name,
    outputs: ([x], attrs) => {
      if (x.dtype !== 'float32') throw new ShapeError(`${reduction.name}: expected dtype float32, got ${x.dtype}`);
      return [{ shape: reducedShape(x.shape, attrs), dtype: x.dtype }];
    },
    strided: ([x], attrs) => [isReducible(x, attrs)],
    cpu: ([x], [out], attrs) => reduceOnCpu(reduction, x, out, attrs),
    plan: ([x], _outputs, attrs, gpu) => planReduction(reduction, x, attrs, gpu),
    vjp,
  });
}

/** A gradient of a reduction's output with the reduced dims back, expanded to the input's shape. */
export function expandBack(g: Tensor, shape: Shape, dims: number[]): Tensor {
  return expand(reshape(g, reducedShape(shape, { dims, keepdim: true })), shape);
}

const sumOp = reductionRow(addition, ([g], { inputs: [x], attrs }) => [expandBack(g!, x.shape, attrs.dims)]);

/** Sum over `dims` (default: all). Pairwise on the CPU, blocked and tree-shaped on the GPU. */
export function sum(x: Tensor, dims?: number | readonly number[], keepdim = false): Tensor {
  return apply(sumOp, [x], { dims: normalizeDims('sum', dims, x.rank), keepdim })[0];
}

/** Sum over the dims along which `shape` was broadcast to x's shape; the gradient of that broadcast. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.rank - shape.length;
  const dims = x.shape.flatMap((n, i) => (i < lead || (shape[i - lead] === 1 && n !== 1) ? [i] : []));
  return reshape(sum(x, dims), shape);
}
