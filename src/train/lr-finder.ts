// findLr: the learning-rate range test (Smith, 2015). Few steps with ever larger rates show where the loss falls fastest.
import type { Module } from '../nn/module.ts';
import { crossEntropy } from '../ops/index.ts';
import { checkWhole } from '../optim/check.ts';
import type { Optimizer } from '../optim/index.ts';
import { shuffled } from '../tensor/random.ts';
import {
  batchOf,
  checkExamples,
  checkIsData,
  checkTraining,
  type Data,
  type Loss,
  taskOf,
  withoutLone,
} from './batch.ts';
import { kept } from './keep.ts';
import { type Axis, chart, logTicks, roundTicks } from './report-chart.ts';
import { Running } from './report-format.ts';
import { AHEAD, Stepper } from './step.ts';

export interface FindLrOptions {
  data: Data;
  /** Default: cross entropy. */
  loss?: Loss;
  /** The one to find a learning rate for. It gets its state back. */
  optimizer: Optimizer;
  /** The first and the last learning rate. Default 1e-7 and 10. */
  from?: number;
  to?: number;
  /** Rates to try, a constant factor apart. Default 100. */
  steps?: number;
  /** Default 64. */
  batchSize?: number;
  /** Steps that the smoothed loss looks back on. Default: a twentieth of all, at least 2. */
  smooth?: number;
  compile?: boolean;
  /** Hears how many of the steps were begun. */
  onStep?: (step: number, steps: number) => void;
}

/** What findLr found. */
export interface FoundLr {
  /** The learning rates that were tried, and the smoothed and the raw loss before each step. */
  lrs: number[];
  losses: number[];
  raw: number[];
  /** Where the smoothed loss fell fastest, per factor of the learning rate; null where it never fell. */
  suggestion: number | null;
  /** Where the loss grew beyond measure and the test ended; null where it did not. */
  blowUp: number | null;
  /** The curve, as an HTML figure for a report. */
  figure(): string;
  toString(): string;
}

/** The test ends where the smoothed loss is this many times its lowest. */
const BLOWN = 4;

/**
 * Trains a few steps with learning rates from `from` to `to`, and puts model, optimizer and random state back. The
 * suggestion is the rate at which the smoothed loss fell most steeply over the logarithm of the rate.
 */
export async function findLr(model: Module, options: FindLrOptions): Promise<FoundLr> {
  const { data, loss = crossEntropy, optimizer, from = 1e-7, to = 10, steps = 100, batchSize = 64 } = options;
  checkIsData('findLr', data);
  checkWhole('findLr', { steps, batchSize }, 1);
  if (!(from > 0 && to > from && steps > 2)) {
    throw new RangeError(`findLr: expected 0 < from < to and at least 3 steps, got ${from}, ${to} and ${steps} steps`);
  }
  if (data.length === 0) throw new RangeError('findLr: expected at least one training example, got none');
  const putBack = await kept(model, optimizer);
  const smooth = options.smooth ?? Math.max(2, steps / 20);
  const mean = new Running(smooth);
  const lrs: number[] = [];
  const raw: number[] = [];
  const losses: number[] = [];
  let blowUp: number | null = null;
  let stepper: Stepper | null = null;
  try {
    model.train();
    const sets = batches(data, batchSize);
    const first = (await sets.next()).value!;
    const task = taskOf('findLr', model, first.examples, { loss });
    await checkTraining('findLr', data, task);
    stepper = new Stepper({ model, optimizer, loss, device: task.device, compiled: options.compile ?? true });
    const running: { lr: number; read: Promise<{ loss: number }> }[] = [];
    const report = async () => {
      const { lr, read } = running.shift()!;
      const { loss: value } = await read;
      if (blowUp !== null) return;
      const smoothed = mean.add(value);
      const least = Math.min(...losses);
      if (!Number.isFinite(value) || (losses.length > 0 && smoothed > BLOWN * least && least > 0)) blowUp = lr;
      if (!Number.isFinite(value)) return;
      lrs.push(lr);
      raw.push(value);
      losses.push(smoothed);
    };
    for (let step = 0, set = first; step < steps && blowUp === null; step++) {
      checkExamples('findLr', set.examples, set.indices, { ...task, data });
      const lr = from * (to / from) ** (step / (steps - 1));
      optimizer.lr = lr;
      options.onStep?.(step + 1, steps);
      const read = stepper.run([set.examples], step + 1);
      read.catch(() => {}); // whoever awaits it hears of it; after a failure nobody awaits the rest
      running.push({ lr, read });
      if (running.length > AHEAD) await report();
      set = (await sets.next()).value!;
    }
    while (running.length > 0) await report();
  } finally {
    stepper?.dispose();
    putBack();
  }
  const suggestion = steepest(lrs, losses);
  const figure = () => figureOf({ lrs, losses, raw, suggestion });
  const toString = () => {
    const advice = suggestion === null ? 'the loss never fell' : `it fell fastest at ${short(suggestion)}`;
    const end = blowUp === null ? `did not blow up until ${short(to)}` : `blew up at ${short(blowUp)}`;
    return `learning rates ${short(from)} to ${short(to)}: ${advice}, ${end}`;
  };
  return { lrs, losses, raw, suggestion, blowUp, figure, toString };
}

