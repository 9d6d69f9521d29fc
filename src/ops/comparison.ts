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
 * out = x == y, as bool; false for NaN. Both floats, int32 or bool. In the shape to which x and y broadcast. Throws a
 * ShapeError for two dtypes, for a number that int32 or bool cannot hold beside it, and for shapes that do not
 * broadcast.
 */
export const eq = comparison({ name: 'eq', cpu: (x, y) => Number(x === y), wgsl: 'x == y', dtypes: [ALL, ALL] });
/**
 * out = x != y, as bool; true for NaN. Both floats, int32 or bool. In the shape to which x and y broadcast. Throws a
 * ShapeError for two dtypes, for a number that int32 or bool cannot hold beside it, and for shapes that do not
 * broadcast.
 */
export const ne = comparison({ name: 'ne', cpu: (x, y) => Number(x !== y), wgsl: '!(x == y)', dtypes: [ALL, ALL] });
/**
 * out = x < y, as bool; false for NaN. Both floats, int32 or bool, where false is below true. In the shape to which x
 * and y broadcast. Throws a ShapeError for two dtypes, for a number that int32 or bool cannot hold beside it, and for
 * shapes that do not broadcast.
 */
export const lt = comparison({ name: 'lt', cpu: (x, y) => Number(x < y), wgsl: 'x < y', dtypes: [ALL, ALL] });
/**
 * out = x <= y, as bool; false for NaN. Both floats, int32 or bool, where false is below true. In the shape to which x
 * and y broadcast. Throws a ShapeError for two dtypes, for a number that int32 or bool cannot hold beside it, and for
 * shapes that do not broadcast.
 */
export const le = comparison({ name: 'le', cpu: (x, y) => Number(x <= y), wgsl: 'x <= y', dtypes: [ALL, ALL] });
/**
 * out = x > y, as bool; false for NaN. Both floats, int32 or bool, where false is below true. In the shape to which x
 * and y broadcast. Throws a ShapeError for two dtypes, for a number that int32 or bool cannot hold beside it, and for
 * shapes that do not broadcast.
 */
export const gt = comparison({ name: 'gt', cpu: (x, y) => Number(x > y), wgsl: 'x > y', dtypes: [ALL, ALL] });
/**
 * out = x >= y, as bool; false for NaN. Both floats, int32 or bool, where false is below true. In the shape to which x
 * and y broadcast. Throws a ShapeError for two dtypes, for a number that int32 or bool cannot hold beside it, and for
 * shapes that do not broadcast.
 */
export const ge = comparison({ name: 'ge', cpu: (x, y) => Number(x >= y), wgsl: 'x >= y', dtypes: [ALL, ALL] });

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
 * out = x && y, as bool: whether both are true. Each of any dtype: what is not 0 is true, NaN too. In the shape to
 * which x and y broadcast. Throws a ShapeError for what is neither tensor nor number, and for shapes that do not
 * broadcast.
 */
export const logicalAnd = logic({ name: 'logicalAnd', cpu: (x, y) => x & y, wgsl: 'x & y' });
/**
 * out = x || y, as bool: whether any is true. Each of any dtype: what is not 0 is true, NaN too. In the shape to
 * which x and y broadcast. Throws a ShapeError for what is neither tensor nor number, and for shapes that do not
 * broadcast.
 */
export const logicalOr = logic({ name: 'logicalOr', cpu: (x, y) => x | y, wgsl: 'x | y' });
/**
 * out = (x != 0) != (y != 0), as bool: whether just one is true. Each of any dtype: what is not 0 is true, NaN too.
 * In the shape to which x and y broadcast. Throws a ShapeError for what is neither tensor nor number, and for shapes
 * that do not broadcast.
 */
export const logicalXor = logic({ name: 'logicalXor', cpu: (x, y) => x ^ y, wgsl: 'x ^ y' });

/**
 * out = (x == 0), as bool, of any dtype: false for NaN. In the shape of x. Throws a ShapeError for what is no tensor.
 */
export const logicalNot = unary({
  name: 'logicalNot',
  cpu: (x) => Number(x === 0),
  wgsl: '!bool(x)',
  dtypes: [ALL],
  out: 'bool',
  vjp: [null],
});

const test = (row: Test) => unary({ ...row, dtypes: [NUMBERS], out: 'bool', vjp: [null] });

/**
 * out = whether x is NaN, as bool. Floats or int32, of which none is. In the shape of x. Throws a ShapeError for
 * bool.
 */
export const isNan = test({ name: 'isNan', cpu: (x) => Number(Number.isNaN(x)), wgsl: 'isNan(f32(x))' });
/**
 * out = whether x is neither NaN nor infinite, as bool. Floats or int32, of which all are. In the shape of x. Throws
 * a ShapeError for bool.
 */
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
 * out = condition ? y : z, of the bool tensor `condition`. y and z have one dtype, of any kind, or are numbers. What
 * is not chosen gets the gradient 0, whatever it is. In the shape to which all three broadcast. Throws a ShapeError
 * for a condition that is not bool, two dtypes, a number that the dtype of the other cannot hold, and shapes that do
 * not broadcast.
 */
export const where = (condition: Tensor, y: Operand, z: Operand): Tensor => choose([condition, y, z]);
