// How far a device's values are from the reference: the error measure of the kernel check.
import { type DType, type HostArray, isFloat } from '../tensor/dtype.ts';
import { fromHalf, toHalf } from '../tensor/half.ts';
import { format, type Shape, sameShape } from '../tensor/shape.ts';
import { coordinatesOf } from './differences.ts';

/** A tensor as it was read from a device. */
export interface Result {
  data: HostArray;
  shape: Shape;
  dtype: DType;
}

export interface Comparison {
  /** max |actual - expected| / max |expected|; infinite where NaN, infinities or shapes differ. */
  error: number;
  /** max |actual - expected| of an element in units of float32's last place at the right value; null for other dtypes. */
  ulp: number | null;
  /** The element farthest off, in words. */
  detail: string;
}

/** The distance of float32 numbers around a value: 2^-23 of the power of two below it, 2^-149 at the least. */
const lastPlace = (value: number) => 2 ** Math.max(Math.floor(Math.log2(Math.abs(value))) - 23, -149);

/**
 * Compares with the float64 reference. The largest value of the tensor is the yardstick: float32 sums and products owe
 * their elements no more. NaN must stand where NaN stands, and infinities where float32 has no finite value; whole numbers
 * and bools must be exact.
 */
export function compareResults(actual: Result, expected: Result): Comparison {
  if (!sameShape(actual.shape, expected.shape) || actual.dtype !== expected.dtype) {
    const [got, wanted] = [actual, expected].map(({ dtype, shape }) => `${dtype} ${format(shape)}`);
    return { error: Number.POSITIVE_INFINITY, ulp: null, detail: `expected ${wanted}, got ${got}` };
  }
  const float = isFloat(expected.dtype);
  const round = expected.dtype === 'float16' ? (v: number) => fromHalf(toHalf(v)) : Math.fround;
  let worst = -1;
  let gap = 0;
  let scale = 0;
  let ulp = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const [value, wanted] = [actual.data[i], expected.data[i]];
    let here: number;
    if (float && Number.isFinite(round(wanted))) {
      scale = Math.max(scale, Math.abs(wanted));
      here = Math.abs(value - wanted);
      ulp = Math.max(ulp, here / lastPlace(wanted));
    } else {
      here = Object.is(value, float ? round(wanted) : wanted) ? 0 : Number.POSITIVE_INFINITY;
    }
    // A NaN where a number belongs makes `here` NaN, which is not `<= gap` either.
    if (here <= gap) continue;
    gap = Number.isNaN(here) ? Number.POSITIVE_INFINITY : here;
    worst = i;
    if (gap === Number.POSITIVE_INFINITY) break;
  }
  const places = expected.dtype === 'float32' ? ulp : null;
  if (worst < 0) return { error: 0, ulp: places, detail: '' };
  const at = coordinatesOf(worst, expected.shape);
  const detail = `${format(expected.shape)} at [${at}]: expected ${expected.data[worst]}, got ${actual.data[worst]}`;
  return { error: gap / scale, ulp: places, detail };
}
