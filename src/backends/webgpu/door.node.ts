// The door to WebGPU in Node: Dawn, from the npm package `webgpu`, on a GPU, on lavapipe or on SwiftShader.
import { constants } from 'node:fs';
import { copyFile, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { DeviceError } from '../../tensor/errors.ts';
import {
  type AdapterChoice,
  type AdapterKind,
  adapterKind,
  checkChoice,
  kindsOfChoice,
  type OpenAdapter,
} from './door.ts';

import { cached, findPackage, unpackTar } from './unpack.node.ts';

export { tuningStore } from './tune-store.node.ts';

interface Dawn {
  /** Names this library among the kept GPU objects. */
  path: string;
  create(options: string[]): GPU;
}

const linuxX64 = process.platform === 'linux' && process.arch === 'x64';

// Dawn aborts or hangs the process when a GPU object is garbage-collected before the last work of its devices, and
// sometimes after it; while it is held, Node exits as it should. So all are kept to the end, on globalThis, because
// a module that is loaded twice (a test runner does that) must not lose those of its first life.
const keptAt = Symbol.for('downhill.webgpu.gpus');
const shared = globalThis as { [keptAt]?: Map<string, GPU> };
shared[keptAt] ??= new Map();
const kept = shared[keptAt];

/** The GPU object of a library; `options` are Dawn's, `adapter=<part of a name>` among them. */
function gpuOf(dawn: Dawn, options: string[]): GPU {
  const key = [dawn.path, ...options].join('\n');
  const gpu = kept.get(key) ?? dawn.create(options);
  kept.set(key, gpu);
  return gpu;
}

/** An adapter from Dawn, or undefined with an error's message added to the attempts. */
async function request(dawn: Dawn, options: string[], attempts: string[]): Promise<GPUAdapter | undefined> {
  try {
    return (await gpuOf(dawn, options).requestAdapter({ powerPreference: 'high-performance' })) ?? undefined;
  } catch (error) {
    attempts.push((error as Error).message);
    return undefined;
  }
}

/** The names of all adapters that Dawn accepts: it lists them when asked for one that does not exist. */
async function adapterNames(dawn: Dawn): Promise<string[]> {
  const request = gpuOf(dawn, ['adapter=(list)']).requestAdapter();
  const message = await request.then(() => '', String);
  return [...message.matchAll(/backend: '[^']*', name: '(.*)'/g)].map((match) => match[1]);
}

function adopt(path: string, loaded: { create: Dawn['create']; globals: object }): Dawn {
  for (const [name, value] of Object.entries(loaded.globals)) {
    // GPUBufferUsage and the like are globals in a browser.
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  return { path, create: loaded.create };
}

/**
 * Dawn with a library of ours in the place of the system's Vulkan loader: Dawn looks for `libvulkan.so.1` in its own
 * folder first. dawn.node is copied there, since it finds its folder through symbolic links, and since the dynamic
 * linker would take a hard link for the dawn.node that it has loaded already.
 */
async function dawnBeside(library: 'libvk_swiftshader.so' | 'libvulkan.so.1'): Promise<Dawn> {
  const [webgpu, chromium] = [await findPackage('webgpu'), await findPackage('@sparticuz/chromium')];
  if (!webgpu) throw new Error('the npm package webgpu is not installed');
  if (!chromium) throw new Error('the npm package @sparticuz/chromium is not installed');
  const kind = library === 'libvulkan.so.1' ? 'loader' : 'swiftshader';
  const folder = await cached(`dawn-${webgpu.version}-${kind}-${chromium.version}`, async (draft) => {
    await unpackTar(join(chromium.folder, 'bin', 'swiftshader.tar.br'), draft, (name) => name === library);
    await rename(join(draft, library), join(draft, 'libvulkan.so.1'));
    const source = join(webgpu.folder, 'dist', 'linux-x64', 'dawn.node');
    await copyFile(source, join(draft, 'dawn.node'), constants.COPYFILE_FICLONE);
  });
  const path = join(folder, 'dawn.node');
  const loaded = { exports: {} as { create: Dawn['create']; globals: object } };
  process.dlopen(loaded, path);
  return adopt(path, loaded.exports);
}

/** Whether the system's dynamic linker can open a Vulkan loader. */
function hasVulkanLoader(): boolean {
  try {
    process.dlopen({ exports: {} }, 'libvulkan.so.1');
    return true;
  } catch (error) {
    // It is no Node addon, so it is refused in any case: with these words once it could be opened.
    return (error as Error).message.includes('did not self-register');
  }
}

/** The JSON files that name installed Vulkan drivers, or the variable that names them instead. */
async function vulkanDrivers(): Promise<string[]> {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, XDG_DATA_DIRS, HOME } = process.env;
  const named = VK_DRIVER_FILES || VK_ICD_FILENAMES;
  if (named) return named.split(':');
  const data = (XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(':');
  const parents = ['/etc', ...data, ...(HOME ? [join(HOME, '.local', 'share')] : [])];
  const folders = parents.map((parent) => join(parent, 'vulkan', 'icd.d'));
  return (await Promise.all(folders.map((folder) => readdir(folder).catch(() => [])))).flat();
}

// Decided once: a carried loader, once in the process, would be taken for the system's.
let system: Dawn | undefined;

/** Dawn on the installed drivers, or undefined with the reason added to the attempts. */
async function systemDawn(attempts: string[]): Promise<Dawn | undefined> {
  try {
    if (system) return system;
    if (linuxX64 && !hasVulkanLoader()) {
      const drivers = await vulkanDrivers();
      if (drivers.length === 0) throw new Error('no Vulkan loader (libvulkan.so.1) and no Vulkan driver is installed');
      // Drivers without a loader, as in many containers: SwiftShader's package carries a loader too.
      attempts.push(`drivers ${drivers.join(', ')}, but no Vulkan loader (libvulkan.so.1); trying a carried loader`);
      system = await dawnBeside('libvulkan.so.1');
    } else {
      system = adopt('webgpu', await import('webgpu'));
    }
    return system;
  } catch (error) {
    attempts.push((error as Error).message);
    return undefined;
  }
}

/** The first adapter of each kind on the installed drivers; Dawn's favourite alone where that is of the wanted kind. */
async function systemAdapters(wanted: AdapterKind, attempts: string[]): Promise<Map<AdapterKind, GPUAdapter>> {
  const found = new Map<AdapterKind, GPUAdapter>();
  const dawn = await systemDawn(attempts);
  if (!dawn) return found;
  const first = await request(dawn, [], attempts);
  if (!first) {
    const drivers = process.platform === 'linux' ? await vulkanDrivers() : ['of this system'];
    attempts.push(
      drivers.length ? `Dawn accepts none of the drivers ${drivers.join(', ')}` : 'no Vulkan driver is installed',
    );
    return found;
  }
  found.set(adapterKind(first), first);
  if (found.has(wanted)) return found;
  const names = await adapterNames(dawn);
  for (const name of names.length > 1 ? names : []) {
    const adapter = await request(dawn, [`adapter=${name}`], attempts);
    if (adapter && !found.has(adapterKind(adapter))) found.set(adapterKind(adapter), adapter);
  }
  const given = [...found].map(([kind, { info }]) => `${kind} (${info.description || info.vendor})`);
  attempts.push(`the installed drivers give ${given.join(', ')}`);
  return found;
}

/** SwiftShader out of `@sparticuz/chromium`, whatever drivers are installed. */
async function carriedSwiftshader(attempts: string[]): Promise<GPUAdapter | undefined> {
  try {
    if (!linuxX64) throw new Error('@sparticuz/chromium carries it for Linux x64 only');
    const adapter = await request(await dawnBeside('libvk_swiftshader.so'), [], attempts);
    if (!adapter) throw new Error('Dawn does not accept the library of @sparticuz/chromium');
    return adapter;
  } catch (error) {
    attempts.push(`SwiftShader: ${(error as Error).message}`);
    return undefined;
  }
}

export const openAdapter: OpenAdapter = async (choice) => {
  if (choice !== undefined) checkChoice(choice, 'adapter');
  const fromEnv = process.env.DOWNHILL_ADAPTER || undefined;
  if (choice === undefined && fromEnv !== undefined) checkChoice(fromEnv, 'the environment variable DOWNHILL_ADAPTER');
  const wanted = choice ?? (fromEnv as AdapterChoice | undefined);

  const attempts: string[] = [];
  let installed: Map<AdapterKind, GPUAdapter> | undefined;
  for (const kind of kindsOfChoice[wanted ?? 'any']) {
    let adapter = kind === 'swiftshader' ? await carriedSwiftshader(attempts) : undefined;
    if (!adapter) {
      installed ??= await systemAdapters(kind, attempts);
      adapter = installed.get(kind);
    }
    if (adapter) return { adapter, software: adapterKind(adapter) !== 'hardware', polls: true };
  }
  throw new DeviceError(
    [
      `no ${wanted ?? 'WebGPU'} adapter`,
      ...attempts.map((attempt) => `  - ${attempt.replaceAll('\n', ' ')}`),
      'What helps:',
      '  - npm i webgpu, where that is missing (it is an optional dependency)',
      '  - for hardware: the driver of the GPU, with its Vulkan part; on Debian also libvulkan1',
      '  - for lavapipe: Mesa 23 or newer; on Debian the packages mesa-vulkan-drivers (from backports on 12) and libvulkan1',
      '  - for SwiftShader on Linux x64: npm i @sparticuz/chromium',
    ].join('\n'),
  );
};
