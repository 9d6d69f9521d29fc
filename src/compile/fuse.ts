// Fusion: elementwise calls join each other and the kernel that computes what they go on with, so that values in between
// never reach memory.

import { type Chain, isWritable, type Member, type Operand } from '../ops/fusion.ts';
import type { Call, Graph, Storage, View } from '../tensor/backend.ts';
import { isFloat } from '../tensor/dtype.ts';
import { elementCount, isPlain, type Shape, sameShape } from '../tensor/shape.ts';
import { chainKernel, joinedKernel } from './fused-kernel.ts';
import { changedBy } from './graph.ts';

/** Storage buffers that every adapter lets a kernel have. */
const MAX_BUFFERS = 8;

/** Calls that become one: any number of elementwise ones, and at most one other that takes what some compute or leads the rest. */
interface Group {
  /** The lead, and those that go on with what it computes. */
  calls: number[];
  /** The call that is not elementwise. */
  front: number | null;
  /** Those that compute what the lead reads. */
  before: number[];
}

/** What a member reads, and the shape that it is broadcast to. */
interface Read {
  view: View;
  shape: Shape;
}

/** For each call, those that must come before it: they write what it reads, or use what it changes. */
function dependencies(calls: readonly Call[]): Set<number>[] {
  const writer = new Map<Storage, number>();
  const readers = new Map<Storage, number[]>();
  return calls.map((call, c) => {
    const before = new Set<number>();
    const reads = [...call.inputs.map(({ storage }) => storage), ...changedBy(call)];
    const writes = call.outputs.map(({ storage }) => storage);
    for (const storage of [...reads, ...writes]) if (writer.has(storage)) before.add(writer.get(storage)!);
    for (const storage of writes) for (const reader of readers.get(storage) ?? []) before.add(reader);
    for (const storage of reads) readers.set(storage, [...(readers.get(storage) ?? []), c]);
    for (const storage of writes) {
      writer.set(storage, c);
      readers.set(storage, []);
    }
    before.delete(c);
    return before;
  });
}

class Fusion {
  private readonly graph: Graph;
  private readonly calls: readonly Call[];
  private readonly before: Set<number>[];
  private readonly after: Set<number>[];
  private readonly groupOf: Group[];
  /** Which call makes a storage, where only one ever writes it. */
  private readonly maker = new Map<Storage, number>();
  private readonly users = new Map<Storage, number[]>();
  private readonly results: Set<Storage>;

  constructor(graph: Graph) {
    this.graph = graph;
    this.calls = graph.calls;
    this.before = dependencies(graph.calls);
    this.after = graph.calls.map(() => new Set());
    this.before.forEach((list, c) => {
      for (const b of list) this.after[b].add(c);
    });
    this.results = new Set(graph.results.map(({ storage }) => storage));
    const changed = new Set(graph.calls.flatMap(changedBy));
    graph.calls.forEach(({ inputs, outputs }, c) => {
      for (const { storage } of inputs) this.users.set(storage, [...(this.users.get(storage) ?? []), c]);
      for (const { storage } of outputs) if (!changed.has(storage)) this.maker.set(storage, c);
    });
    this.groupOf = graph.calls.map((call, c) => ({
      calls: [c],
      front: this.isElementwise(call) ? null : c,
      before: [],
    }));
  }

  run(): Graph {
    this.calls.forEach((call, c) => {
      if (this.groupOf[c].front === c) return;
      for (const { storage } of call.inputs) {
        const maker = this.maker.get(storage);
        if (maker !== undefined) this.join(this.groupOf[maker], this.groupOf[c]);
      }
    });
    for (const group of new Set(this.groupOf)) this.takeIn(group);
    const groups = this.sorted();
    return { ...this.graph, calls: groups.map((group) => this.fused(group)) };
  }

  private isElementwise({ kernel, inputs, outputs, attrs, live, mutates }: Call): boolean {
    if (!kernel.expression || live >= 0 || mutates > 0 || outputs.length > 1) return false;
    const [out] = outputs;
    const isOwn = this.maker.has(out.storage) && isPlain(out) && elementCount(out.shape) > 0;
    return isOwn && isWritable(kernel.expression(inputs, outputs, attrs));
  }

