// A program on WebGPU: buffers shared by lifetime, bind groups made once, and a replay that is one submit.
import type { Backend, Call, Dispatch, GpuTraits, Graph, Plan, Program, Slot, View } from '../../tensor/backend.ts';
import { BYTES } from '../../tensor/dtype.ts';
import { elementCount } from '../../tensor/shape.ts';
import { bound, createGroup, pack, type Range, rangeOf } from './bind.ts';
import type { Buffer, BufferPool } from './buffers.ts';
import type { Faults } from './faults.ts';
import { ProgramMemory } from './memory-plan.ts';
import { type Pipeline, type Pipelines, UNIFORM_BYTES } from './pipelines.ts';
import type { Queue } from './queue.ts';

const WORDS = UNIFORM_BYTES / 4;

/** What a program works with. */
export interface ProgramHost {
  backend: Backend;
  device: GPUDevice;
  queue: Queue;
  pool: BufferPool;
  pipelines: Pipelines;
  faults: Faults;
  traits: GpuTraits;
  /** Counts memory that a program holds beside buffers of the pool. */
  hold(bytes: number): void;
}

/** A dispatch with all that it binds. */
interface Prepared {
  op: string;
  dispatch: Dispatch;
  pipeline: Pipeline;
  group: GPUBindGroup;
  /** Where its uniform block begins, in bytes: WebGPU takes it in an array. */
  at: [number];
}

/** Bytes to copy to the start of a buffer. */
interface Copy {
  from: Buffer;
  /** In bytes. */
  offset: number;
  to: Buffer;
  size: number;
}

export class GpuProgram implements Program {
  readonly shaders: string[][];
  readonly bytes: { planned: number; unshared: number };
  readonly submits = 1;
  private readonly host: ProgramHost;
  private readonly graph: Graph;
  private readonly memory: ProgramMemory;
  /** The dispatches of each call, and all of them. */
  private readonly byCall: Prepared[][];
  private readonly dispatches: Prepared[];
  /** The uniform blocks: those that change from replay to replay, then those that do not. */
  private readonly uniforms: GPUBuffer;
  private readonly blocks: Uint32Array<ArrayBuffer>;
  /** How many words change. */
  private readonly liveWords: number;
  /** Arrays for the words that change, free for a replay to fill. */
  private readonly spare: Uint32Array<ArrayBuffer>[] = [];
  private compiled = false;
  private readonly op: string;
  private readonly hash: number;

