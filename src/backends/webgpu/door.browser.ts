// The door to WebGPU in a browser, over navigator.gpu.
import { DeviceError } from '../../tensor/errors.ts';
import { adapterKind, checkChoice, kindsOfChoice, type OpenAdapter } from './door.ts';

export { tuningStore } from './tune-store.browser.ts';

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
    if (kinds.includes(kind)) return { adapter, software: kind !== 'hardware', polls: false };
    seen.push(`${kind} (${adapter.info.vendor} ${adapter.info.architecture})`);
  }
  throw new DeviceError(
    `this browser gives no ${choice ?? 'WebGPU'} adapter; it gave ${[...new Set(seen)].join(', ') || 'none'}. ` +
      'For a GPU: update its driver, turn on hardware acceleration, and see chrome://gpu (on Linux, Chrome may need ' +
      '--enable-unsafe-webgpu --enable-features=Vulkan). For SwiftShader: start Chrome with ' +
      '--enable-unsafe-webgpu --use-webgpu-adapter=swiftshader',
  );
};
