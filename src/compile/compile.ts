// compile: traces a function once for each kind of arguments, and replays what it did.
import { autocast } from '../autograd/autocast.ts';
import { watching } from '../autograd/tape.ts';
import { tracing } from '../tensor/live.ts';
import { Explanation } from './explain.ts';
import { deviceOf, Trace } from './trace.ts';
import { describe, tensorsIn } from './tree.ts';

/** Traces that one function keeps; past that, the one unused for longest goes. */
const MAX_TRACES = 32;

export interface CompileOptions {
  /** Says on the console when and for what arguments the function is traced. */
  verbose?: boolean;
  /** `float16`: all of the function runs in an autocast scope. Default: float32. */
  dtype?: 'float32' | 'float16';
}

/** A compiled function. */
export interface Compiled<A extends unknown[], R> {
  (...args: A): R;
  /** The kernels, their bytes, and the peak of memory of the last call. Throws before the first. */
  explain(): Explanation;
  /** Releases all memory but that of results. A later call traces again. */
  dispose(): void;
}

/** The last net: a compiled function that was not disposed of gives its memory back when it is collected. */
const collected = new FinalizationRegistry<Trace[]>((traces) => {
  for (const trace of traces) trace.dispose();
});

/**
 * The same function, faster: its first call runs `fn` and records every kernel, later ones replay the record in one
 * submit, with no JavaScript per op and no new memory but that of the result. Works for whole training steps (with
 * backward() and optimizer.step() inside), for inference and for pure functions, on every device.
 *
 * - Arguments: tensors (also in arrays and plain objects), whose contents are copied at every call; a new shape, dtype or
 *   requiresGrad traces again, and so does another value of any other argument. Up to 32 traces are kept.
 * - Results: tensors (also in arrays and plain objects) are new at every call, and stand outside the tape. Other values
 *   are those of the trace.
 * - Live: contents of tensors made outside (parameters, which are updated in place), hyperparameters of optimizers, counts
 *   of steps, random streams, train() and eval(). All other JavaScript inside runs when tracing only: what it computes, such
 *   as `tensor(values)`, is constant, and what it sets, such as `optimizer.lr`, is set once. Set it between calls.
 * - Gradients left by backward() inside do not outlive the call, and every call begins without any; return them to have them.
 *
 * What cannot be traced throws a CompileError that names the line: reading a tensor inside, assign(), host random numbers,
 * moving or releasing tensors made outside. A tensor that was released since the trace throws a ReleasedError. An async
 * function is a TypeError. Inside another compiled function the plain function runs.
 */
export function compile<A extends unknown[], R>(
  fn: (...args: A) => R,
  { verbose = false, dtype = 'float32' }: CompileOptions = {},
): Compiled<A, R> {
  if (typeof fn !== 'function') throw new TypeError(`compile: expected a function, got ${typeof fn}`);
  if (fn.constructor.name === 'AsyncFunction') {
    throw new TypeError('compile: expected a synchronous function, got an async one; await after the call');
  }
  if (dtype !== 'float32' && dtype !== 'float16') {
    throw new TypeError(`compile: expected dtype float32 or float16, got ${dtype}`);
  }
  const run = dtype === 'float16' ? (...args: A): R => autocast(() => fn(...args)) : fn;
  // The last used one is last.
  const traces: Trace[] = [];
  let last: Trace | null = null;

  /** The newest trace that fits and holds; those whose memory went are released. */
  function find(args: A): Trace | null {
    const device = deviceOf(tensorsIn(args));
    for (let i = traces.length - 1; i >= 0; i--) {
      const trace = traces[i];
      if (!trace.fits(args, device)) continue;
      if (trace.alive && trace.valid) {
        if (i < traces.length - 1) traces.push(...traces.splice(i, 1));
        last = trace;
        return trace;
      }
      if (!trace.alive) traces.splice(i, 1)[0].dispose();
    }
    return null;
  }

  function make(args: A, given: object[] | null): Trace {
    const title = `${fn.name || 'function'}(${args.map(describe).join(', ')})`;
    const trace = new Trace(title, run as (...args: unknown[]) => unknown, args, given);
    if (traces.push(trace) > MAX_TRACES) traces.shift()!.dispose();
    last = trace;
    return trace;
  }

  function explain(): Explanation {
    if (!last) throw new Error('explain: call the compiled function first');
    return new Explanation(last.title, last.graph, last.program);
  }

  const compiled = (...args: A): R => {
    if (tracing() || watching()) return run(...args);
    const inputs = tensorsIn(args);
    inputs.find((x) => x.released)?.view('compile'); // throws, before anything is counted
    const found = find(args);
    const values = found?.values() ?? null;
    if (found) {
      const again = found.replay(inputs, values);
      if (again) return again.result as R;
      traces.splice(traces.indexOf(found), 1);
      found.dispose();
    }
    const began = performance.now();
    const { result } = make(args, values).replay(inputs, null)!;
    if (verbose) {
      const [summary] = explain().toString().split('\n');
      console.info(`compile: traced ${summary}, in ${(performance.now() - began).toFixed(0)} ms`);
    }
    return result as R;
  };
  const dispose = () => {
    for (const trace of traces.splice(0)) trace.dispose();
    last = null;
  };
  collected.register(compiled, traces);
  return Object.assign(compiled, { explain, dispose });
}
