// What fit is told, what it takes where it is told nothing, and what is refused before anything is done.
import type { Module } from '../nn/module.ts';
import { crossEntropy } from '../ops/index.ts';
import { checkWhole } from '../optim/check.ts';
import { EMA, type GradScalerOptions, LBFGS, type Optimizer } from '../optim/index.ts';
import type { Device } from '../tensor/device.ts';
import { DeviceError } from '../tensor/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkIsData, type Data, type Loss } from './batch.ts';
import type { Callback } from './callback.ts';
import type { CheckpointOptions } from './checkpoint.ts';
import { checkSchedules, type Schedule } from './schedule.ts';

export interface FitOptions {
  data: Data;
  /** Examples that are not trained on: tried after every epoch. */
  validation?: Data;
  /** A mean over a batch. Default: cross entropy. Accuracy is counted where the targets are class indices. */
  loss?: Loss;
  /** Over parameters of the model. */
  optimizer: Optimizer;
  /** Default 1. */
  epochs?: number;
  /** Examples in a batch. The last batch of an epoch may be smaller: see dropLast. Default 64. */
  batchSize?: number;
  /** Whether the last batch of an epoch is left out where it is smaller than the others. Default false. */
  dropLast?: boolean;
  /** Batches in a step: their gradients are averaged, as if they were one. Default 1. */
  accumulate?: number;
  /** Changes the inputs of every training batch on the device, such as by turning pictures round at random. */
  augment?: (x: Tensor) => Tensor;
  /** Whether each epoch has its own order. Default true. */
  shuffle?: boolean;
  /**
   * A factor on the learning rate, from the share of training that is done; or a scheduler; or several, such as one of the
   * learning rate and one of the momentum, of which one at most is a function, and takes no turns with a scheduler of the
   * learning rate. Default: none.
   */
  schedule?: Schedule | readonly Schedule[];
  /** When the schedule moves on. Default: a function by step, a scheduler by epoch. */
  scheduleBy?: 'epoch' | 'step';
  /**
   * `float16`: forward passes run under `autocast`, and losses are scaled by a GradScaler; parameters stay float32. Needs an
   * adapter with shader-f16. Default: float32.
   */
  precision?: 'float32' | 'float16';
  /** How losses are scaled in float16. */
  gradScaler?: GradScalerOptions;
  /** Limits of the gradients' values, and then of their norm. */
  clipGradValue?: number;
  clipGradNorm?: number;
  /**
   * Averages of the parameters, which follow them behind every step, inside of the compiled step, and are part of
   * checkpoints. Validation takes the parameters as they are: swap() afterwards. Default: none.
   */
  ema?: EMA;
  /** Labels that the loss leaves out. Default -100. */
  ignoreIndex?: number;
  callbacks?: Callback[];
  /** Where and when checkpoints are written, in Node. In a page, encodeCheckpoint() in a callback has their bytes. */
  checkpoint?: CheckpointOptions;
  /** Goes on from a checkpoint, as if there had been no end: its bytes, or its path in Node. */
  resume?: Uint8Array | string;
  /** Stops after the step at hand; what was trained stays. */
  signal?: AbortSignal;
  /** Whether all examples are looked at before training, for labels out of range and NaN: see Data.checked. Default true. */
  check?: boolean;
  /** Whether steps and evaluation are compiled. Default true. */
  compile?: boolean;
  /** Throws an AnomalyError for the first NaN or infinity, and tells what made it. Slow. Default false. */
  anomaly?: boolean;
}

/** Options with their defaults. */
export type FitSettings = FitOptions &
  Required<
    Pick<
      FitOptions,
      | 'loss'
      | 'epochs'
      | 'batchSize'
      | 'dropLast'
      | 'accumulate'
      | 'shuffle'
      | 'callbacks'
      | 'check'
      | 'compile'
      | 'anomaly'
      | 'precision'
    >
  >;

