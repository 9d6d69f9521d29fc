// Live attributes: what a compiled function asks for anew at every call, such as a learning rate or a random stream.
import { CompileError } from './errors.ts';

/** What a trace notes of the world outside that may change from call to call. */
export class LiveLog {
  /** Each attributes object of the trace with its place, in the order in which they were asked for. */
  readonly places = new Map<object, number>();
  private readonly thunks: (() => object)[] = [];
  private readonly guards: (() => boolean)[] = [];
  /** Whose state the function sets itself. */
  private readonly setters = new Set<object>();
  private readonly changes: (() => void)[] = [];
  private readonly given: object[];

  /** `given`: values that were asked for already, by a replay that could not use them. */
  constructor(given: readonly object[] = []) {
    this.given = [...given];
  }

  /** Notes a thunk, and gives its first value. */
  note<A extends object>(thunk: () => A, valid?: () => boolean): A {
    const value = (this.given.shift() as A | undefined) ?? ask(thunk);
    this.places.set(value, this.thunks.push(thunk) - 1);
    if (valid) this.guards.push(valid);
    return value;
  }

  /** Notes that the state of `owner` was seen, and must be the same at the start of a replay. */
  watch(owner: object, same: () => boolean): void {
    if (!this.setters.has(owner)) this.guards.push(same);
  }

  /** Notes that the function changes the state of `owner`: what it sees of it from now on is its own. */
  repeat(owner: object, change: () => void): void {
    this.setters.add(owner);
    this.changes.push(change);
  }

  /** Makes all changes of state again, behind a replay. */
  change(): void {
    for (const change of this.changes) change();
  }

  /** Whether the trace still stands for what its function does. */
  get valid(): boolean {
    return this.guards.every((valid) => valid());
  }

  /** Asks all thunks anew, in order. */
  values(): object[] {
    return this.thunks.map(ask);
  }
}

let log: LiveLog | null = null;
let asking = false;

function ask<A>(thunk: () => A): A {
  asking = true;
  try {
    return thunk();
  } finally {
    asking = false;
  }
}

/** Whether a function is being traced. */
export const tracing = (): boolean => log !== null;

/** Runs `fn`, with all that is live inside noted in a log. */
export function logged<T>(into: LiveLog, fn: () => T): T {
  log = into;
  try {
    return fn();
  } finally {
    log = null;
  }
}

/**
 * The attributes of a call that change with every step: `thunk()`, a new object each time. Within a trace the thunk is
 * called again at every replay, whether or not its call is still needed, so what it counts stays in step; where `valid`
 * is false by then, the function is traced again instead.
 */
export const live = <A extends object>(thunk: () => A, valid?: () => boolean): A =>
  log ? log.note(thunk, valid) : thunk();

/** `read()`, a primitive that is state of `owner`. Once it has changed, a function that saw it in its trace is traced again. */
export function watched<T>(owner: object, read: () => T): T {
  const value = read();
  log?.watch(owner, () => read() === value);
  return value;
}

/** Changes state of `owner`: now, and where a function that is being traced does it, again at every replay. */
export function repeated(owner: object, change: () => void): void {
  change();
  log?.repeat(owner, change);
}

/** Throws within a trace, where what follows would happen once and not again at every replay. */
export function refuseInTrace(what: string): void {
  if (log && !asking) throw new CompileError(`compile: ${what} inside would be the same at every call`);
}
