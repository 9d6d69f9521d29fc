// Indexing by tensors: gather and scatterAdd, which are each other's gradient, and what is made of them.
import gatherSource from '../../shaders/gather.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply, checkInputs } from '../autograd/tape.ts';
import type { CpuArray, Spec } from '../tensor/backend.ts';
import { full } from '../tensor/creation.ts';
import type { DType } from '../tensor/dtype.ts';
import { IndexError, ShapeError } from '../tensor/errors.ts';
import { scope } from '../tensor/scope.ts';
import { broadcastShapes, checkRank, elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expand } from './broadcast.ts';
import type { Operand } from './define.ts';
import { dimOf } from './dims.ts';
import { add, choose, ne, where } from './elementwise.ts';
import { perInput } from './flops.ts';
import { ceilDiv, constants, failing, grid, threads } from './launch.ts';
import { reshape } from './movement.ts';
import { planScatter } from './scatter-plan.ts';
import { narrow } from './slice.ts';
import { walk } from './sort-plan.ts';

interface IndexAttrs {
  /** The public function, for messages. */
  op: string;
  dim: number;
}

interface GatherAttrs extends IndexAttrs {
  /** An index whose elements have no gradient. */
  paddingIdx?: number;
}

interface ScatterAttrs extends IndexAttrs {
  /** The shape of the output. */
  shape: Shape;
}

const MOVABLE: DType[] = ['float32', 'int32', 'bool'];
const SUMMABLE: DType[] = ['float32', 'int32'];

function checkIndices(op: string, dtype: DType): void {
  if (dtype !== 'int32') throw new ShapeError(`${op}: expected int32 indices, got ${dtype}`);
}

/** `values` are what is gathered or scattered; `shape` is what the indices point into. */
function check({ op, dim }: IndexAttrs, shape: Shape, index: Spec, values: DType, allowed: DType[]): void {
  if (!allowed.includes(values)) throw new ShapeError(`${op}: expected dtype ${allowed.join(' or ')}, got ${values}`);
  checkIndices(op, index.dtype);
  if (index.shape.length !== shape.length) {
    throw new ShapeError(
      `${op}: expected indices of rank ${shape.length} for ${format(shape)}, got ${format(index.shape)}`,
    );
  }
  if (index.shape.some((size, d) => d !== dim && size > shape[d])) {
    throw new ShapeError(
      `${op}: expected indices no larger than ${format(shape)} but in dim ${dim}, got ${format(index.shape)}`,
    );
  }
  if (shape[dim] === 0 && elementCount(index.shape) > 0) {
    throw new ShapeError(`${op}: expected no indices into dim ${dim} of ${format(shape)}, got ${format(index.shape)}`);
  }
}

const outOfRange = (op: string, size: number) => (index: number) =>
  `${op}: expected indices from 0 to ${size - 1}, got ${index}`;

/** For each index: its place in a contiguous tensor of `shape` that it points into. */
function placesOf(index: CpuArray, shape: Shape, { op, dim }: IndexAttrs): number[] {
  return Array.from(index.data, (to, at) => {
    if (to < 0 || to >= shape[dim]) throw new IndexError(outOfRange(op, shape[dim])(to));
    let [place, step, rest] = [0, 1, at];
    for (let d = shape.length - 1; d >= 0; d--) {
      const size = index.shape[d];
      place += step * (d === dim ? to : rest % size);
      step *= shape[d];
      rest = Math.floor(rest / size);
    }
    return place;
  });
}

const gatherOp: Op<GatherAttrs> = define({
  name: 'gather',
  outputs: ([x, index], attrs) => {
    check(attrs, x.shape, index, x.dtype, MOVABLE);
    return [{ shape: index.shape, dtype: x.dtype }];
  },
  strided: () => [true, true],
  cpu: ([x, index], [out], attrs) => {
    placesOf(index, x.shape, attrs).forEach((place, i) => {
      out.data[i] = x.data[place];
    });
  },
  plan: ([x, index], [out], { op, dim }, gpu) => {
    const n = elementCount(out.shape);
    if (n === 0) return { dispatches: [] };
    const WG = threads(gpu);
    const limit = x.shape[dim];
    const strides = x.strides.map((stride, d) => (d === dim ? 0 : stride));
    const dims = walk(out.shape, strides, index.strides);
    const bad = x.dtype === 'float32' ? 0x7fc00000 : 0;
    const preamble = constants({ WG, RANK: dims.length }) + failing(3);
    return {
      dispatches: [
        {
          shader: { file: 'gather.wgsl', source: gatherSource, preamble },
          params: [n, limit, x.strides[dim], x.offset, index.offset, bad, 'fault', 0, ...dims.flat()],
          fault: outOfRange(op, limit),
          workgroups: grid(ceilDiv(n, WG)),
        },
      ],
    };
  },
  vjp: ([g], { inputs: [x, index], attrs: { op, dim, paddingIdx } }) => {
    const kept = paddingIdx === undefined ? g! : where(ne(index, paddingIdx), g!, 0);
    return [apply(scatterOp, [kept, index], { op, dim, shape: x.shape })[0], null];
  },
});

