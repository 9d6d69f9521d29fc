// What callbacks and probes see of a training run, and what they may do.
import type { HostTensor, Module } from '../nn/module.ts';
import type { EMA, GradScaler, Optimizer } from '../optim/index.ts';
import type { HostArray } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A run of fit(), as callbacks see it. */
export interface Training {
  readonly model: Module;
  readonly optimizer: Optimizer;
  /** What scales losses in float16; null in float32. */
  readonly scaler: GradScaler | null;
  /** The averages that fit was given. */
  readonly ema: EMA | null;
  /** Optimizer steps that the model has taken. Reports come up to two steps later, so that reading never waits. */
  readonly step: number;
  /** Optimizer steps in all. */
  readonly steps: number;
  /** Epochs begun, from 1. */
  readonly epoch: number;
  readonly stepsPerEpoch: number;
  readonly callbacks: readonly Callback[];
  /** Why stop() was called; null where it was not. */
  readonly stopped: string | null;
  /** Ends training after the step at hand. */
  stop(reason: string): void;
  /** Where the run stands: what a checkpoint holds beside tensors. */
  state(): Promise<TrainingState>;
}

/** Where a run stands, as plain JSON. */
export interface TrainingState {
  step: number;
  epoch: number;
  /** Examples of the epoch that were trained on, and of how many. */
  position: number;
  examples: number;
  batchSize: number;
  accumulate: number;
  dropLast: boolean;
  /** The random stream that put the epoch's examples into order; null where they are not shuffled. */
  order: { seed: number; stream: number } | null;
  /** The random state. */
  random: { seed: number; stream: number };
  /** The learning rates of the parameter groups, which a schedule's factor applies to. */
  lr: number[];
  /** What the schedule is, in words, and its state. */
  scheduleKind: string;
  schedule: unknown;
  /** Sums over the epoch so far. */
  totals: { loss: number; correct: number; count: number };
  /** The epochs that were finished. */
  history: EpochReport[];
}

/** What is known after a step. */
export interface StepReport {
  /** Optimizer steps so far, and in all. */
  step: number;
  steps: number;
  /** Epochs begun, from 1. */
  epoch: number;
  loss: number;
  /** Share of the batch that was classified right; null where the targets are no classes. */
  accuracy: number | null;
  lr: number;
  imagesPerSecond: number;
  /** Seconds until the last step, at the present rate. */
  secondsLeft: number;
}

/** What is known after an epoch. */
export interface EpochReport {
  epoch: number;
  /** Means over the epoch's batches. */
  trainLoss: number;
  trainAccuracy: number | null;
  validationLoss: number | null;
  validationAccuracy: number | null;
  seconds: number;
}

/** Told of a run as it goes. Training waits for promises, which is how to pause it. */
export interface Callback {
  onBegin?(training: Training): void | Promise<void>;
  /** After each step, in order. */
  onStep?(report: StepReport, training: Training): void | Promise<void>;
  /** After each epoch and its validation. */
  onEpoch?(report: EpochReport, training: Training): void | Promise<void>;
  /** When training has ended or was stopped; not after an error. */
  onEnd?(training: Training): void | Promise<void>;
  /** What to measure inside some steps. */
  probe?: Probe;
  /** The name under which checkpoints hold the state of this callback, where it has one. */
  readonly name?: string;
  stateDict?(): CallbackState;
  /** Takes a state back. Throws where it is of something else. */
  loadStateDict?(state: CallbackState): void;
}

/** What a callback must know to go on in another process. `values` are plain JSON. */
export interface CallbackState {
  tensors: Record<string, HostTensor>;
  values: unknown;
}

/** Measures inside the (compiled) training step: at step 1 and every `interval` steps from there. */
export interface Probe {
  interval: number;
  /** Before the forward pass, inside the trace: may register forward hooks, and copy parameters. */
  begin(training: { model: Module; optimizer: Optimizer }): void;
  /** After optimizer.step(), inside the trace, gradients still there: the tensors to read, by name. Must remove its hooks. */
  end(training: { model: Module; optimizer: Optimizer }): Record<string, Tensor>;
  /** Later, with the values, in order of steps. */
  report(step: number, values: Record<string, { shape: Shape; data: HostArray }>): void;
}
