// The door to WebGPU in a browser, over navigator.gpu; also tells the kinds of adapters apart, for both doors.

import { DeviceError } from '../../tensor/errors.ts';
import type { OpenAdapter } from './door.ts';

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

export const openAdapter: OpenAdapter = async (choice) => {
  if (choice !== undefined) checkChoice(choice, 'adapter');
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  if (!gpu) {
    throw new DeviceError(
      globalThis.isSecureContext === false
        ? 'WebGPU is absent because this page is not a secure context: serve it over https, or from localhost'
        : 'this browser has no WebGPU: use Chrome or Edge 113+, Safari 26+ or Firefox 141+',
    );
  }
  const kinds = kindsOfChoice[choice ?? 'any'];
  const seen: string[] = [];
  // A page cannot list adapters; it can ask for the browser's choice, and for the one on the CPU.
  const fallbackFirst = choice !== undefined && choice !== 'hardware';
  for (const forceFallbackAdapter of fallbackFirst ? [true, false] : [false, true]) {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance', forceFallbackAdapter });
    if (!adapter) continue;
    const kind = adapterKind(adapter);
    // The browser keeps no process alive, so there is nothing to let go of.
    if (kinds.includes(kind)) return { adapter, software: kind !== 'hardware', release() {} };
    seen.push(`${kind} (${adapter.info.vendor} ${adapter.info.architecture})`);
  }
  throw new DeviceError(
    `this browser gives no ${choice ?? 'WebGPU'} adapter; it gave ${[...new Set(seen)].join(', ') || 'none'}. ` +
      'For a GPU: update its driver, turn on hardware acceleration, and see chrome://gpu (on Linux, Chrome may need ' +
      '--enable-unsafe-webgpu --enable-features=Vulkan). For SwiftShader: start Chrome with ' +
      '--enable-unsafe-webgpu --use-webgpu-adapter=swiftshader',
  );
};
