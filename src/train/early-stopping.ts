// EarlyStopping: a callback that ends training when an epoch's loss or accuracy gets no better any more.

import type { HostTensor } from '../nn/module.ts';
import { hostTensors } from '../tensor/state.ts';
import type { Callback, CallbackState, EpochReport, Training } from './callback.ts';

export interface EarlyStoppingOptions {
  /** What should get better: the validation's where there is one, else that of training. Default: loss. */
  monitor?: 'loss' | 'accuracy';
  /** Epochs without progress after which training ends. Default 3. */
  patience?: number;
  /** What counts as progress: better by more than this. Default 0. */
  minDelta?: number;
  /**
   * Goes back to the weights of the best epoch, once training has run to its end or was stopped for lack of progress. Where
   * somebody else stopped it the last weights stay, so that it can be gone on with. Default false.
   */
  restoreBest?: boolean;
}

/** The loss or accuracy of an epoch, as a number that should grow; a NaN is worst. Throws where a task has no accuracy. */
export function gradeOf(op: string, report: EpochReport, monitor: 'loss' | 'accuracy'): number {
  if (monitor === 'loss') {
    const loss = report.validationLoss ?? report.trainLoss;
    return Number.isNaN(loss) ? Number.NEGATIVE_INFINITY : -loss;
  }
  const accuracy = report.validationAccuracy ?? report.trainAccuracy;
  if (accuracy === null)
    throw new TypeError(`${op}: the task has no accuracy, since its targets are no classes; use loss`);
  return accuracy;
}

export class EarlyStopping implements Callback {
  readonly name = 'early-stopping';
  private readonly options: Required<EarlyStoppingOptions>;
  private best: number | null = null;
  private waited = 0;
  /** Whether training ends because of this. */
  private ends = false;
  private weights: Record<string, HostTensor> = {};

  constructor({ monitor = 'loss', patience = 3, minDelta = 0, restoreBest = false }: EarlyStoppingOptions = {}) {
    if (!(patience >= 1))
      throw new RangeError(`EarlyStopping: expected a patience of at least 1 epoch, got ${patience}`);
    if (!(minDelta >= 0)) throw new RangeError(`EarlyStopping: expected minDelta to be at least 0, got ${minDelta}`);
    this.options = { monitor, patience, minDelta, restoreBest };
  }

  async onEpoch(report: EpochReport, training: Training): Promise<void> {
    const { monitor, patience, minDelta, restoreBest } = this.options;
    const grade = gradeOf('EarlyStopping', report, monitor);
    if (this.best === null || grade > this.best + minDelta) {
      this.best = grade;
      this.waited = 0;
      if (restoreBest) this.weights = await hostTensors(training.model.stateDict());
    } else if (++this.waited >= patience) {
      const words = `${monitor} ${Math.abs(this.best).toPrecision(4)} was not bettered for ${this.waited} epochs`;
      training.stop(words);
      this.ends = true;
    }
  }

  async onEnd(training: Training): Promise<void> {
    if (Object.keys(this.weights).length === 0) return;
    const { history } = await training.state();
    const whole = history.length * training.stepsPerEpoch >= training.steps;
    if (whole || this.ends) training.model.loadStateDict(this.weights);
  }

  stateDict(): CallbackState {
    return { tensors: this.weights, values: { best: this.best, waited: this.waited } };
  }

  loadStateDict({ tensors, values }: CallbackState): void {
    const { best, waited } = values as { best: number | null; waited: number };
    this.best = best;
    this.waited = waited;
    this.weights = tensors;
  }
}
