// Normalization within each image or row: the same in training and evaluation.
import {
  groupNorm,
  instanceNorm,
  layerNorm,
  localResponseNorm,
  type ResponseNormOptions,
  rmsNorm,
} from '../ops/index.ts';
import { ones, zeros } from '../tensor/creation.ts';
import { ShapeError } from '../tensor/errors.ts';
import { format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkDivides, checkEps, checkWhole } from './check.ts';
import { buffer, Module, parameter } from './module.ts';

/** A shape, of which a number stands for the last dim alone. */
function shapeOf(layer: string, normalizedShape: number | Shape): Shape {
  const shape = [normalizedShape].flat();
  if (shape.length === 0) throw new ShapeError(`${layer}: expected normalizedShape of at least one dim, got []`);
  for (const size of shape) checkWhole(layer, { 'the sizes of normalizedShape': size });
  return shape;
}

/**
 * (x - mean) / sqrt(variance + eps) * weight + bias over the last dims, whose sizes are `normalizedShape`, as are those of weight,
 * which starts as ones, and bias, which starts as zeros.
 */
export class LayerNorm extends Module {
  weight: Tensor | null;
  bias: Tensor | null;
  readonly normalizedShape: Shape;
  readonly eps: number;

  constructor(normalizedShape: number | Shape, { eps = 1e-5, elementwiseAffine = true, bias = true } = {}) {
    super();
    this.normalizedShape = shapeOf('LayerNorm', normalizedShape);
    checkEps('LayerNorm', eps);
    this.eps = eps;
    this.weight = elementwiseAffine ? parameter(ones(this.normalizedShape)) : null;
    this.bias = elementwiseAffine && bias ? parameter(zeros(this.normalizedShape)) : null;
  }

  override forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, this);
  }
}

/** x / sqrt(mean(x^2) + eps) * weight over the last dims, whose sizes are `normalizedShape`. Weight starts as ones. */
export class RMSNorm extends Module {
  weight: Tensor | null;
  readonly normalizedShape: Shape;
  readonly eps: number | undefined;

  /** `eps` is 2^-23 by default. */
  constructor(
    normalizedShape: number | Shape,
    { eps, elementwiseAffine = true }: { eps?: number; elementwiseAffine?: boolean } = {},
  ) {
    super();
    this.normalizedShape = shapeOf('RMSNorm', normalizedShape);
    if (eps !== undefined) checkEps('RMSNorm', eps);
    this.eps = eps;
    this.weight = elementwiseAffine ? parameter(ones(this.normalizedShape)) : null;
  }

  override forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, this);
  }
}

/**
 * [N, C, ...] normalized over each of `numGroups` groups of neighbouring channels of each image, then times weight [C], which
 * starts as ones, plus bias [C], which starts as zeros.
 */
export class GroupNorm extends Module {
  weight: Tensor | null;
  bias: Tensor | null;
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;

  constructor(numGroups: number, numChannels: number, { eps = 1e-5, affine = true } = {}) {
    super();
    checkDivides('GroupNorm', 'numGroups', numGroups, { numChannels });
    checkEps('GroupNorm', eps);
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.weight = affine ? parameter(ones([numChannels])) : null;
    this.bias = affine ? parameter(zeros([numChannels])) : null;
  }

  override forward(x: Tensor): Tensor {
    checkChannels('GroupNorm', x, this.numChannels);
    return groupNorm(x, this.numGroups, this);
  }
}

export interface InstanceNormLayerOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Share of each batch in the running statistics. Default 0.1. */
  momentum?: number;
  /** Whether there are weight, which starts as ones, and bias, which starts as zeros. Default false. */
  affine?: boolean;
  /** Whether there are running statistics, by which evaluation normalizes. Default false. */
  trackRunningStats?: boolean;
}

/** Normalization over each channel of each image, for inputs of certain ranks. */
abstract class InstanceNorm extends Module {
  weight: Tensor | null;
  bias: Tensor | null;
  runningMean: Tensor | null;
  runningVar: Tensor | null;
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number;

  constructor(
    layer: string,
    numFeatures: number,
    { eps = 1e-5, momentum = 0.1, affine = false, trackRunningStats = false }: InstanceNormLayerOptions,
  ) {
    super();
    checkWhole(layer, { numFeatures });
    checkEps(layer, eps);
    if (!(momentum >= 0 && momentum <= 1)) {
      throw new ShapeError(`${layer}: expected momentum from 0 to 1, got ${momentum}`);
    }
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? parameter(ones([numFeatures])) : null;
    this.bias = affine ? parameter(zeros([numFeatures])) : null;
    this.runningMean = trackRunningStats ? buffer(zeros([numFeatures])) : null;
    this.runningVar = trackRunningStats ? buffer(ones([numFeatures])) : null;
  }

  protected normalize(x: Tensor): Tensor {
    const { weight, bias, eps, momentum, runningMean, runningVar, training } = this;
    const useInputStats = training || !runningMean;
    return instanceNorm(x, { weight, bias, eps, momentum, runningMean, runningVar, useInputStats });
  }

  /** Running statistics as they began: mean 0, variance 1. */
  resetRunningStats(): void {
    this.runningMean?.assign(new Float32Array(this.numFeatures));
    this.runningVar?.assign(new Float32Array(this.numFeatures).fill(1));
  }
}

/** [N, C, L] normalized over each channel of each row; with `affine`, times weight [C] (ones at first) plus bias [C] (zeros at first). */
export class InstanceNorm1d extends InstanceNorm {
  constructor(numFeatures: number, options: InstanceNormLayerOptions = {}) {
    super('InstanceNorm1d', numFeatures, options);
  }

  override forward(x: Tensor): Tensor {
    checkRank('InstanceNorm1d', x, '[N, C, L]', 3);
    checkChannels('InstanceNorm1d', x, this.numFeatures);
    return this.normalize(x);
  }
}

/** [N, C, H, W] normalized over each channel of each image; with `affine`, times weight [C] (ones at first) plus bias [C] (zeros at first). */
export class InstanceNorm2d extends InstanceNorm {
  constructor(numFeatures: number, options: InstanceNormLayerOptions = {}) {
    super('InstanceNorm2d', numFeatures, options);
  }

  override forward(x: Tensor): Tensor {
    checkRank('InstanceNorm2d', x, '[N, C, H, W]', 4);
    checkChannels('InstanceNorm2d', x, this.numFeatures);
    return this.normalize(x);
  }
}

/** x / (k + alpha mean(x^2))^beta, the mean over `size` channels around each, of [N, C, ...]. */
export class LocalResponseNorm extends Module {
  readonly size: number;
  readonly options: ResponseNormOptions;

  /** `alpha` is 1e-4, `beta` 0.75 and `k` 1 by default. */
  constructor(size: number, options: ResponseNormOptions = {}) {
    super();
    checkWhole('LocalResponseNorm', { size });
    this.size = size;
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, this.options);
  }
}

function checkRank(layer: string, x: Tensor, shape: string, rank: number): void {
  if (x.rank !== rank) throw new ShapeError(`${layer}: expected input ${shape}, got ${format(x.shape)}`);
}

function checkChannels(layer: string, { shape }: Tensor, channels: number): void {
  if (shape[1] !== channels) {
    throw new ShapeError(`${layer}: expected input [N, ${channels}, ...], got ${format(shape)}`);
  }
}
