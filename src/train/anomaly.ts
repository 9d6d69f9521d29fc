// Anomaly mode: finds the first op that made a NaN or an infinity, and names it with the line of the user's code.
import type { Recorded, Row } from '../autograd/op.ts';
import { type Watcher, watch } from '../autograd/tape.ts';
import { deepStacks, userLine } from '../compile/where.ts';
import type { Module } from '../nn/module.ts';
import { type HostArray, isFloat } from '../tensor/dtype.ts';
import { format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface AnomalyOptions {
  /** The model that computes, so that its modules and parameters are named. */
  model?: Module;
  /** Whether infinities count as well as NaN. Default true. */
  infinity?: boolean;
}

/** A NaN or infinity, and where it came from. */
export class AnomalyError extends Error {
  override name = 'AnomalyError';
  /** What was made. */
  readonly value: number;
  /** The op that made it of finite inputs; in the backward pass, the op whose gradient it is. Null where it was there before. */
  readonly op: string | null;
  readonly phase: 'forward' | 'backward';
  /** Where the value lies, and in what. */
  readonly index: number[];
  readonly shape: Shape;
  /** The parameter or buffer that holds it, where it was there before. */
  readonly parameter: string | null;
  /** The module that called the op, such as `2 (Linear)`, where a model was given. */
  readonly module: string | null;

  constructor(message: string, about: Omit<AnomalyError, keyof Error>) {
    super(message);
    this.value = about.value;
    this.op = about.op;
    this.phase = about.phase;
    this.index = about.index;
    this.shape = about.shape;
    this.parameter = about.parameter;
    this.module = about.module;
  }
}

/** Where in the user's code something was called. */
interface Place {
  stack: Error;
  module: string | null;
}

/** A tensor's values as they were at one moment, on their way to be looked at. */
interface Look {
  tensor: string;
  shape: Shape;
  /** Position of the first value that is not finite, and that value. */
  found: Promise<[at: number, value: number] | null>;
  /** What made it; null where it was there before. */
  made: { op: string; inputs: string[]; inside: string | null; place: Place } | null;
  parameter: string | null;
  phase: 'forward' | 'backward';
}

const here = (): Error => deepStacks(() => new Error());

/**
 * Runs `fn`, a forward pass, a backward pass or both, and throws an AnomalyError for the first op that made a NaN or an
 * infinity of finite inputs, or the first tensor that held one before. Names the op, its shapes, the module, and the line
 * of the user's code; for a gradient, the line of the forward call. Slow: every output is read. Compiled functions run op
 * by op inside. `fn` must be synchronous; the promise has its result.
 */
export async function detectAnomaly<T>(fn: () => T, { model, infinity = true }: AnomalyOptions = {}): Promise<T> {
  const watcher = new Anomalies(model, infinity);
  const result = watcher.watch(fn);
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new TypeError('detectAnomaly: expected a synchronous function, got one that returns a promise');
  }
  await watcher.check();
  return result;
}

class Anomalies implements Watcher {
  private readonly looks: Look[] = [];
  /** Tensors that were looked at, and memory that an op under watch has made. */
  private readonly known = new Set<object>();
  private readonly places = new WeakMap<Tensor, Place>();
  private readonly names: Map<Tensor, string>;
  private readonly model: Module | undefined;
  private readonly infinity: boolean;
  /** Modules whose forward pass is under way, innermost last. */
  private readonly modules: string[] = [];
  /** Recorded calls whose gradients are under way; null for a backward pass around them. */
  private readonly passes: (Recorded<unknown> | null)[] = [];

  constructor(model: Module | undefined, infinity: boolean) {
    this.model = model;
    this.infinity = infinity;
    this.names = new Map([...(model?.namedTensors() ?? [])].map(([name, tensor]) => [tensor, name]));
  }

  watch<T>(fn: () => T): T {
    for (const tensor of this.names.keys()) this.meet(tensor);
    const run = () => watch(this, fn);
    return this.model ? naming(this.model, this.modules, run) : run();
  }

