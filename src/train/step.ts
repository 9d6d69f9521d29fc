// Training steps: forward, backward, update and what is counted of them, compiled or not, with or without probes.
import { autocast } from '../autograd/autocast.ts';
import { backward } from '../autograd/backward.ts';
import { noGrad } from '../autograd/tape.ts';
import { type Compiled, compile } from '../compile/index.ts';
import type { Module } from '../nn/module.ts';
import { stack } from '../ops/functions.ts';
import { add, argmax, cast, contiguous, eq, mul, reshape, sum } from '../ops/index.ts';
import type { EMA, GradScaler, Optimizer } from '../optim/index.ts';
import type { Device } from '../tensor/device.ts';
import { scope } from '../tensor/scope.ts';
import { hostTensors } from '../tensor/state.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { detectAnomaly } from './anomaly.ts';
import { type Examples, isClassification, type Loss, type Pair, rowsOf, upload } from './batch.ts';
import type { Probe } from './callback.ts';

/** What was counted of some examples: the mean loss, and how many were classified right. */
export interface Counted {
  loss: number;
  correct: number;
  count: number;
}

/** Loss and right answers as one tensor [2], outside the tape: one read tells both. */
export function numbersOf(output: Tensor, target: Tensor, loss: Tensor): Tensor {
  return noGrad(() => {
    const right = isClassification(output, target) ? sum(cast(eq(argmax(output, 1), target), 'float32')) : mul(loss, 0);
    return stack([reshape(loss, []), reshape(right, [])]);
  });
}

/** A model's output and the loss, its mean over the batch, in float16 where that serves or all in float32. */
export const forward = (model: Module, loss: Loss, { x, y }: Pair, { halves }: { halves: boolean }) =>
  autocast(
    () => {
      const output = model.call(x);
      return { output, mean: loss(output, y) };
    },
    { enabled: halves },
  );

/** Reads numbersOf. The read is queued at once, and the tensor released. */
export async function readNumbers(numbers: Tensor, count: number): Promise<Counted> {
  const read = numbers.data();
  numbers.dispose();
  const [loss, correct] = await read;
  return { loss, correct, count };
}

/** Steps or batches that the host may run ahead of the device. */
export const AHEAD = 2;

/** Adds what was counted to totals, whose loss is a sum over examples. */
export function addTo(totals: Counted, { loss, correct, count }: Counted): void {
  totals.loss += loss * count;
  totals.correct += correct;
  totals.count += count;
}

/** What comes of a step: when all is read, its numbers, and what `tell` has to tell to probes. */
export interface Stepped extends Counted {
  tell(): void;
}

export interface StepOptions {
  model: Module;
  optimizer: Optimizer;
  loss: Loss;
  device: Device;
  compiled: boolean;
  anomaly?: boolean;
  augment?: (x: Tensor) => Tensor;
  /** The gradients' norm and values at most. */
  clipGradNorm?: number;
  clipGradValue?: number;
  probes?: Probe[];
  /** What scales the losses of forward passes in float16; null where they are in float32. Default: null. */
  scaler?: GradScaler | null;
  /** Averages that follow the parameters behind every step. */
  ema?: EMA | null;
}

interface Results {
  numbers: Tensor;
  probed: Record<string, Tensor>[];
}

/** The steps of one run. Every step may have several batches, whose gradients are averaged. */
export class Stepper {
  private readonly options: StepOptions;
  private readonly probes: Probe[];
  private readonly plain: (batches: Pair[]) => Results;
  private readonly probing: (batches: Pair[]) => Results;

  constructor(options: StepOptions) {
    this.options = options;
    this.probes = options.probes ?? [];
    const trainingStep = (batches: Pair[]) => this.once(batches, []);
    const probedStep = (batches: Pair[]) => this.once(batches, this.probes);
    this.plain = options.compiled ? compile(trainingStep) : trainingStep;
    this.probing = options.compiled ? compile(probedStep) : probedStep;
  }

