// fit: the training loop, the same in Node and in a page. Losses are read a few steps late, so that reading never waits.
import { backward, noGrad } from '../autograd/tape.ts';
import type { Batch, ImageSet } from '../data/images.ts';
import type { Module } from '../nn/module.ts';
import { crossEntropy } from '../ops/index.ts';
import type { Optimizer } from '../optim/index.ts';
import { tensor } from '../tensor/creation.ts';
import { shuffled } from '../tensor/random.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Steps that the host may run ahead of the device. */
const AHEAD = 2;
const EVALUATION_BATCH = 500;

/** What is known after a step. */
export interface StepReport {
  /** Steps done so far, and steps in all. */
  step: number;
  steps: number;
  /** Epochs begun, from 1. */
  epoch: number;
  loss: number;
  /** Share of the batch that was classified right. */
  accuracy: number;
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
  trainAccuracy: number;
  validationLoss: number | null;
  validationAccuracy: number | null;
  seconds: number;
}

export interface FitOptions {
  data: ImageSet;
  validation?: ImageSet;
  optimizer: Optimizer;
  epochs?: number;
  batchSize?: number;
  /** Factor on the optimizer's learning rate, from the share of all steps done. Default: none. */
  schedule?: (progress: number) => number;
  /** Called after each step, in order; training waits for a promise, which is how to pause it. */
  onStep?: (report: StepReport) => void | Promise<void>;
  onEpoch?: (report: EpochReport) => void | Promise<void>;
  /** Stops after the step at hand; what was trained stays. */
  signal?: AbortSignal;
}

interface Counted {
  loss: number;
  correct: number;
  count: number;
}

/** Trains a classifier of images with cross entropy. Returns the epochs that were finished. */
export async function fit(model: Module, options: FitOptions): Promise<EpochReport[]> {
  const { data, validation, optimizer, epochs = 1, batchSize = 64, schedule, onStep, onEpoch, signal } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new RangeError(`fit: expected a batch size of at least 1, got ${batchSize}`);
  if (data.length === 0) throw new RangeError('fit: expected at least one training image, got none');
  const perEpoch = Math.ceil(data.length / batchSize);
  const steps = perEpoch * epochs;
  const baseLr = optimizer.lr;
  const history: EpochReport[] = [];
  const began = performance.now();
  let paused = 0;
  let images = 0;
  let step = 0;
  try {
    for (let epoch = 1; epoch <= epochs && !signal?.aborted; epoch++) {
      const start = performance.now();
      const order = shuffled(data.length);
      const totals: Counted = { loss: 0, correct: 0, count: 0 };
      const running: Promise<Counted & { lr: number }>[] = [];
      const report = async () => {
        const { loss, correct, count, lr } = (await running.shift())!;
        totals.loss += loss * count;
        totals.correct += correct;
        totals.count += count;
        images += count;
        step++;
        const seconds = (performance.now() - began - paused) / 1000;
        const before = performance.now();
        await onStep?.({
          step,
          steps,
          epoch,
          loss,
          lr,
          accuracy: correct / count,
          imagesPerSecond: images / seconds,
          secondsLeft: (seconds / step) * (steps - step),
        });
        paused += performance.now() - before;
      };
      model.train();
      for (let at = 0; at < data.length && !signal?.aborted; at += batchSize) {
        const batch = data.batch(order.subarray(at, at + batchSize));
        const progress = (step + running.length) / steps;
        optimizer.lr = baseLr * (schedule?.(progress) ?? 1);
        const { lr } = optimizer;
        const counted = trainStep(model, optimizer, batch).then((result) => ({ ...result, lr }));
        counted.catch(() => {}); // whoever awaits it hears of it; after a failure nobody awaits the rest
        running.push(counted);
        if (running.length > AHEAD) await report();
      }
      while (running.length > 0) await report();
      if (totals.count < data.length) break;
      const before = performance.now();
      const tried = validation?.length ? await evaluate(model, validation, { signal }) : null;
      const held = tried && tried.count === validation!.length ? tried : null;
      paused += performance.now() - before;
      const result: EpochReport = {
        epoch,
        trainLoss: totals.loss / totals.count,
        trainAccuracy: totals.correct / totals.count,
        validationLoss: held?.loss ?? null,
        validationAccuracy: held?.accuracy ?? null,
        seconds: (performance.now() - start) / 1000,
      };
      history.push(result);
      await onEpoch?.(result);
    }
  } finally {
    optimizer.lr = baseLr;
  }
  return history;
}

/** One step of training. The work is queued at once; the promise waits for the loss. */
function trainStep(model: Module, optimizer: Optimizer, batch: Batch): Promise<Counted> {
  const results = scope(() => {
    const { x, y } = upload(batch);
    const logits = model.call(x);
    const loss = crossEntropy(logits, y);
    optimizer.zeroGrad();
    backward(loss);
    optimizer.step();
    return { loss, logits };
  });
  return count(results.loss, results.logits, batch.y);
}

const upload = ({ x, y, shape }: Batch) => ({ x: tensor(x, { shape }), y: tensor(y) });

/** Reads loss and logits, and releases them. */
async function count(loss: Tensor, logits: Tensor, labels: Int32Array): Promise<Counted> {
  const reads = Promise.all([loss.item(), predictions(logits)]);
  loss.dispose();
  logits.dispose();
  const [value, predicted] = await reads;
  const correct = predicted.filter((label, i) => label === labels[i]).length;
  return { loss: value, correct, count: labels.length };
}

/** The class with the largest logit for each row of [N, C]. */
export async function predictions(logits: Tensor): Promise<number[]> {
  const [rows, classes] = logits.shape;
  const values = await logits.data();
  return Array.from({ length: rows }, (_, i) => {
    let best = 0;
    for (let j = 1; j < classes; j++) if (values[i * classes + j] > values[i * classes + best]) best = j;
    return best;
  });
}

/**
 * Mean loss and accuracy over a set of images, in evaluation mode; the model's mode is put back. A signal ends it after
 * the batch at hand, and the means are then over the images so far, of which `count` tells.
 */
export async function evaluate(
  model: Module,
  data: ImageSet,
  { batchSize = EVALUATION_BATCH, signal }: { batchSize?: number; signal?: AbortSignal } = {},
): Promise<{ loss: number; accuracy: number; count: number }> {
  const { training } = model;
  model.eval();
  const totals: Counted = { loss: 0, correct: 0, count: 0 };
  try {
    for (let at = 0; at < data.length && !signal?.aborted; at += batchSize) {
      const indices = Array.from({ length: Math.min(batchSize, data.length - at) }, (_, i) => at + i);
      const batch = data.batch(indices);
      const results = noGrad(() =>
        scope(() => {
          const { x, y } = upload(batch);
          const logits = model.call(x);
          return { loss: crossEntropy(logits, y), logits };
        }),
      );
      const { loss, correct, count: n } = await count(results.loss, results.logits, batch.y);
      totals.loss += loss * n;
      totals.correct += correct;
      totals.count += n;
      await turn();
    }
  } finally {
    model.train(training);
  }
  return { loss: totals.loss / totals.count, accuracy: totals.correct / totals.count, count: totals.count };
}

/** Gives the event loop a turn: on the CPU device nothing else does, and Ctrl-C or a button would wait. */
const turn = () => new Promise<void>((resolve) => setTimeout(resolve));
