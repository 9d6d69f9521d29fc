// Passes over a graph before it is planned: equal calls are made once, and calls that nobody needs not at all.
import type { Call, Graph, Storage, View } from '../tensor/backend.ts';

/** Text that is equal for equal plain values; null for a value that is more than plain. */
export function keyOf(value: unknown): string | null {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || value === undefined || typeof value === 'boolean') return String(value);
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  if (typeof value !== 'object' || !plain) return null;
  const parts = Object.entries(value).map(([name, part]) => [JSON.stringify(name), keyOf(part)]);
  if (parts.some(([, key]) => key === null)) return null;
  return `${Array.isArray(value) ? '[]' : '{}'}${parts.map((part) => part.join(':'))};`;
}

/** A number for each thing, by identity. */
function numbering(): (thing: object) => number {
  const numbers = new Map<object, number>();
  return (thing) => {
    if (!numbers.has(thing)) numbers.set(thing, numbers.size);
    return numbers.get(thing)!;
  };
}

/** What a call changes in place. */
export const changedBy = ({ outputs, mutates }: Call): Storage[] =>
  outputs.slice(0, mutates).map(({ storage }) => storage);

/** Calls of one kernel on the same values with the same attributes become one. */
export function mergeEqual(graph: Graph): Graph {
  const idOf = numbering();
  const changed = new Set(graph.calls.flatMap(changedBy));
  /** How often each storage was changed so far: a call before and one after do not read the same values. */
  const changes = new Map<Storage, number>();
  const first = new Map<string, Call>();
  const stands = new Map<Storage, Storage>();
  const replaced = (view: View): View => {
    const storage = stands.get(view.storage);
    return storage ? { ...view, storage } : view;
  };
  const calls: Call[] = [];
  for (const original of graph.calls) {
    const call = { ...original, inputs: original.inputs.map(replaced), outputs: original.outputs.map(replaced) };
    const { kernel, inputs, outputs, attrs, live } = call;
    for (const storage of changedBy(call)) changes.set(storage, (changes.get(storage) ?? 0) + 1);
    const attrsKey = live >= 0 || outputs.some(({ storage }) => changed.has(storage)) ? null : keyOf(attrs);
    if (attrsKey !== null) {
      const reads = inputs.map(({ storage, dtype, shape, strides, offset }) =>
        [idOf(storage), changes.get(storage) ?? 0, dtype, shape.join('x'), strides.join('x'), offset].join(),
      );
      const key = [
        idOf(kernel),
        attrsKey,
        ...outputs.map(({ dtype, shape }) => `${dtype}${shape.join('x')}`),
        ...reads,
      ].join('|');
      const same = first.get(key);
      if (same) {
        outputs.forEach(({ storage }, i) => {
          stands.set(storage, same.outputs[i].storage);
        });
        continue;
      }
      first.set(key, call);
    }
    calls.push(call);
  }
  return { ...graph, calls, results: graph.results.map(replaced) };
}

/** Calls stay from which a result comes, or a change of memory outside, where `owns` does not hold. */
export function dropDead(graph: Graph, owns: (storage: Storage) => boolean): Graph {
  const needed = new Set(graph.results.map(({ storage }) => storage));
  const kept = graph.calls.toReversed().filter((call) => {
    const { inputs, outputs } = call;
    if (!outputs.some(({ storage }) => needed.has(storage) || !owns(storage))) return false;
    for (const storage of [...inputs.map(({ storage }) => storage), ...changedBy(call)]) needed.add(storage);
    return true;
  });
  return { ...graph, calls: kept.reverse() };
}
