// summary: the layers of a model as a table, from a run that computes nothing.
import { noGrad } from '../autograd/tape.ts';
import { Recorder } from '../compile/recorder.ts';
import type { Storage } from '../tensor/backend.ts';
import { defaultDevice } from '../tensor/device.ts';
import { BYTES, type DType } from '../tensor/dtype.ts';
import { LiveLog, logged, refuseInTrace } from '../tensor/live.ts';
import { randomState, setRandomState } from '../tensor/random.ts';
import { scope } from '../tensor/scope.ts';
import { checkShape, contiguousLayout, elementCount, format, type Shape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { evaluating } from './modes.ts';
import type { Module } from './module.ts';

/** One call of a module. What it has of its own: that of the modules which it calls stands in their rows. */
export interface LayerSummary {
  /** Dotted, as in stateDict(); empty for the model itself. */
  name: string;
  /** Its class. */
  type: string;
  /** How many modules are around it. */
  depth: number;
  /** Null where it has parameters or buffers, but is never called. */
  outputShape: Shape | null;
  /** Numbers that are trained, and numbers that are not; of tensors in several places where they come first. */
  parameters: number;
  buffers: number;
  /** Bytes of parameters and buffers. */
  parameterBytes: number;
  /** Floating-point operations of the forward pass, a product and its sum being two; null where no kernel of it tells. */
  flops: number | null;
  /** Bytes of its output, and of what it makes for modules inside; views of other tensors and outputs of those take none. */
  outputBytes: number;
}

export interface SummaryOptions {
  /** Of the input. Default float32; int32 for indices. */
  dtype?: DType;
}

const KILO = 1024;
const sized = (bytes: number): string => {
  if (bytes < KILO) return `${bytes} B`;
  return bytes < KILO ** 2 ? `${(bytes / KILO).toFixed(1)} KB` : `${(bytes / KILO ** 2).toFixed(1)} MB`;
};

const counted = (n: number) => n.toLocaleString('en-US');
const total = (values: number[]) => values.reduce((sum, value) => sum + value, 0);

/** What summary() returns; its toString() is a table. */
export class Summary {
  readonly inputShape: Shape;
  /** In the order of the calls; modules that are never called come last. */
  readonly rows: LayerSummary[];

  constructor(inputShape: Shape, rows: LayerSummary[]) {
    this.inputShape = inputShape;
    this.rows = rows;
  }

  get parameters(): number {
    return total(this.rows.map((row) => row.parameters));
  }

  get buffers(): number {
    return total(this.rows.map((row) => row.buffers));
  }

  /** Bytes of parameters and buffers. */
  get parameterBytes(): number {
    return total(this.rows.map((row) => row.parameterBytes));
  }

  /** Of all kernels that tell; null where none does. */
  get flops(): number | null {
    const known = this.rows.flatMap(({ flops }) => flops ?? []);
    return known.length === 0 ? null : total(known);
  }

  /** Bytes of the outputs of all modules, which training keeps for the way back. */
  get outputBytes(): number {
    return total(this.rows.map((row) => row.outputBytes));
  }

  toString(): string {
    const { flops } = this;
    const head = ['layer', 'output', 'parameters', 'bytes', ...(flops === null ? [] : ['FLOPs'])];
    const lines = this.rows.map((row) => [
      `${'  '.repeat(row.depth)}${row.name ? `${row.name}: ` : ''}${row.type}`,
      row.outputShape ? format(row.outputShape) : 'not called',
      row.parameters ? counted(row.parameters) : '',
      row.outputBytes ? sized(row.outputBytes) : '',
      ...(flops === null ? [] : [row.flops === null ? '' : counted(row.flops)]),
    ]);
    const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i].length)));
    const table = [head, ...lines].map((line) =>
      line
        .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  ')
        .trimEnd(),
    );
    const held = `${counted(this.parameters)} parameters and ${counted(this.buffers)} other numbers`;
    const work = flops === null ? '' : `${counted(flops)} FLOPs, `;
    return [
      ...table,
      `${held}: ${sized(this.parameterBytes)}`,
      `a forward pass of ${format(this.inputShape)}: ${work}${sized(this.outputBytes)} of outputs`,
    ].join('\n');
  }
}

