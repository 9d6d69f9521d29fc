// WebGPU as a backend: plans of kernels become dispatches on pooled buffers with cached bind groups.
import type { Backend, Dispatch, GpuTraits, Graph, Kernel, Shader, Slot, View } from '../../tensor/backend.ts';
import { BYTES, type DType, type HostArray } from '../../tensor/dtype.ts';
import { DeviceError, IndexError } from '../../tensor/errors.ts';
import { gather } from '../../tensor/gather.ts';
import { fromHalf, toHalf } from '../../tensor/half.ts';
import { extent } from '../../tensor/shape.ts';
import type { Choices } from '../../tensor/tuning.ts';
import { blockWords, bound, createGroup, pack, type Range, rangeOf } from './bind.ts';
import { type Buffer, BufferPool } from './buffers.ts';
import type { OpenedAdapter } from './door.ts';
import { Faults } from './faults.ts';
import { type Pipeline, Pipelines } from './pipelines.ts';
import { GpuProgram } from './program.ts';
import { Queue } from './queue.ts';
import { type TuneOptions, tuned } from './tune.ts';

const MAX_BIND_GROUPS = 4096;

/** Called for each dispatch with the op and the shader file; the kernel check counts coverage with it. */
export type DispatchObserver = (op: string, file: string, preamble: string) => void;

export class WebGpuBackend implements Backend {
  readonly fuses = true;
  readonly traits: GpuTraits;
  observer: DispatchObserver | null = null;
  /** Sees each dispatch before anything of it is compiled, and may put another in its place: mutation tests and folded grids do. */
  intercept: ((op: string, dispatch: Dispatch) => Dispatch) | null = null;
  private readonly device: GPUDevice;
  private readonly queue: Queue;
  private readonly pool: BufferPool;
  private readonly pipelines: Pipelines;
  private readonly groups = new Map<string, GPUBindGroup>();
  private readonly faults: Faults;
  /** What programs hold beside buffers of the pool. */
  private uniformBytes = 0;

  constructor(
    device: GPUDevice,
    { software, subgroup, polls }: Omit<OpenedAdapter, 'adapter'> & Pick<GpuTraits, 'subgroup'>,
  ) {
    this.device = device;
    this.traits = { software, subgroup, limits: device.limits };
    this.queue = new Queue(device, polls);
    this.pool = new BufferPool(device, this.queue.watch.bind(this.queue));
    this.pipelines = new Pipelines(device);
    this.faults = new Faults(device);
    device.lost.then(({ message }) => this.queue.fail(new DeviceError(`the device was lost: ${message}`)));
  }

  allocate(op: string, elements: number, dtype: DType): Buffer {
    if (dtype === 'float16' && !this.device.features.has('shader-f16')) {
      throw new DeviceError(`${op}: float16 needs the feature shader-f16, which this adapter does not have`);
    }
    return this.pool.allocate(op, elements * BYTES[dtype]);
  }

  write({ storage, offset, dtype }: View, data: HostArray): void {
    if (data.length === 0) return;
    const buffer = storage.handle as Buffer;
    // Copies go by whole words: a half at an odd place would take its neighbour along.
    if (dtype === 'float16' && (offset % 2 > 0 || (data.length % 2 > 0 && data.length * BYTES[dtype] < buffer.used))) {
      throw new DeviceError(
        `write: a part of float16 memory is written by pairs, got ${data.length} elements at ${offset}`,
      );
    }
    this.queue.write(buffer, offset * BYTES[dtype], deviceArray(dtype, data));
  }

  async read(view: View): Promise<HostArray> {
    const length = extent(view);
    const watch = this.faults.watch();
    if (length === 0 && !watch) return hostArray(view.dtype, new ArrayBuffer(0));
    const bytes = BYTES[view.dtype];
    const begin = Math.floor((view.offset * bytes) / 4) * 4;
    const end = Math.ceil(((view.offset + length) * bytes) / 4) * 4;
    const raw = await this.queue.read(
      view.storage.handle as Buffer,
      begin,
      length === 0 ? 0 : end - begin,
      watch?.copy,
    );
    const fault = watch?.find(raw.extra!);
    if (fault) throw new IndexError(fault);
    return gather(hostArray(view.dtype, raw.bytes), { ...view, offset: view.offset - begin / bytes });
  }

