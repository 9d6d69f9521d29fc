// Reductions above elementwise ops: mean and max over any dims.
import { apply } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { format, normalizeDims } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { addition, expandBack, reductionRow, sum } from './broadcast.ts';
import { cast, div, eq, mul } from './elementwise.ts';

const meanOp = reductionRow(
  {
    ...addition,
    name: 'mean',
    cpu: (values) => addition.cpu(values) / values.length,
    scale: (count) => 1 / count,
  },
  ([g], { inputs: [x], outputs: [out], attrs }) => [expandBack(mul(g!, out.size / x.size), x.shape, attrs.dims)],
);

/** Mean over `dims` (default: all). NaN over no elements. */
export function mean(x: Tensor, dims?: number | readonly number[], keepdim = false): Tensor {
  return apply(meanOp, [x], { dims: normalizeDims('mean', dims, x.rank), keepdim })[0];
}

const maxOp = reductionRow(
  {
    name: 'max',
    cpu: (values) => values.reduce((a, b) => (a > b || Number.isNaN(a) ? a : b), Number.NEGATIVE_INFINITY),
    // -Infinity by its bits, and by way of a variable: WGSL has no constant for it.
    wgsl: `var<private> lowest: u32 = 0xff800000u;
fn identity() -> f32 { return bitcast<f32>(lowest); }
fn combine(a: f32, b: f32) -> f32 { return select(b, a, a > b || isNan(a)); }
fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
`,
  },
  ([g], { inputs: [x], outputs: [out], attrs }) => {
    const winners = cast(eq(x, expandBack(out, x.shape, attrs.dims)), 'float32');
    const count = expandBack(sum(winners, attrs.dims, true), x.shape, attrs.dims);
    return [mul(expandBack(g!, x.shape, attrs.dims), div(winners, count))];
  },
);

/** Largest element over `dims` (default: all); NaN if there is one. The gradient is shared evenly among ties. */
export function max(x: Tensor, dims?: number | readonly number[], keepdim = false): Tensor {
  const gone = normalizeDims('max', dims, x.rank);
  if (gone.some((d) => x.shape[d] === 0)) {
    throw new ShapeError(`max: expected at least one element over dims [${gone}], got ${format(x.shape)}`);
  }
  return apply(maxOp, [x], { dims: gone, keepdim })[0];
}
