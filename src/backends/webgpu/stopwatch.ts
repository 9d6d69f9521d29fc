// How long plans take on a device: by timestamps where it has them, else by the clock; repeated where those are coarse.
import type { Dispatch, Plan } from '../../tensor/backend.ts';
import { BYTES } from '../../tensor/dtype.ts';
import { elementCount, extent } from '../../tensor/shape.ts';
import type { Trial } from '../../tensor/tuning.ts';
import { blockWords, createGroup, pack, type Range } from './bind.ts';
import type { BufferPool } from './buffers.ts';
import { type Pipeline, type Pipelines, UNIFORM_BYTES } from './pipelines.ts';

export interface Workshop {
  device: GPUDevice;
  pool: BufferPool;
  pipelines: Pipelines;
}

/** A plan of a trial, with all that it binds. */
export interface Prepared {
  dispatches: { pipeline: Pipeline; group: GPUBindGroup; workgroups: Dispatch['workgroups'] }[];
  /** Resolves when it is compiled; rejects with a ShaderError. */
  compiled: Promise<unknown>;
  free(): void;
}

/** Timestamps come in steps of 2^16 ns where the platform hides what is finer. */
const COARSE = 2 ** 16;
/** How long to repeat a plan, in nanoseconds, where time is told exactly, in coarse steps, and by the clock. */
const LONG_ENOUGH = { exact: 2e5, coarse: 20 * COARSE, clock: 5e6 };
const MAX_REPEATS = 256;

export function prepare({ device, pool, pipelines }: Workshop, { inputs, outputs }: Trial, plan: Plan): Prepared {
  const range = (elements: number): Range => {
    const buffer = pool.allocate('tune', Math.max(elements, 1) * BYTES.float32);
    return { buffer, offset: 0, size: Math.ceil(Math.max(elements, 1) / 4) * 16 };
  };
  const ranges = {
    input: inputs.map((x) => range(x.offset + extent(x))),
    output: outputs.map(({ shape }) => range(elementCount(shape))),
    temp: (plan.temps ?? []).map(range),
  };
  const uniforms: GPUBuffer[] = [];
  const dispatches = plan.dispatches.map(({ shader, reads, writes, params, workgroups }) => {
    const read = reads?.map(({ of, index }) => ranges[of][index]) ?? ranges.input;
    const written = writes?.map(({ of, index }) => ranges[of][index]) ?? ranges.output;
    const block = new Uint32Array(blockWords(params));
    pack(params, 0, block, 0);
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ label: 'uniforms of a trial', size: UNIFORM_BYTES, usage });
    device.queue.writeBuffer(buffer, 0, block);
    uniforms.push(buffer);
    const pipeline = pipelines.get(shader, read.length, written.length);
    return {
      pipeline,
      group: createGroup(device, pipeline.layout, [...read, ...written], buffer, 'trial'),
      workgroups,
    };
  });
  return {
    dispatches,
    compiled: Promise.all(dispatches.map(({ pipeline }) => pipeline.compiled)),
    free() {
      for (const { buffer } of Object.values(ranges).flat()) pool.free(buffer);
      for (const buffer of uniforms) buffer.destroy();
    },
  };
}

export class Stopwatch {
  private readonly device: GPUDevice;
  private readonly stamps: { set: GPUQuerySet; resolved: GPUBuffer; read: GPUBuffer } | null;
  private repeats = 1;

  constructor(device: GPUDevice) {
    this.device = device;
    const { COPY_SRC, COPY_DST, QUERY_RESOLVE, MAP_READ } = GPUBufferUsage;
    this.stamps = device.features.has('timestamp-query')
      ? {
          set: device.createQuerySet({ type: 'timestamp', count: 2 }),
          resolved: device.createBuffer({ size: 256, usage: QUERY_RESOLVE | COPY_SRC }),
          read: device.createBuffer({ size: 16, usage: COPY_DST | MAP_READ }),
        }
      : null;
  }

  /** Nanoseconds of one run of a compiled plan, of so many runs as it takes to tell. */
  async time(plan: Prepared): Promise<number> {
    for (;;) {
      const { took, enough } = await this.run(plan, this.repeats);
      if (took >= enough || this.repeats >= MAX_REPEATS) return took / this.repeats;
      // A clock that stood still tells nothing about how often.
      const factor = took > 0 ? Math.min(16, (1.3 * enough) / took) : 16;
      this.repeats = Math.min(MAX_REPEATS, Math.ceil(this.repeats * factor));
    }
  }

  /** Begins with few runs again: the next plan may take longer. */
  reset(): void {
    this.repeats = 1;
  }

  close(): void {
    this.stamps?.set.destroy();
    this.stamps?.resolved.destroy();
    this.stamps?.read.destroy();
  }

  private async run({ dispatches }: Prepared, repeats: number): Promise<{ took: number; enough: number }> {
    const { device, stamps } = this;
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass(
      stamps
        ? { timestampWrites: { querySet: stamps.set, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } }
        : undefined,
    );
    for (let i = 0; i < repeats; i++) {
      for (const { pipeline, group, workgroups } of dispatches) {
        pass.setPipeline(pipeline.ready!);
        pass.setBindGroup(0, group, [0]);
        pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
      }
    }
    pass.end();
    if (stamps) {
      encoder.resolveQuerySet(stamps.set, 0, 2, stamps.resolved, 0);
      encoder.copyBufferToBuffer(stamps.resolved, 0, stamps.read, 0, 16);
    }
    const begin = performance.now();
    device.queue.submit([encoder.finish()]);
    if (!stamps) {
      await device.queue.onSubmittedWorkDone();
      return { took: (performance.now() - begin) * 1e6, enough: LONG_ENOUGH.clock };
    }
    await stamps.read.mapAsync(GPUMapMode.READ);
    const [from, to] = new BigUint64Array(stamps.read.getMappedRange().slice(0));
    stamps.read.unmap();
    const exact = [from, to].some((stamp) => stamp % BigInt(COARSE) !== 0n);
    return { took: Number(to - from), enough: exact ? LONG_ENOUGH.exact : LONG_ENOUGH.coarse };
  }
}
