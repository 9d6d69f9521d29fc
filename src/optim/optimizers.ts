// The optimizers, with PyTorch's formulas, names and defaults. Weight decay adds weightDecay x to g, unless said otherwise.
import {
  type AdadeltaAttrs,
  type AdagradAttrs,
  type AdamAttrs,
  adadeltaOp,
  adagradOp,
  adamAmsgradOp,
  adamOp,
  type RmspropAttrs,
  rmspropCenteredMomentumOp,
  rmspropCenteredOp,
  rmspropMomentumOp,
  rmspropOp,
  type SgdAttrs,
  sgdMomentumOp,
  sgdOp,
} from '../ops/update.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkRange } from './check.ts';
import { Optimizer } from './optimizer.ts';

const INFINITY = Number.POSITIVE_INFINITY;

/** v = momentum v + (1 - dampening) g, from v = g on; x -= lr v, or with Nesterov x -= lr (g + momentum v). */
export class SGD extends Optimizer<SgdAttrs> {
  constructor(
    parameters: Iterable<Tensor>,
    { lr = 1e-3, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = {},
  ) {
    checkRange('SGD', { momentum, dampening }, 0, 1);
    if (nesterov && momentum === 0) throw new RangeError('SGD: nesterov needs a momentum above 0, got 0');
    if (nesterov && dampening !== 0) throw new RangeError(`SGD: nesterov needs a dampening of 0, got ${dampening}`);
    super('SGD', parameters, lr, {
      op: momentum > 0 ? sgdMomentumOp : sgdOp,
      states: momentum > 0 ? [0] : [],
      options: { momentum, dampening, nesterov, weightDecay },
    });
  }
}

/** s += g^2, from initialAccumulatorValue on; x -= lr / (1 + (step - 1) lrDecay) g / (sqrt(s) + eps) */
export class Adagrad extends Optimizer<AdagradAttrs> {
  constructor(
    parameters: Iterable<Tensor>,
    { lr = 1e-2, lrDecay = 0, weightDecay = 0, initialAccumulatorValue = 0, eps = 1e-10 } = {},
  ) {
    checkRange('Adagrad', { lrDecay, initialAccumulatorValue, eps }, 0, INFINITY);
    super('Adagrad', parameters, lr, {
      op: adagradOp,
      states: [initialAccumulatorValue],
      options: { lrDecay, eps, weightDecay },
    });
  }
}

/** s is the running mean of g^2, u that of delta^2; delta = g sqrt(u + eps) / sqrt(s + eps); x -= lr delta */
export class Adadelta extends Optimizer<AdadeltaAttrs> {
  constructor(parameters: Iterable<Tensor>, { lr = 1, rho = 0.9, eps = 1e-6, weightDecay = 0 } = {}) {
    checkRange('Adadelta', { rho }, 0, 1);
    checkRange('Adadelta', { eps }, 0, INFINITY);
    super('Adadelta', parameters, lr, { op: adadeltaOp, states: [0, 0], options: { rho, eps, weightDecay } });
  }
}

/**
 * s = alpha s + (1 - alpha) g^2; x -= lr g / (sqrt(s) + eps). `centered` divides by the running standard deviation instead;
 * with momentum v = momentum v + g / (sqrt(s) + eps); x -= lr v.
 */
export class RMSprop extends Optimizer<RmspropAttrs> {
  constructor(
    parameters: Iterable<Tensor>,
    { lr = 1e-2, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0, centered = false } = {},
  ) {
    checkRange('RMSprop', { alpha, momentum }, 0, 1);
    checkRange('RMSprop', { eps }, 0, INFINITY);
    const plain = momentum > 0 ? rmspropMomentumOp : rmspropOp;
    super('RMSprop', parameters, lr, {
      op: centered ? (momentum > 0 ? rmspropCenteredMomentumOp : rmspropCenteredOp) : plain,
      states: Array(1 + Number(centered) + Number(momentum > 0)).fill(0),
      options: { alpha, eps, weightDecay, momentum },
    });
  }
}

interface AdamOptions {
  lr?: number;
  betas?: number[];
  eps?: number;
  weightDecay?: number;
  amsgrad?: boolean;
}

/** Adam and AdamW, which differ in what weight decay does. */
abstract class AdamFamily extends Optimizer<AdamAttrs> {
  constructor(name: string, parameters: Iterable<Tensor>, decoupled: boolean, options: Required<AdamOptions>) {
    const { lr, betas, eps, weightDecay, amsgrad } = options;
    const [beta1, beta2] = betas;
    checkRange(name, { beta1, beta2 }, 0, 1);
    checkRange(name, { eps }, 0, INFINITY);
    super(name, parameters, lr, {
      op: amsgrad ? adamAmsgradOp : adamOp,
      states: amsgrad ? [0, 0, 0] : [0, 0],
      options: { beta1, beta2, eps, weightDecay, decoupled },
    });
  }
}

/**
 * m and v are running means of g and g^2, corrected for their start at 0; x -= lr mhat / (sqrt(vhat) + eps). With `amsgrad`
 * the largest v so far takes the place of v.
 */
export class Adam extends AdamFamily {
  constructor(
    parameters: Iterable<Tensor>,
    { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, amsgrad = false }: AdamOptions = {},
  ) {
    super('Adam', parameters, false, { lr, betas, eps, weightDecay, amsgrad });
  }
}

/** Adam with decoupled weight decay: x -= lr weightDecay x before the step, and g stays as it is. */
export class AdamW extends AdamFamily {
  constructor(
    parameters: Iterable<Tensor>,
    { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 1e-2, amsgrad = false }: AdamOptions = {},
  ) {
    super('AdamW', parameters, true, { lr, betas, eps, weightDecay, amsgrad });
  }
}
