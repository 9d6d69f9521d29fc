// Scaled dot-product attention, in ops.

import { checkInputs } from '../autograd/tape.ts';
import { arange } from '../tensor/creation.ts';
import { ShapeError } from '../tensor/errors.ts';
import { broadcastShapes, format, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, ge, gt, mul, where } from './elementwise.ts';
import { floatOf } from './half.ts';
import { matmul } from './matmul.ts';
import { reshape, transpose } from './movement.ts';
import { checkProbability, dropout } from './random.ts';
import { softmax } from './softmax.ts';

const NAME = 'scaledDotProductAttention';

export interface AttentionOptions {
  /** bool, true where a query may look at a key, or float32, added to the scores; broadcasts to [..., L, S]. */
  attnMask?: Tensor | null;
  /** Query i looks at keys 0 to i only. Not together with a mask. */
  isCausal?: boolean;
  /** Factor on the scores. Default: 1 / sqrt(E). */
  scale?: number;
  /** Probability of dropping a weight. Default 0. */
  dropoutP?: number;
}

const OPTIONS: (keyof AttentionOptions)[] = ['attnMask', 'isCausal', 'scale', 'dropoutP'];

/**
 * out = softmax(scale query key^T + attnMask) value, as PyTorch's scaled_dot_product_attention: query [..., L, E], key
 * [..., S, E], value [..., S, V], leading dims broadcast; out [..., L, V]. A query that may look at nothing gives
 * zeros. Throws a ShapeError for shapes that do not fit, for other dtypes than float32, for a mask of another dtype
 * than bool and float32 or that does not broadcast to [..., L, S], for a mask and `isCausal` together, for a dropoutP
 * beyond 0 and 1, and for an option that there is not.
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  const { attnMask: mask, isCausal = false, scale, dropoutP = 0 } = options;
  checkInputs(NAME, [query, key, value], mask);
  // An `isCausal` that is not read lets queries look ahead, which nothing later tells.
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name as keyof AttentionOptions));
  if (unknown !== undefined) {
    throw new ShapeError(`${NAME}: there is no option ${unknown}, expected ${OPTIONS.join(', ')}`);
  }
  floatOf(NAME, [query, key, value]);
  const shapes = [query, key, value].map(({ shape }) => format(shape)).join(', ');
  const [E, S] = [query.shape.at(-1), key.shape.at(-2)];
  if ([query, key, value].some((x) => x.rank < 2) || key.shape.at(-1) !== E || value.shape.at(-2) !== S) {
    throw new ShapeError(`${NAME}: expected query [..., L, E], key [..., S, E], value [..., S, V], got ${shapes}`);
  }
  if (mask && isCausal) throw new ShapeError(`${NAME}: expected attnMask or isCausal, got both`);
  if (mask && mask.dtype !== 'bool' && mask.dtype !== 'float32') {
    throw new ShapeError(`${NAME}: expected an attnMask of bool or float32, got ${mask.dtype}`);
  }
  const lead = broadcastShapes(NAME, ...[query, key, value].map(({ shape }) => shape.slice(0, -2)));
  if (mask) {
    const full = [...lead, query.shape.at(-2)!, S!];
    if (!sameShape(broadcastShapes(NAME, mask.shape, full), full)) {
      throw new ShapeError(
        `${NAME}: expected an attnMask that broadcasts to ${format(full)}, got ${format(mask.shape)}`,
      );
    }
  }
  if (scale !== undefined && typeof scale !== 'number') {
    throw new ShapeError(`${NAME}: expected a number as scale, got ${typeof scale}`);
  }
  checkProbability(NAME, dropoutP);
  const scores = matmul(mul(query, scale ?? 1 / Math.sqrt(E!)), transpose(key));
  const shown = isCausal ? lowerTriangle(query.shape.at(-2)!, S!, query) : (mask ?? null);
  const weights = shown ? masked(scores, shown) : softmax(scores);
  return matmul(dropoutP > 0 ? dropout(weights, dropoutP) : weights, value);
}

/** Softmax over what the mask lets through; zeros elsewhere, also where that is everything. */
function masked(scores: Tensor, mask: Tensor): Tensor {
  const low = Number.NEGATIVE_INFINITY;
  if (mask.dtype === 'bool') return where(mask, softmax(where(mask, scores, low)), 0);
  return where(gt(mask, low), softmax(add(scores, mask)), 0);
}

const lowerTriangle = (L: number, S: number, { device }: Tensor): Tensor => {
  const count = (n: number) => arange(0, n, 1, { dtype: 'int32', device });
  return ge(reshape(count(L), [L, 1]), count(S));
};
