// Ensembles: several models that answer together, mostly better than the mean of them.
import { noGrad } from '../autograd/tape.ts';
import { evaluating } from '../nn/modes.ts';
import { type HostTensor, Module } from '../nn/module.ts';
import { argmax, cast, crossEntropy, exp, logSoftmax, logsumexp, mean, nllLoss, oneHot, sub } from '../ops/index.ts';
import { stack } from '../ops/join.ts';
import { ShapeError } from '../tensor/errors.ts';
import { scope } from '../tensor/scope.ts';
import { format } from '../tensor/shape.ts';
import { hostTensors } from '../tensor/state.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Data, deviceOf, upload } from './batch.ts';
import { numbersOf } from './step.ts';

/**
 * How the members' answers become one. `probabilities`: the mean of their softmax probabilities; `logits`: the softmax of their
 * mean logits, which is their geometric mean; `votes`: the share of members whose largest logit it is.
 */
export type Combine = 'probabilities' | 'logits' | 'votes';

/** From the members' logits [N, C]: log-probabilities, or shares of votes. */
const COMBINED: Record<Combine, (logits: Tensor[]) => Tensor> = {
  // log of a mean of exponentials, without ever leaving the logarithms.
  probabilities: (logits) => sub(logsumexp(stack(logits.map((z) => logSoftmax(z, 1))), 0), Math.log(logits.length)),
  logits: (logits) => logSoftmax(mean(stack(logits), 0), 1),
  votes: (logits) => mean(stack(logits.map((z) => cast(oneHot(argmax(z, 1), z.shape[1]), 'float32'))), 0),
};

/** What a model or an ensemble makes of labelled data. */
export interface Outcome {
  /** Share of the labels that have the largest probability. */
  accuracy: number;
  /** Mean cross entropy; null for votes, which are no probabilities. */
  loss: number | null;
}

export interface EnsembleOutcome extends Outcome {
  /** Each member by itself, and the mean of their accuracies. */
  members: Outcome[];
  meanAccuracy: number;
  /** How much data it was: less than all where a signal came. */
  count: number;
}

/** Models that answer together. As a module it gives the log of their mean probabilities, so that it can stand wherever a model can. */
export class Ensemble extends Module {
  readonly models: readonly Module[];

  /** The ensemble owns the models: dispose() releases them. Throws a RangeError for none, and for one that comes twice. */
  constructor(models: readonly Module[]) {
    super();
    if (models.length === 0) throw new RangeError('Ensemble: expected at least one model, got none');
    const twice = models.findIndex((model, i) => models.indexOf(model) < i);
    if (twice >= 0) throw new RangeError(`Ensemble: expected each model once, got model ${twice} again`);
    this.models = [...models];
  }

  /** log of the mean of the members' probabilities, [N, C], for logits [N, C] of each; in whatever mode they are. */
  override forward(x: Tensor): Tensor {
    return COMBINED.probabilities(this.logits(x));
  }

  /**
   * The probability of each class, [N, C], for inputs x: by default the mean of the members' softmax probabilities. In evaluation
   * mode, without gradients; each module's mode is put back. Throws a ShapeError where a member's output is not [N, C].
   */
  predict(x: Tensor, { combine = 'probabilities' as Combine } = {}): Tensor {
    const answer = combiner(combine);
    const restore = evaluating(this);
    try {
      return noGrad(() =>
        scope(() => {
          const scores = answer(this.logits(x));
          return combine === 'votes' ? scores : exp(scores);
        }),
      );
    } finally {
      restore();
    }
  }

  /**
   * Accuracy and loss of each member and of the ensemble over labelled data, in evaluation mode; modes are put back. A signal
   * ends it after the batch at hand. Throws a RangeError where there is no data.
   */
  async evaluate(
    data: Data,
    { combine = 'probabilities' as Combine, batchSize = 500, signal = undefined as AbortSignal | undefined } = {},
  ): Promise<EnsembleOutcome> {
    const answer = combiner(combine);
    if (data.length === 0) throw new RangeError('Ensemble: expected data to evaluate on, got none');
    // One row for each member, the last one for the ensemble.
    const rows = Array.from({ length: this.models.length + 1 }, () => ({ right: 0, loss: 0 }));
    let count = 0;
    const device = deviceOf(this);
    const restore = evaluating(this);
    try {
      for (let at = 0; at < data.length && !signal?.aborted; at += batchSize) {
        const n = Math.min(batchSize, data.length - at);
        const batch = await data.batch(Array.from({ length: n }, (_, i) => at + i));
        const numbers = noGrad(() =>
          scope(() => {
            const { x, y } = upload(batch, device);
            const logits = this.logits(x);
            const together = answer(logits);
            return stack([
              ...logits.map((z) => numbersOf(z, y, crossEntropy(z, y))),
              numbersOf(together, y, nllLoss(together, y)),
            ]);
          }),
        );
        const read = numbers.data();
        numbers.dispose();
        const values = await read;
        for (const [i, row] of rows.entries()) {
          row.loss += n * values[2 * i];
          row.right += values[2 * i + 1];
        }
        count += n;
      }
    } finally {
      restore();
    }
    const outcomes = rows.map(({ right, loss }): Outcome => ({ accuracy: right / count, loss: loss / count }));
    const members = outcomes.slice(0, -1);
    const whole = outcomes.at(-1)!;
    return {
      accuracy: whole.accuracy,
      loss: combine === 'votes' ? null : whole.loss,
      members,
      meanAccuracy: members.reduce((total, { accuracy }) => total + accuracy, 0) / members.length,
      count,
    };
  }

  private logits(x: Tensor): Tensor[] {
    return this.models.map((model, i) => {
      const logits = model.call(x);
      if (logits.rank === 2) return logits;
      throw new ShapeError(`Ensemble: expected logits [N, C] of model ${i}, got ${format(logits.shape)}`);
    });
  }
}

function combiner(combine: Combine): (logits: Tensor[]) => Tensor {
  if (Object.hasOwn(COMBINED, combine)) return COMBINED[combine];
  throw new RangeError(`Ensemble: expected combine probabilities, logits or votes, got ${combine}`);
}

/** The model's parameters and buffers on the host, as a checkpoint holds them: a copy that later training leaves alone. */
export const snapshot = (model: Module): Promise<Record<string, HostTensor>> => hostTensors(model.stateDict());
