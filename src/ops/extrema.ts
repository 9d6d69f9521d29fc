// The largest and smallest elements over dims, and where they are.

import type { Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import { type DType, FLOATS } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expandBack, sum } from './broadcast.ts';
import { goneOf } from './dims.ts';
import { cast, div, eq, isNan, logicalOr, mul, where } from './elementwise.ts';
import { type ReduceAttrs, type Reduction, reductionRow } from './reduce.ts';
import { positions } from './scan.ts';

/** Which way a family looks: how its comparison is written, and with what nothing at all is beaten. */
interface Side {
  wins: '>' | '<';
  least: string;
  beats: (a: number, b: number) => boolean;
}

const LARGEST: Side = { wins: '>', least: 'lowest()', beats: (a, b) => a > b };
const SMALLEST: Side = { wins: '<', least: 'highest()', beats: (a, b) => a < b };

const dtypes: DType[] = [...FLOATS, 'int32', 'bool'];

/** The place of the winner: NaN before all numbers, the first among equals. */
function winner(values: Float64Array, { beats }: Side): number {
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) return i;
    if (beats(values[i], values[at])) at = i;
  }
  return at;
}

/** Values only; the gradient is shared evenly among ties. To NaN it is NaN, but of `full` ones shared among all NaN. */
const valueRow = (name: string, side: Side) =>
  reductionRow(
    {
      ...{ name, dtypes },
      cpu: (values) => values[winner(values, side)],
      winner: (values) => winner(values, side),
      identity: side.least,
      combine: `select(b, a, a ${side.wins} b || isNan(a))`,
    },
    ([g], { inputs: [x], outputs: [out], attrs: { dims, full } }) => {
      const equal = eq(x, expandBack(out, x.shape, dims));
      // Only NaN wins over NaN.
      const won = full ? logicalOr(equal, isNan(x)) : equal;
      const ties = cast(won, 'float32');
      const share = div(ties, expandBack(sum(ties, dims, true), x.shape, dims));
      return [mul(expandBack(g!, x.shape, dims), cast(share, x.dtype))];
    },
  );

/** The place is kept beside the value, so that the first of equals wins in whatever order they meet. */
const placed = (side: Side): Pick<Reduction, 'dtypes' | 'acc' | 'load' | 'identity' | 'combine' | 'lines'> => ({
  dtypes,
  acc: ['value: VALUE', 'at: u32'],
  load: 'ACC(value, index)',
  identity: `ACC(${side.least}, 0xffffffffu)`,
  combine: 'pick(a, b)',
  lines: `fn pick(a: ACC, b: ACC) -> ACC {
  let nan = isNan(a.value);
  let first = select(a.value ${side.wins} b.value, a.at < b.at, nan || a.value == b.value);
  let wins = select(first, nan, nan != isNan(b.value));
  return ACC(select(b.value, a.value, wins), select(b.at, a.at, wins));
}
`,
});

/** Values and places along one dim; the gradient goes to the winner. */
const pairRow = (name: string, side: Side) =>
  reductionRow(
    {
      ...placed(side),
      name,
      out: (dtype) => [dtype, 'int32'],
      cpu: (values) => {
        const at = winner(values, side);
        return [values[at], at];
      },
      finish: ['a.value', 'a.at'],
    },
    ([g], { inputs: [x], outputs: [, at], attrs: { dims } }) => {
      if (x.rank === 0) return [g];
      const won = eq(positions(x, dims[0]), expandBack(at, x.shape, dims));
      return [where(won, expandBack(g!, x.shape, dims), 0)];
    },
  );

const placeRow = (name: string, side: Side) =>
  reductionRow(
    { ...placed(side), name, out: () => ['int32'], cpu: (values) => winner(values, side), finish: ['a.at'] },
    null,
  );

const amaxOp = valueRow('amax', LARGEST);
const aminOp = valueRow('amin', SMALLEST);
const maxOp = pairRow('max', LARGEST);
const minOp = pairRow('min', SMALLEST);
const argmaxOp = placeRow('argmax', LARGEST);
const argminOp = placeRow('argmin', SMALLEST);

