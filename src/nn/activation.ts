// Activations as layers. Formulas and gradients at kinks are those of the ops of the same name.
import {
  celu,
  elu,
  gelu,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logSigmoid,
  logSoftmax,
  maxout,
  mish,
  prelu,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softmax,
  softplus,
  softsign,
  tanh,
} from '../ops/index.ts';
import { full } from '../tensor/creation.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkWhole } from './check.ts';
import { Module, parameter } from './module.ts';

interface Plain extends Module {
  forward(x: Tensor): Tensor;
}

/** A layer that has nothing to set. */
const plain = (compute: (x: Tensor) => Tensor): (new () => Plain) =>
  class extends Module {
    override forward(x: Tensor): Tensor {
      return compute(x);
    }
  };

/** max(x, 0) */
export class ReLU extends plain(relu) {}

/** min(max(x, 0), 6) */
export class ReLU6 extends plain(relu6) {}

/** 1.0507 times elu with alpha 1.6733, which keeps mean 0 and variance 1. */
export class SELU extends plain(selu) {}

/** 1 / (1 + e^-x) */
export class Sigmoid extends plain(sigmoid) {}

/** log(sigmoid(x)) */
export class LogSigmoid extends plain(logSigmoid) {}

export class Tanh extends plain(tanh) {}

/** x sigmoid(x), also called swish. */
export class SiLU extends plain(silu) {}

/** x tanh(log(1 + e^x)) */
export class Mish extends plain(mish) {}

/** x / (1 + |x|) */
export class Softsign extends plain(softsign) {}

/** min(max(x + 3, 0), 6) / 6 */
export class Hardsigmoid extends plain(hardsigmoid) {}

/** x hardsigmoid(x) */
export class Hardswish extends plain(hardswish) {}

/** x where x > 0, else negativeSlope x. */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;

  constructor(negativeSlope = 0.01) {
    super();
    this.negativeSlope = negativeSlope;
  }

  override forward(x: Tensor): Tensor {
    return leakyRelu(x, this.negativeSlope);
  }
}

/** x where x > 0, else weight x, for a weight that is learned: one, or one per channel. It starts as `init`. */
export class PReLU extends Module {
  weight: Tensor;

  constructor(numParameters = 1, { init = 0.25 } = {}) {
    super();
    checkWhole('PReLU', { numParameters });
    this.weight = parameter(full([numParameters], init));
  }

  override forward(x: Tensor): Tensor {
    return prelu(x, this.weight);
  }
}

/** x where x > 0, else alpha (e^x - 1). */
export class ELU extends Module {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }

  override forward(x: Tensor): Tensor {
    return elu(x, this.alpha);
  }
}

/** x where x > 0, else alpha (e^(x / alpha) - 1). */
export class CELU extends Module {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }

  override forward(x: Tensor): Tensor {
    return celu(x, this.alpha);
  }
}

/** x times the probability of a normal number below x, exactly or (`approximate: 'tanh'`) nearly. */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor({ approximate = 'none' }: { approximate?: 'none' | 'tanh' } = {}) {
    super();
    this.approximate = approximate;
  }

  override forward(x: Tensor): Tensor {
    return gelu(x, this);
  }
}

/** log(1 + e^(beta x)) / beta; x itself where beta x > threshold. */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;

  constructor(beta = 1, threshold = 20) {
    super();
    this.beta = beta;
    this.threshold = threshold;
  }

  override forward(x: Tensor): Tensor {
    return softplus(x, this.beta, this.threshold);
  }
}

/** min(max(x, min), max) */
export class Hardtanh extends Module {
  readonly min: number;
  readonly max: number;

  constructor(min = -1, max = 1) {
    super();
    this.min = min;
    this.max = max;
  }

  override forward(x: Tensor): Tensor {
    return hardtanh(x, this.min, this.max);
  }
}

/** exp(x) / sum exp(x) along `dim`. */
export class Softmax extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }
}

/** log(softmax(x)) along `dim`. */
export class LogSoftmax extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }
}

/**
 * The largest of each `pieces` neighbours along `dim`: behind `new Linear(in, out * pieces)` a layer of `out` units
 * max(w1 x + b1, w2 x + b2, ...), and so with a convolution and dim 1 (Goodfellow et al., 2013).
 */
export class Maxout extends Module {
  readonly pieces: number;
  readonly dim: number;

  constructor(pieces = 2, dim = -1) {
    super();
    checkWhole('Maxout', { pieces });
    this.pieces = pieces;
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    return maxout(x, this.pieces, this.dim);
  }
}
