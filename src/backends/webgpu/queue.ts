// The command queue: many ops, one submit. Commands run in the order in which they are given; one whose pipeline is
// still compiling holds back those behind it, while the caller goes on.
import { DeviceError } from '../../tensor/errors.ts';
import type { Buffer } from './buffers.ts';
import { Flights } from './flights.ts';
import { Pace, type Stretch } from './pace.ts';
import { type Pipeline, UNIFORM_BYTES } from './pipelines.ts';

export interface DispatchCommand {
  op: string;
  pipeline: Pipeline;
  group: GPUBindGroup;
  /** The uniform block, at most UNIFORM_BYTES. */
  params: Uint32Array;
  workgroups: readonly [number, number, number];
}

/** What a read copies beside its own bytes. */
export interface ExtraCopy {
  /** Bytes, a multiple of 4. */
  size: number;
  encode(encoder: GPUCommandEncoder, target: GPUBuffer, offset: number): void;
}

interface ReadBytes {
  bytes: ArrayBuffer;
  extra: ArrayBuffer;
}

/** A whole program, to go in one submit. */
export interface ReplayCommand {
  /** The ops, for messages. */
  op: string;
  /** Stands for its dispatches in hashes. */
  hash: number;
  dispatches: number;
  /** One of its dispatches whose pipeline is not ready yet, if there is one. */
  pending(): { op: string; pipeline: Pipeline } | undefined;
  /** Records its commands; no pass is open. */
  encode(encoder: GPUCommandEncoder): void;
}

/** `blocked`: what to wait for before it can run; null where it can. */
type Command = DispatchCommand | { run: () => void; blocked?: () => Promise<unknown> | null };

/** Dispatches per submit: few enough that a software adapter starts while the rest is being encoded. */
const BATCH = 64;

/** Timers have a resolution of a millisecond: less is not worth one. */
const sleep = (ms: number) => (ms < 1 ? undefined : new Promise((resolve) => setTimeout(resolve, ms)));

export class Queue {
  private readonly device: GPUDevice;
  private readonly waiting: Command[] = [];
  private encoder: GPUCommandEncoder | null = null;
  private pass: GPUComputePassEncoder | null = null;
  /** What bind groups bind as their uniform block; the offset comes with the dispatch. */
  readonly uniforms: GPUBuffer;
  private readonly uniformData = new Uint32Array((BATCH * UNIFORM_BYTES) / 4);
  private encoded = 0;
  private pumping: Promise<void> | null = null;
  private failure: DeviceError | null = null;
  private readonly pace: Pace | null;
  private readonly staging: GPUBuffer[] = [];
  /** Error reports that have not come back yet. */
  private readonly reports = new Set<Promise<void>>();
  /** Ops encoded since errors were last asked for, for messages. */
  private readonly ops = new Set<string>();
  private readonly flights: Flights;
  dispatches = 0;
  submits = 0;

