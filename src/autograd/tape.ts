// The tape: apply checks, runs and records an op; backward.ts walks the record from the last op to the first.
import type { Device } from '../tensor/device.ts';
import { isFloat } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { checkRank, isPlain } from '../tensor/shape.ts';
import { nextVersion, Tensor } from '../tensor/tensor.ts';
import { wantedFloat } from './autocast.ts';
import { type Op, opNamed, type PartsOp, type Recorded, type Row, type ViewOp } from './op.ts';

/** One recorded call. Ids grow with time, so that descending ids are a reverse topological order. */
export interface Node extends Recorded<unknown> {
  id: number;
  op: Row;
  /** Storage versions of inputs and outputs when they were recorded. */
  versions: number[];
}

/** @internal What looks on while ops run, such as anomaly mode. */
export interface Watcher {
  /** Around every call of an op or a view. */
  op(op: Row, inputs: Tensor[], run: () => Tensor[]): Tensor[];
  /** Around a backward pass (null), and within it around the gradient of each recorded call. */
  backward<T>(call: Recorded<unknown> | null, run: () => T): T;
}

/** @internal Who looks on. */
export let watcher: Watcher | null = null;

/** @internal Whether somebody looks on, and compiled functions should run op by op. */
export const watching = () => watcher !== null;

/** @internal Runs `fn`, which must be synchronous, with a watcher looking on. */
export function watch<T>(by: Watcher | null, fn: () => T): T {
  const before = watcher;
  watcher = by;
  try {
    return fn();
  } finally {
    watcher = before;
  }
}

let recording = true;
let nextId = 0;

/** Runs `fn` without recording gradients. `fn` must be synchronous. */
export function noGrad<T>(fn: () => T): T {
  const result = withRecording(false, fn);
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new TypeError('noGrad: expected a synchronous function, got one that returns a promise');
  }
  return result;
}

/** Whether ops are being recorded. */
export const gradEnabled = () => recording;

/** @internal Runs `fn` with ops recorded, or not. */
export function withRecording<T>(on: boolean, fn: () => T): T {
  const before = recording;
  recording = on;
  try {
    return fn();
  } finally {
    recording = before;
  }
}

const wantsGrad = (x: Tensor) => x.requiresGrad && isFloat(x.dtype);

/** @internal The device of the inputs. Throws a ShapeError for what is no tensor, and where they are on two. */
export function commonDevice(op: string, inputs: readonly Tensor[]): Device {
  for (const x of inputs) checkTensor(op, x);
  const { device } = inputs[0];
  for (const x of inputs) {
    if (x.device !== device) throw new ShapeError(`${op}: inputs are on two devices, ${device} and ${x.device}`);
  }
  return device;
}

/** @internal Throws a ShapeError for what is no tensor. */
export function checkTensor(op: string, x: unknown): void {
  if (x instanceof Tensor) return;
  throw new ShapeError(
    `${op}: expected a tensor, got ${Array.isArray(x) ? 'an array' : x === null ? 'null' : typeof x}`,
  );
}

/**
 * @internal What every op asks of its inputs, under its name: tensors that are not released, on one device. Functions made
 * of several ops ask it of all they were given before the first of these runs. Options may be left out.
 */
export function checkInputs(op: string, inputs: readonly Tensor[], ...options: (Tensor | null | undefined)[]): void {
  const given = options.some((x) => x) ? [...inputs, ...options.filter((x) => x !== null && x !== undefined)] : inputs;
  commonDevice(op, given);
  for (const x of given) if (x.released) x.view(op);
}

function record(op: Row, inputs: Tensor[], outputs: Tensor[], attrs: unknown): void {
  if (!recording) return;
  const needs = inputs.map(wantsGrad);
  if (!needs.includes(true) || op.vjp === null) return;
  const versions = [...inputs, ...outputs].map((t) => t.view(op.name).storage.version);
  const node: Node = { id: nextId++, op, inputs, outputs, attrs, needs, versions };
  for (const out of outputs) {
    if (!isFloat(out.dtype)) continue;
    out.requiresGrad = true;
    out.history = node;
  }
}