/** Zeros in `shape`, with the elements of the source added where its index points to. */
const scatterOp: Op<ScatterAttrs> = define({
  name: 'scatterAdd',
  outputs: ([source, index], attrs) => {
    check(attrs, attrs.shape, index, source.dtype, SUMMABLE);
    return [{ shape: attrs.shape, dtype: source.dtype }];
  },
  strided: () => [true, true],
  cpu: ([source, index], [out], attrs) => {
    placesOf(index, out.shape, attrs).forEach((place, i) => {
      out.data[place] += source.data[i];
    });
  },
  flops: perInput(1),
  plan: ([source, index], [out], { op, dim }, gpu) =>
    planScatter(source, index, out, dim, outOfRange(op, out.shape[dim]), gpu),
  vjp: ([g], { inputs: [, index], attrs: { op, dim } }) => [apply(gatherOp, [g!, index], { op, dim })[0], null],
});

/** As in PyTorch, rank 0 is taken for a single element along dim 0: `run` gets each such tensor as [1], and the result is rank 0 again. */
const asVectors = (tensors: Tensor[], run: (...vectors: Tensor[]) => Tensor): Tensor =>
  reshape(run(...tensors.map((t) => (t.rank === 0 ? reshape(t, [1]) : t))), []);

/**
 * out[.., i, ..] = x[.., index[.., i, ..], ..] along `dim`: for each index the element of x that it points to, in the
 * shape of `index` (int32), which has the rank of x and is no larger than x in the other dims. x is float32, int32 or
 * bool. An index that is negative or too large is an IndexError, on WebGPU at the next read. Throws a ShapeError for
 * a dim that x lacks, for float16, and for indices of another dtype, rank or size.
 */
export const gather = (x: Tensor, dim: number, index: Tensor): Tensor => {
  checkInputs('gather', [x, index]);
  if (x.rank === 0 && index.rank === 0) return asVectors([x, index], (x, index) => gather(x, dim, index));
  return apply(gatherOp, [x, index], { op: 'gather', dim: dimOf('gather', dim, x) })[0];
};

/**
 * out = x with source[.., i, ..] added at [.., index[.., i, ..], ..] along `dim`, for all of `index` (int32), which
 * has the rank of x and is no larger than x in the other dims, nor than `source` in any. float32 or int32. Sums are
 * made in blocks, in an order that only the indices determine. In the shape of x. An index out of range is an
 * IndexError, on WebGPU at the next read. Throws a ShapeError for a dim that x lacks, and for indices or a source of
 * another dtype, rank or size.
 */
export function scatterAdd(x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  checkInputs('scatterAdd', [x, index, source]);
  if (x.rank === 0 && index.rank === 0) {
    return asVectors([x, index, source], (x, index, source) => scatterAdd(x, dim, index, source));
  }
  const attrs = { op: 'scatterAdd', dim: dimOf('scatterAdd', dim, x), shape: x.shape };
  if (source.rank !== index.rank || index.shape.some((size, d) => size > source.shape[d])) {
    throw new ShapeError(
      `scatterAdd: expected a source at least as large as the indices, ${format(index.shape)}, got ${format(source.shape)}`,
    );
  }
  if (source.dtype !== x.dtype) {
    throw new ShapeError(`scatterAdd: expected a source of dtype ${x.dtype} as x has, got ${source.dtype}`);
  }
  const used = index.shape.reduce((part, size, d) => narrow(part, d, 0, size), source);
  return add(x, apply(scatterOp, [used, index], attrs)[0]);
}

/**
 * out[.., i, ..] = x[.., index[i], ..] along `dim`, for `index` [n] (int32): in the shape of x, but for size n in
 * that dim. float32, int32 or bool. Throws a ShapeError for a dim that x lacks, for float16, and for indices of
 * another rank or dtype; one out of range is an IndexError, on WebGPU at the next read.
 */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  checkInputs('indexSelect', [x, index]);
  const at = dimOf('indexSelect', dim, x);
  if (index.rank !== 1) throw new ShapeError(`indexSelect: expected indices [n], got ${format(index.shape)}`);
  return select('indexSelect', x, at, index);
}

