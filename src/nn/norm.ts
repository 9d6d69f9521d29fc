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
import { Module, parameter } from './module.ts';

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

/** Normalization over each channel of each image, for inputs of certain ranks. */
abstract class InstanceNorm extends Module {
  weight: Tensor | null;
  bias: Tensor | null;
  readonly numFeatures: number;
  readonly eps: number;

  constructor(layer: string, numFeatures: number, { eps = 1e-5, affine = false }) {
    super();
    checkWhole(layer, { numFeatures });
    checkEps(layer, eps);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.weight = affine ? parameter(ones([numFeatures])) : null;
    this.bias = affine ? parameter(zeros([numFeatures])) : null;
  }
}

/** [N, C, L] normalized over each channel of each row; with `affine`, times weight [C] (ones at first) plus bias [C] (zeros at first). */
export class InstanceNorm1d extends InstanceNorm {
  constructor(numFeatures: number, options: { eps?: number; affine?: boolean } = {}) {
    super('InstanceNorm1d', numFeatures, options);
  }

  override forward(x: Tensor): Tensor {
    checkRank('InstanceNorm1d', x, '[N, C, L]', 3);
    checkChannels('InstanceNorm1d', x, this.numFeatures);
    return instanceNorm(x, this);
  }
}

/** [N, C, H, W] normalized over each channel of each image; with `affine`, times weight [C] (ones at first) plus bias [C] (zeros at first). */
export class InstanceNorm2d extends InstanceNorm {
  constructor(numFeatures: number, options: { eps?: number; affine?: boolean } = {}) {
    super('InstanceNorm2d', numFeatures, options);
  }

  override forward(x: Tensor): Tensor {
    checkRank('InstanceNorm2d', x, '[N, C, H, W]', 4);
    checkChannels('InstanceNorm2d', x, this.numFeatures);
    return instanceNorm(x, this);
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
