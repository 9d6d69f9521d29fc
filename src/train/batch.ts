// Batches on their way to the device, and what is checked of data before training starts.
import { noGrad } from '../autograd/tape.ts';
import { dryRun } from '../compile/dry-run.ts';
import { checkClasses, firstBad } from '../data/check.ts';
import { DataError } from '../data/error.ts';
import { evaluating } from '../nn/modes.ts';
import type { Module } from '../nn/module.ts';
import { IGNORE } from '../ops/labels.ts';
import { tensor } from '../tensor/creation.ts';
import { type Device, defaultDevice } from '../tensor/device.ts';
import type { DType, HostArray } from '../tensor/dtype.ts';
import { CompileError, IndexError, ShapeError } from '../tensor/errors.ts';
import { randomState, setRandomState } from '../tensor/random.ts';
import { scope } from '../tensor/scope.ts';
import { format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Examples on the host. */
export interface Examples {
  /** Inputs, whose shape is `shape`: [n, ...]. An Int32Array becomes int32, all else float32. */
  x: HostArray;
  shape: Shape;
  /** Targets: class indices as an Int32Array, or floats. */
  y: HostArray;
  /** The shape of the targets. Default: [n], or [n, k] where there are k for each example. */
  yShape?: Shape;
}

/** What fit trains on: any number of examples that are had by their indices. */
export interface Data {
  readonly length: number;
  batch(indices: ArrayLike<number>): Examples | Promise<Examples>;
  /** Class indices of all examples, where they are known without their inputs: they are then checked before training. */
  readonly labels?: ArrayLike<number>;
  /** Whether all numbers are known to be finite: no NaN is looked for then. ImageSet says so of its pixels. */
  readonly checked?: boolean;
  /** Names of the classes, where targets are class indices. */
  readonly classes?: readonly string[];
  /** Whether a class may be without any example, as in a part of a dataset: training refuses that of others. */
  readonly partial?: boolean;
  /** Where an example came from, for messages. */
  where?(index: number): string;
}

/** A mean over a batch, as one number. */
export type Loss = (output: Tensor, target: Tensor) => Tensor;

export interface Pair {
  x: Tensor;
  y: Tensor;
}

/** The device that a model is on. */
export function deviceOf(model: Module): Device {
  for (const [, { device }] of model.namedTensors()) return device;
  return defaultDevice();
}

export const rowsOf = ({ shape }: Examples): number => shape[0];

function yShapeOf({ y, shape: [n], yShape }: Examples): Shape {
  if (yShape) return yShape;
  return y.length === n ? [n] : [n, y.length / n];
}

export const upload = (examples: Examples, device: Device): Pair => ({
  x: tensor(examples.x, { shape: examples.shape, device }),
  y: tensor(examples.y, { shape: yShapeOf(examples), device }),
});

/** Whether these are scores of classes [N, C] and class indices [N], so that there is such a thing as accuracy. */
export const isClassification = (output: Tensor, target: Tensor): boolean =>
  output.rank === 2 && target.rank === 1 && target.dtype === 'int32' && target.shape[0] === output.shape[0];

interface TaskOptions {
  loss: Loss;
  ignoreIndex?: number;
  augment?: (x: Tensor) => Tensor;
}

/** What a task is, found without computing. */
export interface Task {
  device: Device;
  /** Classes that the model tells apart; null where the targets are no class indices. */
  classes: number | null;
  /** The label of examples that the loss leaves out. */
  ignoreIndex: number;
}

/**
 * Finds out what a model makes of a batch, without computing it where it can be traced. Throws what its ops throw of shapes, and a ShapeError
 * where the loss is not one number.
 */
export function taskOf(
  op: string,
  model: Module,
  examples: Examples,
  { loss, ignoreIndex = IGNORE, augment }: TaskOptions,
): Task {
  const device = deviceOf(model);
  const specs = [
    { shape: examples.shape, dtype: dtypeOf(examples.x) },
    { shape: yShapeOf(examples), dtype: dtypeOf(examples.y) },
  ];
  const classesOf = (x: Tensor, y: Tensor): number | null => {
    const output = model.call(augment ? augment(x) : x);
    const { shape } = loss(output, y);
    if (shape.some((size) => size !== 1)) {
      throw new ShapeError(`${op}: expected the loss to be one number, got ${format(shape)}; reduce it to a mean`);
    }
    return isClassification(output, y) ? output.shape[1] : null;
  };
  try {
    return { device, classes: dryRun(device, specs, classesOf), ignoreIndex };
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    // What cannot be traced is computed, as if for evaluation.
    const random = randomState();
    const restore = evaluating(model);
    try {
      const classes = noGrad(() => scope(() => classesOf(...pairOf(upload(examples, device)))));
      return { device, classes, ignoreIndex };
    } finally {
      restore();
      setRandomState(random);
    }
  }
}

const pairOf = ({ x, y }: Pair): [Tensor, Tensor] => [x, y];

const dtypeOf = (values: HostArray): DType => (values instanceof Int32Array ? 'int32' : 'float32');

const placeOf = (data: Data, index: number): string => data.where?.(index) ?? `example ${index}`;

/** Throws an IndexError for the first label that is no class. `indices` are those of their examples. */
export function checkLabels(
  op: string,
  labels: ArrayLike<number>,
  { data, classes, ignoreIndex }: Task & { data: Data },
  indices?: ArrayLike<number>,
): void {
  if (classes === null) return;
  for (let i = 0; i < labels.length; i++) {
    if ((labels[i] >= 0 && labels[i] < classes) || labels[i] === ignoreIndex) continue;
    const where = placeOf(data, indices ? indices[i] : i);
    throw new IndexError(`${op}: label ${labels[i]} of ${where} is out of range for the model's ${classes} classes`);
  }
}

/** Throws where a batch is not what was asked for, or holds labels that are no classes. */
export function checkExamples(
  op: string,
  examples: Examples,
  indices: ArrayLike<number>,
  task: Task & { data: Data },
): void {
  if (rowsOf(examples) !== indices.length) {
    throw new ShapeError(
      `${op}: asked the data for ${indices.length} examples, got a batch of shape ${format(examples.shape)}`,
    );
  }
  checkLabels(op, examples.y, task, indices);
}

/** Examples looked at together. */
const CHUNK = 256;

/**
 * Looks at all examples once, so that no training begins on data that would spoil it. Throws what checkExamples throws, and
 * a DataError that names the first example with a NaN or an infinity. Data that says it is `checked` is not read. Gives the
 * labels that there are; null where not all were seen.
 */
export async function checkData(op: string, data: Data, task: Task, signal?: AbortSignal): Promise<Set<number> | null> {
  if (data.labels) checkLabels(op, data.labels, { ...task, data });
  if (data.checked) return data.labels ? new Set(Array.from(data.labels)) : null;
  const random = randomState();
  const seen = new Set<number>();
  for (let from = 0; from < data.length && !signal?.aborted; from += CHUNK) {
    const indices = Array.from({ length: Math.min(CHUNK, data.length - from) }, (_, i) => from + i);
    const examples = await data.batch(indices);
    checkExamples(op, examples, indices, { ...task, data });
    if (task.classes !== null) for (const label of examples.y) seen.add(label);
    for (const [what, values] of Object.entries({ x: examples.x, y: examples.y })) {
      const at = firstBad(values);
      if (at < 0) continue;
      const size = values.length / indices.length;
      const place = size === 1 ? '' : ` at element ${at % size}`;
      throw new DataError(`${op}: ${placeOf(data, indices[Math.floor(at / size)])}: ${what} is ${values[at]}${place}`);
    }
  }
  setRandomState(random);
  return signal?.aborted ? null : seen;
}

/** What checkData does, and a DataError for a class that the data names and has no example of, unless it is a part of others. */
export async function checkTraining(op: string, data: Data, task: Task, signal?: AbortSignal): Promise<void> {
  const seen = await checkData(op, data, task, signal);
  if (!seen || task.classes === null || !Array.isArray(data.classes) || data.partial) return;
  checkClasses(data.classes, (label) => seen.has(label), data.length, `${op}: `);
}

/** What checkData does for examples that a model is evaluated on: so that nobody trains for a test that must fail. */
export async function checkEvaluation(
  op: string,
  model: Module,
  data: Data,
  { signal, ...options }: TaskOptions & { signal?: AbortSignal },
): Promise<void> {
  if (data.length === 0) return;
  const random = randomState();
  const restore = evaluating(model);
  let task: Task;
  try {
    const few = Array.from({ length: Math.min(CHUNK, data.length) }, (_, i) => i);
    task = taskOf(op, model, await data.batch(few), options);
  } finally {
    restore();
    setRandomState(random);
  }
  await checkData(op, data, task, signal);
}
