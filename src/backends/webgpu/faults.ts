// Faults: what shaders find wrong in data, such as an index out of range, on its way to the next read.
import type { ExtraCopy } from './queue.ts';

/** The number of the call that found something wrong first, and the value; see `failing` in ops/launch.ts. */
const WORDS = 2;
/** Calls whose words are remembered; of earlier ones only that there was a fault. */
const REMEMBERED = 4096;

type Describe = (value: number) => string;

/** One read's look at the faults before it. */
interface Watch {
  copy: ExtraCopy;
  /** The words for what was found, from the bytes copied; null where all is well. */
  find(bytes: ArrayBuffer): string | null;
}

export class Faults {
  private readonly buffer: GPUBuffer;
  private readonly calls = new Map<number, Describe>();
  private last = 0;

  constructor(device: GPUDevice) {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    this.buffer = device.createBuffer({ label: 'faults', size: WORDS * 4, usage });
  }

  /** What a dispatch binds; no pooled buffer has this id. */
  get range() {
    const size = WORDS * 4;
    return { buffer: { id: -1, gpu: this.buffer, size, used: size }, offset: 0, size };
  }

  /** The number of a call that may fail. */
  add(describe: Describe): number {
    this.calls.set(++this.last, describe);
    if (this.calls.size > REMEMBERED) this.calls.delete(this.calls.keys().next().value!);
    return this.last;
  }

  /** For a read, which reports each fault once; null where no call since the last read may have failed. */
  watch(): Watch | null {
    if (this.calls.size === 0) return null;
    const calls = new Map(this.calls);
    this.calls.clear();
    return {
      copy: {
        size: WORDS * 4,
        encode: (encoder, target, offset) => {
          encoder.copyBufferToBuffer(this.buffer, 0, target, offset, WORDS * 4);
          encoder.clearBuffer(this.buffer);
        },
      },
      find: (bytes) => {
        const [id] = new Uint32Array(bytes);
        if (id === 0) return null;
        return calls.get(id)?.(new Int32Array(bytes)[1]) ?? 'a number in the data of an earlier call was out of range';
      },
    };
  }
}
