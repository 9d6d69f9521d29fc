// init: chooses a device and makes it the default.
import { type Device, setDefaultDevice } from '../tensor/device.ts';
import { cpuDevice } from './cpu/backend.ts';
import { tune, useKeptChoices } from './tune.ts';
import { webgpuDevice } from './webgpu/device.ts';
import type { AdapterChoice } from './webgpu/door.ts';
import type { TuneOptions } from './webgpu/tune.ts';

export interface InitOptions {
  /** `webgpu` (default) or `cpu`, the float64 reference, which always works. */
  device?: 'webgpu' | 'cpu';
  /** Which WebGPU adapter. Default: hardware, else installed lavapipe, else SwiftShader. */
  adapter?: AdapterChoice;
  /**
   * Configurations of matrix products and convolutions. Default: those that tuning kept for this adapter, if it was ever
   * tuned. true, or options: what was not kept is measured now, as by `tune`. false: the built-in ones.
   */
  tune?: boolean | TuneOptions;
}

/**
 * Opens a device and makes it the default for new tensors. `device.info` says which adapter it is and whether it is
 * software. Throws a DeviceError that lists what was looked for and what to install where there is no adapter.
 */
export async function init({ device = 'webgpu', adapter, tune: tuning }: InitOptions = {}): Promise<Device> {
  if (device !== 'webgpu' && device !== 'cpu')
    throw new TypeError(`init: expected device webgpu or cpu, got ${device}`);
  const opened = device === 'cpu' ? cpuDevice() : await webgpuDevice(adapter);
  if (tuning) await tune({ ...(tuning === true ? {} : tuning), device: opened });
  else if (tuning === undefined) await useKeptChoices(opened);
  setDefaultDevice(opened);
  return opened;
}
