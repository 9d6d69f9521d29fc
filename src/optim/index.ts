// The namespace `optim`: SGD, RMSProp and Adam, with PyTorch's names and defaults.
import { adamOp, rmspropOp, sgdOp } from '../ops/update.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkRange, Optimizer } from './optimizer.ts';

export { Optimizer } from './optimizer.ts';

/** v = momentum v + g; x -= lr v, or with Nesterov x -= lr (g + momentum v). Weight decay adds weightDecay x to g. */
export class SGD extends Optimizer {
  readonly options: { momentum: number; nesterov: boolean; weightDecay: number };

  constructor(parameters: Iterable<Tensor>, { lr = 1e-3, momentum = 0, nesterov = false, weightDecay = 0 } = {}) {
    checkRange('SGD', 'momentum', momentum, 0, 1);
    if (nesterov && momentum === 0) throw new RangeError('SGD: nesterov needs a momentum above 0');
    super('SGD', parameters, lr, 1);
    this.options = { momentum, nesterov, weightDecay };
  }

  override step(): void {
    this.update(sgdOp, () => ({ lr: this.lr, ...this.options }));
  }
}

/** s = alpha s + (1 - alpha) g^2; x -= lr g / (sqrt(s) + eps) */
export class RMSprop extends Optimizer {
  readonly options: { alpha: number; eps: number; weightDecay: number };

  constructor(parameters: Iterable<Tensor>, { lr = 1e-2, alpha = 0.99, eps = 1e-8, weightDecay = 0 } = {}) {
    checkRange('RMSprop', 'alpha', alpha, 0, 1);
    super('RMSprop', parameters, lr, 1);
    this.options = { alpha, eps, weightDecay };
  }

  override step(): void {
    this.update(rmspropOp, () => ({ lr: this.lr, ...this.options }));
  }
}

/** m and v are running means of g and g^2, corrected for their start at 0; x -= lr mhat / (sqrt(vhat) + eps) */
export class Adam extends Optimizer {
  readonly options: { beta1: number; beta2: number; eps: number; weightDecay: number };

  constructor(parameters: Iterable<Tensor>, { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = {}) {
    const [beta1, beta2] = betas;
    checkRange('Adam', 'beta1', beta1, 0, 1);
    checkRange('Adam', 'beta2', beta2, 0, 1);
    super('Adam', parameters, lr, 2);
    this.options = { beta1, beta2, eps, weightDecay };
  }

  override step(): void {
    this.update(adamOp, (step) => ({ lr: this.lr, ...this.options, step }));
  }
}
