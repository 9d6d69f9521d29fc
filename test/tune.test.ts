// The tuner: its configurations fit any adapter, what it chooses is used, kept and found again, and nothing of it is on by itself.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Device, init, matmul, ones, scope, tune } from 'downhill';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { WebGpuBackend } from '../src/backends/webgpu/backend.ts';
import { tuningKey } from '../src/backends/webgpu/tune-store.ts';
import { DIRECT, TILES } from '../src/ops/gemm-config.ts';
import type { GpuTraits } from '../src/tensor/backend.ts';
import { classOfTrial, type Trial, trials } from '../src/tensor/tuning.ts';
import { VERSION } from '../src/tensor/version.ts';

const limits = { maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupStorageSize: 16384 };
const gpu: GpuTraits = { software: false, subgroup: 0, limits };
const all = [...trials];

describe('tiles', () => {
  test.each(Object.entries(TILES))('%s fits the default limits of WebGPU', (_, { M, N, K, rows, columns }) => {
    const threads = (M / rows) * (N / columns);
    expect(threads).toBeLessThanOrEqual(limits.maxComputeInvocationsPerWorkgroup);
    expect((M + N + 8) * K * 4).toBeLessThanOrEqual(limits.maxComputeWorkgroupStorageSize);
    expect(((M + N) * K) / 16).toBeLessThanOrEqual(threads);
    expect([M % (4 * (rows / 4)), N % (4 * (columns / 4)), K % 4, 256 % K]).toEqual([0, 0, 0, 0]);
  });
});

describe('trials', () => {
  test('each is of a class of its own, and each candidate has a plan of its own', () => {
    const names = all.map((trial) => classOfTrial(trial, gpu));
    expect(names).not.toContain(undefined);
    expect(new Set(names).size).toBe(names.length);
    for (const { kernel, inputs, outputs, attrs, candidates } of all) {
      const plans = candidates.map((name) =>
        JSON.stringify(kernel.plan(inputs, outputs, attrs, { ...gpu, choice: () => name }).dispatches[0]),
      );
      expect(new Set(plans).size).toBe(candidates.length);
    }
  });

  test('without tuning, GPUs get tiles for what is large, and software adapters none', () => {
    const files = (traits: GpuTraits) =>
      all.map(
        ({ kernel, inputs, outputs, attrs }) => kernel.plan(inputs, outputs, attrs, traits).dispatches[0].shader.file,
      );
    expect(files(gpu).slice(0, 9)).toEqual(Array(9).fill('gemmTile.wgsl'));
    expect(files({ ...gpu, software: true })).not.toContain('gemmTile.wgsl');
  });
});

