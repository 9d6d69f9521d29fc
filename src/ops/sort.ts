// Sorting: argsort, and sort and topk, which gather by it.
import { define, type Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { gather } from './indexing.ts';
import { along } from './movement.ts';
import { planSort, SORTABLE } from './sort-plan.ts';

interface SortAttrs {
  /** The public function, for messages. */
  op: string;
  dim: number;
  descending: boolean;
  /** How many of each row to tell the places of. */
  taken: number;
}

/** The order of two numbers as PyTorch has it: NaN behind all others, zeros equal. */
const compare = (a: number, b: number) =>
  Number(a > b) - Number(a < b) || Number(Number.isNaN(a)) - Number(Number.isNaN(b));

/** The places of the first `taken` elements of each row in the order of their values; equal ones keep their order. */
const argsortOp: Op<SortAttrs> = define({
  name: 'argsort',
  outputs: ([{ shape, dtype }], { op, dim, taken }) => {
    if (!SORTABLE.includes(dtype)) throw new ShapeError(`${op}: expected dtype ${SORTABLE.join(' or ')}, got ${dtype}`);
    return [{ shape: shape.map((size, d) => (d === dim ? taken : size)), dtype: 'int32' }];
  },
  strided: () => [true],
  cpu: ([x], [out], { dim, descending, taken }) => {
    const n = x.shape[dim];
    const inner = elementCount(x.shape.slice(dim + 1));
    for (let row = 0; row < x.data.length / n; row++) {
      const at = (i: number, size: number) => (Math.floor(row / inner) * size + i) * inner + (row % inner);
      const values = Float64Array.from({ length: n }, (_, i) => x.data[at(i, n)]);
      const order = Uint32Array.from(values.keys());
      order.sort((a, b) => (descending ? compare(values[b], values[a]) : compare(values[a], values[b])) || a - b);
      for (let i = 0; i < taken; i++) out.data[at(i, taken)] = order[i];
    }
  },
  plan: ([x], [out], { dim, descending, taken }, gpu) => {
    if (elementCount(out.shape) === 0) return { dispatches: [] };
    return planSort(x, { of: 'input', index: 0 }, dim, { descending, taken }, gpu);
  },
  vjp: null,
});

export interface SortOptions {
  /** Largest first. Default: smallest first. */
  descending?: boolean;
}

const places = (op: string, x: Tensor, dim: number, descending: boolean, taken = x.shape[dim]): Tensor =>
  apply(argsortOp, [x], { op, dim, descending, taken })[0];

/**
 * out = the indices (int32) that sort x along `dim` (default: the last). Always stable; NaN counts as the largest, -0
 * as 0. float32, int32 or bool. In the shape of x. Throws a ShapeError for float16, and for a dim that x lacks.
 */
export const argsort = (x: Tensor, dim = -1, { descending = false }: SortOptions = {}): Tensor =>
  along('argsort', x, dim, (x, dim) => [places('argsort', x, dim, descending)])[0];

/**
 * values = x sorted along `dim` (default: the last), and indices (int32), where they were: values[i] = x[indices[i]];
 * stable, NaN as the largest, see argsort. Both in the shape of x. Throws a ShapeError for float16, and for a dim
 * that x lacks.
 */
export function sort(x: Tensor, dim = -1, { descending = false }: SortOptions = {}): [Tensor, Tensor] {
  return along('sort', x, dim, (x, dim) => {
    const indices = places('sort', x, dim, descending);
    return [gather(x, dim, indices), indices];
  });
}

export interface TopkOptions {
  /** The smallest instead where false. Default true. */
  largest?: boolean;
  /** Taken for PyTorch's sake: the result is sorted always. */
  sorted?: boolean;
}

/**
/**
 * values = the k largest elements of x along `dim` (default: the last), largest first, or with `largest` false the
 * smallest, and indices (int32): values[i] = x[indices[i]]. Ties go to the first; NaN is the largest. Both in the
 * shape of x, but for size k in `dim`; of rank 0 k is 1. Throws a ShapeError for k beyond the size of `dim`, for
 * float16, and for a dim that x lacks.
 */
export function topk(x: Tensor, k: number, dim = -1, { largest = true }: TopkOptions = {}): [Tensor, Tensor] {
  return along('topk', x, dim, (values, dim) => {
    checkCount(k, x.rank === 0 ? 1 : 0, values.shape, dim);
    const indices = places('topk', values, dim, largest, k);
    return [gather(values, dim, indices), indices];
  });
}

function checkCount(k: number, least: number, shape: Shape, dim: number): void {
  if (!Number.isInteger(k) || k < least || k > shape[dim]) {
    throw new ShapeError(`topk: expected k from ${least} to ${shape[dim]}, dim ${dim} of ${format(shape)}, got ${k}`);
  }
}
