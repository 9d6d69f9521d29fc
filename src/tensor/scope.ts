// Scopes: everything made inside is released at the end, except what is returned and what was kept.

let current: Set<Scoped> | null = null;

/** Something that belongs to the scope it was made in. Tensors are; this class keeps scopes below them. */
export abstract class Scoped {
  /** @internal The scope that will release this; null outside of scopes and after keep(). */
  scope: Set<Scoped> | null = current;

  constructor() {
    this.scope?.add(this);
  }

  abstract dispose(): void;
}

/** @internal The scope that new tensors belong to. */
export const currentScope = () => current;

/** @internal Moves something to another scope; null lets it live until it is disposed of or collected. */
export function moveTo(item: Scoped, scope: Set<Scoped> | null): void {
  item.scope?.delete(item);
  item.scope = scope;
  scope?.add(item);
}

/** Takes a tensor out of all scopes: whoever calls this owns it and disposes of it. Returns the tensor. */
export function keep<T extends Scoped>(item: T): T {
  moveTo(item, null);
  return item;
}

/**
 * Runs `fn` and releases every tensor made inside, except those in its result (a tensor, or arrays and plain
 * objects of them), which go to the scope around. `fn` must be synchronous: read values after the scope.
 */
export function scope<T>(fn: () => T): T {
  const outer = current;
  const mine = new Set<Scoped>();
  current = mine;
  let result: T;
  try {
    result = fn();
    for (const item of scopedIn(result)) if (item.scope === mine) moveTo(item, outer);
  } finally {
    current = outer;
    for (const item of mine) item.dispose();
  }
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new TypeError(
      'scope: expected a synchronous function, got one that returns a promise; await after the scope',
    );
  }
  return result;
}

function* scopedIn(value: unknown): Generator<Scoped> {
  if (value instanceof Scoped) yield value;
  else if (Array.isArray(value)) for (const item of value) yield* scopedIn(item);
  else if (value && Object.getPrototypeOf(value) === Object.prototype) yield* scopedIn(Object.values(value));
}
