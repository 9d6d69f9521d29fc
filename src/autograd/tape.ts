// The tape: apply checks, runs and records an op; backward walks the record from the last op to the first.
import type { Device } from '../tensor/device.ts';
import { isFloat } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { currentScope, moveTo, scope } from '../tensor/scope.ts';
import { checkRank, format, isPlain, sameShape } from '../tensor/shape.ts';
import { nextVersion, Tensor } from '../tensor/tensor.ts';
import { autocast, wantedFloat } from './autocast.ts';
import { type Op, opNamed, type PartsOp, type Recorded, type Row, type ViewOp } from './op.ts';

/** One recorded call. Ids grow with time, so that descending ids are a reverse topological order. */
interface Node extends Recorded<unknown> {
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

let watcher: Watcher | null = null;

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

function withRecording<T>(on: boolean, fn: () => T): T {
  const before = recording;
  recording = on;
  try {
    return fn();
  } finally {
    recording = before;
  }
}

const wantsGrad = (x: Tensor) => x.requiresGrad && isFloat(x.dtype);

function commonDevice(op: string, inputs: Tensor[]): Device {
  const { device } = inputs[0];
  for (const x of inputs) {
    if (x.device !== device) throw new ShapeError(`${op}: inputs are on two devices, ${device} and ${x.device}`);
  }
  return device;
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
  const given = fitting(op, inputs);
  const run = () => perform(op, given, attrs);
  return watcher ? watcher.op(op, given, run) : run();
}

/** The inputs in the float type that autocast wants. */
function fitting(op: Op, inputs: Tensor[]): Tensor[] {
  const dtype = wantedFloat(op, inputs);
  if (!dtype) return inputs;
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

export interface BackwardOptions {
  /** Record the backward pass itself, so that its results can be differentiated again. */
  createGraph?: boolean;
}

/**
 * The gradients of `roots`, weighted by `seeds`, for every tensor they reach that wants one and is `wanted`. Does not look
 * behind the tensors in `stop`. Unless the graph is kept, gradients on the way are released as soon as they are used.
 */
function differentiate(
  roots: Tensor[],
  seeds: Tensor[],
  wanted: (x: Tensor) => boolean,
  keepGraph: boolean,
  stop?: Tensor[],
): Map<Tensor, Tensor> {
  const mine = currentScope();
  const grads = new Map<Tensor, Tensor>();
  const results = new Map<Tensor, Tensor>();
  // How many entries of `grads` and `results` are this very tensor: a vjp may hand on what it was given.
  const holders = new Map<Tensor, number>();
  const hold = (g: Tensor, change: number) => {
    const count = (holders.get(g) ?? 0) + change;
    holders.set(g, count);
    if (count === 0 && !keepGraph && g.scope === mine) g.dispose();
  };
  const add = (x: Tensor, g: Tensor) => {
    if (!sameShape(x.shape, g.shape)) {
      throw new ShapeError(`backward: gradient ${format(g.shape)} for a tensor ${format(x.shape)} made by ${x.madeBy}`);
    }
    const before = grads.get(x);
    const total = before ? apply(opNamed('add'), [before, g], {})[0] : g;
    hold(g, 1);
    hold(total, 1);
    hold(g, -1);
    grads.set(x, total);
    if (before) hold(before, -1);
  };
  roots.forEach((root, i) => {
    add(root, seeds[i]);
  });
  for (const node of nodesBehind(roots, stop)) {
    const incoming = node.outputs.map((out) => grads.get(out) ?? null);
    node.outputs.forEach((out, i) => {
      const g = incoming[i];
      if (g && wanted(out)) {
        hold(g, 1);
        results.set(out, g);
      }
      grads.delete(out);
    });
    if (incoming.every((g) => g === null)) continue;
    checkVersions(node);
    const outgoing = keepGraph ? vjpOf(node, incoming) : scope(() => vjpOf(node, incoming));
    node.inputs.forEach((x, i) => {
      const g = outgoing[i];
      if (g && node.needs[i]) add(x, g);
    });
    for (const g of incoming) if (g) hold(g, -1);
  }
  for (const [x, g] of grads) if (wanted(x)) results.set(x, g);
  return results;
}

function vjpOf(node: Node, incoming: (Tensor | null)[]): (Tensor | null)[] {
  const { op } = node;
  const run = () => ('view' in op ? [op.vjp(incoming[0]!, node)] : op.vjp!(incoming, node));
  return watcher ? watcher.backward(node, run) : run();
}

/** The recorded calls that the roots depend on, latest first, not looking behind the tensors in `stop`. */
function nodesBehind(roots: Tensor[], stop: Tensor[] = []): Node[] {
  const seen = new Set<Node>();
  const stack = roots.map((root) => root.history as Node | null);
  while (stack.length > 0) {
    const node = stack.pop();
    if (!node || seen.has(node)) continue;
    seen.add(node);
    for (const x of node.inputs) if (!stop.includes(x)) stack.push(x.history as Node | null);
  }
  return [...seen].sort((a, b) => b.id - a.id);
}

function checkVersions(node: Node): void {
  [...node.inputs, ...node.outputs].forEach((t, i) => {
    if (t.view(`backward of ${node.op.name}`).storage.version !== node.versions[i]) {
      throw new ShapeError(
        `backward of ${node.op.name}: tensor ${format(t.shape)} made by ${t.madeBy} was updated in place since the forward pass`,
      );
    }
  });
}

function seedFor(op: string, root: Tensor, gradient?: Tensor): Tensor {
  if (!root.requiresGrad) throw new ShapeError(`${op}: tensor ${format(root.shape)} does not require gradients`);
  if (gradient) {
    if (!sameShape(gradient.shape, root.shape)) {
      throw new ShapeError(`${op}: expected a gradient ${format(root.shape)}, got ${format(gradient.shape)}`);
    }
    if (gradient.dtype !== root.dtype) {
      throw new ShapeError(`${op}: expected a ${root.dtype} gradient, got ${gradient.dtype}`);
    }
    commonDevice(op, [root, gradient]);
    return gradient;
  }
  if (root.size !== 1) throw new ShapeError(`${op}: expected a scalar, got ${format(root.shape)}; pass the gradient`);
  return apply(opNamed('onesLike'), [root.detach()], {})[0];
}

/**
 * Adds d root / d leaf, times `gradient` (default 1 for a scalar), to the `grad` of every leaf that requires it, and of every
 * tensor that retainGrad() was asked of. A gradient lives as long as its tensor, or until zeroGrad.
 */
export function backward(root: Tensor, gradient?: Tensor, { createGraph = false }: BackwardOptions = {}): void {
  const wanted = (x: Tensor) => x.requiresGrad && (x.isLeaf || x.retainsGrad);
  const run = () => {
    const seed = seedFor('backward', root, gradient);
    // Memory that is somebody's already: leaves must not share theirs with each other or with the caller.
    const taken = new Set([gradient?.view('backward').storage]);
    const own = (g: Tensor): Tensor => {
      if (createGraph) return g;
      const { storage } = g.view('backward');
      if (taken.has(storage)) return apply(opNamed('contiguous'), [g], {})[0];
      taken.add(storage);
      return g.alias('backward');
    };
    for (const [leaf, g] of differentiate([root], [seed], wanted, createGraph)) {
      // What a compiled function left here went with its call.
      const before = leaf.grad?.released ? null : leaf.grad;
      leaf.grad = before ? apply(opNamed('add'), [before, g], {})[0] : own(g);
      if (!createGraph) before?.dispose();
      moveTo(leaf.grad, leaf.scope);
    }
  };
  passing(createGraph, run);
}

/** Runs a backward pass. */
function passing<T>(createGraph: boolean, run: () => T): T {
  const recorded = () => withRecording(createGraph, () => (createGraph ? run() : scope(run)));
  // Gradients have the types of what they belong to.
  const pass = () => autocast(recorded, { enabled: false });
  return watcher ? watcher.backward(null, pass) : pass();
}

/** The gradients of `outputs` (summed) with respect to each of `inputs`, without touching any `grad`. */
export function grad(
  outputs: Tensor | Tensor[],
  inputs: Tensor[],
  { createGraph = false, gradients }: BackwardOptions & { gradients?: Tensor[] } = {},
): (Tensor | null)[] {
  const roots = Array.isArray(outputs) ? outputs : [outputs];
  const run = () => {
    const seeds = roots.map((root, i) => seedFor('grad', root, gradients?.[i]));
    const results = differentiate(roots, seeds, (x) => inputs.includes(x), createGraph);
    return inputs.map((x) => {
      const g = results.get(x);
      return g ? (createGraph ? g : g.alias('grad')) : null;
    });
  };
  return passing(createGraph, run);
}

/**
 * The vjp of a fused op by way of its formula in ops: runs `formula` on the inputs, recorded, and differentiates it.
 * What a fused backward kernel calls in its own vjp, so that derivatives of any order exist without further kernels.
 */
export function throughOps(
  inputs: Tensor[],
  formula: (...inputs: Tensor[]) => Tensor[],
  gradients: (Tensor | null)[],
): (Tensor | null)[] {
  const createGraph = recording;
  return withRecording(true, () => {
    const flags = inputs.map((x) => x.requiresGrad);
    for (const x of inputs) x.requiresGrad = true;
    try {
      const outputs = formula(...inputs);
      const used = outputs.filter((_, i) => gradients[i]);
      const seeds = gradients.filter((g) => g !== null);
      const results = withRecording(createGraph, () =>
        differentiate(used, seeds, (x) => inputs.includes(x), createGraph, inputs),
      );
      return inputs.map((x) => results.get(x) ?? null);
    } finally {
      inputs.forEach((x, i) => {
        x.requiresGrad = flags[i];
      });
    }
  });
}