/** Checks a call, runs it on the device of its inputs, and records it. Returns new tensors (none for an op in place). */
export function apply<A>(op: Op<A>, inputs: Tensor[], attrs: A): Tensor[] {
  const given = fitting(op, inputs, attrs);
  const run = () => perform(op, given, attrs);
  return watcher ? watcher.op(op, given, run) : run();
}

/** The inputs in the float type that autocast wants, checked before any is cast. */
function fitting<A>(op: Op<A>, inputs: Tensor[], attrs: A): Tensor[] {
  const dtype = wantedFloat(op, inputs);
  if (!dtype) return inputs;
  checkInputs(op.name, inputs);
  op.outputs(
    inputs.map((x) => ({ shape: x.shape, dtype: isFloat(x.dtype) ? dtype : x.dtype })),
    attrs,
  );
  const cast = opNamed(dtype === 'float16' ? 'toFloat16' : 'toFloat32');
  return inputs.map((x) => (isFloat(x.dtype) && x.dtype !== dtype ? apply(cast, [x], {})[0] : x));
}

function perform<A>(op: Op<A>, inputs: Tensor[], attrs: A): Tensor[] {
  const device = commonDevice(op.name, inputs);
  const views = inputs.map((x) => x.view(op.name));
  const specs = op.outputs(views, attrs);
  for (const { shape } of specs) checkRank(op.name, shape);
  const mutates = op.mutates ?? 0;
  if (mutates > 0 && recording && inputs.some((x) => x.history !== null)) {
    throw new ShapeError(`${op.name}: works in place, on tensors outside the tape; call it in noGrad`);
  }
  const readable = op.strided?.(views, attrs) ?? views.map(isPlain);
  const copies: Tensor[] = [];
  const reads = views.map((view, i) => {
    if (readable[i]) return view;
    if (i < mutates) throw new ShapeError(`${op.name}: expected a contiguous tensor to update in place`);
    const [copy] = noGrad(() => apply(opNamed('contiguous'), [inputs[i]], {}));
    copies.push(copy);
    return copy.view(op.name);
  });
  const outputs = specs.map(({ shape, dtype }) => Tensor.allocate(device, op.name, shape, dtype));
  const writes = [...reads.slice(0, mutates), ...outputs.map((out) => out.view(op.name))];
  device.backend.run(op, reads.slice(mutates), writes, attrs);
  for (const view of reads.slice(0, mutates)) view.storage.version = nextVersion();
  for (const copy of copies) copy.dispose();
  record(op, inputs, outputs, attrs);
  return outputs;
}

/** Runs a row without inputs, such as a random one, on a device. Returns its only output. */
export function generate<A>(op: Op<A>, device: Device, attrs: A): Tensor {
  const [{ shape, dtype }] = op.outputs([], attrs);
  checkRank(op.name, shape);
  const out = Tensor.allocate(device, op.name, shape, dtype);
  device.backend.run(op, [], [out.view(op.name)], attrs);
  return out;
}

/** Applies a row that only looks at its input differently. Copies where no strides can express it. */
export function applyView<A>(op: ViewOp<A>, input: Tensor, attrs: A): Tensor {
  checkTensor(op.name, input);
  checkRank(op.name, op.outputShape(input.shape, attrs));
  const layout = op.view(input.view(op.name), attrs);
  if (!layout) return applyView(op, apply(opNamed('contiguous'), [input], {})[0], attrs);
  const run = () => {
    const out = input.alias(op.name, layout);
    record(op, [input], [out], attrs);
    return [out];
  };
  return (watcher ? watcher.op(op, [input], run) : run())[0];
}

/**
 * Applies a row that looks at several parts of its input. They are recorded as one call, whose gradient is made at once of
 * those of all parts: no padded one for each, to be added up.
 */
export function applyParts<A>(op: PartsOp<A>, input: Tensor, attrs: A): Tensor[] {
  const layouts = op.parts(input.view(op.name), attrs);
  const run = () => {
    const outputs = layouts.map((layout) => input.alias(op.name, layout));
    record(op, [input], outputs, attrs);
    return outputs;
  };
  return watcher ? watcher.op(op, [input], run) : run();
}
