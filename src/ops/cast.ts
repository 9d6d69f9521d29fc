// Copies: to another dtype, to contiguous memory, and ones in the same shape.
import { checkInputs } from '../autograd/tape.ts';
import type { DType } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ALL, type Derivative, unary } from './define.ts';
import { toInt32 } from './reference-math.ts';

const back = ({ g, x }: Derivative) => cast(g, (x as Tensor).dtype);

const casts = {
  float32: unary({ name: 'toFloat32', cpu: (x) => x, wgsl: 'f32(x)', dtypes: [ALL], out: 'float32', vjp: [back] }),
  float16: unary({ name: 'toFloat16', cpu: (x) => x, wgsl: 'f32(x)', dtypes: [ALL], out: 'float16', vjp: [back] }),
  int32: unary({
    name: 'toInt32',
    cpu: toInt32,
    wgsl: 'truncated(f32(x))',
    int32: { wgsl: 'x' },
    dtypes: [ALL],
    out: 'int32',
    vjp: [null],
  }),
  bool: unary({
    name: 'toBool',
    cpu: (x) => Number(x !== 0),
    wgsl: 'bool(x)',
    dtypes: [ALL],
    out: 'bool',
    vjp: [null],
  }),
};

/**
 * out = x as another dtype; the same tensor where it has that already. To int32: towards 0, NaN gives 0, what lies
 * beyond its range the nearest number in it. To bool: x != 0, so NaN gives true. To floats: the nearest, beyond
 * float16's range infinite. Gradients flow between floats. In the shape of x. Throws a ShapeError for what is no
 * dtype, and a DeviceError for float16 where the adapter lacks `shader-f16`.
 */
export const cast = (x: Tensor, dtype: DType): Tensor => {
  checkInputs('cast', [x]);
  if (!Object.hasOwn(casts, dtype)) {
    throw new ShapeError(`cast: expected dtype ${Object.keys(casts).join(', ')}, got ${dtype}`);
  }
  return x.dtype === dtype ? x : casts[dtype](x);
};

/**
 * out = x in a contiguous copy, of any dtype: the same elements in row-major order. In the shape of x. Like every op
 * it throws a ReleasedError for a released tensor, and a ShapeError for what is no tensor.
 */
export const contiguous = unary({ name: 'contiguous', cpu: (x) => x, wgsl: 'x', dtypes: [ALL], vjp: [({ g }) => g] });

/** out = 1, everywhere, without a gradient. In the shape of x. Throws a ShapeError for int32 and bool. */
export const onesLike = unary({ name: 'onesLike', cpu: () => 1, wgsl: '1.0', vjp: [null] });
