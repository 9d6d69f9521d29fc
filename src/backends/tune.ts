// tune: chooses configurations for matrix products and convolutions by timing them on a device, and keeps the choice.
import { tuningStore } from '#gpu';
import { type Device, defaultDevice } from '../tensor/device.ts';
import type { Choices } from '../tensor/tuning.ts';
import { WebGpuBackend } from './webgpu/backend.ts';
import type { TuneOptions } from './webgpu/tune.ts';
import { readChoices, tuningKey, writeChoices } from './webgpu/tune-store.ts';

/**
 * Times a handful of configurations for each class of matrix products and convolutions on the device, within `budget`
 * milliseconds (default 2000), and uses the fastest from then on. What was measured is kept, on disk in Node
 * ($XDG_CACHE_HOME or ~/.cache, in downhill/tuning) and in IndexedDB in a browser, for this adapter, driver and version of
 * downhill; what is kept already is not measured again, unless `fresh`. Resolves to the configurations by class. Compiled
 * functions keep those that they were compiled with. On the CPU there is nothing to tune.
 */
export async function tune({
  device = defaultDevice(),
  fresh = false,
  ...options
}: TuneOptions & { device?: Device; fresh?: boolean } = {}): Promise<Choices> {
  const { backend, info } = device;
  if (!(backend instanceof WebGpuBackend)) return {};
  const key = tuningKey(info);
  const known = fresh ? {} : await readChoices(tuningStore, key);
  const choices = await backend.tune(known, options);
  if (Object.keys(choices).some((name) => choices[name] !== known[name])) await writeChoices(tuningStore, key, choices);
  return choices;
}

/** Makes a device use the choices that are kept for it. */
export async function useKeptChoices({ backend, info }: Device): Promise<void> {
  if (backend instanceof WebGpuBackend) backend.choose(await readChoices(tuningStore, tuningKey(info)));
}
