// Dropout layers, and what a network with dropout is unsure of.
import { noGrad } from '../autograd/tape.ts';
import { stack } from '../ops/functions.ts';
import { alphaDropout, dropout, dropout2d, ge, mean, mul, std, where } from '../ops/index.ts';
import { rand } from '../ops/sampling.ts';
import { ShapeError } from '../tensor/errors.ts';
import { scope } from '../tensor/scope.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkProbability, checkWhole } from './check.ts';
import { evaluating } from './modes.ts';
import { Module } from './module.ts';

/** Layers that drop something while training, with probability p: the ones that monteCarlo() leaves switched on. */
export abstract class DropoutLayer extends Module {
  readonly p: number;

  /** Throws a ShapeError unless p is from 0 to 1. */
  constructor(p = 0.5) {
    super();
    checkProbability('dropout', p);
    this.p = p;
  }
}

/** Inverted dropout: zeroes elements with probability p and divides the rest by 1 - p while training; does nothing in evaluation. */
export class Dropout extends DropoutLayer {
  override forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? dropout(x, this.p) : x;
  }
}

/**
 * Dropout as it was first written down (Srivastava et al., 2014): zeroes elements with probability p while training and leaves
 * the rest alone; so that the next layer meets what it was trained on, evaluation multiplies by 1 - p. Dropout has the same mean
 * at every place, and costs nothing in evaluation; this one is for teaching.
 */
export class VanillaDropout extends DropoutLayer {
  override forward(x: Tensor): Tensor {
    if (!this.training) return mul(x, 1 - this.p);
    return where(ge(rand(x.shape, { device: x.device }), this.p), x, 0);
  }
}

/** Dropout of whole channels of [N, C, L], for features that neighbours share. */
export class Dropout1d extends DropoutLayer {
  override forward(x: Tensor): Tensor {
    if (x.rank !== 3) throw new ShapeError(`Dropout1d: expected input [N, C, L], got ${format(x.shape)}`);
    return this.training && this.p > 0 ? dropout2d(x, this.p) : x;
  }
}

/** Dropout of whole channels of [N, C, H, W], for features that neighbours share. */
export class Dropout2d extends DropoutLayer {
  override forward(x: Tensor): Tensor {
    if (x.rank !== 4) throw new ShapeError(`Dropout2d: expected input [N, C, H, W], got ${format(x.shape)}`);
    return this.training && this.p > 0 ? dropout2d(x, this.p) : x;
  }
}

/** Dropout for SELU networks, which keeps mean 0 and variance 1 (Klambauer et al., 2017). */
export class AlphaDropout extends DropoutLayer {
  override forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? alphaDropout(x, this.p) : x;
  }
}

/**
 * What a model with dropout says, and how sure it is of that: mean and standard deviation (of samples: over samples - 1) of its
 * output over `samples` runs (default 20) in which the dropout layers drop and all others are as in evaluation (Gal and
 * Ghahramani, 2016). The model is as it was afterwards. Outside the tape. Throws a ShapeError for a model without dropout.
 */
export function monteCarlo(model: Module, x: Tensor, { samples = 20 } = {}): { mean: Tensor; std: Tensor } {
  checkWhole('monteCarlo', { samples }, 2);
  const modules = [...model.modules()];
  if (!modules.some((module) => module instanceof DropoutLayer)) {
    throw new ShapeError('monteCarlo: expected a model with dropout layers, got one without');
  }
  const restore = evaluating(model);
  try {
    for (const module of modules) if (module instanceof DropoutLayer) module.training = true;
    return noGrad(() =>
      scope(() => {
        const runs = stack(Array.from({ length: samples }, () => scope(() => model.call(x))));
        return { mean: mean(runs, 0), std: std(runs, 0) };
      }),
    );
  } finally {
    restore();
  }
}
