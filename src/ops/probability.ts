// Losses of probabilities against probabilities: binary cross entropy, by probabilities or by logits, and divergence.
import type { Tensor } from '../tensor/tensor.ts';
import { sigmoid } from './activation.ts';
import { sum } from './broadcast.ts';
import { elementwise, type Operand } from './define.ts';
import { add, div, exp, log, maximum, mul, neg, sub } from './elementwise.ts';
import { checkPair, checkWeights, type LossOptions, REDUCTIONS, type Reduce, reducer } from './loss.ts';
import { softplus } from './reference-math.ts';
import { within } from './within.ts';

/** PyTorch's bounds, which keep loss and gradient finite where a probability is 0 or 1. */
const LOWEST_LOG = -100;
const SMALLEST_VARIANCE = 1e-12;

const bce: (operands: Operand[]) => Tensor = elementwise({
  name: 'bce',
  cpu: (x, y) => -(y * Math.max(Math.log(x), LOWEST_LOG) + (1 - y) * Math.max(Math.log1p(-x), LOWEST_LOG)),
  wgsl: `-(y * max(preciseLog(x), ${LOWEST_LOG}.0) + (1.0 - y) * max(log1p(-x), ${LOWEST_LOG}.0))`,
  vjp: [
    ({ g, x, y }) => mul(g, div(sub(x, y), maximum(mul(sub(1, x), x), SMALLEST_VARIANCE))),
    ({ g, x }) => mul(g, sub(bce([x, 1]), bce([x, 0]))),
  ],
});

export interface BceOptions extends LossOptions {
  /** Factors of the losses, in a shape that broadcasts to theirs. Default: ones. */
  weight?: Tensor;
}

/**
 * loss = -weight (target log(input) + (1 - target) log(1 - input)) of probabilities, with logarithms of at least
 * -100; the gradient is (input - target) / max(input (1 - input), 1e-12). Both float32 of one shape; a scalar [], or
 * with reduction 'none' the losses in the shape of input. An input beyond 0 and 1, or NaN, is an IndexError, on WebGPU at the
 * next read. Throws a ShapeError for other dtypes and shapes, for a weight that is not float32 or does not broadcast
 * to the input, and another `reduction`. For logits take bceWithLogitsLoss, which loses nothing in the tails.
 */
export function bceLoss(input: Tensor, target: Tensor, { weight, reduction = 'mean' }: BceOptions = {}): Tensor {
  const finish = reducer('bceLoss', reduction);
  checkPair('bceLoss', input, target);
  checkWeights('bceLoss', 'weight', weight, input);
  const losses = bce([within('bceLoss: expected inputs from 0 to 1', input, { low: 0, high: 1 }), target]);
  return finish(weight ? mul(losses, weight) : losses);
}

/** -z y log(sigmoid(x)) - (1 - y) log(1 - sigmoid(x)), both logarithms by softplus: nothing overflows or cancels. */
const logitBce: (operands: Operand[]) => Tensor = elementwise({
  name: 'bceWithLogits',
  cpu: (x, y, z) => z * y * softplus(-x) + (1 - y) * softplus(x),
  wgsl: 'z * y * softplus(-x) + (1.0 - y) * softplus(x)',
  vjp: [
    ({ g, x, y, z }) => {
      const [up, down] = [sigmoid(x as Tensor), sigmoid(neg(x as Tensor))];
      return mul(g, sub(sub(up, mul(up, y)), mul(mul(down, z), y)));
    },
    ({ g, x, z }) => mul(g, sub(logitBce([x, 1, z]), logitBce([x, 0, z]))),
    ({ g, x, y }) => mul(g, mul(logitBce([x, 1, 1]), y)),
  ],
});

export interface BceWithLogitsOptions extends BceOptions {
  /** Factors of the losses' parts with target 1, in a shape that broadcasts to theirs. Default: ones. */
  posWeight?: Tensor;
}

/**
 * loss = -weight (posWeight target log(p) + (1 - target) log(1 - p)) with p = sigmoid(logits), exact in both tails.
 * Both float32 of one shape; a scalar [], or with reduction 'none' the losses in the shape of logits. Throws a
 * ShapeError for other dtypes and shapes, for weights that are not float32 or do not broadcast to the logits, and
 * another `reduction`.
 */
export function bceWithLogitsLoss(
  logits: Tensor,
  target: Tensor,
  { weight, posWeight, reduction = 'mean' }: BceWithLogitsOptions = {},
): Tensor {
  const op = 'bceWithLogitsLoss';
  const finish = reducer(op, reduction);
  checkPair(op, logits, target);
  checkWeights(op, 'weight', weight, logits);
  checkWeights(op, 'posWeight', posWeight, logits);
  const losses = logitBce([logits, target, posWeight ?? 1]);
  return finish(weight ? mul(losses, weight) : losses);
}

const divergence = elementwise({
  name: 'klDiv',
  cpu: (x, y) => (y === 0 ? y * x : y * (Math.log(y) - x)),
  wgsl: 'select(y * (preciseLog(y) - x), y * x, y == 0.0)',
  vjp: [({ g, y }) => neg(mul(g, y)), ({ g, x, y }) => mul(g, add(sub(log(y as Tensor), x), 1))],
});

/** The mean over the rows, of which the sum is the divergence. */
const batchmean = (losses: Tensor) => div(sum(losses), losses.shape[0] ?? 1);

export interface KlDivOptions {
  /** Whether the target is log-probabilities, too. Default: false. */
  logTarget?: boolean;
  /** `batchmean`, the sum over the size of dim 0, is the divergence per row. Default: mean, which is over all elements. */
  reduction?: Reduce | 'batchmean';
}

/**
 * loss = target (log(target) - input), elementwise, for log-probabilities `input`: the terms of the Kullback-Leibler
 * divergence of the target from the input; 0 where the target is 0. With `logTarget`: exp(target) (target - input).
 * Both float32 of one shape; a scalar [], or with reduction 'none' the losses in the shape of input. Throws a
 * ShapeError for other dtypes and shapes, and another `reduction`.
 */
export function klDivLoss(
  input: Tensor,
  target: Tensor,
  { logTarget = false, reduction = 'mean' }: KlDivOptions = {},
): Tensor {
  const finish = reducer('klDivLoss', reduction, { ...REDUCTIONS, batchmean });
  checkPair('klDivLoss', input, target);
  return finish(logTarget ? mul(exp(target), sub(target, input)) : divergence([input, target]));
}
