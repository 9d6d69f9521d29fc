// sanity: what to check before training, as the CS231n notes advise, and what is probably wrong where a check fails.
import { DataError } from '../data/error.ts';
import type { Module } from '../nn/module.ts';
import { add, crossEntropy, mul } from '../ops/index.ts';
import { l2Penalty } from '../ops/penalty.ts';
import { checkWhole } from '../optim/check.ts';
import { Adam, type Optimizer } from '../optim/index.ts';
import { shuffled } from '../tensor/random.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  batchOf,
  checkExamples,
  checkIsData,
  checkTraining,
  type Data,
  type Loss,
  type Task,
  taskOf,
} from './batch.ts';
import { kept } from './keep.ts';
import { agree, atChance, checkOfData, isMean, lossOf, raises, reaches } from './sanity-checks.ts';
import { byHeart } from './sanity-overfit.ts';
import { type SanityCheck, type SanityReport, sanityReport } from './sanity-report.ts';

export interface SanityOptions {
  data: Data;
  /** Default: cross entropy. */
  loss?: Loss;
  /** Makes the optimizer that the training will use. Default: Adam with a learning rate of 0.003. */
  optimizer?: (parameters: Iterable<Tensor>) => Optimizer;
  /** The penalty that training adds to the loss. It is left out of all checks but its own. Default: what weight decay stands for. */
  regularization?: (model: Module) => Tensor;
  /** Classes that the data has. Default: as many as the model has outputs. */
  classes?: number;
  /** Examples for the loss at chance. Default 64. */
  batchSize?: number;
  /** Examples that are learnt by heart, and the steps that it may take. Default 20 and 500. */
  examples?: number;
  steps?: number;
  /** Whether the steps of learning by heart are compiled. Default true. */
  compile?: boolean;
  /** Whether gradients are checked, which computes on the CPU and takes long for large models. Default true. */
  gradients?: boolean;
  /** Hears of each check as it begins: its name, how many were made before, and how many there are. */
  onCheck?: (name: string, done: number, all: number) => void;
}

/** Examples of the gradient check. */
const TINY = 4;

/**
 * Checks a model, its loss and its data before training: that all examples are fit for training, a batch stays as it
 * is, the loss is a mean, the first loss is that of chance (ln C for cross entropy, C - 1 for the SVM loss),
 * regularization raises it, gradients reach every parameter and agree with differences, and a few examples can be
 * learnt by heart without regularization and dropout. The model is put back as it was. Throws for labels out of range
 * and shapes that do not fit; else what fails is in the report.
 */
export async function sanity(model: Module, options: SanityOptions): Promise<SanityReport> {
  const { data, loss = crossEntropy, batchSize = 64, examples = 20, steps = 500 } = options;
  checkIsData('sanity', data);
  checkWhole('sanity', { batchSize, examples, steps }, 1);
  if (data.length === 0) throw new RangeError('sanity: expected at least one example, got none');
  const putBack = await kept(model);
  const make = options.optimizer ?? ((parameters) => new Adam(parameters, { lr: 0.003 }));
  const checks: SanityCheck[] = [];
  const leftOut: SanityReport['leftOut'] = [];
  let optimizer: Optimizer | null = null;
  try {
    const order = shuffled(data.length);
    model.train();
    const first = await batchOf('sanity', data, order.subarray(0, batchSize));
    const task = taskOf('sanity', model, first, { loss });
    checkExamples('sanity', first, order.subarray(0, batchSize), { ...task, data });
    optimizer = make(model.parameters());
    const trained = optimizer;
    const regularization = options.regularization ?? decayOf(trained);
    const checkGradients = options.gradients ?? true;
    const all = 5 + Number(regularization !== undefined) + Number(checkGradients);
    const check = async (name: string, work: () => SanityCheck | Promise<SanityCheck>) => {
      options.onCheck?.(name, checks.length, all);
      checks.push(await work());
    };
    const subject = { model, loss, task, compiled: options.compile ?? true };
    await check('data', async () => {
      const wrong = await whatIsWrong(data, task);
      return checkOfData(wrong, data, order, first, await data.batch(order.subarray(0, batchSize)));
    });
    await check('mean', () => isMean(subject, first));
    const start = await lossOf(subject, first);
    await check('chance', () => atChance(subject, first, start, options.classes));
    if (regularization) await check('regularization', () => raises(model, regularization, start));
    else
      leftOut.push({
        name: 'regularization raises the loss',
        why: 'since neither weight decay nor a penalty was given',
      });
    putBack();
    const few = await data.batch(order.subarray(0, examples));
    await check('parameters', () => reaches(subject, few, trained));
    putBack();
    await check('learning by heart', () => byHeart(subject, few, trained, steps));
    putBack();
    if (checkGradients) {
      const tiny = await data.batch(order.subarray(0, TINY));
      await check('gradients', () => agree(subject, tiny, options.regularization));
    } else leftOut.push({ name: 'gradients', why: 'as was asked' });
  } finally {
    optimizer?.dispose();
    putBack();
  }
  return sanityReport(checks, leftOut);
}

/** What fit would refuse of the data, in words; null where it takes all. Throws for labels out of range and other shapes. */
async function whatIsWrong(data: Data, task: Task): Promise<string | null> {
  try {
    await checkTraining('sanity', data, task);
    return null;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return error.message.replace(/^sanity: /, '');
  }
}

/** The penalty that an optimizer's weight decay stands for, 1/2 lambda |w|^2; undefined where it has none. */
function decayOf({ paramGroups }: Optimizer): (() => Tensor) | undefined {
  const decaying = paramGroups.filter(({ weightDecay }) => weightDecay > 0);
  if (decaying.length === 0) return undefined;
  return () =>
    decaying.map(({ params, weightDecay }) => mul(l2Penalty(params), weightDecay / 2)).reduce((a, b) => add(a, b));
}
