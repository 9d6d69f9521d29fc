// Sees what a library asks of Dawn: which adapter was opened, and all dispatches, submits and bytes of buffers.

interface Class<T> {
  prototype: T;
}

interface Globals {
  GPU: Class<GPU>;
  GPUAdapter: Class<GPUAdapter>;
  GPUDevice: Class<GPUDevice>;
  GPUQueue: Class<GPUQueue>;
  GPUBuffer: Class<GPUBuffer>;
  GPUComputePassEncoder: Class<GPUComputePassEncoder>;
}

/** Since the process began; `bytes` and `peak` are of buffers that were not destroyed. */
export const counts = { dispatches: 0, submits: 0, bytes: 0, peak: 0 };

/** What Dawn complained of and nobody caught: results after that are worth nothing. */
export const errors: string[] = [];

/** How the adapter that a device was last opened on was asked for. */
let asked: { gpu: GPU; options?: GPURequestAdapterOptions } | null = null;

/** Puts `make(method)` in the place of a method. */
// biome-ignore lint/suspicious/noExplicitAny: methods of all kinds
function wrap<T extends object>(type: Class<T>, name: keyof T, make: (method: any) => any): void {
  Object.defineProperty(type.prototype, name, {
    value: make(type.prototype[name]),
    writable: true,
    configurable: true,
  });
}

function watch({ GPU, GPUAdapter, GPUDevice, GPUQueue, GPUBuffer, GPUComputePassEncoder }: Globals): void {
  const requests = new WeakMap<GPUAdapter, typeof asked>();
  wrap(GPU, 'requestAdapter', (method: GPU['requestAdapter']) => {
    return async function (this: GPU, options?: GPURequestAdapterOptions) {
      const adapter = await method.call(this, options);
      if (adapter) requests.set(adapter, { gpu: this, options });
      return adapter;
    };
  });
  wrap(GPUAdapter, 'requestDevice', (method: GPUAdapter['requestDevice']) => {
    return function (this: GPUAdapter, descriptor?: GPUDeviceDescriptor) {
      asked = requests.get(this) ?? asked;
      return method.call(this, descriptor).then((device) => {
        device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
        return device;
      });
    };
  });
  wrap(GPUComputePassEncoder, 'dispatchWorkgroups', (method: (x: number, y?: number, z?: number) => undefined) => {
    return function (this: GPUComputePassEncoder, x: number, y = 1, z = 1) {
      counts.dispatches++;
      return method.call(this, x, y, z);
    };
  });
  wrap(GPUComputePassEncoder, 'dispatchWorkgroupsIndirect', (method: (b: GPUBuffer, at: number) => undefined) => {
    return function (this: GPUComputePassEncoder, buffer: GPUBuffer, at: number) {
      counts.dispatches++;
      return method.call(this, buffer, at);
    };
  });
  wrap(GPUQueue, 'submit', (method: GPUQueue['submit']) => {
    return function (this: GPUQueue, buffers: Iterable<GPUCommandBuffer>) {
      counts.submits++;
      return method.call(this, buffers);
    };
  });
  // By size alone, so that nothing keeps a buffer from being collected; what is collected was never given back.
  const living = new WeakMap<GPUBuffer, number>();
  wrap(GPUDevice, 'createBuffer', (method: GPUDevice['createBuffer']) => {
    return function (this: GPUDevice, descriptor: GPUBufferDescriptor) {
      const buffer = method.call(this, descriptor);
      living.set(buffer, descriptor.size);
      counts.bytes += descriptor.size;
      counts.peak = Math.max(counts.peak, counts.bytes);
      return buffer;
    };
  });
  wrap(GPUBuffer, 'destroy', (method: GPUBuffer['destroy']) => {
    return function (this: GPUBuffer) {
      counts.bytes -= living.get(this) ?? 0;
      living.delete(this);
      return method.call(this);
    };
  });
}

/** To be called before Dawn is loaded, by whatever way: all of them end in process.dlopen. */
export function watchDawn(): void {
  const dlopen = process.dlopen as (...args: unknown[]) => void;
  process.dlopen = (module: { exports: unknown }, ...rest: unknown[]) => {
    dlopen.call(process, module, ...rest);
    const { globals } = module.exports as { globals?: Partial<Globals> };
    if (globals?.GPUComputePassEncoder) watch(globals as Globals);
  };
}

/** The adapter on which a device was last opened, asked for anew: after the loss of a device the old one gives no other. */
export async function sameAdapter(): Promise<GPUAdapter> {
  const adapter = await asked?.gpu.requestAdapter(asked.options);
  if (!adapter) throw new Error('no device was opened on WebGPU yet');
  return adapter;
}
