// The same elements turned round or over and over: flip, roll, tile, repeatInterleave.
import { define, type Op } from '../autograd/op.ts';
import { apply, checkInputs } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { checkRank, elementCount, format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expand } from './broadcast.ts';
import { copyOnCpu, type Mapping, planCopy } from './copy.ts';
import { dimOf, dimsOf } from './dims.ts';
import { flatten, reshape } from './movement.ts';

/** A row whose output is shaped like its input, and whose gradient is a row of the same kind. */
const rearrangement = <A>(
  name: string,
  mapping: (shape: readonly number[], attrs: A) => Mapping,
  back: (attrs: A) => A,
) => {
  const op: Op<A> = define({
    name,
    outputs: ([{ shape, dtype }]) => [{ shape, dtype }],
    strided: () => [true],
    cpu: ([x], [out], attrs) => copyOnCpu(x, out, mapping(x.shape, attrs)),
    plan: ([x], [out], attrs) => ({ dispatches: planCopy(x, out.shape, mapping(x.shape, attrs)) }),
    vjp: ([g], { attrs }) => apply(op, [g!], back(attrs)),
  });
  return op;
};

const flipOp = rearrangement<{ dims: number[] }>(
  'flip',
  (shape, { dims }) => ({
    mode: 'place',
    start: shape.map((size, d) => (dims.includes(d) ? size - 1 : 0)),
    step: shape.map((_, d) => (dims.includes(d) ? -1 : 1)),
  }),
  (attrs) => attrs,
);

/**
 * out[.., i, ..] = x[.., n - 1 - i, ..] along each of `dims`, of size n. In the shape of x. Throws a ShapeError for
 * dims that x lacks or that come twice, and for none.
 */
export const flip = (x: Tensor, dims: number | readonly number[]): Tensor => {
  if (dims === undefined) throw new ShapeError('flip: expected dims such as [0, 1], got undefined');
  return apply(flipOp, [x], { dims: dimsOf('flip', dims, x) })[0];
};

/** `shifts` has a number per dim. */
const rollOp = rearrangement<{ shifts: number[] }>(
  'roll',
  (shape, { shifts }) => ({
    mode: 'circular',
    start: shape.map((size, d) => (size === 0 ? 0 : ((shifts[d] % size) + size) % size)),
  }),
  ({ shifts }) => ({ shifts: shifts.map((shift) => -shift) }),
);

/**
 * out[.., i, ..] = x[.., (i - shift) mod n, ..] along each of `dims`, of size n, with one of `shifts` for each: what
 * leaves at the end comes in at the beginning. Without dims x is rolled as if it were flat. In the shape of x. Throws
 * a ShapeError where there is not a whole number for each dim, and for a dim that x lacks.
 */
export function roll(x: Tensor, shifts: number | readonly number[], dims?: number | readonly number[]): Tensor {
  checkInputs('roll', [x]);
  const [by, along] = [[shifts].flat(), dims === undefined ? undefined : [dims].flat()] as [number[], number[]?];
  if (by.length !== (along?.length ?? 1) || !by.every(Number.isInteger)) {
    throw new ShapeError(`roll: expected a whole number for each dim, got shifts [${by}] and dims [${along ?? ''}]`);
  }
  if (!along) return reshape(apply(rollOp, [flatten(x)], { shifts: by })[0], x.shape);
  const total = x.shape.map(() => 0);
  along.forEach((dim, i) => {
    total[dimOf('roll', dim, x)] += by[i];
  });
  return apply(rollOp, [x], { shifts: total })[0];
}

/** A dim `count` times over: all of it each time, or each of its elements. */
function repeat(x: Tensor, dim: number, count: number, what: 'all' | 'each'): Tensor {
  const size = x.shape[dim];
  const [outer, inner] = [x.shape.slice(0, dim), x.shape.slice(dim + 1)].map(elementCount);
  const [single, many] =
    what === 'all'
      ? [
          [1, size],
          [count, size],
        ]
      : [
          [size, 1],
          [size, count],
        ];
  const repeated = expand(reshape(x, [outer, ...single, inner]), [outer, ...many, inner]);
  return reshape(repeated, [...x.shape.slice(0, dim), size * count, ...x.shape.slice(dim + 1)]);
}

const isCount = (n: number) => Number.isInteger(n) && n >= 0;

/**
 * x over and over, `repeats` times along each dim: out[i, ...] = x[i mod n, ...], with sizes n times repeats, so that
 * [2, 3] by [2, 1, 4] is [2, 2, 12]. The shorter of shape and repeats is filled up with 1 in front. Throws a
 * ShapeError for repeats that are not whole numbers of at least 0.
 */
export function tile(x: Tensor, repeats: readonly number[]): Tensor {
  checkInputs('tile', [x]);
  if (!Array.isArray(repeats) || !repeats.every(isCount)) {
    throw new ShapeError(`tile: expected whole numbers of at least 0 such as [2, 3], got ${repeats}`);
  }
  checkRank('tile', repeats);
  const whole = reshape(x, [...repeats.slice(x.rank).map(() => 1), ...x.shape]);
  const lead = whole.rank - repeats.length;
  return repeats.reduce((y, count, i) => (count === 1 ? y : repeat(y, lead + i, count, 'all')), whole);
}

/**
 * Each element of a dim `repeats` times in a row: out[.., i, ..] = x[.., floor(i / repeats), ..], in the shape of x,
 * but for a dim so many times larger. Without a dim x is taken as if it were flat. Throws a ShapeError for repeats
 * that are no whole number of at least 0, and for a dim that x lacks.
 */
export function repeatInterleave(x: Tensor, repeats: number, dim?: number): Tensor {
  if (!isCount(repeats)) {
    throw new ShapeError(
      `repeatInterleave: expected a whole number of at least 0 for ${format(x.shape)}, got ${repeats}`,
    );
  }
  if (dim === undefined) return repeat(flatten(x), 0, repeats, 'each');
  return repeat(x, dimOf('repeatInterleave', dim, x), repeats, 'each');
}