describe('on a device', () => {
  // As long as it takes: software adapters compile slowly.
  const patient = { budget: 100_000 };
  const SMALL = 'matmul NN small';
  const env = { ...process.env };
  const devices: Device[] = [];
  let cache: string;

  beforeAll(() => {
    // Two candidates and a small product: tiles compile slowly on software adapters.
    const layout = { shape: [64, 64], strides: [64, 1], offset: 0, dtype: 'float32' } as const;
    const small: Trial = { ...all[0], inputs: [layout, layout], outputs: [layout], candidates: [DIRECT, '32x32'] };
    trials.splice(0, trials.length, small);
  });
  afterAll(() => trials.splice(0, trials.length, ...all));

  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'downhill-tune-'));
    process.env.XDG_CACHE_HOME = cache;
    process.env.DOWNHILL_TUNING = '';
  });
  afterEach(async () => {
    for (const name of ['XDG_CACHE_HOME', 'DOWNHILL_TUNING']) {
      if (env[name] === undefined) delete process.env[name];
      else process.env[name] = env[name];
    }
    for (const device of devices.splice(0)) device.destroy();
    await rm(cache, { recursive: true });
  });

  async function open(options?: Parameters<typeof init>[0]) {
    const device = await init(options);
    devices.push(device);
    return device;
  }
  const kept = async () => {
    const folder = join(cache, 'downhill', 'tuning');
    const files = await readdir(folder).catch(() => []);
    return files.map((file) => join(folder, file));
  };
  const choiceOf = ({ backend }: Device) => (backend as WebGpuBackend).traits.choice?.(SMALL);

  /** The shader that a small product runs, whose values are checked. */
  async function shaderOf(device: Device): Promise<string> {
    const backend = device.backend as WebGpuBackend;
    const files: string[] = [];
    backend.observer = (op, file) => op === 'matmul' && files.push(file);
    const out = scope(() => matmul(ones([64, 64], { device }), ones([64, 64], { device })));
    expect(new Set(await out.data())).toEqual(new Set([64]));
    out.dispose();
    backend.observer = null;
    return files.join();
  }

  test('is off by default, and keeps nothing', async () => {
    const device = await open();
    expect(choiceOf(device)).toBeUndefined();
    expect(await shaderOf(device)).toBe(device.info.software ? 'matmul.wgsl' : 'gemmTile.wgsl');
    expect(await kept()).toEqual([]);
  });

  test('measures, uses and keeps a choice, which later devices find', async () => {
    const device = await open({ tune: patient });
    const choice = choiceOf(device);
    expect([DIRECT, '32x32']).toContain(choice);
    expect(await shaderOf(device)).toBe(choice === DIRECT ? 'matmul.wgsl' : 'gemmTile.wgsl');
    const [file, ...others] = await kept();
    expect(others).toEqual([]);
    const key = tuningKey(device.info);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ key, choices: { [SMALL]: choice } });

    // Whatever the measurement said: what is written there is used, and not measured again.
    for (const [name, shader] of [
      ['32x32', 'gemmTile.wgsl'],
      [DIRECT, 'matmul.wgsl'],
    ]) {
      await writeFile(file, JSON.stringify({ key, choices: { [SMALL]: name } }));
      expect(await shaderOf(await open())).toBe(shader);
      expect(await tune({ device: await open({ tune: false }), ...patient })).toEqual({ [SMALL]: name });
    }
    expect(choiceOf(await open({ tune: false }))).toBeUndefined();
    process.env.DOWNHILL_TUNING = 'off';
    expect(choiceOf(await open())).toBeUndefined();
  });

  test('ignores what it cannot use, and measures anew', async () => {
    const device = await open({ tune: patient });
    const [file] = await kept();
    const key = tuningKey(device.info);
    for (const text of [
      '{"key": ',
      'null',
      '[]',
      JSON.stringify({ key: `${key}!`, choices: { [SMALL]: '32x32' } }),
      JSON.stringify({ key, choices: { [SMALL]: 3 } }),
      JSON.stringify({ key, choices: ['32x32'] }),
    ]) {
      await writeFile(file, text);
      expect(choiceOf(await open())).toBeUndefined();
    }
    await tune({ device, ...patient });
    expect(JSON.parse(await readFile(file, 'utf8')).key).toBe(key);
    // A configuration of another version: the default runs.
    await writeFile(file, JSON.stringify({ key, choices: { [SMALL]: 'toString' } }));
    expect(await shaderOf(await open())).toBe(device.info.software ? 'matmul.wgsl' : 'gemmTile.wgsl');
    expect((await tune({ device, fresh: true, ...patient }))[SMALL]).not.toBe('toString');
  });

  test('works where nothing can be kept, and within its budget', async () => {
    process.env.XDG_CACHE_HOME = '/dev/null';
    const device = await open({ tune: patient });
    expect(choiceOf(device)).toBeDefined();
    process.env.XDG_CACHE_HOME = cache;
    expect(await tune({ device, fresh: true, budget: 1e-9 })).toEqual({});
    expect(choiceOf(device)).toBeUndefined();
    await expect(tune({ device, budget: 0 })).rejects.toThrow(/tune: expected budget as milliseconds above 0, got 0/);
  });

  test('leaves no memory behind, and does not disturb what runs', async () => {
    const device = await open();
    const { bytes } = device.backend.memory();
    const x = ones([64, 64], { device });
    const product = matmul(x, x);
    const tuning = tune({ device, ...patient });
    const after = matmul(x, x);
    await tuning;
    expect([await product.data(), await after.data()].map((data) => new Set(data))).toEqual([
      new Set([64]),
      new Set([64]),
    ]);
    for (const t of [x, product, after]) t.dispose();
    expect(device.backend.memory().bytes).toBe(bytes);
  });

  test('the CPU has nothing to tune', async () => {
    expect(await tune({ device: await open({ device: 'cpu', tune: true }) })).toEqual({});
  });
});

test('the version is that of the package', async () => {
  expect(JSON.parse(await readFile('package.json', 'utf8')).version).toBe(VERSION);
});