/** Indices are expanded, not copied, to the other dims; the kernels read and sort them once. */
function select(op: string, x: Tensor, dim: number, index: Tensor, paddingIdx?: number): Tensor {
  const shape = x.shape.map((size, d) => (d === dim ? index.size : size));
  const slices = reshape(index, [index.size, ...shape.slice(dim + 1).fill(1)]);
  return apply(gatherOp, [x, expand(slices, shape)], { op, dim, paddingIdx })[0];
}

export interface EmbeddingOptions {
  /** A row of the weight that gets no gradient; negative counts from the end. */
  paddingIdx?: number;
}

/**
 * out[..., d] = weight[indices[...], d] for `indices` (int32, any shape): [...indices, D] from weight [V, D],
 * float32, int32 or bool. Throws a ShapeError for other shapes and dtypes, and for a paddingIdx that is no row; an
 * index out of range is an IndexError, on WebGPU at the next read.
 */
export function embedding(indices: Tensor, weight: Tensor, { paddingIdx }: EmbeddingOptions = {}): Tensor {
  checkInputs('embedding', [indices, weight]);
  checkIndices('embedding', indices.dtype);
  if (weight.rank !== 2) throw new ShapeError(`embedding: expected weight [V, D], got ${format(weight.shape)}`);
  const [V, D] = weight.shape;
  const shape = [...indices.shape, D];
  checkRank('embedding', shape);
  if (paddingIdx !== undefined && !(Number.isInteger(paddingIdx) && paddingIdx >= -V && paddingIdx < V)) {
    throw new ShapeError(`embedding: expected paddingIdx from ${-V} to ${V - 1}, got ${paddingIdx}`);
  }
  const padding = paddingIdx !== undefined && paddingIdx < 0 ? paddingIdx + V : paddingIdx;
  return reshape(select('embedding', weight, 0, reshape(indices, [-1]), padding), shape);
}

/**
 * out[..., c] = 1 where c is the index, else 0: int32 [...indices, classes] of `indices` (int32, any shape). Throws a
 * ShapeError for other dtypes, and for less than one class; an index out of range is an IndexError, on WebGPU at the
 * next read.
 */
export function oneHot(indices: Tensor, classes: number): Tensor {
  checkInputs('oneHot', [indices]);
  checkIndices('oneHot', indices.dtype);
  const shape = [...indices.shape, classes];
  checkRank('oneHot', shape);
  if (!Number.isInteger(classes) || classes < 1) {
    throw new ShapeError(`oneHot: expected classes as a whole number of at least 1, got ${classes}`);
  }
  return scope(() => {
    const index = reshape(indices, [...indices.shape, 1]);
    const one = full([1], 1, { dtype: 'int32', device: indices.device });
    const attrs = { op: 'oneHot', dim: indices.rank, shape };
    return apply(scatterOp, [expand(one, index.shape), index], attrs)[0];
  });
}

/**
 * out = mask ? value : x, of a bool tensor `mask`; `value` is a number or a tensor. In the shape to which all
 * broadcast. Throws a ShapeError for a mask that is not bool, a value of another dtype or that x cannot hold, and
 * shapes that do not broadcast.
 */
export function maskedFill(x: Tensor, mask: Tensor, value: Operand): Tensor {
  checkInputs('maskedFill', [x, mask]);
  if (mask.dtype !== 'bool') throw new ShapeError(`maskedFill: expected a bool mask, got ${mask.dtype}`);
  return choose([mask, value, x], [], 'maskedFill');
}

/**
 * out[.., i, ..] = x[.., indices[.., i, ..], ..] along `dim`, such as with the indices of argsort: gather, with x and
 * `indices` broadcast against each other in the other dims. In the shape to which these broadcast, with the size of
 * `indices` in `dim`. float32, int32 or bool. Throws a ShapeError for a dim that x lacks, for float16, and for
 * indices of another rank or dtype, or that do not broadcast; one out of range is an IndexError, on WebGPU at the
 * next read.
 */
export function takeAlongDim(x: Tensor, indices: Tensor, dim: number): Tensor {
  checkInputs('takeAlongDim', [x, indices]);
  if (x.rank === 0 && indices.rank === 0) return asVectors([x, indices], (x, indices) => takeAlongDim(x, indices, dim));
  const at = dimOf('takeAlongDim', dim, x);
  if (indices.rank !== x.rank) {
    throw new ShapeError(`takeAlongDim: expected indices of rank ${x.rank}, got ${format(indices.shape)}`);
  }
  const but = (shape: Shape, size: number) => shape.map((n, d) => (d === at ? size : n));
  const common = broadcastShapes('takeAlongDim', but(x.shape, 1), but(indices.shape, 1));
  const [values, places] = [x, indices].map((t) => expand(t, but(common, t.shape[at])));
  return apply(gatherOp, [values, places], { op: 'takeAlongDim', dim: at })[0];
}