  /** Whether others can go on with what a call computes. */
  private canLead(c: number): boolean {
    const { kernel, outputs, mutates } = this.calls[c];
    const [out] = outputs;
    const hands = kernel.puts === true && mutates === 0 && isFloat(out.dtype);
    return hands && this.maker.has(out.storage) && isPlain(out) && elementCount(out.shape) > 0;
  }

  /** Joins two groups, where the first makes what the second reads, unless something speaks against it. */
  private join(a: Group, b: Group): void {
    if (a === b || (a.front !== null && b.front !== null)) return;
    const front = a.front ?? b.front;
    if (front !== null && !this.canLead(front)) return;
    const joined: Group = { calls: [...a.calls, ...b.calls].sort((x, y) => x - y), front, before: [] };
    if (!this.inStep(joined) || this.buffers(joined) > MAX_BUFFERS || this.surrounds(joined)) return;
    for (const c of joined.calls) this.groupOf[c] = joined;
  }

  /** Lets a lead compute its input 0 itself, where nobody else needs it. */
  private takeIn(group: Group): void {
    if (group.front === null) return;
    const { kernel, inputs } = this.calls[group.front];
    if (!kernel.takes) return;
    const [{ storage }, ...others] = inputs;
    const maker = this.maker.get(storage) ?? -1;
    const before = this.groupOf[maker];
    if (!before || before.front !== null || others.some((view) => view.storage === storage)) return;
    const elsewhere =
      this.stored(before).some((c) => c !== maker) || this.users.get(storage)!.some((c) => c !== group.front);
    if (elsewhere || this.results.has(storage) || before.calls.at(-1) !== maker) return;
    if (this.buffers(group) + this.read(before).length - 1 > MAX_BUFFERS) return;
    group.before = before.calls;
    for (const c of before.calls) this.groupOf[c] = group;
  }

  /** Whether all that members read of each other lies where they write it themselves. */
  private inStep({ calls, front }: Group): boolean {
    const n = this.size(calls[0]);
    return calls.every((c) => {
      const { inputs } = this.calls[c];
      const own = inputs.filter(({ storage }) => calls.includes(this.maker.get(storage) ?? -1));
      if (c === front) return own.length === 0 && this.size(c) === n;
      const fits = (view: View) => {
        const [made] = this.calls[this.maker.get(view.storage)!].outputs;
        return made.storage === view.storage && isPlain(view) && elementCount(view.shape) === n;
      };
      return this.size(c) === n && own.every(fits);
    });
  }

  private size(c: number): number {
    return elementCount(this.calls[c].outputs[0].shape);
  }

  /** How many storage buffers the kernel of a group may bind. */
  private buffers(group: Group): number {
    const elementwise = this.read(group).length + this.stored(group).length;
    if (group.front === null) return elementwise;
    const { inputs, outputs } = this.calls[group.front];
    // The first that is stored takes the place of output 0. One more, for what else its dispatches may bind: scratch memory,
    // or that of faults.
    return inputs.length + outputs.length - 1 + elementwise + 1;
  }

  /** What the elementwise members read that is made elsewhere, each view in each shape once. */
  private read({ calls, front }: Group): Read[] {
    const views = calls
      .filter((c) => c !== front)
      .flatMap((c) => this.calls[c].inputs.map((view): Read => ({ view, shape: this.calls[c].outputs[0].shape })))
      .filter(({ view }) => !calls.includes(this.maker.get(view.storage) ?? -1));
    return views.filter((view, i) => views.findIndex((other) => same(view, other)) === i);
  }

  /** The members whose results are needed elsewhere. */
  private stored({ calls }: Group): number[] {
    return calls.filter((c) => {
      const { storage } = this.calls[c].outputs[0];
      return this.results.has(storage) || (this.users.get(storage) ?? []).some((user) => !calls.includes(user));
    });
  }