  op(op: Row, inputs: Tensor[], run: () => Tensor[]): Tensor[] {
    const place = { stack: here(), module: this.modules.at(-1) ?? null };
    for (const x of inputs) this.meet(x);
    const outputs = run();
    for (const out of outputs) this.places.set(out, place);
    if (!('plan' in op)) {
      for (const out of outputs) this.known.add(out);
      return outputs;
    }
    const call = this.passes.at(-1);
    const made = {
      op: call ? nameOf(call) : op.name,
      inputs: inputs.map(({ shape }) => format(shape)),
      inside: call && nameOf(call) !== op.name ? op.name : null,
      place: (call && this.places.get(call.outputs[0])) ?? place,
    };
    for (const x of [...inputs.slice(0, op.mutates ?? 0), ...outputs]) this.look(x, made);
    return outputs;
  }

  backward<T>(call: Recorded<unknown> | null, run: () => T): T {
    this.passes.push(call);
    try {
      return run();
    } finally {
      this.passes.pop();
    }
  }

  /** Throws an AnomalyError for the first look that found something. */
  async check(): Promise<void> {
    for (const look of this.looks) {
      const found = await look.found;
      if (found) throw errorOf(look, ...found);
    }
  }

  /** Looks at a tensor that no op under watch has made. */
  private meet(x: Tensor): void {
    if (!this.known.has(x) && !this.known.has(x.view('detectAnomaly').storage)) this.look(x, null);
  }

  private look(x: Tensor, made: Look['made']): void {
    // Parameters share memory with others: each is looked at by itself.
    this.known.add(made ? x.view('detectAnomaly').storage : x);
    if (!isFloat(x.dtype)) return;
    const found = x.data().then((values) => this.first(values));
    found.catch(() => {}); // whoever awaits it hears of it
    this.looks.push({
      tensor: x.madeBy,
      shape: x.shape,
      found,
      made,
      parameter: this.names.get(x) ?? null,
      phase: this.passes.length > 0 ? 'backward' : 'forward',
    });
  }

  private first(values: HostArray): [number, number] | null {
    for (let i = 0; i < values.length; i++) {
      const v = values[i];
      if (this.infinity ? !Number.isFinite(v) : Number.isNaN(v)) return [i, v];
    }
    return null;
  }
}

const nameOf = (call: Recorded<unknown>) => (call as Recorded<unknown> & { op: Row }).op.name;

function errorOf({ tensor, shape, made, parameter, phase }: Look, at: number, value: number): AnomalyError {
  const index = shape.map((size, d) => Math.floor(at / shape.slice(d + 1).reduce((a, b) => a * b, 1)) % size);
  const what = `${value} at ${format(index)} of`;
  const about = { value, index, shape, phase, parameter: made ? null : parameter };
  if (!made) {
    const name = parameter ? `${parameter} ${format(shape)}` : `a tensor ${format(shape)} made by ${tensor}`;
    const words = `anomaly: ${name} holds ${value} at ${format(index)} already, before any op computed with it`;
    return new AnomalyError(words, { ...about, op: null, module: null });
  }
  const { op, inside, inputs, place } = made;
  const module = place.module && `, called by module ${place.module}`;
  const by = phase === 'backward' ? `the gradient of ${op}${inside ? `, in ${inside},` : ''}` : op;
  const words = `anomaly: ${by} made ${what} ${format(shape)}, from finite ${inputs.join(' and ')}, in the ${phase} pass`;
  const line = userLine(place.stack).replace(/^, /, phase === 'backward' ? '; its forward call is ' : ', ');
  return new AnomalyError(`${words}${module ?? ''}${line}`, { ...about, op, module: place.module });
}

/** Runs `fn` with the names of the modules whose forward pass is under way in `names`. */
function naming<T>(model: Module, names: string[], fn: () => T): T {
  const undo: (() => void)[] = [];
  const wrap = (module: Module, path: string): void => {
    const { forward } = module;
    const own = Object.getOwnPropertyDescriptor(module, 'forward');
    const name = `${path || 'model'} (${module.constructor.name})`;
    const value = (...args: Parameters<Module['forward']>) => {
      names.push(name);
      try {
        return forward.apply(module, args);
      } finally {
        names.pop();
      }
    };
    // Not enumerable, so that nobody finds it among the module's properties.
    Object.defineProperty(module, 'forward', { value, configurable: true, enumerable: false });
    undo.push(() => {
      if (own) Object.defineProperty(module, 'forward', own);
      else delete (module as { forward?: unknown }).forward;
    });
  };
  try {
    for (const [path, module] of model.namedModules()) wrap(module, path);
    return fn();
  } finally {
    for (const restore of undo.reverse()) restore();
  }
}
