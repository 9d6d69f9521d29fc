// Batch normalization, with running statistics for evaluation.
import { noGrad } from '../autograd/tape.ts';
import { add, batchNorm, div, sub } from '../ops/index.ts';
import { ones, zeros } from '../tensor/creation.ts';
import { ShapeError } from '../tensor/errors.ts';
import { scope } from '../tensor/scope.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkEps, checkWhole } from './check.ts';
import { copyInto } from './copy.ts';
import { buffer, Module, parameter } from './module.ts';

export interface BatchNormLayerOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Share of each batch in the running statistics; null makes them the average of all batches. Default 0.1. */
  momentum?: number | null;
  /** Whether there are weight, which starts as ones, and bias, which starts as zeros. Default true. */
  affine?: boolean;
  /** Whether there are running statistics; without, evaluation takes those of the batch, too. Default true. */
  trackRunningStats?: boolean;
}

/** Batch normalization per channel of inputs of certain ranks. */
abstract class BatchNorm extends Module {
  weight: Tensor | null;
  bias: Tensor | null;
  runningMean: Tensor | null;
  runningVar: Tensor | null;
  /** How many batches the statistics are the average of, float32 []; null, other than in PyTorch, unless momentum is. */
  numBatchesTracked: Tensor | null;
  readonly eps: number;
  readonly momentum: number | null;
  private readonly layer: string;

  constructor(
    layer: string,
    numFeatures: number,
    { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true }: BatchNormLayerOptions,
  ) {
    super();
    checkWhole(layer, { numFeatures });
    checkEps(layer, eps);
    if (momentum !== null && !(momentum >= 0 && momentum <= 1)) {
      throw new ShapeError(`${layer}: expected momentum from 0 to 1, or null, got ${momentum}`);
    }
    this.layer = layer;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? parameter(ones([numFeatures])) : null;
    this.bias = affine ? parameter(zeros([numFeatures])) : null;
    this.runningMean = trackRunningStats ? buffer(zeros([numFeatures])) : null;
    this.runningVar = trackRunningStats ? buffer(ones([numFeatures])) : null;
    this.numBatchesTracked = trackRunningStats && momentum === null ? buffer(zeros([])) : null;
  }

  protected normalize(x: Tensor, shapes: string, ranks: number[]): Tensor {
    const { weight, bias, eps, momentum, runningMean, runningVar, numBatchesTracked } = this;
    if (!ranks.includes(x.rank)) {
      throw new ShapeError(`${this.layer}: expected input ${shapes}, got ${format(x.shape)}`);
    }
    if (!this.training || !runningMean || !runningVar || !numBatchesTracked) {
      const training = this.training || !runningMean;
      return batchNorm(x, { weight, bias, eps, runningMean, runningVar, training, momentum: momentum ?? undefined });
    }
    // With a momentum of 1 these become the statistics of the batch alone.
    const batch = [runningMean, runningVar].map((running) => zeros(running.shape, { device: x.device }));
    const [mean, variance] = batch;
    const options = { weight, bias, eps, runningMean: mean, runningVar: variance, training: true, momentum: 1 };
    const out = batchNorm(x, options);
    noGrad(() =>
      scope(() => {
        copyInto(numBatchesTracked, add(numBatchesTracked, 1));
        [runningMean, runningVar].forEach((running, i) => {
          copyInto(running, add(running, div(sub(batch[i], running), numBatchesTracked)));
        });
      }),
    );
    for (const statistic of batch) statistic.dispose();
    return out;
  }

  /** Running statistics as they began: mean 0, variance 1, of no batch. */
  resetRunningStats(): void {
    this.runningMean?.assign(new Float32Array(this.runningMean.size));
    this.runningVar?.assign(new Float32Array(this.runningVar.size).fill(1));
    this.numBatchesTracked?.assign([0]);
  }
}

/**
 * Batch normalization of [N, C] or [N, C, L] per channel: in training by mean and biased variance of the batch, in evaluation by
 * the running statistics. Weight starts as ones, bias as zeros.
 */
export class BatchNorm1d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super('BatchNorm1d', numFeatures, options);
  }

  override forward(x: Tensor): Tensor {
    return this.normalize(x, '[N, C] or [N, C, L]', [2, 3]);
  }
}

/**
 * Batch normalization of [N, C, H, W] per channel: in training by mean and biased variance of the batch, in evaluation by the
 * running statistics. Weight starts as ones, bias as zeros.
 */
export class BatchNorm2d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super('BatchNorm2d', numFeatures, options);
  }

  override forward(x: Tensor): Tensor {
    return this.normalize(x, '[N, C, H, W]', [4]);
  }
}
