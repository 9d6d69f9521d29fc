// The float64 reference: runs a kernel's cpu function on plain arrays, at once.
import type { Backend, CpuArray, Graph, Kernel, View } from '../../tensor/backend.ts';
import { Device } from '../../tensor/device.ts';
import type { DType, HostArray } from '../../tensor/dtype.ts';
import { gather } from '../../tensor/gather.ts';
import { elementCount } from '../../tensor/shape.ts';
import { CpuProgram } from './program.ts';

const ARRAY = { float32: Float64Array, float16: Float64Array, int32: Int32Array, bool: Uint8Array };

/** Called after each kernel with its arrays; gradcheck learns from it who won. */
export type KernelObserver = (kernel: Kernel, inputs: CpuArray[], outputs: CpuArray[], attrs: unknown) => void;

export class CpuBackend implements Backend {
  readonly fuses = false;
  observer: KernelObserver | null = null;
  private bytes = 0;

  allocate(_op: string, elements: number, dtype: DType): HostArray {
    const data = new ARRAY[dtype](elements);
    this.bytes += data.byteLength;
    return data;
  }

  write({ storage, offset }: View, data: HostArray): void {
    (storage.handle as HostArray).set(data, offset);
  }

  async read(view: View): Promise<HostArray> {
    return gather(view.storage.handle as HostArray, view);
  }

  run(kernel: Kernel, inputs: View[], outputs: View[], attrs: unknown): void {
    const read = inputs.map((view) => ({ data: gather(view.storage.handle as HostArray, view), shape: view.shape }));
    const written = outputs.map((view) => {
      const all = view.storage.handle as HostArray;
      return { data: all.subarray(view.offset, view.offset + elementCount(view.shape)), shape: view.shape };
    });
    kernel.cpu(read, written, attrs);
    this.observer?.(kernel, read, written, attrs);
  }

  program(graph: Graph): CpuProgram {
    return new CpuProgram(this, graph);
  }

  free(handle: unknown): void {
    this.bytes -= (handle as HostArray).byteLength;
  }

  memory() {
    return { bytes: this.bytes, reserved: this.bytes };
  }

  destroy(): void {}
}

/** A device that computes in float64 on the CPU: slow, exact, everywhere. */
export function cpuDevice(): Device {
  return new Device({ kind: 'cpu', adapter: 'CPU, float64', software: true }, new CpuBackend());
}
