// Elementwise arithmetic and comparisons, one row each.
import { type DType, FLOATS } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { elementwise, type Operand } from './define.ts';

const NUMBERS: DType[] = [...FLOATS, 'int32'];
const ALL: DType[] = [...NUMBERS, 'bool'];

type Row = Parameters<typeof elementwise>[0];

function unary(row: Row): (x: Tensor) => Tensor {
  const call = elementwise(row);
  return (x) => call([x]);
}

function binary(row: Row): (x: Operand, y: Operand) => Tensor {
  const call = elementwise({ dtypes: [NUMBERS, NUMBERS], ...row });
  return (x, y) => call([x, y]);
}

/** x + y, broadcast. */
export const add = binary({ name: 'add', cpu: (x, y) => x + y, wgsl: 'x + y', vjp: [({ g }) => g, ({ g }) => g] });

/** x - y, broadcast. */
export const sub = binary({ name: 'sub', cpu: (x, y) => x - y, wgsl: 'x - y', vjp: [({ g }) => g, ({ g }) => neg(g)] });

/** x * y, broadcast. */
export const mul = binary({
  name: 'mul',
  cpu: (x, y) => x * y,
  wgsl: 'x * y',
  vjp: [({ g, y }) => mul(g, y), ({ g, x }) => mul(g, x)],
});

/** x / y, broadcast. */
export const div = binary({
  name: 'div',
  cpu: (x, y) => x / y,
  wgsl: 'x / y',
  dtypes: [FLOATS, FLOATS],
  vjp: [({ g, y }) => div(g, y), ({ g, y, out }) => neg(div(mul(g, out), y))],
});

/** The larger of x and y, NaN if either is; the gradient is shared evenly in a tie. */
export const maximum = binary({
  name: 'maximum',
  cpu: (x, y) => Math.max(x, y),
  wgsl: 'select(select(y, x, x > y), x + y, isNan(f32(x)) || isNan(f32(y)))',
  vjp: [({ g, x, y }) => mul(g, share(x, y)), ({ g, x, y }) => mul(g, share(y, x))],
});

/** The smaller of x and y, NaN if either is; the gradient is shared evenly in a tie. */
export const minimum = binary({
  name: 'minimum',
  cpu: (x, y) => Math.min(x, y),
  wgsl: 'select(select(y, x, x < y), x + y, isNan(f32(x)) || isNan(f32(y)))',
  vjp: [({ g, x, y }) => mul(g, share(y, x)), ({ g, x, y }) => mul(g, share(x, y))],
});

/** 1 where x > y, 1/2 where they are equal, else 0. */
const share = (x: Operand, y: Operand) => mul(add(cast(gt(x, y), 'float32'), cast(ge(x, y), 'float32')), 0.5);

/** -x */
export const neg = unary({ name: 'neg', cpu: (x) => -x, wgsl: '-x', dtypes: [NUMBERS], vjp: [({ g }) => neg(g)] });

/** |x|, with gradient 0 at 0. */
export const abs = unary({
  name: 'abs',
  cpu: Math.abs,
  wgsl: 'abs(x)',
  vjp: [({ g, x }) => mul(g, sign(x as Tensor))],
});

/** -1, 0 or 1; 0 for NaN. */
export const sign = unary({
  name: 'sign',
  cpu: (x) => Number(x > 0) - Number(x < 0),
  wgsl: 'f32(x > 0.0) - f32(x < 0.0)',
  vjp: [null],
});

/** e^x */
export const exp = unary({
  name: 'exp',
  cpu: Math.exp,
  wgsl: 'select(exp(x), x, isNan(x))',
  vjp: [({ g, out }) => mul(g, out)],
});

/** Natural logarithm; -Infinity for 0 and NaN below. */
export const log = unary({
  name: 'log',
  cpu: Math.log,
  // WGSL promises nothing for 0 and below, so adapters differ there.
  wgsl: 'select(select(log(x), -1.0 / abs(x), x == 0.0), sqrt(x), x < 0.0 || isNan(x))',
  vjp: [({ g, x }) => div(g, x)],
});