/**
 * What a model is made of and does with one input of `inputShape`, the batch included: a row per call of a module, with the shape of
 * its output, its parameters, floating-point operations and bytes. The model runs in evaluation against a recorder: no kernel
 * works, no memory is taken, and nothing changes. Its tensors are on the default device.
 */
export function summary(model: Module, inputShape: Shape, { dtype = 'float32' }: SummaryOptions = {}): Summary {
  checkShape('summary', inputShape);
  refuseInTrace('summary()');
  const device = defaultDevice();
  const log = new LiveLog();
  const recorder = new Recorder(device.backend, log);
  const watch = new Watch(recorder);
  const modules = [...model.namedModules()];
  const removals = modules.flatMap(([name, module]) => [
    module.registerForwardPreHook((_, input) => watch.enter(name, module, input)),
    module.registerForwardHook((_, __, output) => watch.leave(output)),
  ]);
  const random = randomState();
  const restore = evaluating(model);
  const run = () => {
    const storage = recorder.input(elementCount(inputShape), dtype);
    watch.seen.add(storage);
    model.call(new Tensor(device, 'summary', dtype, storage, contiguousLayout(inputShape)));
  };
  try {
    device.recorded(recorder, () => logged(log, () => noGrad(() => scope(run))));
  } finally {
    recorder.close();
    for (const remove of removals) remove();
    restore();
    setRandomState(random);
  }
  for (const [name, module] of modules) watch.mention(name, module);
  return new Summary(inputShape, watch.rows);
}

/** Follows the calls of modules, and notes which kernels each of them has recorded. */
class Watch {
  readonly rows: LayerSummary[] = [];
  /** Memory that was counted already. */
  readonly seen = new Set<Storage>();
  private readonly counted = new Set<Module | Tensor>();
  private readonly open: LayerSummary[] = [];
  private readonly recorder: Recorder;
  /** Calls of kernels that belong to a row. */
  private settled = 0;

  constructor(recorder: Recorder) {
    this.recorder = recorder;
  }

  enter(name: string, module: Module, input: Tensor): void {
    this.settle();
    this.charge(input);
    this.open.push(this.row(name, module));
  }

  leave(output: Tensor): void {
    this.settle();
    this.charge(output);
    this.open.pop()!.outputShape = output.shape;
  }

  /** Counts the bytes of a tensor for the module that is running, if it is memory of its own. */
  private charge(tensor: Tensor): void {
    const { storage } = tensor.view('summary');
    const row = this.open.at(-1);
    if (row && !this.seen.has(storage)) row.outputBytes += tensor.size * BYTES[tensor.dtype];
    this.seen.add(storage);
  }

  /** A row for a module with tensors of its own that was never called. */
  mention(name: string, module: Module): void {
    if (!this.counted.has(module) && !module.ownTensors().next().done) this.row(name, module);
  }

  private row(name: string, module: Module): LayerSummary {
    this.counted.add(module);
    const tensors = [...module.ownTensors()].map(([, tensor]) => tensor).filter((tensor) => !this.counted.has(tensor));
    for (const tensor of tensors) {
      this.counted.add(tensor);
      this.seen.add(tensor.view('summary').storage);
    }
    const numbers = (trained: boolean) => total(tensors.filter((t) => t.requiresGrad === trained).map((t) => t.size));
    const row: LayerSummary = {
      name,
      type: module.constructor.name,
      depth: this.open.length,
      outputShape: null,
      parameters: numbers(true),
      buffers: numbers(false),
      parameterBytes: total(tensors.map((t) => t.size * BYTES[t.dtype])),
      flops: null,
      outputBytes: 0,
    };
    this.rows.push(row);
    return row;
  }

  /** Gives the kernels since the last time to the module that is running. */
  private settle(): void {
    const { calls } = this.recorder;
    const row = this.open.at(-1);
    for (const { kernel, inputs, outputs, attrs } of calls.slice(this.settled)) {
      const flops = kernel.flops?.(inputs, outputs, attrs);
      if (row && flops !== undefined) row.flops = (row.flops ?? 0) + flops;
    }
    this.settled = calls.length;
  }
}
