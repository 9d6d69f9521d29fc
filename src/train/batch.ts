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
import { elementCount, format, type Shape } from '../tensor/shape.ts';
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

/** Throws a TypeError where data is not had by indices, as where it is an array of examples. */
export function checkIsData(op: string, data: Data): void {
  if (typeof data?.batch === 'function' && typeof data.length === 'number') return;
  const got = Array.isArray(data) ? 'an array' : typeof data === 'object' ? 'an object without them' : typeof data;
  throw new TypeError(
    `${op}: expected data with length and batch(indices), got ${got}: data.fromIterable() makes it of examples { x, y }`,
  );
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
  /** The shapes of one example's input and target, in words. */
  shapes: string;
  device: Device;
  /** Classes that the model tells apart; null where the targets are no class indices. */
  classes: number | null;
  /** The label of examples that the loss leaves out. */
  ignoreIndex: number;
  /** Throws what the model's ops throw where it does not take a batch of such shapes. */
  takes(examples: Examples): void;
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
  const classesOf = (x: Tensor, y: Tensor): number | null => {
    const output = model.call(augment ? augment(x) : x);
    const { shape } = loss(output, y);
    if (shape.some((size) => size !== 1)) {
      throw new ShapeError(`${op}: expected the loss to be one number, got ${format(shape)}; reduce it to a mean`);
    }
    return isClassification(output, y) ? output.shape[1] : null;
  };
  const trace = (batch: Examples): number | null => {
    const specs = [
      { shape: batch.shape, dtype: dtypeOf(batch.x) },
      { shape: yShapeOf(batch), dtype: dtypeOf(batch.y) },
    ];
    try {
      return dryRun(device, specs, classesOf);
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      // What cannot be traced is computed, as if for evaluation.
      const random = randomState();
      const restore = evaluating(model);
      try {
        return noGrad(() => scope(() => classesOf(...pairOf(upload(batch, device)))));
      } finally {
        restore();
        setRandomState(random);
      }
    }
  };
  const takes = (batch: Examples) => void trace(batch);
  return { shapes: shapesOf(examples), device, classes: trace(examples), ignoreIndex, takes };
}

const pairOf = ({ x, y }: Pair): [Tensor, Tensor] => [x, y];

const dtypeOf = (values: HostArray): DType => (values instanceof Int32Array ? 'int32' : 'float32');

/** The shapes of one example's input and target, in words. */
const shapesOf = (examples: Examples): string =>
  `${format(examples.shape.slice(1))} and ${format(yShapeOf(examples).slice(1))}`;

/** Where an example came from, in words. */
export const placeOf = (data: Data, index: number): string => data.where?.(index) ?? `example ${index}`;

const placesOf = (data: Data, indices: ArrayLike<number>): string =>
  `${placeOf(data, indices[0])}${indices.length === 1 ? '' : ` and the ${indices.length - 1} of its batch`}`;

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

/** Throws a ShapeError where a batch is not what was asked for, or not as long as its shapes say. */
function checkSizes(op: string, data: Data, examples: Examples, indices: ArrayLike<number>): void {
  const [n, yShape] = [indices.length, yShapeOf(examples)];
  if (rowsOf(examples) !== n) {
    throw new ShapeError(`${op}: asked the data for ${n} examples, got a batch of shape ${format(examples.shape)}`);
  }
  for (const [what, { length }, shape] of [
    ['x', examples.x, examples.shape] as const,
    ['y', examples.y, yShape] as const,
  ]) {
    if (shape[0] === n && shape.every(Number.isInteger) && length === elementCount(shape)) continue;
    throw new ShapeError(
      `${op}: ${placesOf(data, indices)}: expected ${what} of shape ${format(shape)}, got ${length} numbers`,
    );
  }
}

/** Throws where a batch is not what was asked for, or holds labels that are no classes. */
export function checkExamples(
  op: string,
  examples: Examples,
  indices: ArrayLike<number>,
  task: Task & { data: Data },
): void {
  checkSizes(op, task.data, examples, indices);
  checkLabels(op, examples.y, task, indices);
}

