// Autocast: a scope in which each op gets its inputs in the float type that suits it.
import { type DType, isFloat } from '../tensor/dtype.ts';

/**
 * The float type that autocast gives an op: float16 where products are many and sums are in float32 all the same; the widest
 * of its inputs where it makes no difference to it; else float32.
 */
export type Autocast = 'float16' | 'widest' | 'float32';

let on = false;

/** Whether an autocast scope is open. */
export const autocasting = () => on;

/**
 * Runs `fn`, which must be synchronous, with matrix products and convolutions in float16: their inputs are cast to it, and so
 * they store their results, while sums are in float32. What follows takes float16 as it comes (activations, pooling, dropout,
 * joining, and arithmetic, which with float32 beside it gives float32) or casts it up to float32 (reductions, softmax, norms,
 * losses, powers and logarithms). Parameters stay float32, and so do their gradients. Backward passes follow the types
 * of the forward pass, within or without. On the CPU device, where float16 has float64's precision, only the dtypes show it.
 * With `enabled` false, off within. Throws a DeviceError where the adapter has no shader-f16.
 */
export function autocast<T>(fn: () => T, { enabled = true }: { enabled?: boolean } = {}): T {
  const before = on;
  on = enabled;
  try {
    const result = fn();
    if (!(result instanceof Promise)) return result;
    result.catch(() => {});
    throw new TypeError('autocast: expected a synchronous function, got one that returns a promise');
  } finally {
    on = before;
  }
}

/** Whether an input goes where float32 is expected: it is, or an autocast scope casts it where that matters. */
export const isFullFloat = ({ dtype }: { dtype: DType }): boolean => dtype === 'float32' || (on && dtype === 'float16');

/** The float type that an op wants of all its float inputs, or null where it takes them as they are. */
export function wantedFloat(op: { autocast?: Autocast; mutates?: number }, inputs: readonly { dtype: DType }[]) {
  if (!on || op.mutates) return null;
  const floats = inputs.map(({ dtype }) => dtype).filter(isFloat);
  const { autocast: way = 'float32' } = op;
  const wanted = way !== 'widest' ? way : floats.includes('float32') ? 'float32' : 'float16';
  return floats.some((dtype) => dtype !== wanted) ? wanted : null;
}