  run(kernel: Kernel, inputs: View[], outputs: View[], attrs: unknown): void {
    const { temps = [], dispatches } = kernel.plan(inputs.map(bound), outputs.map(bound), attrs, this.traits);
    const scratch = temps.map((n) => this.allocate(kernel.name, n, 'float32'));
    const ranges = {
      input: inputs.map((view) => rangeOf(view)),
      output: outputs.map((view) => rangeOf(view)),
      temp: scratch.map((buffer) => ({ buffer, offset: 0, size: buffer.size })),
    };
    const find = ({ of, index }: Slot) => ranges[of][index];
    for (const planned of dispatches) {
      const dispatch = this.intercept?.(kernel.name, planned) ?? planned;
      const { shader, reads, writes, params, fault, workgroups, more = { reads: [], writes: [] } } = dispatch;
      const read = reads ? reads.map(find) : ranges.input;
      const written = [...(writes ? writes.map(find) : ranges.output), ...(fault ? [this.faults.range] : [])];
      const id = fault ? this.faults.add(fault) : 0;
      const block = new Uint32Array(blockWords(params));
      pack(params, id, block, 0);
      const behind = [...more.reads, ...more.writes].map(find);
      const counts: [number, number] = [more.reads.length, more.writes.length];
      const pipeline = this.pipelines.get(shader, read.length, written.length, counts);
      const group = this.bindGroup(pipeline, [...read, ...written], behind);
      this.observer?.(kernel.name, shader.file, shader.preamble ?? '');
      this.queue.dispatch({ op: kernel.name, pipeline, group, params: block, workgroups });
    }
    for (const buffer of scratch) this.pool.free(buffer);
  }

  program(graph: Graph): GpuProgram {
    const { device, queue, pool, pipelines, faults, traits } = this;
    const hold = (bytes: number) => {
      this.uniformBytes += bytes;
    };
    return new GpuProgram({ backend: this, device, queue, pool, pipelines, faults, traits, hold }, graph);
  }

  /** Makes plans take these configurations, by class, instead of their defaults. */
  choose(choices: Choices): void {
    this.traits.choice = (name) => (Object.hasOwn(choices, name) ? choices[name] : undefined);
  }

  /** Times the classes of calls that are not in `known`, behind all that is under way, and makes plans take the fastest. */
  async tune(known: Choices, options?: TuneOptions): Promise<Choices> {
    await new Promise<void>((resolve) => this.queue.after(resolve));
    const { device, pool, pipelines } = this;
    const choices = await tuned({ device, pool, pipelines }, this.traits, known, options);
    this.choose(choices);
    return choices;
  }

  free(handle: unknown): void {
    this.pool.free(handle as Buffer);
    if (this.pool.bloated) this.trim();
  }

  memory() {
    return { bytes: this.pool.bytes + this.uniformBytes, reserved: this.pool.reserved + this.uniformBytes };
  }

  /** Drops what was compiled of a shader; used again, it is compiled again. */
  forget(shader: Shader): void {
    this.pipelines.forget(shader);
  }

  /** Dispatches and submits so far. */
  counts() {
    return { dispatches: this.queue.dispatches, submits: this.queue.submits };
  }

  destroy(): void {
    this.queue.fail(new DeviceError('the device was destroyed'));
    this.device.destroy();
  }

  /** Gives spare buffers back to the device, behind all commands that may still use them. */
  private trim(): void {
    const spare = this.pool.takeSpare();
    this.groups.clear();
    this.queue.after(() => {
      for (const buffer of spare) buffer.gpu.destroy();
    });
  }

  private bindGroup({ layout }: Pipeline, ranges: Range[], behind: Range[]): GPUBindGroup {
    let key = layout.key;
    for (const { buffer, offset, size } of [...ranges, ...behind]) key += `|${buffer.id}:${offset}:${size}`;
    let group = this.groups.get(key);
    if (!group) {
      if (this.groups.size >= MAX_BIND_GROUPS) this.groups.clear();
      group = createGroup(this.device, layout, ranges, this.queue.uniforms, key, behind);
      this.groups.set(key, group);
    }
    return group;
  }
}

/** Host values in the device's format: a copy, since the queue may hold it until the commands before it have run. */
function deviceArray(dtype: DType, data: HostArray): ArrayBufferView<ArrayBuffer> {
  if (dtype === 'float32') return new Float32Array(data);
  if (dtype === 'int32') return new Int32Array(data);
  if (dtype === 'bool') return new Uint32Array(data);
  const halves = new Uint16Array(Math.ceil(data.length / 2) * 2);
  halves.set(Uint16Array.from(data, toHalf));
  return halves;
}

/** GPU bytes as host values; bool is a word there and a byte here. */
function hostArray(dtype: DType, bytes: ArrayBuffer): HostArray {
  if (dtype === 'float32') return new Float32Array(bytes);
  if (dtype === 'float16') return Float32Array.from(new Uint16Array(bytes), fromHalf);
  if (dtype === 'int32') return new Int32Array(bytes);
  return Uint8Array.from(new Uint32Array(bytes));
}