/**
 * The examples of these indices. Throws a ShapeError where there are more or fewer numbers than the shapes say: it names the
 * first example that is of another size, for which they are asked for one by one.
 */
export async function batchOf(op: string, data: Data, indices: ArrayLike<number>): Promise<Examples> {
  const examples = await data.batch(indices);
  try {
    checkSizes(op, data, examples, indices);
  } catch (error) {
    if (rowsOf(examples) !== indices.length) throw error;
    const size = (shape: Shape) => (shape.every(Number.isInteger) ? elementCount(shape.slice(1)) : undefined);
    const expected = { x: size(examples.shape), y: size(yShapeOf(examples)) };
    for (const index of Array.from(indices)) {
      const one = await data.batch([index]);
      for (const what of ['x', 'y'] as const) {
        const { length } = one[what];
        expected[what] ??= length;
        if (length === expected[what]) continue;
        throw new ShapeError(
          `${op}: ${placeOf(data, index)}: expected ${expected[what]} numbers in ${what}, got ${length}`,
        );
      }
    }
    throw error;
  }
  return examples;
}

/**
 * Throws a ShapeError where the model does not take as few examples as are left for the last batch of an epoch: batch norm
 * wants more than one. `examples` are those of a whole batch.
 */
export function checkLast(op: string, { length }: Data, examples: Examples, task: Task): void {
  const batchSize = rowsOf(examples);
  const left = length % batchSize;
  if (left === 0) return;
  const first = <V extends HostArray>(values: V) => values.subarray(0, (values.length / batchSize) * left) as V;
  const { x, y, shape, yShape } = examples;
  const few = { x: first(x), y: first(y), shape: [left, ...shape.slice(1)] };
  try {
    task.takes({ ...few, ...(yShape && { yShape: [left, ...yShape.slice(1)] }) });
  } catch (error) {
    const words = `has ${left} of ${length} examples, which the model does not take (${(error as Error).message})`;
    throw new ShapeError(
      `${op}: the last batch of an epoch ${words}: set dropLast, or another batchSize than ${batchSize}`,
    );
  }
}

/** How many of so many examples fill batches, where a last one of one example is left out since batch norm cannot take it. */
export const withoutLone = (length: number, batchSize: number): number =>
  length > batchSize && length % batchSize === 1 ? length - 1 : length;

/** Examples looked at together. */
const CHUNK = 256;

/**
 * Looks at all examples once, so that no training begins on data that would spoil it. Throws what batchOf and
 * checkExamples throw, what the model's ops throw of examples of other shapes than those before, and a DataError that
 * names the first example with a NaN or an infinity. Data that says it is `checked` is not read. Gives the labels that
 * there are; null where not all were seen.
 */
export async function checkData(op: string, data: Data, task: Task, signal?: AbortSignal): Promise<Set<number> | null> {
  if (data.labels) checkLabels(op, data.labels, { ...task, data });
  if (data.checked) return data.labels ? new Set(Array.from(data.labels)) : null;
  const random = randomState();
  const seen = new Set<number>();
  for (let from = 0; from < data.length && !signal?.aborted; from += CHUNK) {
    const indices = Array.from({ length: Math.min(CHUNK, data.length - from) }, (_, i) => from + i);
    const examples = await batchOf(op, data, indices);
    checkExamples(op, examples, indices, { ...task, data });
    if (shapesOf(examples) !== task.shapes) checkShapes(op, data, examples, indices, task);
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

/** Throws a ShapeError that names the examples, where the model does not take them in these shapes. */
function checkShapes(op: string, data: Data, examples: Examples, indices: ArrayLike<number>, task: Task): void {
  try {
    task.takes(examples);
  } catch (error) {
    const words = `examples are ${shapesOf(examples)} here, ${task.shapes} before (${(error as Error).message})`;
    throw new ShapeError(`${op}: ${placesOf(data, indices)}: ${words}`);
  }
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
  try {
    const few = Array.from({ length: Math.min(CHUNK, data.length) }, (_, i) => i);
    const task = taskOf(op, model, await batchOf(op, data, few), options);
    await checkData(op, data, task, signal);
  } finally {
    restore();
    setRandomState(random);
  }
}