/** All options there are: a misspelt one would be as if it had not been given. */
const OPTIONS: Record<keyof FitOptions, true> = {
  ...{ data: true, validation: true, loss: true, optimizer: true, epochs: true, batchSize: true },
  ...{ dropLast: true, accumulate: true },
  ...{ augment: true, shuffle: true, schedule: true, scheduleBy: true, ema: true, precision: true, gradScaler: true },
  ...{ clipGradValue: true, clipGradNorm: true, ignoreIndex: true, callbacks: true, checkpoint: true, resume: true },
  ...{ signal: true, check: true, compile: true, anomaly: true },
};

/** The options with their defaults. Throws a RangeError for what no run can be made of. */
export function settingsOf(model: Module, options: FitOptions): FitSettings {
  const { data, optimizer, checkpoint, loss = crossEntropy, callbacks = [], shuffle = true } = options;
  const { epochs = 1, batchSize = 64, accumulate = 1, check = true, compile = true } = options;
  const { dropLast = false, anomaly = false, precision = 'float32' } = options;
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(OPTIONS, name));
  if (unknown !== undefined) {
    throw new TypeError(`fit: there is no option ${unknown}; there are ${Object.keys(OPTIONS).join(', ')}`);
  }
  checkIsData('fit', data);
  if (options.validation) checkIsData('fit: validation', options.validation);
  checkWhole('fit', { batchSize, epochs, accumulate }, 1);
  if (checkpoint?.every !== undefined) checkWhole('fit', { 'checkpoint.every': checkpoint.every }, 1);
  for (const { probe } of callbacks) if (probe) checkWhole('fit', { "a probe's interval": probe.interval }, 1);
  if (precision !== 'float32' && precision !== 'float16') {
    throw new RangeError(`fit: expected precision float32 or float16, got ${precision}`);
  }
  if (precision === 'float16' && anomaly) {
    throw new RangeError('fit: expected precision float32 beside anomaly, since scaled gradients may be infinite');
  }
  if (precision === 'float32' && options.gradScaler) {
    throw new RangeError('fit: expected precision float16 beside gradScaler, got float32');
  }
  if (data.length === 0) throw new RangeError('fit: expected at least one training example, got none');
  if (dropLast && data.length < batchSize) {
    throw new RangeError(`fit: ${data.length} examples make no batch of ${batchSize} with dropLast`);
  }
  // A user of JavaScript may give one.
  if ((optimizer as unknown) instanceof LBFGS) {
    throw new TypeError(
      'fit: LBFGS searches along lines over the whole data: call its step(closure) in a loop instead',
    );
  }
  checkSchedules(options.schedule, options.scheduleBy);
  if (options.ema !== undefined && !(options.ema instanceof EMA)) {
    throw new TypeError(`fit: expected ema to be an optim.EMA, got ${options.ema}`);
  }
  if (options.ema?.isSwapped) throw new Error('fit: the parameters hold the averages of ema; swap() them back first');
  const own = new Set(model.parameters());
  if (options.ema && !options.ema.parameters.some((parameter) => own.has(parameter))) {
    throw new RangeError("fit: expected an EMA of the model's parameters, got one that has none of them");
  }
  if (!optimizer.parameters.some((parameter) => own.has(parameter))) {
    throw new RangeError("fit: expected an optimizer over the model's parameters, got one that has none of them");
  }
  const given = {
    loss,
    epochs,
    batchSize,
    dropLast,
    accumulate,
    shuffle,
    callbacks,
    check,
    compile,
    anomaly,
    precision,
  };
  return { ...options, ...given };
}

/** Throws a DeviceError where a device has no such precision. */
export function checkPrecision(precision: FitSettings['precision'], { kind, info }: Device): void {
  if (precision === 'float32' || kind === 'cpu' || info.features?.includes('shader-f16')) return;
  throw new DeviceError(
    `fit: precision float16 needs the feature shader-f16, which this adapter does not have (${info.adapter}); take float32`,
  );
}
