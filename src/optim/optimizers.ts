// The optimizers, with PyTorch's formulas, names and defaults. Weight decay adds weightDecay x to g, unless said otherwise.
import {
  adadeltaOp,
  adagradOp,
  adamAmsgradOp,
  adamOp,
  rmspropCenteredMomentumOp,
  rmspropCenteredOp,
  rmspropMomentumOp,
  rmspropOp,
  sgdMomentumOp,
  sgdOp,
} from '../ops/update.ts';
import { checkRange } from './check.ts';
import type { Trained } from './groups.ts';
import { type Hyperparameters, type Method, Optimizer } from './optimizer.ts';

const INFINITY = Number.POSITIVE_INFINITY;

export interface SGDOptions extends Hyperparameters {
  momentum: number;
  dampening: number;
  nesterov: boolean;
}

const sgd: Method<SGDOptions> = {
  name: 'SGD',
  defaults: { lr: 1e-3, momentum: 0, dampening: 0, nesterov: false, weightDecay: 0, maximize: false },
  check({ momentum, dampening, nesterov }) {
    checkRange('SGD', { momentum, dampening }, 0, 1);
    if (nesterov && momentum === 0) throw new RangeError('SGD: nesterov needs a momentum above 0, got 0');
    if (nesterov && dampening !== 0) throw new RangeError(`SGD: nesterov needs a dampening of 0, got ${dampening}`);
  },
  update: ({ momentum }) =>
    momentum > 0 ? { op: sgdMomentumOp, states: ['momentumBuffer'] } : { op: sgdOp, states: [] },
  attrs: ({ lr, weightDecay, momentum, dampening, nesterov }) => ({ lr, weightDecay, momentum, dampening, nesterov }),
};

/**
 * v = momentum v + (1 - dampening) g, from v = g on; x -= lr v, or with Nesterov x -= lr (g + momentum v), where g is taken at
 * the point looked ahead to. With V = -lr v that is how the CS231n notes write it: V' = momentum V - lr g; x += (1 + momentum) V' -
 * momentum V. A new lr scales the velocity here, too.
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(parameters: Trained<SGDOptions>, options: Partial<SGDOptions> = {}) {
    super(sgd, parameters, options);
  }
}

export interface AdagradOptions extends Hyperparameters {
  lrDecay: number;
  initialAccumulatorValue: number;
  eps: number;
}

const adagrad: Method<AdagradOptions> = {
  name: 'Adagrad',
  defaults: { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, maximize: false },
  check({ lrDecay, initialAccumulatorValue, eps }) {
    checkRange('Adagrad', { lrDecay, initialAccumulatorValue, eps }, 0, INFINITY);
  },
  update: ({ initialAccumulatorValue }) => ({ op: adagradOp, states: ['sum'], start: initialAccumulatorValue }),
  attrs: ({ lr, weightDecay, lrDecay, eps }) => ({ lr, weightDecay, lrDecay, eps }),
};

/** s += g^2, from initialAccumulatorValue on; x -= lr / (1 + (step - 1) lrDecay) g / (sqrt(s) + eps) */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(parameters: Trained<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    super(adagrad, parameters, options);
  }
}

export interface AdadeltaOptions extends Hyperparameters {
  rho: number;
  eps: number;
}

const adadelta: Method<AdadeltaOptions> = {
  name: 'Adadelta',
  defaults: { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false },
  check({ rho, eps }) {
    checkRange('Adadelta', { rho }, 0, 1);
    checkRange('Adadelta', { eps }, 0, INFINITY);
  },
  update: () => ({ op: adadeltaOp, states: ['squareAvg', 'accDelta'] }),
  attrs: ({ lr, weightDecay, rho, eps }) => ({ lr, weightDecay, rho, eps }),
};

/** s is the running mean of g^2, u that of delta^2; delta = g sqrt(u + eps) / sqrt(s + eps); x -= lr delta */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  constructor(parameters: Trained<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    super(adadelta, parameters, options);
  }
}

export interface RMSpropOptions extends Hyperparameters {
  alpha: number;
  eps: number;
  momentum: number;
  centered: boolean;
}

const rmsprop: Method<RMSpropOptions> = {
  name: 'RMSprop',
  defaults: { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, maximize: false },
  check({ alpha, momentum, eps }) {
    checkRange('RMSprop', { alpha, momentum }, 0, 1);
    checkRange('RMSprop', { eps }, 0, INFINITY);
  },
  update({ centered, momentum }) {
    const plain = momentum > 0 ? rmspropMomentumOp : rmspropOp;
    const op = centered ? (momentum > 0 ? rmspropCenteredMomentumOp : rmspropCenteredOp) : plain;
    const optional = [...(centered ? ['gradAvg'] : []), ...(momentum > 0 ? ['momentumBuffer'] : [])];
    return { op, states: ['squareAvg', ...optional] };
  },
  attrs: ({ lr, weightDecay, alpha, eps, momentum }) => ({ lr, weightDecay, alpha, eps, momentum }),
};

/**
 * s = alpha s + (1 - alpha) g^2; x -= lr g / (sqrt(s) + eps). `centered` divides by the running standard deviation instead;
 * with momentum v = momentum v + g / (sqrt(s) + eps); x -= lr v.
 */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(parameters: Trained<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    super(rmsprop, parameters, options);
  }
}

export interface AdamOptions extends Hyperparameters {
  betas: readonly number[];
  eps: number;
  amsgrad: boolean;
}

/** Adam and AdamW, which differ in what weight decay is and does. */
const adamLike = (name: string, weightDecay: number, decoupled: boolean): Method<AdamOptions> => ({
  name,
  defaults: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay, amsgrad: false, maximize: false },
  check({ betas: [beta1, beta2], eps }) {
    checkRange(name, { beta1, beta2 }, 0, 1);
    checkRange(name, { eps }, 0, INFINITY);
  },
  update: ({ amsgrad }) =>
    amsgrad
      ? { op: adamAmsgradOp, states: ['expAvg', 'expAvgSq', 'maxExpAvgSq'] }
      : { op: adamOp, states: ['expAvg', 'expAvgSq'] },
  attrs: ({ lr, weightDecay, betas: [beta1, beta2], eps }) => ({ lr, weightDecay, beta1, beta2, eps, decoupled }),
});

const adam = adamLike('Adam', 0, false);
const adamW = adamLike('AdamW', 1e-2, true);

/**
 * m and v are running means of g and g^2, corrected for their start at 0; x -= lr mhat / (sqrt(vhat) + eps). With `amsgrad`
 * the largest v so far takes the place of v.
 */
export class Adam extends Optimizer<AdamOptions> {
  constructor(parameters: Trained<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(adam, parameters, options);
  }
}

/** Adam with decoupled weight decay: x -= lr weightDecay x before the step, and g stays as it is. */
export class AdamW extends Optimizer<AdamOptions> {
  constructor(parameters: Trained<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(adamW, parameters, options);
  }
}
