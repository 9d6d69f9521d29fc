// A device: where tensors live and ops run. One is the default, set by init().
import type { Backend, MemoryUse } from './backend.ts';
import { CompileError, DeviceError } from './errors.ts';

/** What `init()` found, in words and numbers. */
export interface DeviceInfo {
  kind: 'cpu' | 'webgpu';
  /** The adapter's description, such as `NVIDIA GeForce RTX 4090`, or `CPU, float64`. */
  adapter: string;
  /** True where the work is done by the CPU: the CPU backend and software adapters. */
  software: boolean;
  vendor?: string;
  architecture?: string;
  /** The adapter's own name and its driver, where the platform tells them; browsers may not. */
  device?: string;
  driver?: string;
  /** WebGPU features that are in use. */
  features?: string[];
  /** Limits of the device by their names in WebGPU, in bytes or as counts. */
  limits?: Record<string, number>;
}

/** The device whose work is recorded at present, and what records it. */
let recording: { device: Device; backend: Backend } | null = null;

export class Device {
  readonly info: DeviceInfo;
  private readonly own: Backend;
  /** Resolves with the reason if the device is lost; stays pending otherwise. */
  readonly lost: Promise<string>;

  constructor(info: DeviceInfo, backend: Backend, lost: Promise<string> = new Promise(() => {})) {
    this.info = info;
    this.own = backend;
    this.lost = lost;
  }

  /** @internal What does the work: its own backend, or the one that records in its place. */
  get backend(): Backend {
    if (!recording) return this.own;
    if (recording.device !== this) {
      throw new CompileError(`compile: works on one device, ${recording.device}, and met ${this}`);
    }
    return recording.backend;
  }

  /** @internal Runs `fn` with another backend in the place of this device's. Other devices are refused meanwhile. */
  recorded<T>(backend: Backend, fn: () => T): T {
    recording = { device: this, backend };
    try {
      return fn();
    } finally {
      recording = null;
    }
  }

  get kind(): DeviceInfo['kind'] {
    return this.info.kind;
  }

  /** Releases everything on the device. Its tensors can no longer be used. */
  destroy(): void {
    if (current === this) current = null;
    this.own.destroy();
  }

  toString(): string {
    const { kind, adapter, software } = this.info;
    return kind === 'cpu' ? adapter : `${adapter}${software ? ' (software)' : ''}`;
  }
}

let current: Device | null = null;

/** Makes a device the one that new tensors are made on. */
export function setDefaultDevice(device: Device): void {
  current = device;
}

/** The default device. Throws a DeviceError before init(). */
export function defaultDevice(): Device {
  if (!current) throw new DeviceError('no device: call `await init()` before making tensors');
  return current;
}

/** Bytes of memory in live tensors, and in all that the device holds, spare buffers included. */
export function memory(device: Device = defaultDevice()): MemoryUse {
  return device.backend.memory();
}