const short = (value: number) => String(Number(value.toPrecision(3)));

/** Batches of examples in random order, over and over, but for a last one of one example. */
async function* batches(data: Data, batchSize: number) {
  for (;;) {
    const order = shuffled(data.length);
    const end = withoutLone(data.length, batchSize);
    for (let at = 0; at < end; at += batchSize) {
      const indices = order.subarray(at, Math.min(at + batchSize, end));
      yield { indices, examples: await batchOf('findLr', data, indices) };
    }
  }
}

/**
 * The rate of the steepest fall of the loss over log(rate), up to its lowest point. Slopes are those of straight lines through
 * the points around, since single batches differ more than neighbouring rates.
 */
function steepest(lrs: number[], losses: number[]): number | null {
  const lowest = losses.indexOf(Math.min(...losses));
  const reach = Math.max(1, Math.round(losses.length / 16));
  let best: number | null = null;
  let fall = 0;
  for (let i = 0; i < lowest; i++) {
    const from = Math.max(0, i - reach);
    const slope = slopeOf(losses.slice(from, i + reach + 1));
    if (slope >= fall) continue;
    fall = slope;
    best = lrs[i];
  }
  return best;
}

/** The slope of the straight line through values one apart, by least squares. */
function slopeOf(values: number[]): number {
  const middle = (values.length - 1) / 2;
  let rise = 0;
  let run = 0;
  values.forEach((value, i) => {
    rise += (i - middle) * value;
    run += (i - middle) ** 2;
  });
  return rise / run;
}

function figureOf({ lrs, losses, raw, suggestion }: Pick<FoundLr, 'lrs' | 'losses' | 'raw' | 'suggestion'>): string {
  const x: Axis = {
    label: 'learning rate (log scale)',
    min: lrs[0] ?? 1e-7,
    max: lrs.at(-1) ?? 1,
    log: true,
    ticks: logTicks(lrs[0] ?? 1e-7, lrs.at(-1) ?? 1),
    format: (value) => (value < 0.001 ? value.toExponential(2).replace(/\.?0*e/, 'e') : short(value)),
  };
  const max = 1.05 * Math.max(...losses.slice(0, -1), losses[0] ?? 1);
  const min = Math.min(0, ...losses);
  const y: Axis = { label: 'loss', min, max, ticks: roundTicks(min, max), format: short };
  const at = suggestion === null ? -1 : lrs.indexOf(suggestion);
  return chart('Learning rate and loss', x, y, [
    { name: 'each step', color: 'var(--training)', style: 'faint', points: lrs.map((lr, i) => [lr, raw[i]]) },
    { name: 'smoothed', color: 'var(--training)', style: 'line', points: lrs.map((lr, i) => [lr, losses[i]]) },
    {
      name: 'suggestion',
      color: 'var(--validation)',
      style: 'marked',
      points: at < 0 ? [] : [[lrs[at], losses[at]]],
    },
  ]);
}
