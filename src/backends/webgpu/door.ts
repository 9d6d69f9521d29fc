// The door to WebGPU: what door.node.ts and door.browser.ts both provide, reached through the import `#gpu`, and how both
// tell adapters apart.
import { DeviceError } from '../../tensor/errors.ts';

/**
 * Which adapter to ask for. `hardware` and `software` name the kind, `lavapipe` and `swiftshader` one
 * software implementation. Without a choice: hardware, else lavapipe, else SwiftShader.
 */
export type AdapterChoice = 'hardware' | 'software' | 'lavapipe' | 'swiftshader';

export interface OpenedAdapter {
  adapter: GPUAdapter;
  /** True where the adapter computes on the CPU. */
  software: boolean;
  /** True where the host polls, on the caller's thread, as long as a GPU promise is pending. */
  polls: boolean;
}

/** Throws a DeviceError that says what was looked for and what to install where no adapter answers the choice. */
export type OpenAdapter = (choice?: AdapterChoice) => Promise<OpenedAdapter>;

/** What an adapter is; `software` stands for an implementation on the CPU other than the two known by name. */
export type AdapterKind = 'hardware' | 'lavapipe' | 'swiftshader' | 'software';

/** The kinds that answer a choice, best first; `any` is no choice. */
export const kindsOfChoice: Record<string, AdapterKind[]> = {
  any: ['hardware', 'lavapipe', 'swiftshader', 'software'],
  hardware: ['hardware'],
  software: ['lavapipe', 'swiftshader', 'software'],
  lavapipe: ['lavapipe'],
  swiftshader: ['swiftshader'],
};

/** Throws a DeviceError for a name that is no choice; `source` says where it came from. */
export function checkChoice(choice: string, source: string): void {
  if (Object.hasOwn(kindsOfChoice, choice) && choice !== 'any') return;
  throw new DeviceError(`${source} is '${choice}', expected hardware, software, lavapipe or swiftshader`);
}

export function adapterKind(adapter: GPUAdapter): AdapterKind {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  // A browser may leave device and description empty; vendor and architecture are always filled.
  const text = `${vendor} ${architecture} ${device} ${description}`.toLowerCase();
  if (text.includes('swiftshader')) return 'swiftshader';
  if (text.includes('llvmpipe') || text.includes('lavapipe') || text.startsWith('mesa software')) return 'lavapipe';
  return isFallbackAdapter ? 'software' : 'hardware';
}