  /** Queues a step, of which `step` is the number from 1. The promise waits until it is read. */
  async run(batches: Examples[], step: number): Promise<Stepped> {
    const count = batches.reduce((rows, batch) => rows + rowsOf(batch), 0);
    const due = this.probes.map(({ interval }) => (step - 1) % interval === 0);
    const { device, anomaly } = this.options;
    const { numbers, probed } = anomaly
      ? await this.watched(batches, due.includes(true))
      : scope(() => (due.includes(true) ? this.probing : this.plain)(batches.map((batch) => upload(batch, device))));
    const reads = probed.map((tensors, i) => hostTensors(due[i] ? tensors : {}));
    for (const tensor of probed.flatMap((tensors) => Object.values(tensors))) tensor.dispose();
    const [counted, values] = await Promise.all([readNumbers(numbers, count), Promise.all(reads)]);
    const tell = () => {
      values.forEach((found, i) => {
        if (due[i]) this.probes[i].report(step, found);
      });
    };
    return { ...counted, tell };
  }

  /** Releases what was compiled. */
  dispose(): void {
    for (const fn of [this.plain, this.probing]) if ('dispose' in fn) (fn as Compiled<[Pair[]], Results>).dispose();
  }

  private once(batches: Pair[], probes: Probe[]): Results {
    for (const probe of probes) probe.begin(this.options);
    // Probes look at what the forward pass made; else each batch gives its memory back before the next one.
    const numbers = this.gradients(batches, probes.length > 0);
    this.update();
    return { numbers, probed: this.measure(probes) };
  }

  /** A step under watch. Where nothing is probed, anomalies are told before the update, so that they spoil no parameter. */
  private async watched(batches: Examples[], due: boolean): Promise<Results> {
    const { model, device } = this.options;
    const uploaded = () => batches.map((batch) => upload(batch, device));
    if (due) return detectAnomaly(() => scope(() => this.once(uploaded(), this.probes)), { model });
    const numbers = await detectAnomaly(() => scope(() => this.gradients(uploaded())), { model });
    await detectAnomaly(() => this.update(), { model });
    return { numbers, probed: [] };
  }

  /** Leaves the mean gradient of all examples, and returns the mean loss and how many are right. */
  private gradients(batches: Pair[], keeps = false): Tensor {
    const { model, loss, optimizer, augment, scaler } = this.options;
    model.zeroGrad();
    optimizer.zeroGrad();
    const rows = batches.map(({ x }) => x.shape[0]);
    const total = rows.reduce((a, b) => a + b, 0);
    const partOf = ({ x, y }: Pair, i: number) => {
      const given = augment ? noGrad(() => augment(x)) : x;
      const { output, mean } = forward(model, loss, { x: given, y }, { halves: !!scaler });
      const share = batches.length === 1 ? mean : mul(mean, rows[i] / total);
      backward(reshape(scaler ? scaler.scale(share) : share, []));
      return numbersOf(output, y, share);
    };
    const parts = batches.map((pair, i) => (keeps ? partOf(pair, i) : scope(() => partOf(pair, i))));
    return noGrad(() => parts.reduce((a, b) => add(a, b)));
  }

  private update(): void {
    const { optimizer, scaler, clipGradNorm, clipGradValue, ema } = this.options;
    scope(() => {
      scaler?.unscale();
      if (clipGradValue !== undefined) optimizer.clipGradValue(clipGradValue);
      if (clipGradNorm !== undefined) optimizer.clipGradNorm(clipGradNorm);
      (scaler ?? optimizer).step();
      ema?.update();
    });
  }

  /** What probes measured, as copies: what they return may be parameters and gradients themselves. */
  private measure(probes: Probe[]): Record<string, Tensor>[] {
    return noGrad(() =>
      scope(() =>
        probes.map((probe) => {
          const entries = Object.entries(probe.end(this.options));
          return Object.fromEntries(entries.map(([name, x]) => [name, contiguous(x)]));
        }),
      ),
    );
  }
}