/** Runs a row under the name of the function that was called. Of nothing there is no largest element. */
function extreme(
  name: string,
  op: Op<ReduceAttrs>,
  x: Tensor,
  dims: number | readonly number[] | undefined,
  keepdim = false,
  full = false,
): Tensor[] {
  const gone = goneOf(name, dims, x);
  if (gone.some((d) => x.shape[d] === 0)) {
    throw new ShapeError(`${name}: expected at least one element over dims [${gone}], got ${format(x.shape)}`);
  }
  return apply(op, [x], { dims: gone, keepdim, full });
}

/**
 * out = the largest x over `dims` (default, and where the list is empty: all); NaN if there is one. The gradient is
 * shared evenly among ties. In the shape of x without `dims`, which with `keepdim` stay with size 1. Throws a
 * ShapeError for dims that x lacks or that come twice, and where there are no elements.
 */
export function amax(x: Tensor, dims?: number | readonly number[], keepdim = false): Tensor {
  return extreme('amax', amaxOp, x, dims, keepdim)[0];
}

/**
 * out = the smallest x over `dims` (default, and where the list is empty: all); NaN if there is one. The gradient is
 * shared evenly among ties. In the shape of x without `dims`, which with `keepdim` stay with size 1. Throws a
 * ShapeError for dims that x lacks or that come twice, and where there are no elements.
 */
export function amin(x: Tensor, dims?: number | readonly number[], keepdim = false): Tensor {
  return extreme('amin', aminOp, x, dims, keepdim)[0];
}

/**
 * out = the largest x of all, a scalar []; NaN if there is one. The gradient is shared evenly among ties, also of NaN.
 * Throws a ShapeError where there are no elements.
 */
export function max(x: Tensor): Tensor;
/**
 * values = the largest x along `dim`, and indices, where they are, as int32: values[i] = x[indices[i]]. NaN counts as
 * largest; of equals it is the first, to which the gradient goes, too. Both in the shape of x without `dim`, which
 * with `keepdim` stays with size 1. Throws a ShapeError where there are no elements, and for a dim that x lacks.
 */
export function max(x: Tensor, dim: number, keepdim?: boolean): [values: Tensor, indices: Tensor];
export function max(x: Tensor, dim?: number, keepdim = false): Tensor | [Tensor, Tensor] {
  if (dim === undefined) return extreme('max', amaxOp, x, undefined, false, true)[0];
  return extreme('max', maxOp, x, dim, keepdim) as [Tensor, Tensor];
}

/**
 * out = the smallest x of all, a scalar []; NaN if there is one. The gradient is shared evenly among ties, also of NaN.
 * Throws a ShapeError where there are no elements.
 */
export function min(x: Tensor): Tensor;
/**
 * values = the smallest x along `dim`, and indices, where they are, as int32: values[i] = x[indices[i]]. NaN counts
 * as smallest; of equals it is the first, to which the gradient goes, too. Both in the shape of x without `dim`,
 * which with `keepdim` stays with size 1. Throws a ShapeError where there are no elements, and for a dim that x
 * lacks.
 */
export function min(x: Tensor, dim: number, keepdim?: boolean): [values: Tensor, indices: Tensor];
export function min(x: Tensor, dim?: number, keepdim = false): Tensor | [Tensor, Tensor] {
  if (dim === undefined) return extreme('min', aminOp, x, undefined, false, true)[0];
  return extreme('min', minOp, x, dim, keepdim) as [Tensor, Tensor];
}

/**
 * out = the index of the largest x along `dim`, as int32; without `dim` that in the flattened tensor, a scalar [].
 * NaN counts as largest; of equals it is the first. In the shape of x without the dims that go, or with `keepdim`
 * stay with size 1. Throws a ShapeError for a dim that x lacks, and where there are no elements.
 */
export function argmax(x: Tensor, dim?: number, keepdim = false): Tensor {
  return extreme('argmax', argmaxOp, x, dim, keepdim)[0];
}

/**
 * out = the index of the smallest x along `dim`, as int32; without `dim` that in the flattened tensor, a scalar [].
 * NaN counts as smallest; of equals it is the first. In the shape of x without the dims that go, or with `keepdim`
 * stay with size 1. Throws a ShapeError for a dim that x lacks, and where there are no elements.
 */
export function argmin(x: Tensor, dim?: number, keepdim = false): Tensor {
  return extreme('argmin', argminOp, x, dim, keepdim)[0];
}
