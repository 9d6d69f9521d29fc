// A tensor cut into parts along a dim, all views: split, chunk, unbind.
import { define, type PartsOp } from '../autograd/op.ts';
import { applyParts } from '../autograd/tape.ts';
import { zeros } from '../tensor/creation.ts';
import { ShapeError } from '../tensor/errors.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expand } from './broadcast.ts';
import { only } from './copy.ts';
import { dimOf } from './dims.ts';
import { concat } from './join.ts';
import { reshape } from './movement.ts';
import { place } from './slice.ts';

interface SplitAttrs {
  dim: number;
  sizes: readonly number[];
}

const splitOp: PartsOp<SplitAttrs> = define({
  name: 'split',
  parts: ({ shape, strides, offset }, { dim, sizes }) => {
    let at = 0;
    return sizes.map((length) => {
      at += length;
      const part = shape.map((size, d) => (d === dim ? length : size));
      // What is empty stays where it is: further on there may be no memory to bind.
      return { shape: part, strides, offset: part.includes(0) ? offset : offset + (at - length) * strides[dim] };
    });
  },
  // Of one part, that part in zeros; else all parts side by side, with zeros for those that nobody used.
  vjp: (grads, { inputs: [x], outputs, attrs: { dim, sizes } }) => {
    const used = grads.flatMap((g, k) => (g ? [k] : []));
    if (used.length === 1) {
      const before = sizes.slice(0, used[0]).reduce((sum, n) => sum + n, 0);
      return [place(grads[used[0]]!, x.shape, only(x.rank, dim, before, 0))];
    }
    const zero = zeros([], { dtype: x.dtype, device: x.device });
    return [
      concat(
        grads.map((g, k) => g ?? expand(zero, outputs[k].shape)),
        dim,
      ),
    ];
  },
});

/**
 * Parts of these sizes along `dim`, one behind the other, or all of one size, but for the last, which takes what is
 * left: [5, 3] by 2 gives [2, 3], [2, 3] and [1, 3], with part k[i, ...] = x[2 k + i, ...]. Views. Throws a
 * ShapeError for a dim that x lacks, and for sizes that do not add up to its own.
 */
export function split(x: Tensor, sizeOrSizes: number | readonly number[], dim = 0): Tensor[] {
  const d = dimOf('split', dim, x);
  const size = x.shape[d];
  const sizes = Array.isArray(sizeOrSizes) ? sizeOrSizes : equalSizes(x, d, sizeOrSizes as number);
  const total = sizes.reduce((sum, n) => sum + n, 0);
  if (sizes.some((n) => !Number.isInteger(n) || n < 0) || total !== size) {
    throw new ShapeError(
      `split: expected sizes that add up to ${size}, dim ${d} of ${format(x.shape)}, got [${sizes}]`,
    );
  }
  return applyParts(splitOp, x, { dim: d, sizes });
}

function equalSizes(x: Tensor, dim: number, part: number): number[] {
  const size = x.shape[dim];
  if (!Number.isInteger(part) || part < 0 || (part === 0 && size > 0)) {
    throw new ShapeError(`split: expected parts of at least 1 element for ${format(x.shape)}, got ${part}`);
  }
  const count = size === 0 ? 1 : Math.ceil(size / part);
  return Array.from({ length: count }, (_, i) => Math.min(part, size - i * part));
}

/**
 * At most n parts along `dim`, of size ceil(size / n), but for the last, which may be smaller: [5, 3] by n = 2 gives
 * [3, 3] and [2, 3]. Views. Throws a ShapeError for a dim that x lacks, and for less than one part.
 */
export function chunk(x: Tensor, n: number, dim = 0): Tensor[] {
  const at = dimOf('chunk', dim, x);
  const size = x.shape[at];
  if (!Number.isInteger(n) || n < 1) throw new ShapeError(`chunk: expected a count of at least 1, got ${n}`);
  return split(x, size === 0 ? new Array<number>(n).fill(0) : Math.ceil(size / n), dim);
}

/**
 * For each index k in a dim the part of x there, without that dim: of [2, 3] two [3], with part k[...] = x[k, ...].
 * Views. Throws a ShapeError for a dim that x lacks.
 */
export function unbind(x: Tensor, dim = 0): Tensor[] {
  const d = dimOf('unbind', dim, x);
  const shape = x.shape.filter((_, i) => i !== d);
  return split(x, new Array<number>(x.shape[d]).fill(1), d).map((part) => reshape(part, shape));
}