  constructor(host: ProgramHost, graph: Graph) {
    this.host = host;
    this.graph = graph;
    const plans = graph.calls.map((call) => planOf(call, call.attrs, host.traits));
    this.memory = new ProgramMemory(host.backend, host.pool, graph, plans);
    this.bytes = this.memory.bytes;
    const isLive = (c: number, { fault }: Dispatch) => graph.calls[c].live >= 0 || fault !== undefined;
    const all = plans.flatMap(({ dispatches }, c) => dispatches.map((dispatch) => isLive(c, dispatch)));
    const live = all.filter(Boolean).length;
    this.liveWords = live * WORDS;
    this.blocks = new Uint32Array(Math.max(all.length, 1) * WORDS);
    this.uniforms = host.device.createBuffer({
      label: 'uniforms of a program',
      size: this.blocks.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    host.hold(this.blocks.byteLength);
    let [front, back] = [0, live];
    this.byCall = plans.map(({ dispatches }, c) =>
      dispatches.map((dispatch) => {
        const block = isLive(c, dispatch) ? front++ : back++;
        pack(dispatch.params, 0, this.blocks, block * WORDS);
        return this.prepare(c, dispatch, block * UNIFORM_BYTES);
      }),
    );
    host.device.queue.writeBuffer(this.uniforms, 0, this.blocks);
    this.dispatches = this.byCall.flat();
    this.shaders = plans.map(({ dispatches }) => dispatches.map(({ shader }) => shader.file));
    this.op = `a compiled function of ${[...new Set(graph.calls.map(({ kernel }) => kernel.name))].join(', ')}`;
    this.hash = this.dispatches.reduce((hash, { pipeline, dispatch: { workgroups } }) => {
      return (Math.imul(hash, 31) + pipeline.id + 997 * workgroups[0] + workgroups[1] + workgroups[2]) | 0;
    }, 0);
  }

  replay(inputs: View[], results: View[], values: readonly unknown[] | null): boolean {
    const words = this.spare.pop() ?? this.blocks.slice(0, this.liveWords);
    if (values && !this.refill(words, values)) {
      this.spare.push(words);
      return false;
    }
    for (const { dispatch, at } of this.dispatches) {
      if (dispatch.fault) words[at[0] / 4 + dispatch.params.indexOf('fault')] = this.host.faults.add(dispatch.fault);
    }
    const before = this.graph.inputs.flatMap((storage, i) => copy(inputs[i], this.memory.of(storage)));
    const after = this.graph.results.flatMap((view, i) =>
      copy(view, handleOf(results[i]), this.memory.of(view.storage)),
    );
    this.host.queue.replay({
      op: this.op,
      hash: this.hash,
      dispatches: this.dispatches.length,
      pending: () => this.pending(),
      encode: (encoder) => {
        if (words.length > 0) this.host.device.queue.writeBuffer(this.uniforms, 0, words);
        this.spare.push(words);
        this.encode(encoder, before, after);
      },
    });
    return true;
  }

  dispose(): void {
    this.memory.dispose();
    this.host.hold(-this.blocks.byteLength);
    this.host.queue.after(() => this.uniforms.destroy());
  }

  private pending(): Prepared | undefined {
    if (this.compiled) return undefined;
    const late = this.dispatches.find(({ pipeline }) => !pipeline.ready);
    this.compiled = !late;
    return late;
  }

  private encode(encoder: GPUCommandEncoder, before: Copy[], after: Copy[]): void {
    for (const { from, to, size } of this.memory.initial) encoder.copyBufferToBuffer(from.gpu, 0, to.gpu, 0, size);
    encodeCopies(encoder, before);
    if (this.dispatches.length > 0) {
      const pass = encoder.beginComputePass();
      let last: Pipeline | null = null;
      for (const { pipeline, group, at, dispatch } of this.dispatches) {
        if (pipeline !== last) pass.setPipeline(pipeline.ready!);
        last = pipeline;
        pass.setBindGroup(0, group, at);
        pass.dispatchWorkgroups(dispatch.workgroups[0], dispatch.workgroups[1], dispatch.workgroups[2]);
      }
      pass.end();
    }
    encodeCopies(encoder, after);
  }

  /** The pipeline, which begins to compile, and the bind group of a dispatch of call `c`. */
  private prepare(c: number, dispatch: Dispatch, at: number): Prepared {
    const { device, pipelines, faults } = this.host;
    const { kernel, inputs, outputs } = this.graph.calls[c];
    const ranges = {
      input: inputs.map((view) => this.range(view)),
      output: outputs.map((view) => this.range(view)),
      temp: this.memory.temps[c],
    };
    const find = ({ of, index }: Slot): Range => ranges[of][index];
    const { shader, reads, writes, more = { reads: [], writes: [] } } = dispatch;
    const read = reads?.map(find) ?? ranges.input;
    const written = [...(writes?.map(find) ?? ranges.output), ...(dispatch.fault ? [faults.range] : [])];
    const behind = [...more.reads, ...more.writes].map(find);
    const pipeline = pipelines.get(shader, read.length, written.length, [more.reads.length, more.writes.length]);
    const group = createGroup(device, pipeline.layout, [...read, ...written], this.uniforms, kernel.name, behind);
    return { op: kernel.name, dispatch, pipeline, group, at: [at] };
  }

  private range(view: View): Range {
    return rangeOf(view, this.memory.of(view.storage) ?? handleOf(view));
  }

  /** Plans the live calls anew and packs their params; false where their dispatches would be others. */
  private refill(words: Uint32Array, values: readonly unknown[]): boolean {
    return this.graph.calls.every((call, c) => {
      if (call.live < 0) return true;
      const { dispatches } = planOf(call, values[call.live], this.host.traits);
      const before = this.byCall[c];
      if (dispatches.length !== before.length) return false;
      return dispatches.every((dispatch, d) => {
        if (!alike(dispatch, before[d].dispatch)) return false;
        pack(dispatch.params, 0, words, before[d].at[0] / 4);
        return true;
      });
    });
  }
}

const handleOf = (view: View) => view.storage.handle as Buffer;

const planOf = ({ kernel, inputs, outputs }: Call, attrs: unknown, gpu: GpuTraits): Plan =>
  kernel.plan(inputs.map(bound), outputs.map(bound), attrs, gpu);

const alike = (a: Dispatch, b: Dispatch): boolean =>
  a.shader.source === b.shader.source &&
  a.shader.preamble === b.shader.preamble &&
  `${a.shader.halves}` === `${b.shader.halves}` &&
  a.workgroups.every((count, i) => count === b.workgroups[i]);

/** The copy of a contiguous view, in whole words, to the start of a buffer; none where that buffer is not there. */
function copy(view: View, to: Buffer | undefined, from: Buffer | undefined = handleOf(view)): Copy[] {
  const bytes = BYTES[view.dtype];
  const size = Math.ceil((elementCount(view.shape) * bytes) / 4) * 4;
  return to && from && size > 0 ? [{ from, offset: view.offset * bytes, to, size }] : [];
}

function encodeCopies(encoder: GPUCommandEncoder, copies: Copy[]): void {
  for (const { from, offset, to, size } of copies) encoder.copyBufferToBuffer(from.gpu, offset, to.gpu, 0, size);
}
