// What ops share that take float16 beside float32.
import { autocasting } from '../autograd/autocast.ts';
import type { DType } from '../tensor/dtype.ts';
import { isFloat } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { cast } from './cast.ts';
import { add } from './elementwise.ts';

/** The float type that inputs have in common. Throws a ShapeError where they have none; autocast gives them one. */
export function floatOf(op: string, inputs: { dtype: DType }[]): DType {
  const [{ dtype }] = inputs;
  const odd = inputs.find((x) => !isFloat(x.dtype));
  if (odd) throw new ShapeError(`${op}: expected dtype float32 or float16, got ${odd.dtype}`);
  const other = inputs.find((x) => x.dtype !== dtype);
  if (other && !autocasting()) throw new ShapeError(`${op}: dtypes differ, ${dtype} and ${other.dtype}`);
  return dtype;
}

/** A matrix that is about to be seen transposed by a product: within autocast it is cast before, as it lies in memory. */
export const factor = (x: Tensor): Tensor => (autocasting() && isFloat(x.dtype) ? cast(x, 'float16') : x);

/** A product with its bias, in the dtype of the product; within autocast the bias, and its gradient, stay float32. */
export const biased = (product: Tensor, bias: Tensor): Tensor => cast(add(product, bias), product.dtype);
