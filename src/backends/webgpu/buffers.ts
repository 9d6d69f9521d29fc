// The buffer pool: freed buffers are kept by size and handed out again, so that a training step allocates nothing.
import { DeviceError } from '../../tensor/errors.ts';

/** A GPU buffer with an id that stands for it in cache keys. */
export interface Buffer {
  id: number;
  gpu: GPUBuffer;
  /** Bytes, a multiple of 256. */
  size: number;
  /** Elements asked for, times bytes per element. */
  used: number;
}

/** Takes an error report of the device, and words for it. */
export type Watch = (report: Promise<GPUError | null>, describe: (message: string) => string) => void;

/** Spare memory is given back to the device past this share of what is in use. */
const SPARE_FACTOR = 2;
const SPARE_FLOOR = 256 * 2 ** 20;

/** The size class of a request: multiples of 256 bytes, then steps of an eighth, so that sizes repeat. */
function sizeClass(bytes: number): number {
  const needed = Math.max(256, Math.ceil(bytes / 256) * 256);
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(needed)) - 3));
  return Math.ceil(needed / step) * step;
}

export class BufferPool {
  private readonly device: GPUDevice;
  /** Takes the device's report on an allocation, and words for it. */
  private readonly watch: Watch;
  private readonly spare = new Map<number, Buffer[]>();
  private nextId = 0;
  bytes = 0;
  inUse = 0;
  reserved = 0;

  constructor(device: GPUDevice, watch: Watch) {
    this.device = device;
    this.watch = watch;
  }

  allocate(op: string, bytes: number): Buffer {
    const size = sizeClass(bytes);
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    if (bytes > Math.min(maxBufferSize, maxStorageBufferBindingSize)) {
      const limit = maxBufferSize < maxStorageBufferBindingSize ? 'maxBufferSize' : 'maxStorageBufferBindingSize';
      throw new DeviceError(
        `${op}: needs a buffer of ${bytes} bytes, the adapter's ${limit} is ${this.device.limits[limit]}`,
      );
    }
    const buffer =
      this.spare.get(size)?.pop() ?? this.create(op, Math.min(size, Math.floor(maxBufferSize / 256) * 256));
    buffer.used = bytes;
    this.bytes += bytes;
    this.inUse += buffer.size;
    return buffer;
  }

  free(buffer: Buffer): void {
    this.bytes -= buffer.used;
    this.inUse -= buffer.size;
    let list = this.spare.get(buffer.size);
    if (!list) {
      list = [];
      this.spare.set(buffer.size, list);
    }
    list.push(buffer);
  }

  /** Whether so much is spare that it should be given back once the queue is empty. */
  get bloated(): boolean {
    return this.reserved - this.inUse > Math.max(SPARE_FLOOR, SPARE_FACTOR * this.inUse);
  }

  /** Takes all spare buffers out of the pool, for the caller to destroy. */
  takeSpare(): Buffer[] {
    const spare = [...this.spare.values()].flat();
    this.spare.clear();
    for (const buffer of spare) this.reserved -= buffer.size;
    return spare;
  }

  private create(op: string, size: number): Buffer {
    this.device.pushErrorScope('out-of-memory');
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const gpu = this.device.createBuffer({ label: op, size, usage });
    const before = this.reserved;
    this.watch(
      this.device.popErrorScope(),
      () => `${op}: out of GPU memory, asked for ${size} bytes with ${before} held already`,
    );
    this.reserved += size;
    return { id: this.nextId++, gpu, size, used: 0 };
  }
}