  /** Whether something else must come behind one member and before another. */
  private surrounds({ calls }: Group): boolean {
    const seen = new Set<number>(calls);
    const queue: number[] = [];
    const visit = (c: number): boolean => {
      for (const next of this.after[c]) {
        if (seen.has(next)) {
          if (calls.includes(next) && !calls.includes(c)) return true;
          continue;
        }
        for (const member of this.groupOf[next].calls) {
          if (seen.has(member)) continue;
          seen.add(member);
          queue.push(member);
        }
      }
      return false;
    };
    if (calls.some(visit)) return true;
    for (let c = queue.pop(); c !== undefined; c = queue.pop()) if (visit(c)) return true;
    return false;
  }

  /** The groups, each behind all that it depends on, as near to the order of the calls as that allows. */
  private sorted(): Group[] {
    const done = new Set<number>();
    const order: Group[] = [];
    const waiting = [...new Set(this.groupOf)].sort((a, b) => a.calls.at(-1)! - b.calls.at(-1)!);
    while (waiting.length > 0) {
      const next = waiting.findIndex(({ calls, before }) => {
        const members = [...before, ...calls];
        return members.every((c) => [...this.before[c]].every((b) => done.has(b) || members.includes(b)));
      });
      const [group] = waiting.splice(next, 1);
      for (const c of [...group.before, ...group.calls]) done.add(c);
      order.push(group);
    }
    return order;
  }

  /** The elementwise calls of a group as a chain, and what it reads. */
  private chain(group: Group, stored: number[]): { chain: Chain; inputs: View[] } {
    const { calls, front } = group;
    const elementwise = calls.filter((c) => c !== front);
    const reads = this.read(group);
    const operand = (view: View, shape: Shape): Operand => {
      const maker = this.maker.get(view.storage) ?? -1;
      if (maker === front) return { put: true };
      if (calls.includes(maker)) return { member: elementwise.indexOf(maker) };
      return { input: reads.findIndex((other) => same({ view, shape }, other)) };
    };
    const members = elementwise.map((c): Member => {
      const { kernel, inputs, outputs, attrs } = this.calls[c];
      const expression = kernel.expression!(inputs, outputs, attrs);
      const [{ shape, dtype }] = outputs;
      return { expression, operands: inputs.map((view) => operand(view, shape)), dtype };
    });
    const chain: Chain = {
      n: this.size(calls[0]),
      shapes: reads.map(({ shape }) => shape),
      members,
      put: front === null ? undefined : this.calls[front].outputs[0].dtype,
      stored: stored.map((c) => (c === front ? 'put' : elementwise.indexOf(c))),
    };
    return { chain, inputs: reads.map(({ view }) => view) };
  }

  private fused(group: Group): Call {
    const { calls, front, before: given } = group;
    if (calls.length + given.length === 1) return this.calls[calls[0]];
    const kernels = [...given, ...calls].map((c) => this.calls[c].kernel);
    const stored = this.stored(group);
    const outputs = stored.map((c) => this.calls[c].outputs[0]);
    if (front === null) {
      const { chain, inputs } = this.chain(group, stored);
      return { kernel: chainKernel(kernels, chain), inputs, outputs, mutates: 0, attrs: undefined, live: -1 };
    }
    const lead = this.calls[front];
    const before = given.length > 0 ? this.chain({ calls: given, front: null, before: [] }, []) : null;
    const behind = calls.length > 1 ? this.chain(group, stored) : null;
    return {
      kernel: joinedKernel({ kernels, lead, before, behind }),
      inputs: [...lead.inputs.slice(before ? 1 : 0), ...(before?.inputs ?? []), ...(behind?.inputs ?? [])],
      outputs: behind ? [...outputs, ...lead.outputs.slice(1)] : lead.outputs,
      mutates: 0,
      attrs: lead.attrs,
      live: lead.live,
    };
  }
}

const same = ({ view: a, shape }: Read, { view: b, shape: other }: Read) =>
  a.storage === b.storage &&
  a.offset === b.offset &&
  a.dtype === b.dtype &&
  sameShape(a.shape, b.shape) &&
  sameShape(a.strides, b.strides) &&
  sameShape(shape, other);

/** Joins calls where no other call notices. Calls stay behind those that they depend on. */
export const fuse = (graph: Graph): Graph => new Fusion(graph).run();
