// A program on the CPU: the calls in order, on arrays that live from their first call to their last.
import type { Backend, Graph, Program, Storage, Symbolic, View } from '../../tensor/backend.ts';
import type { HostArray } from '../../tensor/dtype.ts';

export class CpuProgram implements Program {
  readonly shaders: string[][];
  readonly bytes = { planned: 0, unshared: 0 };
  readonly submits = 0;
  private readonly backend: Backend;
  private readonly graph: Graph;
  /** The graph's own storages that nothing needs any more after each call. */
  private readonly done: Storage[][];

  constructor(backend: Backend, graph: Graph) {
    this.backend = backend;
    this.graph = graph;
    this.shaders = graph.calls.map(() => []);
    const last = new Map<Storage, number>();
    graph.calls.forEach(({ inputs, outputs }, c) => {
      for (const { storage } of [...inputs, ...outputs]) last.set(storage, c);
    });
    for (const { storage } of graph.results) last.delete(storage);
    this.done = graph.calls.map(() => []);
    for (const [storage, c] of last) if (storage.backend !== backend) this.done[c].push(storage);
  }

  replay(inputs: View[], results: View[], values: readonly unknown[] | null): boolean {
    const { backend, graph } = this;
    const homes = new Map<Storage, Storage>();
    const before = backend.memory().bytes;
    let [planned, unshared] = [0, 0];
    const home = (storage: Storage): Storage => {
      if (storage.backend === backend) return storage;
      let found = homes.get(storage);
      if (!found) {
        const { elements, dtype } = storage.handle as Symbolic;
        const handle = backend.allocate('compile', elements, dtype) as HostArray;
        found = { backend, handle, references: 0, version: 0 };
        homes.set(storage, found);
        unshared += handle.byteLength;
        planned = Math.max(planned, backend.memory().bytes - before);
      }
      return found;
    };
    const at = (view: View): View => ({ ...view, storage: home(view.storage) });
    const array = (storage: Storage) => home(storage).handle as HostArray;
    try {
      graph.inputs.forEach((storage, i) => {
        const { offset, storage: from } = inputs[i];
        const { elements } = storage.handle as Symbolic;
        array(storage).set((from.handle as HostArray).subarray(offset, offset + elements));
      });
      for (const [storage, data] of graph.constants) array(storage).set(data);
      graph.calls.forEach(({ kernel, inputs, outputs, attrs, live }, c) => {
        backend.run(kernel, inputs.map(at), outputs.map(at), values && live >= 0 ? values[live] : attrs);
        for (const storage of this.done[c]) {
          backend.free(array(storage));
          homes.delete(storage);
        }
      });
      graph.results.forEach(({ storage, offset }, i) => {
        const to = results[i].storage.handle as HostArray;
        to.set(array(storage).subarray(offset, offset + to.length));
      });
    } finally {
      for (const { handle } of homes.values()) backend.free(handle);
    }
    Object.assign(this.bytes, { planned, unshared });
    return true;
  }

  dispose(): void {}
}