  /** `polls`: whether a pending GPU promise keeps the thread busy. */
  constructor(device: GPUDevice, polls: boolean) {
    this.device = device;
    this.pace = polls ? new Pace() : null;
    this.uniforms = device.createBuffer({
      label: 'uniforms',
      size: this.uniformData.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.flights = new Flights(
      () => device.queue.onSubmittedWorkDone(),
      (error) => this.lost(error),
    );
    device.pushErrorScope('validation'); // one is open at all times, from read to read
  }

  /** Records the first error; every later read rejects with it. */
  fail(error: DeviceError): void {
    this.failure ??= error;
  }

  private lost({ message }: Error): void {
    this.fail(new DeviceError(`the device was lost or destroyed: ${message}`));
  }

  /** Turns an error report of the device into a failure; reads wait for it. */
  watch(report: Promise<GPUError | null>, describe: (message: string) => string): void {
    const done: Promise<void> = report
      .then((error) => {
        if (error) this.fail(new DeviceError(describe(error.message)));
      })
      .catch((error: Error) => this.lost(error))
      .finally(() => this.reports.delete(done));
    this.reports.add(done);
  }

  dispatch(command: DispatchCommand): void {
    if (this.waiting.length === 0 && command.pipeline.ready) this.encode(command);
    else this.enqueue(command);
  }

  /** Runs a program: one submit with all that is open, once its pipelines are ready and few replays are under way. */
  replay(command: ReplayCommand): void {
    this.enqueue({
      blocked: () => {
        const late = command.pending();
        return late ? this.compiled(late) : this.flights.full;
      },
      run: () => {
        this.endPass();
        command.encode(this.openEncoder());
        this.ops.add(command.op);
        this.dispatches += command.dispatches;
        this.pace?.dispatch(command.hash);
        this.submit();
        this.flights.begin(this.submits);
      },
    });
  }

  /** Copies host bytes into a buffer, after the commands before it. The bytes must not change until then. */
  write(buffer: Buffer, offset: number, data: ArrayBufferView<ArrayBuffer>): void {
    this.after(() => this.device.queue.writeBuffer(buffer.gpu, offset, data));
  }

  /**
   * Bytes of a buffer, once all commands before have run, and behind them those that `extra` copies. Offset and size are
   * multiples of 4.
   */
  async read(buffer: Buffer, offset: number, size: number, extra?: ExtraCopy): Promise<ReadBytes> {
    const total = size + (extra?.size ?? 0);
    let stretch: Stretch | undefined;
    let settled = () => {};
    const copied = new Promise<GPUBuffer>((resolve) => {
      this.enqueue({
        run: () => {
          const staging = this.stagingBuffer(total);
          this.endPass();
          if (size > 0) this.openEncoder().copyBufferToBuffer(buffer.gpu, offset, staging, 0, size);
          extra?.encode(this.openEncoder(), staging, size);
          this.submit();
          this.askForErrors();
          stretch = this.pace?.read(performance.now());
          if (this.flights.any) this.flights.prove(new Promise<void>((done) => (settled = done)));
          resolve(staging);
        },
      });
    });
    const staging = await Promise.race([copied, this.stopped()]);
    try {
      if (stretch) await sleep(this.pace!.sleep(stretch, performance.now()));
      const asked = performance.now();
      await staging.mapAsync(GPUMapMode.READ, 0, total);
      if (stretch) this.pace!.finish(stretch, asked, performance.now());
    } catch (error) {
      this.lost(error as Error);
    } finally {
      settled();
    }
    await this.settle();
    const mapped = staging.getMappedRange(0, total);
    const result = { bytes: mapped.slice(0, size), extra: mapped.slice(size) };
    staging.unmap();
    this.staging.push(staging);
    return result;
  }

  /** Calls `done` when all commands before have been handed to the device. */
  after(done: () => void): void {
    this.enqueue({
      run: () => {
        this.submit();
        done();
      },
    });
  }

  /** Waits for error reports on all that was submitted; throws the first error. */
  private async settle(): Promise<void> {
    await Promise.all(this.reports);
    if (this.failure) throw this.failure;
  }

  /** Rejects when a pipeline fails, so that a read does not wait for commands that will never run. */
  private async stopped(): Promise<never> {
    while (this.pumping) await this.pumping;
    if (this.failure) throw this.failure;
    return new Promise<never>(() => {});
  }

  private enqueue(command: Command): void {
    this.waiting.push(command);
    if (!this.pumping) this.pump();
  }

  /** Runs waiting commands up to the first that has to wait for something, and goes on when it need not any more. */
  private pump(): void {
    if (this.failure) this.waiting.length = 0;
    let done = 0;
    try {
      for (const command of this.waiting) {
        const wait = this.blockedBy(command);
        if (wait) {
          this.pumping = this.resume(wait);
          break;
        }
        done++; // before it runs: what throws must not run again
        if ('run' in command) command.run();
        else this.encode(command);
      }
    } finally {
      this.waiting.splice(0, done);
    }
  }

  private blockedBy(command: Command): Promise<unknown> | null {
    if ('run' in command) return command.blocked?.() ?? null;
    return command.pipeline.ready ? null : this.compiled(command);
  }

  private async resume(wait: Promise<unknown>): Promise<void> {
    await wait;
    this.pumping = null;
    this.pump();
  }

  /** Waits until a pipeline is ready, and fails with the name of the op where it cannot be. */
  private async compiled({ op, pipeline }: { op: string; pipeline: Pipeline }): Promise<void> {
    try {
      await pipeline.compiled;
    } catch (error) {
      const { message } = error as Error;
      this.fail(Object.assign(error as DeviceError, { message: `${op}: ${message}` }));
    }
  }

  private encode({ op, pipeline, group, params, workgroups }: DispatchCommand): void {
    this.pass ??= this.openEncoder().beginComputePass();
    const at = this.encoded * UNIFORM_BYTES;
    this.uniformData.set(params, at / 4);
    this.pass.setPipeline(pipeline.ready!);
    this.pass.setBindGroup(0, group, [at]);
    this.pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
    this.ops.add(op);
    this.pace?.dispatch(pipeline.id + 997 * workgroups[0] + workgroups[1] + workgroups[2]);
    this.dispatches++;
    if (++this.encoded === BATCH) this.submit();
  }

  private openEncoder(): GPUCommandEncoder {
    this.encoder ??= this.device.createCommandEncoder();
    return this.encoder;
  }

  private endPass(): void {
    this.pass?.end();
    this.pass = null;
  }

  private submit(): void {
    this.endPass();
    if (!this.encoder) return;
    if (this.encoded > 0) {
      this.device.queue.writeBuffer(this.uniforms, 0, this.uniformData, 0, (this.encoded * UNIFORM_BYTES) / 4);
    }
    this.device.queue.submit([this.encoder.finish()]);
    this.encoder = null;
    this.encoded = 0;
    this.submits++;
  }

  /** Asks for the errors of all that was submitted since the last time: not at each submit, which it would make slower. */
  private askForErrors(): void {
    const ops = [...this.ops].join(', ');
    this.watch(this.device.popErrorScope(), (message) => `GPU error in ${ops || 'a copy'}: ${message}`);
    this.device.pushErrorScope('validation');
    this.ops.clear();
  }

  private stagingBuffer(size: number): GPUBuffer {
    const at = this.staging.findIndex((b) => b.size >= size && b.size <= Math.max(4 * size, 4096));
    if (at >= 0) return this.staging.splice(at, 1)[0];
    if (this.staging.length > 16) this.staging.shift()!.destroy();
    return this.device.createBuffer({
      label: 'staging',
      size: Math.max(size, 256),
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }
}
