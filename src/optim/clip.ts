// Clipping of gradients, over all parameters at once: pack, norm and scale are a few dispatches, and nothing is read back.
import { apply, noGrad } from '../autograd/tape.ts';
import { clipGradNormOp, clipGradValueOp, gradNormOp } from '../ops/arena.ts';
import { zeros } from '../tensor/creation.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { flattenGradients } from './arena.ts';
import { checkRange } from './check.ts';

export interface ClipNormOptions {
  /** 2, the root of the sum of squares, or Infinity, the largest absolute value. Default: 2. */
  normType?: number;
}

/**
 * Scales the gradients of all parameters in place by min(1, maxNorm / (norm + 1e-6)), where norm is that of all their
 * elements together. Returns it, as it was before, as a tensor of rank 0 on their device: 0 where nothing has a gradient, NaN
 * where a gradient has one, and then all become NaN. An infinite maxNorm only measures. The gradients move into one piece of
 * memory: the tensors stay the same, views of them made before are not scaled. An optimizer's step then packs nothing.
 * Throws a RangeError for a negative maxNorm and for another normType. As PyTorch's clip_grad_norm_.
 */
export function clipGradNorm(
  parameters: Iterable<Tensor>,
  maxNorm: number,
  { normType = 2 }: ClipNormOptions = {},
): Tensor {
  if (!(maxNorm >= 0)) throw new RangeError(`clipGradNorm: expected maxNorm of at least 0, got ${maxNorm}`);
  if (normType !== 2 && normType !== Number.POSITIVE_INFINITY) {
    throw new RangeError(`clipGradNorm: expected normType 2 or Infinity, got ${normType}`);
  }
  const list = [...new Set(parameters)];
  const ready = list.filter((parameter) => parameter.grad);
  if (ready.length === 0) return zeros([], { device: list[0]?.device });
  return noGrad(() =>
    scope(() => {
      const { flat } = flattenGradients('clipGradNorm', ready);
      const [norm] = apply(gradNormOp, [flat], { normType });
      apply(clipGradNormOp, [flat, norm], { maxNorm });
      return norm;
    }),
  );
}

/**
 * Clamps every element of the gradients of all parameters to [-limit, limit], in place; NaN stays. They move as in
 * `clipGradNorm`. Throws a RangeError for a negative or infinite limit. As PyTorch's clip_grad_value_.
 */
export function clipGradValue(parameters: Iterable<Tensor>, limit: number): void {
  checkRange('clipGradValue', { limit }, 0, Number.POSITIVE_INFINITY);
  const ready = [...new Set(parameters)].filter((parameter) => parameter.grad);
  if (ready.length === 0) return;
  noGrad(() => scope(() => void apply(clipGradValueOp, [flattenGradients('clipGradValue', ready).flat], { limit })));
}
