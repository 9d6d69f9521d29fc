// The memory of a program: what is never needed at the same time shares a buffer.
import type { Backend, Graph, Plan, Storage, Symbolic, View } from '../../tensor/backend.ts';
import { BYTES, type HostArray } from '../../tensor/dtype.ts';
import { contiguousLayout } from '../../tensor/shape.ts';
import type { Range } from './bind.ts';
import type { Buffer, BufferPool } from './buffers.ts';

/** A piece of memory, and the first and the last call of the program that touches it. */
export interface Need {
  bytes: number;
  first: number;
  last: number;
}

/**
 * Gives each need a buffer, the largest first: the smallest one that nobody holds during any of its calls, or a new one.
 * Two needs of one call never share: a device cannot bind a buffer to be read and written at once. Returns the buffer of
 * each need, and the sizes of the buffers in bytes.
 */
export function planMemory(needs: readonly Need[]): { buffers: number[]; sizes: number[] } {
  const order = needs.map((_, i) => i).sort((a, b) => needs[b].bytes - needs[a].bytes || a - b);
  const holders: Need[][] = [];
  const sizes: number[] = [];
  const buffers = new Array<number>(needs.length);
  for (const i of order) {
    const { bytes, first, last } = needs[i];
    // Later buffers are smaller, so the last that is free fits best.
    let at = holders.findLastIndex((held) => held.every((other) => other.last < first || last < other.first));
    if (at < 0) {
      at = sizes.push(bytes) - 1;
      holders.push([]);
    }
    holders[at].push(needs[i]);
    buffers[i] = at;
  }
  return { buffers, sizes };
}

const bytesOf = ({ handle }: Storage) => (handle as Symbolic).elements * BYTES[(handle as Symbolic).dtype];

/** From when to when each storage of the graph's own is needed, and those that calls change in place. */
function spansOf({ calls, inputs, results }: Graph, owns: (storage: Storage) => boolean) {
  const spans = new Map<Storage, Need>();
  const changed = new Set<Storage>();
  const touch = ({ storage }: View, at: number) => {
    const span = spans.get(storage);
    if (span) span.last = at;
    else if (owns(storage)) spans.set(storage, { bytes: bytesOf(storage), first: at, last: at });
  };
  calls.forEach(({ inputs, outputs, mutates }, c) => {
    for (const view of [...inputs, ...outputs]) touch(view, c);
    for (const { storage } of outputs.slice(0, mutates)) changed.add(storage);
  });
  for (const view of results) touch(view, calls.length);
  for (const storage of inputs) if (spans.has(storage)) spans.get(storage)!.first = -1;
  return { spans, changed };
}

/** Buffers for all storages of a graph's own and the temps of its plans, from the pool. */
export class ProgramMemory {
  /** Bytes of the buffers, and what they would be if nothing were shared. */
  readonly bytes = { planned: 0, unshared: 0 };
  /** The temps of each call. */
  readonly temps: Range[][];
  /** Constants that calls change: copied anew before each replay. */
  readonly initial: { from: Buffer; to: Buffer; size: number }[] = [];
  private readonly backend: Backend;
  private readonly pool: BufferPool;
  private readonly buffers: Buffer[] = [];
  private readonly places = new Map<Storage, Buffer>();

  constructor(backend: Backend, pool: BufferPool, graph: Graph, plans: Plan[]) {
    this.backend = backend;
    this.pool = pool;
    const { spans, changed } = spansOf(graph, this.owns);
    const constants = [...graph.constants].filter(([storage]) => spans.has(storage));
    for (const [storage] of constants) {
      if (changed.has(storage)) spans.get(storage)!.first = -1;
      else spans.delete(storage);
    }
    for (const storage of graph.zeroed) spans.delete(storage);
    const needs = [...spans.values()];
    const temps = plans.map(({ temps = [] }, c) =>
      temps.map((n) => needs.push({ bytes: n * 4, first: c, last: c }) - 1),
    );
    const { buffers, sizes } = planMemory(needs);
    const made = this.allocate(sizes);
    for (const [i, storage] of [...spans.keys()].entries()) this.places.set(storage, made[buffers[i]]);
    this.temps = temps.map((list) =>
      list.map((i) => ({ buffer: made[buffers[i]], offset: 0, size: Math.ceil(needs[i].bytes / 16) * 16 })),
    );
    this.bytes.unshared = needs.reduce((total, { bytes }) => total + bytes, 0);
    graph.constants.clear(); // the host need not hold them too
    for (const storage of graph.zeroed) {
      const kept = this.upload(storage, new Float32Array((storage.handle as Symbolic).elements));
      this.bytes.unshared += kept.used;
      this.places.set(storage, kept);
    }
    for (const [storage, data] of constants) {
      const kept = this.upload(storage, data);
      this.bytes.unshared += kept.used;
      const place = this.of(storage);
      if (place) this.initial.push({ from: kept, to: place, size: Math.ceil(kept.used / 4) * 4 });
      else this.places.set(storage, kept);
    }
  }

  /** Whether a storage is the graph's own. */
  owns = (storage: Storage): boolean => storage.backend !== this.backend;

  /** The buffer of a storage of the graph's own; undefined where nothing uses it. */
  of(storage: Storage): Buffer | undefined {
    return this.places.get(storage);
  }

  dispose(): void {
    for (const buffer of this.buffers) this.pool.free(buffer);
  }

  /** Buffers of these bytes, or none of them where the device refuses one. */
  private allocate(sizes: number[]): Buffer[] {
    try {
      return sizes.map((bytes) => {
        const buffer = this.pool.allocate('compile', bytes);
        this.buffers.push(buffer);
        this.bytes.planned += bytes;
        return buffer;
      });
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** A buffer of its own for the values of a constant. */
  private upload(storage: Storage, data: HostArray): Buffer {
    const { elements, dtype } = storage.handle as Symbolic;
    const [buffer] = this.allocate([elements * BYTES[dtype]]);
    const home = { backend: this.backend, handle: buffer, references: 0, version: 0 };
    this.backend.write({ ...contiguousLayout([elements]), dtype, storage: home }, data);
    return buffer;
  }
}
