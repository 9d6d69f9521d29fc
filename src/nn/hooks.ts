// Hooks: functions of the user that are called whenever a module is.
import { repeated, watched } from '../tensor/live.ts';

let registered = 0;

/**
 * Functions in the order in which they were registered. A compiled function that met other ones while it was traced is traced
 * again; those that it registers and removes itself belong to its trace.
 */
export class Hooks<F> {
  private readonly functions = new Map<number, F>();

  /** Returns what removes it again. */
  add(hook: F): () => void {
    if (typeof hook !== 'function') throw new TypeError(`hooks: expected a function, got ${typeof hook}`);
    const id = registered++;
    repeated(this, () => this.functions.set(id, hook));
    return () => repeated(this, () => this.functions.delete(id));
  }

  /** All that are registered now. */
  all(): F[] {
    watched(this, () => [...this.functions.keys()].join());
    return [...this.functions.values()];
  }
}
