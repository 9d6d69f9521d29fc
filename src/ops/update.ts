// Updates of parameters by their gradients, and of running statistics: one row per variant, each one dispatch in place.
import adadeltaSource from '../../shaders/adadelta.wgsl';
import adagradSource from '../../shaders/adagrad.wgsl';
import adamSource from '../../shaders/adam.wgsl';
import rmspropSource from '../../shaders/rmsprop.wgsl';
import runningSource from '../../shaders/runningStats.wgsl';
import sgdSource from '../../shaders/sgd.wgsl';
import type { Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { flatRow, floats } from './flat.ts';

/** What every update needs. In all formulas x are the parameters, and the slope is g + weightDecay x. */
export interface UpdateAttrs {
  lr: number;
  weightDecay: number;
  /** Count of this update, from 1. */
  step: number;
}

export interface SgdAttrs extends UpdateAttrs {
  momentum: number;
  dampening: number;
  nesterov: boolean;
}

/** The share of a slope that goes into the velocity; the first goes in whole. */
const intake = ({ dampening, step }: SgdAttrs) => (step === 1 ? 1 : 1 - dampening);

/** [x, v?, g]: v = momentum v + (1 - dampening) slope; x -= lr v, or with Nesterov x -= lr (slope + momentum v). */
const sgdRow = (name: string, momentum: boolean): Op<SgdAttrs> =>
  flatRow({
    name,
    skips: true,
    shader: { file: 'sgd.wgsl', source: sgdSource },
    flops: momentum ? 7 : 4,
    updates: ['x'],
    optional: { v: { flag: 'MOMENTUM', on: momentum } },
    reads: ['g'],
    params: (attrs) => [...floats(attrs.lr, attrs.momentum, intake(attrs), attrs.weightDecay), Number(attrs.nesterov)],
    cpu: ({ g, x, v }, attrs) => {
      for (let i = 0; i < x.length; i++) {
        const slope = g[i] + attrs.weightDecay * x[i];
        let delta = slope;
        if (momentum) {
          v[i] = attrs.momentum * v[i] + intake(attrs) * slope;
          delta = attrs.nesterov ? slope + attrs.momentum * v[i] : v[i];
        }
        x[i] -= attrs.lr * delta;
      }
    },
  });

export const sgdOp = sgdRow('sgd', false);
export const sgdMomentumOp = sgdRow('sgdMomentum', true);

export interface AdagradAttrs extends UpdateAttrs {
  lrDecay: number;
  eps: number;
}

const decayed = ({ lr, lrDecay, step }: AdagradAttrs) => lr / (1 + (step - 1) * lrDecay);

/** [x, s, g]: s += slope^2; x -= lr / (1 + (step - 1) lrDecay) slope / (sqrt(s) + eps) */
export const adagradOp: Op<AdagradAttrs> = flatRow({
  name: 'adagrad',
  skips: true,
  shader: { file: 'adagrad.wgsl', source: adagradSource },
  flops: 9,
  updates: ['x', 's'],
  reads: ['g'],
  params: (attrs) => floats(decayed(attrs), attrs.eps, attrs.weightDecay),
  cpu: ({ g, x, s }, attrs) => {
    for (let i = 0; i < x.length; i++) {
      const slope = g[i] + attrs.weightDecay * x[i];
      s[i] += slope * slope;
      x[i] -= (decayed(attrs) * slope) / (Math.sqrt(s[i]) + attrs.eps);
    }
  },
});

export interface AdadeltaAttrs extends UpdateAttrs {
  rho: number;
  eps: number;
}

/** [x, s, u, g]: s = rho s + (1 - rho) slope^2; delta = slope sqrt(u + eps) / sqrt(s + eps); u = rho u + (1 - rho) delta^2; x -= lr delta */
export const adadeltaOp: Op<AdadeltaAttrs> = flatRow({
  name: 'adadelta',
  skips: true,
  shader: { file: 'adadelta.wgsl', source: adadeltaSource },
  flops: 18,
  updates: ['x', 's', 'u'],
  reads: ['g'],
  params: ({ lr, rho, eps, weightDecay }) => floats(lr, rho, 1 - rho, eps, weightDecay),
  cpu: ({ g, x, s, u }, { lr, rho, eps, weightDecay }) => {
    for (let i = 0; i < x.length; i++) {
      const slope = g[i] + weightDecay * x[i];
      s[i] = rho * s[i] + (1 - rho) * slope * slope;
      const delta = (slope * Math.sqrt(u[i] + eps)) / Math.sqrt(s[i] + eps);
      u[i] = rho * u[i] + (1 - rho) * delta * delta;
      x[i] -= lr * delta;
    }
  },
});

export interface RmspropAttrs extends UpdateAttrs {
  alpha: number;
  eps: number;
  momentum: number;
}

/**
 * [x, s, m?, v?, g]: s = alpha s + (1 - alpha) slope^2; delta = slope / (sqrt(s) + eps); x -= lr delta. Centered, s gives way to
 * the variance s - m^2, where m = alpha m + (1 - alpha) slope. With momentum v = momentum v + delta; x -= lr v.
 */
const rmspropRow = (name: string, centered: boolean, momentum: boolean): Op<RmspropAttrs> =>
  flatRow({
    name,
    skips: true,
    shader: { file: 'rmsprop.wgsl', source: rmspropSource },
    flops: 11 + (centered ? 6 : 0) + (momentum ? 2 : 0),
    updates: ['x', 's'],
    optional: { m: { flag: 'CENTERED', on: centered }, v: { flag: 'MOMENTUM', on: momentum } },
    reads: ['g'],
    params: (attrs) => floats(attrs.lr, attrs.alpha, 1 - attrs.alpha, attrs.eps, attrs.weightDecay, attrs.momentum),
    cpu: ({ g, x, s, m, v }, { lr, alpha, eps, weightDecay, momentum: keeps }) => {
      for (let i = 0; i < x.length; i++) {
        const slope = g[i] + weightDecay * x[i];
        s[i] = alpha * s[i] + (1 - alpha) * slope * slope;
        let spread = s[i];
        if (centered) {
          m[i] = alpha * m[i] + (1 - alpha) * slope;
          // Where all slopes were equal, rounding may leave less than 0.
          spread = Math.max(0, s[i] - m[i] * m[i]);
        }
        let delta = slope / (Math.sqrt(spread) + eps);
        if (momentum) {
          v[i] = keeps * v[i] + delta;
          delta = v[i];
        }
        x[i] -= lr * delta;
      }
    },
  });

export const rmspropOp = rmspropRow('rmsprop', false, false);
export const rmspropMomentumOp = rmspropRow('rmspropMomentum', false, true);
export const rmspropCenteredOp = rmspropRow('rmspropCentered', true, false);
export const rmspropCenteredMomentumOp = rmspropRow('rmspropCenteredMomentum', true, true);

export interface AdamAttrs extends UpdateAttrs {
  beta1: number;
  beta2: number;
  eps: number;
  /** Whether weight decay shrinks x by lr weightDecay x, and leaves the slope alone (AdamW). */
  decoupled: boolean;
}

/** What is left of x before the step, and what of x goes into the slope. */
const decays = ({ lr, weightDecay, decoupled }: AdamAttrs): [kept: number, added: number] =>
  decoupled ? [1 - lr * weightDecay, 0] : [1, weightDecay];

/**
 * [x, m, v, w?, g]: m = beta1 m + (1 - beta1) slope; v = beta2 v + (1 - beta2) slope^2; x -= lr mhat / (sqrt(vhat) + eps),
 * mhat = m / (1 - beta1^step), vhat = v / (1 - beta2^step). With AMSGrad w = max(w, v) takes the place of v in vhat.
 */
const adamRow = (name: string, amsgrad: boolean): Op<AdamAttrs> =>
  flatRow({
    name,
    skips: true,
    shader: { file: 'adam.wgsl', source: adamSource },
    flops: amsgrad ? 17 : 16,
    updates: ['x', 'm', 'v'],
    optional: { w: { flag: 'AMSGRAD', on: amsgrad } },
    reads: ['g'],
    params: (attrs) => {
      const { lr, beta1, beta2, eps, step } = attrs;
      // Corrections in float64 on the host: 1 - beta^step cancels in float32.
      const [c1, c2] = [1 - beta1 ** step, 1 - beta2 ** step];
      return floats(lr / c1, beta1, 1 - beta1, beta2, 1 - beta2, 1 / c2, eps, ...decays(attrs));
    },
    cpu: ({ g, x, m, v, w }, attrs) => {
      const { lr, beta1, beta2, eps, step } = attrs;
      const [c1, c2] = [1 - beta1 ** step, 1 - beta2 ** step];
      const [kept, added] = decays(attrs);
      for (let i = 0; i < x.length; i++) {
        const slope = g[i] + added * x[i];
        m[i] = beta1 * m[i] + (1 - beta1) * slope;
        v[i] = beta2 * v[i] + (1 - beta2) * slope * slope;
        if (amsgrad) w[i] = Math.max(w[i], v[i]);
        x[i] = kept * x[i] - (lr * (m[i] / c1)) / (Math.sqrt((amsgrad ? w : v)[i] / c2) + eps);
      }
    },
  });

export const adamOp = adamRow('adam', false);
export const adamAmsgradOp = adamRow('adamAmsgrad', true);

interface RunningAttrs {
  momentum: number;
  /** count / (count - 1): makes the batch variance unbiased. */
  unbias: number;
}

const runningOp: Op<RunningAttrs> = flatRow({
  name: 'runningStats',
  shader: { file: 'runningStats.wgsl', source: runningSource },
  flops: 7,
  updates: ['runningMean', 'runningVar'],
  reads: ['mean', 'variance'],
  params: ({ momentum, unbias }) => floats(momentum, unbias),
  cpu: ({ mean, variance, runningMean, runningVar }, { momentum, unbias }) => {
    for (let c = 0; c < mean.length; c++) {
      runningMean[c] += momentum * (mean[c] - runningMean[c]);
      runningVar[c] += momentum * (unbias * variance[c] - runningVar[c]);
    }
  },
});

/** running = (1 - momentum) running + momentum batch, with the batch variance times `unbias`. In place. */
export function updateRunning(
  running: [Tensor, Tensor],
  batch: [Tensor, Tensor],
  momentum: number,
  unbias: number,
): void {
  apply(runningOp, [...running, ...batch], { momentum, unbias });
}
