// Matrices by their diagonals: diagonal, diag, tril, triu.
import source from '../../shaders/band.wgsl';
import { define, type Op, type ViewOp } from '../autograd/op.ts';
import { apply, applyView, checkInputs } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { bitsOf, only } from './copy.ts';
import { dimOf } from './dims.ts';
import { ceilDiv, grid } from './launch.ts';
import { permute, reshape } from './movement.ts';
import { place } from './slice.ts';

/** The dims of rows and of columns; the diagonal is `offset` columns to the right of the main one. */
interface DiagonalAttrs {
  rows: number;
  columns: number;
  offset: number;
}

const others = (rank: number, { rows, columns }: DiagonalAttrs) =>
  Array.from({ length: rank }, (_, d) => d).filter((d) => d !== rows && d !== columns);

function diagonalShape(shape: Shape, attrs: DiagonalAttrs): number[] {
  const [rows, columns] = [shape[attrs.rows], shape[attrs.columns]];
  const length = Math.min(rows + Math.min(attrs.offset, 0), columns - Math.max(attrs.offset, 0));
  return [...others(shape.length, attrs).map((d) => shape[d]), Math.max(length, 0)];
}

const diagonalOp: ViewOp<DiagonalAttrs> = define({
  name: 'diagonal',
  outputShape: diagonalShape,
  view: ({ shape, strides, offset: start }, attrs) => {
    const [down, right] = [strides[attrs.rows], strides[attrs.columns]];
    const view = diagonalShape(shape, attrs);
    const first = attrs.offset < 0 ? -attrs.offset * down : attrs.offset * right;
    return {
      shape: view,
      strides: [...others(shape.length, attrs).map((d) => strides[d]), down + right],
      // What is empty stays where it is: further on there may be no memory to bind.
      offset: elementCount(view) === 0 ? start : start + first,
    };
  },
  vjp: (g, { inputs: [x], attrs }) => {
    const { rows, columns, offset } = attrs;
    const order = [...others(x.rank, attrs), rows, columns];
    return permute(
      embed(g, x.shape[rows], x.shape[columns], offset),
      order.map((_, d) => order.indexOf(d)),
    );
  },
});

/** Matrices that are 0 but for a diagonal, whose elements lie columns + 1 apart in memory: g [..., n] -> [..., rows, columns]. */
function embed(g: Tensor, rows: number, columns: number, offset: number): Tensor {
  const batch = g.shape.slice(0, -1);
  const last = g.rank - 1;
  const start = offset < 0 ? -offset * columns : offset;
  const flat = place(g, [...batch, rows * columns], only(g.rank, last, start, 0), only(g.rank, last, columns + 1, 1));
  return reshape(flat, [...batch, rows, columns]);
}

function checkOffset(op: string, offset: number): void {
  if (!Number.isInteger(offset)) throw new ShapeError(`${op}: expected a whole number of diagonals, got ${offset}`);
}

/**
 * out[..., i] = x[..., i, i + offset] of dims `dim1` and `dim2`, which go: the diagonal becomes the last dim of the
 * result. Always a view. Throws a ShapeError for dims that x lacks, for one dim twice, and for an offset that is no
 * whole number.
 */
export function diagonal(x: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor {
  checkOffset('diagonal', offset);
  const [rows, columns] = [dim1, dim2].map((dim) => dimOf('diagonal', dim, x));
  if (rows === columns)
    throw new ShapeError(`diagonal: expected two dims of ${format(x.shape)}, got ${dim1} and ${dim2}`);
  return applyView(diagonalOp, x, { rows, columns, offset });
}

/**
 * Of a vector [n] a square matrix [n + |offset|, n + |offset|], out[i, i + offset] = x[i], below the main diagonal
 * out[i - offset, i] = x[i], and 0 elsewhere; of a matrix the diagonal x[i, i + offset], a vector as `diagonal` gives
 * it. Throws a ShapeError for other ranks than 1 and 2, and for an offset that is no whole number.
 */
export function diag(x: Tensor, offset = 0): Tensor {
  checkInputs('diag', [x]);
  if (x.rank !== 1 && x.rank !== 2) throw new ShapeError(`diag: expected a vector or a matrix, got ${format(x.shape)}`);
  checkOffset('diag', offset);
  if (x.rank === 2) return diagonal(x, offset);
  const size = x.size + Math.abs(offset);
  return embed(x, size, size, offset);
}

interface BandAttrs {
  low: number;
  high: number;
}

/** Matrices [..., rows, columns] with zeros where column - row is not from low to high. */
const bandOp: Op<BandAttrs> = define({
  name: 'band',
  outputs: ([{ shape, dtype }]) => [{ shape, dtype }],
  cpu: ([x], [out], { low, high }) => {
    const [rows, columns] = x.shape.slice(-2);
    for (let i = 0; i < x.data.length; i++) {
      const right = (i % columns) - (Math.floor(i / columns) % rows);
      out.data[i] = right >= low && right <= high ? x.data[i] : 0;
    }
  },
  plan: ([x], _outputs, { low, high }) => {
    const n = elementCount(x.shape);
    if (n === 0) return { dispatches: [] };
    return {
      dispatches: [
        {
          shader: { file: 'band.wgsl', source, preamble: bitsOf(x.dtype) },
          params: [n, ...x.shape.slice(-2), { i32: low }, { i32: high }],
          workgroups: grid(ceilDiv(n, 64)),
        },
      ],
    };
  },
  vjp: ([g], { attrs }) => apply(bandOp, [g!], attrs),
});

function band(op: string, x: Tensor, diagonal: number, upper: boolean): Tensor {
  checkInputs(op, [x]);
  checkOffset(op, diagonal);
  if (x.rank < 2) throw new ShapeError(`${op}: expected matrices [..., rows, columns], got ${format(x.shape)}`);
  const [rows, columns] = x.shape.slice(-2);
  const edge = Math.min(Math.max(diagonal, -rows), columns);
  return apply(bandOp, [x], upper ? { low: edge, high: columns } : { low: -rows, high: edge })[0];
}

/**
 * The lower triangles of matrices [..., rows, columns]: out[..., i, j] = x[..., i, j] where j - i <= diagonal, else
 * 0. In the shape of x. Throws a ShapeError below rank 2, and for a diagonal that is no whole number.
 */
export const tril = (x: Tensor, diagonal = 0): Tensor => band('tril', x, diagonal, false);

/**
 * The upper triangles of matrices [..., rows, columns]: out[..., i, j] = x[..., i, j] where j - i >= diagonal, else
 * 0. In the shape of x. Throws a ShapeError below rank 2, and for a diagonal that is no whole number.
 */
export const triu = (x: Tensor, diagonal = 0): Tensor => band('triu', x, diagonal, true);
