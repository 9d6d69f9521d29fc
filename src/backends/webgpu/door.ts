// The door to WebGPU: what door.node.ts and door.browser.ts both provide, reached through the import `#gpu`.

/**
 * Which adapter to ask for. `hardware` and `software` name the kind, `lavapipe` and `swiftshader` one
 * software implementation. Without a choice: hardware, else lavapipe, else SwiftShader.
 */
export type AdapterChoice = 'hardware' | 'software' | 'lavapipe' | 'swiftshader';

export interface OpenedAdapter {
  adapter: GPUAdapter;
  /** True where the adapter computes on the CPU. */
  software: boolean;
  /** Lets go of the GPU handle, so that a Node process can exit. */
  release(): void;
}

/** Throws a DeviceError that says what was looked for and what to install where no adapter answers the choice. */
export type OpenAdapter = (choice?: AdapterChoice) => Promise<OpenedAdapter>;