/** Square root. */
export const sqrt = unary({
  name: 'sqrt',
  cpu: Math.sqrt,
  wgsl: 'sqrt(x)',
  vjp: [({ g, out }) => div(g, mul(out, 2))],
});

/** 1 / sqrt(x) */
export const rsqrt = unary({
  name: 'rsqrt',
  cpu: (x) => 1 / Math.sqrt(x),
  wgsl: 'inverseSqrt(x)',
  vjp: [({ g, x, out }) => mul(g, mul(div(out, x), -0.5))],
});

/** x * x */
export const square = unary({
  name: 'square',
  cpu: (x) => x * x,
  wgsl: 'x * x',
  dtypes: [NUMBERS],
  vjp: [({ g, x }) => mul(g, mul(x, 2))],
});

const comparison = (row: Pick<Row, 'name' | 'cpu' | 'wgsl'>) => binary({ ...row, out: 'bool', vjp: [null, null] });

/** x == y as bool. */
export const eq = comparison({ name: 'eq', cpu: (x, y) => Number(x === y), wgsl: 'x == y' });
/** x != y as bool. */
export const ne = comparison({ name: 'ne', cpu: (x, y) => Number(x !== y), wgsl: '!(x == y)' });
/** x < y as bool. */
export const lt = comparison({ name: 'lt', cpu: (x, y) => Number(x < y), wgsl: 'x < y' });
/** x <= y as bool. */
export const le = comparison({ name: 'le', cpu: (x, y) => Number(x <= y), wgsl: 'x <= y' });
/** x > y as bool. */
export const gt = comparison({ name: 'gt', cpu: (x, y) => Number(x > y), wgsl: 'x > y' });
/** x >= y as bool. */
export const ge = comparison({ name: 'ge', cpu: (x, y) => Number(x >= y), wgsl: 'x >= y' });

const whereCall = elementwise({
  name: 'where',
  cpu: (x, y, z) => (x ? y : z),
  wgsl: 'select(z, y, x != 0u)',
  dtypes: [['bool'], NUMBERS, NUMBERS],
  vjp: [null, ({ g, x }) => where(x as Tensor, g, 0), ({ g, x }) => where(x as Tensor, 0, g)],
});

/** y where the bool tensor `condition` holds, else z; all three broadcast. */
export const where = (condition: Tensor, y: Operand, z: Operand): Tensor => whereCall([condition, y, z]);

const casts = {
  float32: elementwise({
    name: 'toFloat32',
    cpu: (x) => x,
    wgsl: 'f32(x)',
    dtypes: [ALL],
    out: 'float32',
    vjp: [({ g, x }) => cast(g, (x as Tensor).dtype)],
  }),
  float16: elementwise({
    name: 'toFloat16',
    cpu: (x) => x,
    wgsl: 'f32(x)',
    dtypes: [ALL],
    out: 'float16',
    vjp: [({ g, x }) => cast(g, (x as Tensor).dtype)],
  }),
  int32: elementwise({ name: 'toInt32', cpu: Math.trunc, wgsl: 'i32(x)', dtypes: [ALL], out: 'int32', vjp: [null] }),
  bool: elementwise({
    name: 'toBool',
    cpu: (x) => Number(x !== 0),
    wgsl: 'bool(x)',
    dtypes: [ALL],
    out: 'bool',
    vjp: [null],
  }),
};

/** x as another dtype: int32 truncates towards 0, bool is x != 0. The same tensor where the dtype is that already. */
export const cast = (x: Tensor, dtype: DType): Tensor => (x.dtype === dtype ? x : casts[dtype]([x]));

/** A contiguous copy. */
export const contiguous = unary({ name: 'contiguous', cpu: (x) => x, wgsl: 'x', dtypes: [ALL], vjp: [({ g }) => g] });

/** Ones in the shape of x. */
export const onesLike = unary({ name: 'onesLike', cpu: () => 1, wgsl: '1.0', vjp: [null] });
