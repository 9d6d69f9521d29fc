// Reductions of numbers and of truth over any dims: mean, prod, any, all, countNonzero. sum is in broadcast.ts.
import type { Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import { type DType, FLOATS } from '../tensor/dtype.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { addition, expandBack } from './broadcast.ts';
import { goneOf } from './dims.ts';
import { mul } from './elementwise.ts';
import { permute, reshape } from './movement.ts';
import { type ReduceAttrs, type Reduction, reductionRow } from './reduce.ts';
import { productsBefore } from './scan.ts';

/** Some dims, or all where none are given. */
export type DimsLike = number | readonly number[];

/** The function of an op over any dims. */
const over =
  (op: Op<ReduceAttrs>) =>
  (x: Tensor, dims?: DimsLike, keepdim = false): Tensor =>
    apply(op, [x], { dims: goneOf(op.name, dims, x), keepdim })[0];

/**
 * out = sum of x over `dims` (default, and where the list is empty: all) / their count, of floats. NaN over no
 * elements. In the shape of x without `dims`, which with `keepdim` stay with size 1. Throws a ShapeError for int32
 * and bool, and for dims that x lacks or that come twice.
 */
export const mean = over(
  reductionRow(
    {
      ...addition,
      name: 'mean',
      dtypes: FLOATS,
      cpu: (values, count) => (addition.cpu(values, count) as number) / count,
      finish: ['a / divisor'],
    },
    ([g], { inputs: [x], outputs: [out], attrs }) => [expandBack(mul(g!, out.size / x.size), x.shape, attrs.dims)],
  ),
);

/**
 * out = product of x over `dims` (default, and where the list is empty: all); int32 for int32 and bool, 1 over no
 * elements. Its gradient, the product of the other elements, takes no division: it is right where there are zeros. In
 * the shape of x without `dims`, which with `keepdim` stay with size 1. Throws a ShapeError for dims that x lacks or
 * that come twice.
 */
export const prod = over(
  reductionRow(
    {
      ...addition,
      name: 'prod',
      cpu: (values) => values.reduce((a, b) => a * b, 1),
      identity: 'ACC(1)',
      combine: 'a * b',
    },
    ([g], { inputs: [x], attrs: { dims } }) => [mul(expandBack(g!, x.shape, dims), others(x, dims))],
  ),
);

/** For each element the product of all others over `dims`: of those before it and those behind it. */
function others(x: Tensor, dims: number[]): Tensor {
  const kept = x.shape.map((_, d) => d).filter((d) => !dims.includes(d));
  const order = [...kept, ...dims];
  const sizes = (list: number[]): Shape => list.map((d) => x.shape[d]);
  const rows = reshape(permute(x, order), [...sizes(kept), elementCount(sizes(dims))]);
  const rest = mul(productsBefore(rows, kept.length), productsBefore(rows, kept.length, true));
  const back = x.shape.map((_, d) => order.indexOf(d));
  return permute(reshape(rest, sizes(order)), back);
}

const truth: Pick<Reduction, 'dtypes' | 'out' | 'acc'> = {
  dtypes: [...FLOATS, 'int32', 'bool'] as DType[],
  out: () => ['bool'],
  acc: 'u32',
};
/** NaN, like all but 0, is true. */
const load = 'select(1u, 0u, value == VALUE())';

/**
 * out = whether x != 0 anywhere over `dims` (default, and where the list is empty: all), as bool, NaN being true;
 * false over no elements. In the shape of x without `dims`, which with `keepdim` stay with size 1. Throws a
 * ShapeError for dims that x lacks or that come twice.
 */
export const any = over(
  reductionRow(
    {
      ...truth,
      ...{ name: 'any', load, identity: '0u', combine: 'a | b' },
      cpu: (values) => Number(values.some((v) => v !== 0)),
    },
    null,
  ),
);

/**
 * out = whether x != 0 everywhere over `dims` (default, and where the list is empty: all), as bool, NaN being true;
 * true over no elements. In the shape of x without `dims`, which with `keepdim` stay with size 1. Throws a ShapeError
 * for dims that x lacks or that come twice.
 */
export const all = over(
  reductionRow(
    {
      ...truth,
      ...{ name: 'all', load, identity: '1u', combine: 'a & b' },
      cpu: (values) => Number(values.every((v) => v !== 0)),
    },
    null,
  ),
);

/**
 * out = how many x != 0 there are over `dims` (default, and where the list is empty: all), as int32, NaN being one.
 * In the shape of x without `dims`, which with `keepdim` stay with size 1. Throws a ShapeError for dims that x lacks
 * or that come twice.
 */
export const countNonzero = over(
  reductionRow(
    {
      ...truth,
      ...{ name: 'countNonzero', load, identity: '0u', combine: 'a + b' },
      out: () => ['int32'],
      cpu: (values) => values.reduce((n, v) => n + Number(v !== 0), 0),
    },
    null,
  ),
);
