// The recorder: a backend that computes nothing. It stands in for a device while a function is traced, and keeps its calls.
import type { Op } from '../autograd/op.ts';
import type { Backend, Call, Kernel, Program, Storage, Symbolic, View } from '../tensor/backend.ts';
import type { DType, HostArray } from '../tensor/dtype.ts';
import { CompileError } from '../tensor/errors.ts';
import type { LiveLog } from '../tensor/live.ts';
import { elementCount } from '../tensor/shape.ts';
import { nextVersion } from '../tensor/tensor.ts';

const CLOSED = 'made inside compile; return it from the function to have it';

export class Recorder implements Backend {
  readonly fuses = false;
  closed: string | null = null;
  readonly calls: Call[] = [];
  readonly inputs: Storage[] = [];
  readonly constants = new Map<Storage, HostArray>();
  /** Storages of tensors made outside, each with where it was met first. */
  readonly outside = new Map<Storage, Error>();
  /** What was asked for that cannot be had: reads, which tell only when the function is over. */
  refusal: CompileError | null = null;
  private readonly real: Backend;
  private readonly log: LiveLog;
  /** Own storages that hold values by now. */
  private readonly filled = new Set<Storage>();

  constructor(real: Backend, log: LiveLog) {
    this.real = real;
    this.log = log;
  }

  /** Storage for an argument. */
  input(elements: number, dtype: DType): Storage {
    const storage = { backend: this, handle: { elements, dtype }, references: 0, version: nextVersion() };
    this.inputs.push(storage);
    this.filled.add(storage);
    return storage;
  }

  /** From now on, tensors made meanwhile count as released. */
  close(): void {
    this.closed = CLOSED;
  }

  allocate(op: string, elements: number, dtype: DType): Symbolic {
    // Asks whether there is such a dtype here.
    if (dtype === 'float16') this.real.free(this.real.allocate(op, 1, dtype));
    return { elements, dtype };
  }

  /** Values of the host are constants, and only new tensors can be made of them. */
  write({ storage, shape }: View, data: HostArray): void {
    if (this.filled.has(storage) || storage.backend !== this) {
      throw new CompileError(
        'compile: a tensor cannot be assigned values of the host inside; pass them as an argument',
      );
    }
    if (elementCount(shape) !== (storage.handle as Symbolic).elements) {
      throw new CompileError('compile: a part of a tensor cannot be assigned values of the host inside');
    }
    this.filled.add(storage);
    this.constants.set(storage, data.slice());
  }

  read(): Promise<HostArray> {
    this.refusal ??= new CompileError(
      "compile: a tensor's value cannot be read inside; return the tensor and read it afterwards",
    );
    return new Promise(() => {});
  }

  run(kernel: Kernel, inputs: View[], outputs: View[], attrs: unknown): void {
    const { mutates = 0 } = kernel as Op;
    for (const { storage } of outputs.slice(0, mutates)) {
      if (this.inputs.includes(storage)) {
        throw new CompileError(
          `compile: ${kernel.name} would change an argument in place; use the tensor itself inside`,
        );
      }
    }
    for (const { storage } of [...inputs, ...outputs]) {
      if (storage.backend === this) this.filled.add(storage);
      else this.meet(storage);
    }
    const live = this.log.places.get(attrs as object) ?? -1;
    this.calls.push({ kernel, inputs, outputs, mutates, attrs, live });
  }

  /** Notes a storage from outside. */
  meet(storage: Storage): void {
    if (!this.outside.has(storage)) this.outside.set(storage, new Error());
  }

  program(): Program {
    throw new CompileError('compile: one compiled function cannot be planned within another');
  }

  free(): void {}

  memory() {
    return this.real.memory();
  }

  destroy(): void {
    throw new CompileError('compile: a device cannot be destroyed inside');
  }
}
