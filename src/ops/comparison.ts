// Comparisons, logic and choices, one row each. What they say is bool and has no gradient.
import type { Tensor } from '../tensor/tensor.ts';
import { cast } from './cast.ts';
import {
  ALL,
  binary,
  checkOperands,
  type ElementwiseRow,
  elementwise,
  NUMBERS,
  type Operand,
  unary,
} from './define.ts';

type Test = Pick<ElementwiseRow, 'name' | 'cpu' | 'wgsl' | 'dtypes'>;

const comparison = (row: Test) => binary({ ...row, out: 'bool', vjp: [null, null] });

/**
 * x == y as bool, broadcast; false for NaN. Both floats, int32 or bool. Throws a ShapeError for two dtypes, and for
 * shapes that do not broadcast.
 */
export const eq = comparison({ name: 'eq', cpu: (x, y) => Number(x === y), wgsl: 'x == y', dtypes: [ALL, ALL] });
/**
 * x != y as bool, broadcast; true for NaN. Both floats, int32 or bool. Throws a ShapeError for two dtypes, and for
 * shapes that do not broadcast.
 */
export const ne = comparison({ name: 'ne', cpu: (x, y) => Number(x !== y), wgsl: '!(x == y)', dtypes: [ALL, ALL] });
/**
 * x < y as bool, broadcast; false for NaN. Both floats or int32. Throws a ShapeError for bool, for two dtypes, and for
 * shapes that do not broadcast.
 */
export const lt = comparison({ name: 'lt', cpu: (x, y) => Number(x < y), wgsl: 'x < y' });
/**
 * x <= y as bool, broadcast; false for NaN. Both floats or int32. Throws a ShapeError for bool, for two dtypes, and for
 * shapes that do not broadcast.
 */
export const le = comparison({ name: 'le', cpu: (x, y) => Number(x <= y), wgsl: 'x <= y' });
/**
 * x > y as bool, broadcast; false for NaN. Both floats or int32. Throws a ShapeError for bool, for two dtypes, and for
 * shapes that do not broadcast.
 */
export const gt = comparison({ name: 'gt', cpu: (x, y) => Number(x > y), wgsl: 'x > y' });
/**
 * x >= y as bool, broadcast; false for NaN. Both floats or int32. Throws a ShapeError for bool, for two dtypes, and for
 * shapes that do not broadcast.
 */
export const ge = comparison({ name: 'ge', cpu: (x, y) => Number(x >= y), wgsl: 'x >= y' });

const FLAGS: ElementwiseRow['dtypes'] = [['bool'], ['bool']];

/** A row on bools, as a function of any dtypes: what is not 0 is true, NaN too. */
function logic(row: Test): (x: Operand, y: Operand) => Tensor {
  const call = comparison({ ...row, dtypes: FLAGS });
  const flag = (v: Operand) => (typeof v === 'number' ? Number(v !== 0) : cast(v, 'bool'));
  return (x, y) => {
    checkOperands(row.name, [x, y]);
    return call(flag(x), flag(y));
  };
}

/**
 * Whether both are true, broadcast. Each of any dtype: what is not 0 is true. Throws a ShapeError for shapes that do
 * not broadcast.
 */
export const logicalAnd = logic({ name: 'logicalAnd', cpu: (x, y) => x & y, wgsl: 'x & y' });
/**
 * Whether any is true, broadcast. Each of any dtype: what is not 0 is true. Throws a ShapeError for shapes that do not
 * broadcast.
 */
export const logicalOr = logic({ name: 'logicalOr', cpu: (x, y) => x | y, wgsl: 'x | y' });
/**
 * Whether just one is true, broadcast. Each of any dtype: what is not 0 is true. Throws a ShapeError for shapes that do
 * not broadcast.
 */
export const logicalXor = logic({ name: 'logicalXor', cpu: (x, y) => x ^ y, wgsl: 'x ^ y' });

/** Whether x is 0 or false, as bool in the shape of x, of any dtype. Throws a ShapeError for what is no tensor. */
export const logicalNot = unary({
  name: 'logicalNot',
  cpu: (x) => Number(x === 0),
  wgsl: '!bool(x)',
  dtypes: [ALL],
  out: 'bool',
  vjp: [null],
});

const test = (row: Test) => unary({ ...row, dtypes: [NUMBERS], out: 'bool', vjp: [null] });

/** Whether x is NaN. Floats or int32. In the shape of x. Throws a ShapeError for bool. */
export const isNan = test({ name: 'isNan', cpu: (x) => Number(Number.isNaN(x)), wgsl: 'isNan(f32(x))' });
/** Whether x is neither NaN nor infinite. Floats or int32. In the shape of x. Throws a ShapeError for bool. */
export const isFinite = test({
  name: 'isFinite',
  cpu: (x) => Number(Number.isFinite(x)),
  wgsl: 'isFinite(f32(x))',
});

/** where, also in the name of another function. */
export const choose = elementwise({
  name: 'where',
  cpu: (x, y, z) => (x ? y : z),
  wgsl: 'select(z, y, x != 0u)',
  dtypes: [['bool'], ALL, ALL],
  vjp: [null, ({ g, x }) => where(x as Tensor, g, 0), ({ g, x }) => where(x as Tensor, 0, g)],
});

/**
 * y where the bool tensor `condition` holds, else z; all three broadcast. y and z have one dtype, of any kind, or are
 * numbers. What is not chosen gets the gradient 0, whatever it is. Throws a ShapeError for a condition that is not
 * bool, two dtypes, and shapes that do not broadcast.
 */
export const where = (condition: Tensor, y: Operand, z: Operand): Tensor => choose([condition, y, z]);
