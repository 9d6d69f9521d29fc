// Gradients in place: what a pack would copy into an arena is computed there in the first place.
import { opNamed } from '../autograd/op.ts';
import { packOp, places } from '../ops/arena.ts';
import type { Call, Graph, Storage, Symbolic, View } from '../tensor/backend.ts';
import { contiguousLayout, elementCount, isPlain } from '../tensor/shape.ts';
import { changedBy } from './graph.ts';

/** Elements past its last that a call may write, which then lie in the gap behind. */
const spills = ({ kernel }: Call, { shape }: View) =>
  (kernel.quads || kernel.expression !== undefined) && elementCount(shape) % 4 > 0;

/**
 * Graph without packs whose inputs can all lie in the arena: those that one call makes for the pack alone are made there,
 * others are copied there, each by itself. The gaps that alignment leaves keep the zeros that they begin with.
 */
export function placePacked(graph: Graph, owns: (storage: Storage) => boolean): Graph {
  const makers = new Map<Storage, Call[]>();
  const uses = new Map<Storage, number>();
  const fixed = new Set([...graph.inputs, ...graph.constants.keys(), ...graph.calls.flatMap(changedBy)]);
  for (const { storage } of graph.results) fixed.add(storage);
  for (const call of graph.calls) {
    for (const { storage } of call.outputs) makers.set(storage, [...(makers.get(storage) ?? []), call]);
    for (const { storage } of call.inputs) uses.set(storage, (uses.get(storage) ?? 0) + 1);
  }

  /** Whether what the pack reads can be computed elsewhere. */
  const isMovable = (view: View): boolean => {
    const { storage, shape } = view;
    if (!owns(storage) || fixed.has(storage) || uses.get(storage) !== 1 || !isPlain(view)) return false;
    const [maker, ...more] = makers.get(storage) ?? [];
    const whole = elementCount(shape) === (storage.handle as Symbolic).elements;
    return maker !== undefined && more.length === 0 && whole && !spills(maker, view);
  };

  const moved = new Map<Storage, { arena: Storage; offset: number }>();
  const zeroed: Storage[] = [];
  const calls = graph.calls.flatMap((call): Call[] => {
    if (call.kernel !== packOp || !owns(call.outputs[0].storage)) return [call];
    const [{ storage: arena }] = call.outputs;
    const { offsets } = places(call.inputs.map(({ shape }) => shape));
    const parts = call.inputs
      .map((view, k) => ({ view, offset: offsets[k] }))
      .filter(({ view }) => elementCount(view.shape) > 0);
    const copies = parts
      .filter(({ view }) => !isMovable(view))
      .map(({ view, offset }): Call => {
        const { shape } = view;
        const there: View = { ...contiguousLayout(shape), offset, dtype: view.dtype, storage: arena };
        const kernel = opNamed('contiguous');
        return { kernel, inputs: [view], outputs: [there], mutates: 0, attrs: {}, live: -1 };
      });
    if (copies.some((copy) => spills(copy, copy.outputs[0]))) return [call];
    for (const { view, offset } of parts) if (isMovable(view)) moved.set(view.storage, { arena, offset });
    zeroed.push(arena);
    return copies;
  });
  const place = (view: View): View => {
    const to = moved.get(view.storage);
    return to ? { ...view, storage: to.arena, offset: view.offset + to.offset } : view;
  };
  return { ...graph, calls: calls.map((call) => ({ ...call, outputs: call.outputs.map(place) })), zeroed };
}
