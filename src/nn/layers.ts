// Layers, with PyTorch's names, defaults and parameter shapes.
import {
  batchNorm,
  conv2d,
  crossEntropy,
  dropout,
  elu,
  flatten,
  leakyRelu,
  linear,
  maxPool2d,
  relu,
  sigmoid,
  tanh,
} from '../ops/index.ts';
import { ones, zeros } from '../tensor/creation.ts';
import { ShapeError } from '../tensor/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { fanIn, layerDefault } from './init.ts';
import { buffer, Module, parameter } from './module.ts';

type ConvOptions = NonNullable<Parameters<typeof conv2d>[3]>;
type PoolOptions = NonNullable<Parameters<typeof maxPool2d>[2]>;

/** x @ weight^T + bias; weight [out, in]. Both start uniform within 1 / sqrt(in). */
export class Linear extends Module {
  weight: Tensor;
  bias: Tensor | null;

  constructor(inFeatures: number, outFeatures: number, { bias = true } = {}) {
    super();
    this.weight = parameter(layerDefault([outFeatures, inFeatures], inFeatures));
    this.bias = bias ? parameter(layerDefault([outFeatures], inFeatures)) : null;
  }

  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}

/** 2-D convolution; weight [out, in / groups, kernel, kernel]. Both start uniform within 1 / sqrt(in * kernel * kernel). */
export class Conv2d extends Module {
  weight: Tensor;
  bias: Tensor | null;
  readonly options: ConvOptions;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | [number, number],
    { bias = true, ...options }: ConvOptions & { bias?: boolean } = {},
  ) {
    super();
    const kernel = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : kernelSize;
    const shape = [outChannels, inChannels / (options.groups ?? 1), ...kernel];
    this.weight = parameter(layerDefault(shape, fanIn(shape)));
    this.bias = bias ? parameter(layerDefault([outChannels], fanIn(shape))) : null;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.options);
  }
}

/** Batch normalization of [N, C, H, W] per channel, with running statistics for evaluation. */
export class BatchNorm2d extends Module {
  weight: Tensor;
  bias: Tensor;
  runningMean: Tensor;
  runningVar: Tensor;
  readonly eps: number;
  readonly momentum: number;

  constructor(channels: number, { eps = 1e-5, momentum = 0.1 } = {}) {
    super();
    this.weight = parameter(ones([channels]));
    this.bias = parameter(zeros([channels]));
    this.runningMean = buffer(zeros([channels]));
    this.runningVar = buffer(ones([channels]));
    this.eps = eps;
    this.momentum = momentum;
  }

  override forward(x: Tensor): Tensor {
    if (x.rank !== 4) throw new ShapeError(`BatchNorm2d: expected input [N, C, H, W], got [${x.shape}]`);
    return batchNorm(x, this);
  }
}

/** Inverted dropout: zeroes with probability p and scales the rest up while training; does nothing in evaluation. */
export class Dropout extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = p;
  }

  override forward(x: Tensor): Tensor {
    return this.training ? dropout(x, this.p) : x;
  }
}

export class MaxPool2d extends Module {
  readonly kernelSize: number | [number, number];
  readonly options: PoolOptions;

  constructor(kernelSize: number | [number, number], options: PoolOptions = {}) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options);
  }
}

/** Joins all dims but the first. */
export class Flatten extends Module {
  override forward(x: Tensor): Tensor {
    return flatten(x, 1);
  }
}

export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return relu(x);
  }
}

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

export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** Modules one after the other. Parameter names begin with the position: `0.weight`. */
export class Sequential extends Module {
  readonly layers: Module[];

  constructor(...layers: Module[]) {
    super();
    this.layers = layers;
  }

  override *namedChildren(): Generator<[string, Module]> {
    for (const [i, layer] of this.layers.entries()) yield [String(i), layer];
  }

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((value, layer) => layer.forward(value), x);
  }
}

/** Cross entropy of logits [N, C] against class indices [N], as a module: `new CrossEntropyLoss().forward(logits, labels)`. */
export class CrossEntropyLoss {
  readonly reduction: 'mean' | 'sum' | 'none';

  constructor({ reduction = 'mean' as 'mean' | 'sum' | 'none' } = {}) {
    this.reduction = reduction;
  }

  forward(logits: Tensor, labels: Tensor): Tensor {
    return crossEntropy(logits, labels, { reduction: this.reduction });
  }
}
