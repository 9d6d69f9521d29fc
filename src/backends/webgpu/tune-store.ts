// What the tuner found, kept from run to run: one text for each adapter, driver and version of downhill.
import type { DeviceInfo } from '../../tensor/device.ts';
import type { Choices } from '../../tensor/tuning.ts';
import { VERSION } from '../../tensor/version.ts';

/** Texts by key, kept as well as the platform can: where it cannot, nothing is found, and nothing is said. */
export interface TextStore {
  read(key: string): Promise<string | null>;
  write(key: string, text: string): Promise<void>;
}

/** What choices hold for: another adapter, driver or version has its own. */
export const tuningKey = ({ vendor, architecture, device, driver }: DeviceInfo): string =>
  [VERSION, vendor, architecture, device, driver].map((part) => part ?? '').join('|');

/** The choices kept under a key. What is not whole, or not about that key, counts as none. */
export async function readChoices(store: TextStore, key: string): Promise<Choices> {
  try {
    const kept: unknown = JSON.parse((await store.read(key)) ?? 'null');
    const { key: about, choices } = (kept ?? {}) as { key?: unknown; choices?: unknown };
    if (about !== key || typeof choices !== 'object' || choices === null || Array.isArray(choices)) return {};
    return Object.values(choices).every((name) => typeof name === 'string') ? (choices as Choices) : {};
  } catch {
    return {};
  }
}

export async function writeChoices(store: TextStore, key: string, choices: Choices): Promise<void> {
  await store.write(key, `${JSON.stringify({ key, choices }, null, 2)}\n`).catch(() => {});
}
