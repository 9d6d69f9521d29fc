// A trace: what one run of a function did, as a program that does it again.
import { autocasting } from '../autograd/autocast.ts';
import { opNamed } from '../autograd/op.ts';
import { apply, gradEnabled, noGrad } from '../autograd/tape.ts';
import type { Graph, Program, Storage, View } from '../tensor/backend.ts';
import { type Device, defaultDevice } from '../tensor/device.ts';
import { BYTES, type DType } from '../tensor/dtype.ts';
import { CompileError, ReleasedError } from '../tensor/errors.ts';
import { LiveLog, logged } from '../tensor/live.ts';
import { currentScope, scope } from '../tensor/scope.ts';
import { contiguousLayout, format, isContiguous, isPlain, type Layout, type Shape } from '../tensor/shape.ts';
import { nextVersion, Tensor } from '../tensor/tensor.ts';
import { fuse } from './fuse.ts';
import { changedBy, dropDead, mergeEqual } from './graph.ts';
import { placePacked } from './place.ts';
import { Recorder } from './recorder.ts';
import { mapTensors, type Pattern, patternOf, tensorsIn } from './tree.ts';
import { deepStacks, userLine } from './where.ts';

/** A tensor that the function returned, and how each replay makes it. */
type Outcome =
  /** The program computes it. */
  | { tensor: Tensor; kind: 'result'; shape: Shape; dtype: DType; at: number }
  /** A view, made inside, of a tensor made outside. */
  | { tensor: Tensor; kind: 'view'; storage: Storage; layout: Layout }
  /** A tensor made outside. */
  | { tensor: Tensor; kind: 'itself' };

/** Memory made outside, and how many tensors had left it when it was traced. */
interface Outside {
  storage: Storage;
  moved: number;
}

const movedFrom = (storage: Storage) => storage.moved ?? 0;

/** Names the user's line in errors about what cannot be traced. */
function located(error: unknown): unknown {
  if (!(error instanceof CompileError || error instanceof ReleasedError)) return error;
  const line = userLine(error);
  if (!error.message.includes(line)) error.message += line;
  return error;
}

/** The device of the tensors, or the default one. Throws a CompileError where they are on two. */
export function deviceOf(inputs: readonly Tensor[]): Device {
  const device = inputs[0]?.device ?? defaultDevice();
  const other = inputs.find((x) => x.device !== device);
  if (other) throw new CompileError(`compile: arguments are on two devices, ${device} and ${other.device}`);
  return device;
}

export class Trace {
  readonly title: string;
  readonly graph: Graph;
  readonly program: Program;
  private readonly device: Device;
  private readonly pattern: Pattern;
  private readonly grads: boolean;
  private readonly halves: boolean;
  private readonly log: LiveLog;
  private readonly result: unknown;
  private outcomes: Outcome[] = [];
  private readonly outside: Outside[];
  /** Memory made outside that the calls change. */
  private readonly changed: Storage[];

  /** Runs `fn` once against a recorder. `given` are live values that were asked for already. */
  constructor(title: string, fn: (...args: unknown[]) => unknown, args: unknown[], given: readonly object[] | null) {
    this.title = title;
    this.device = deviceOf(tensorsIn(args));
    this.pattern = patternOf(args);
    this.grads = gradEnabled();
    this.halves = autocasting();
    this.log = new LiveLog(given ?? []);
    const { backend } = this.device;
    const recorder = new Recorder(backend, this.log);
    const results: View[] = [];
    const body = () => {
      const result = this.record(recorder, fn, args);
      this.outcomes = [...new Set(tensorsIn(result))].map((tensor) => outcome(tensor, recorder, results));
      return result;
    };
    const run = () => {
      // Nothing of the result is handed to the scope around: what was made inside ends with the trace.
      let result: unknown;
      scope(() => {
        result = body();
      });
      return result;
    };
    try {
      this.result = this.device.recorded(recorder, () => logged(this.log, () => deepStacks(run)));
    } catch (error) {
      throw located(recorder.refusal ?? error);
    } finally {
      recorder.close();
    }
    const { calls, inputs, constants } = recorder;
    const owns = (storage: Storage) => storage.backend === recorder;
    const whole = dropDead(mergeEqual({ calls, inputs, constants, zeroed: [], results }), owns);
    this.graph = backend.fuses ? placePacked(fuse(whole), owns) : whole;
    const views = this.graph.calls.flatMap((call) => [...call.inputs, ...call.outputs]);
    const viewed = this.outcomes.flatMap((item) => (item.kind === 'view' ? [item] : []));
    const storages = new Set([...views, ...viewed].map(({ storage }) => storage).filter((storage) => !owns(storage)));
    for (const storage of storages) {
      if (storage.references > 0) continue;
      const where = userLine(recorder.outside.get(storage)!);
      throw new CompileError(
        `compile: a tensor made outside is used and then released inside (zeroGrad() first, if it is an old gradient)${where}`,
      );
    }
    this.outside = [...storages].map((storage) => ({ storage, moved: movedFrom(storage) }));
    this.changed = [...new Set(this.graph.calls.flatMap(changedBy))].filter((storage) => !owns(storage));
    this.program = backend.program(this.graph);
  }

