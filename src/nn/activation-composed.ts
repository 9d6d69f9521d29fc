// Activations as layers that are made of several ops. Names, defaults and slopes at kinks are PyTorch's.

import { abs, clamp, le, mul, neg, sigmoid, softmax, sub, tanh, where } from '../ops/index.ts';
import { chunk } from '../ops/split.ts';
import { ShapeError } from '../tensor/errors.ts';
import { format, normalizeDim } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';

/**
 * a sigmoid(b), of the first half a and the second half b along `dim`, which becomes half as long (Dauphin et al., 2017).
 * Throws a ShapeError where that cannot be halved.
 */
export class GLU extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    const size = x.shape[normalizeDim('GLU', this.dim, x.rank)];
    if (size % 2 !== 0) throw new ShapeError(`GLU: expected an even size of dim ${this.dim}, got ${format(x.shape)}`);
    const [a, b] = chunk(x, 2, this.dim);
    return mul(a, sigmoid(b));
  }
}

/** exp(-x) / sum exp(-x) along `dim`. */
export class Softmin extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    return softmax(neg(x), this.dim);
  }
}

/** 0 where |x| <= lambd, else x. */
export class Hardshrink extends Module {
  readonly lambd: number;

  constructor(lambd = 0.5) {
    super();
    this.lambd = lambd;
  }

  override forward(x: Tensor): Tensor {
    return where(le(abs(x), this.lambd), 0, x);
  }
}

/** x moved towards 0 by lambd, at most up to 0: x - lambd, 0 or x + lambd. Throws a RangeError for a lambd below 0. */
export class Softshrink extends Module {
  readonly lambd: number;

  constructor(lambd = 0.5) {
    super();
    if (!(lambd >= 0)) throw new RangeError(`Softshrink: expected lambd of at least 0, got ${lambd}`);
    this.lambd = lambd;
  }

  override forward(x: Tensor): Tensor {
    return sub(x, clamp(x, -this.lambd, this.lambd));
  }
}

/** x - tanh(x) */
export class Tanhshrink extends Module {
  override forward(x: Tensor): Tensor {
    return sub(x, tanh(x));
  }
}

/** x where x > threshold, else `value`. */
export class Threshold extends Module {
  readonly threshold: number;
  readonly value: number;

  constructor(threshold: number, value: number) {
    super();
    this.threshold = threshold;
    this.value = value;
  }

  override forward(x: Tensor): Tensor {
    return where(le(x, this.threshold), this.value, x);
  }
}
