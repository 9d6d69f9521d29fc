// Losses as modules: `new nn.CrossEntropyLoss({ labelSmoothing: 0.1 }).call(logits, labels)`.
import {
  type BceOptions,
  type BceWithLogitsOptions,
  bceLoss,
  bceWithLogitsLoss,
  type CrossEntropyOptions,
  crossEntropy,
  hingeEmbeddingLoss,
  hingeLoss,
  huberLoss,
  type KlDivOptions,
  klDivLoss,
  l1Loss,
  type MultiMarginOptions,
  mseLoss,
  multiMarginLoss,
  type NllOptions,
  nllLoss,
  smoothL1Loss,
  svmLoss,
} from '../ops/index.ts';
import type { LossOptions } from '../ops/loss.ts';
import { Tensor } from '../tensor/tensor.ts';
import { buffer, Module } from './module.ts';

interface Loss<Options> extends Module {
  /** All but tensors. */
  readonly options: Options;
  forward(input: Tensor, target: Tensor): Tensor;
}

/** A loss with the options of its op. Tensors among them, such as class weights, become buffers: the module owns them. */
function loss<Options extends object>(
  compute: (input: Tensor, target: Tensor, options: Options) => Tensor,
): new (
  options?: Options,
) => Loss<Options> {
  return class extends Module {
    readonly options: Options;

    constructor(options: Options = {} as Options) {
      super();
      const entries = Object.entries(options);
      this.options = Object.fromEntries(entries.filter(([, value]) => !(value instanceof Tensor))) as Options;
      for (const [name, value] of entries) {
        if (value instanceof Tensor) Object.assign(this, { [name]: buffer(value) });
      }
    }

    override forward(input: Tensor, target: Tensor): Tensor {
      return compute(input, target, { ...this.options, ...Object.fromEntries(this.ownTensors()) });
    }
  };
}

/** Cross entropy of logits [N, C, ...] against labels or probabilities. Options: weight, ignoreIndex, labelSmoothing, reduction. */
export class CrossEntropyLoss extends loss<CrossEntropyOptions>(crossEntropy) {}

/** -log-probability of the label. Options: weight, ignoreIndex, reduction. */
export class NLLLoss extends loss<NllOptions>(nllLoss) {}

/** (input - target)^2. Options: reduction. */
export class MSELoss extends loss<LossOptions>(mseLoss) {}

/** |input - target|. Options: reduction. */
export class L1Loss extends loss<LossOptions>(l1Loss) {}

/** A parabola within beta, |input - target| - beta / 2 beyond. Options: beta, reduction. */
export class SmoothL1Loss extends loss<LossOptions & { beta?: number }>(smoothL1Loss) {}

/** A parabola within delta, delta (|input - target| - delta / 2) beyond. Options: delta, reduction. */
export class HuberLoss extends loss<LossOptions & { delta?: number }>(huberLoss) {}

/** Binary cross entropy of probabilities. Options: weight, reduction. */
export class BCELoss extends loss<BceOptions>(bceLoss) {}

/** Binary cross entropy of logits. Options: weight, posWeight, reduction. */
export class BCEWithLogitsLoss extends loss<BceWithLogitsOptions>(bceWithLogitsLoss) {}

/** Kullback-Leibler divergence of a target from log-probabilities. Options: logTarget, reduction, which may be batchmean. */
export class KLDivLoss extends loss<KlDivOptions>(klDivLoss) {}

/** Margins of the right class over the others, divided by the number of classes. Options: p, margin, weight, reduction. */
export class MultiMarginLoss extends loss<MultiMarginOptions>(multiMarginLoss) {}

/** The multiclass support vector machine: margins of the right class over the others. Options: margin, reduction. */
export class SvmLoss extends loss<Pick<MultiMarginOptions, 'margin' | 'reduction'>>(svmLoss) {}

/** max(0, 1 - target score), for targets 1 and -1. Options: reduction. */
export class HingeLoss extends loss<LossOptions>(hingeLoss) {}

/** The distance of pairs that are alike, max(0, margin - distance) of others. Options: margin, reduction. */
export class HingeEmbeddingLoss extends loss<LossOptions & { margin?: number }>(hingeEmbeddingLoss) {}