  /** Whether a call with these arguments would be traced alike. */
  fits(args: unknown[], device: Device): boolean {
    const scopes = gradEnabled() === this.grads && autocasting() === this.halves;
    return device === this.device && scopes && this.pattern(args);
  }

  /** Whether all memory that it works on is there still, and holds what it held. */
  get alive(): boolean {
    return this.outside.every(({ storage, moved }) => storage.references > 0 && movedFrom(storage) === moved);
  }

  /** Whether nothing else that it saw has changed. */
  get valid(): boolean {
    return this.log.valid;
  }

  /** Asks for all live values anew. */
  values(): object[] {
    return this.log.values();
  }

  /** Runs the program and makes what the function returns; null where the values need other dispatches. */
  replay(inputs: readonly Tensor[], values: readonly object[] | null): { result: unknown } | null {
    const copies: Tensor[] = [];
    const views = inputs.map((x) => {
      const view = x.view('compile');
      if (isContiguous(view) && (view.offset * BYTES[view.dtype]) % 4 === 0) return view;
      const [copy] = noGrad(() => apply(opNamed('contiguous'), [x], {}));
      copies.push(copy);
      return copy.view('compile');
    });
    const made = new Map<Tensor, Tensor>();
    const results: View[] = [];
    for (const item of this.outcomes) {
      const tensor = this.make(item);
      made.set(item.tensor, tensor);
      if (item.kind === 'result') results[item.at] = tensor.view('compile');
    }
    let done = false;
    try {
      done = this.program.replay(views, results, values);
    } finally {
      for (const copy of copies) copy.dispose();
      if (!done) for (const [tensor, ours] of made) if (ours !== tensor) ours.dispose();
    }
    if (!done) return null;
    if (values) this.log.change();
    for (const storage of this.changed) storage.version = nextVersion();
    return { result: mapTensors(this.result, (tensor) => made.get(tensor)) };
  }

  dispose(): void {
    this.program.dispose();
  }

  /** Calls the function with stand-ins for the tensors among its arguments. */
  private record(recorder: Recorder, fn: (...args: unknown[]) => unknown, args: unknown[]): unknown {
    const stand = mapTensors(args, ({ dtype, shape, size, requiresGrad }) => {
      const storage = recorder.input(size, dtype);
      return new Tensor(this.device, 'compile', dtype, storage, contiguousLayout(shape), requiresGrad);
    }) as unknown[];
    // Before fn has any chance to change what it was given.
    const standIns = tensorsIn(stand);
    const result = fn(...stand);
    if (result instanceof Promise) {
      result.catch(() => {});
      throw new TypeError(
        'compile: expected a synchronous function, got one that returns a promise; await after the call',
      );
    }
    if (recorder.refusal) throw recorder.refusal;
    const returned = tensorsIn(result);
    const lost = standIns.find(({ grad }) => grad && !returned.includes(grad));
    if (lost) {
      throw new CompileError(
        `compile: the gradient of argument ${standIns.indexOf(lost)}, ${format(lost.shape)}, would be lost: return it`,
      );
    }
    return result;
  }

  private make(item: Outcome): Tensor {
    if (item.kind === 'itself') return item.tensor;
    if (item.kind === 'result') return Tensor.allocate(this.device, 'compile', item.shape, item.dtype);
    const { tensor, storage, layout } = item;
    return new Tensor(this.device, tensor.madeBy, tensor.dtype, storage, layout);
  }
}

/** How replays make a tensor that the function returned. What the program is to compute goes to `results`. */
function outcome(tensor: Tensor, recorder: Recorder, results: View[]): Outcome {
  const view = tensor.view('compile');
  const { shape, strides, offset, storage, dtype } = view;
  if (storage.backend !== recorder) {
    recorder.meet(storage);
    // What was made inside belongs to the scope of the trace.
    if (tensor.scope !== currentScope()) return { tensor, kind: 'itself' };
    return { tensor, kind: 'view', storage, layout: { shape, strides, offset } };
  }
  const plain = isPlain(view) ? view : noGrad(() => apply(opNamed('contiguous'), [tensor], {}))[0].view('compile');
  return { tensor, kind: 'result', shape, dtype, at: results.push(plain) - 1 };
}
