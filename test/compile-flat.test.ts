// Replays take nothing anew, however many there are: DOWNHILL_REPLAYS=100000 npx vitest run test/compile-flat.test.ts
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compile, init, memory, optim, setDefaultDevice, type Tensor } from 'downhill';
import { describe, expect, onTestFinished, test } from 'vitest';
import { batch, training } from './training.ts';

const REPLAYS = Number(process.env.DOWNHILL_REPLAYS ?? 300);
/** Until the pools, rings and caches that replays share are full. */
const WARM_UP = 40;
/** The loss of each such step is read, and so many are asked for before the first of them is waited for. */
const EVERY = 4;
const ASKED = 3;
/** What a heap of some 100 MB may differ by, whatever runs. */
const NOISE = 2 ** 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of JavaScript that something still holds. */
async function held(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Counts what is asked of a device from now on, by the name of the method; buffers for reads by themselves. */
function counting(gpu: object): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(gpu))) {
    if (!name.startsWith('create')) continue;
    const method = gpu[name as keyof typeof gpu] as (...args: unknown[]) => unknown;
    const counted = (...args: unknown[]) => {
      const { label } = (args[0] ?? {}) as { label?: string };
      const key = label === 'staging' ? label : name;
      counts[key] = (counts[key] ?? 0) + 1;
      return method.apply(gpu, args);
    };
    Object.defineProperty(gpu, name, { value: counted, configurable: true });
  }
  return counts;
}

describe.each(['webgpu', 'cpu'] as const)('on %s', (kind) => {
  test(`${REPLAYS} replays of a training step, with reads of the loss between, leave memory flat`, async () => {
    const device = await init({ device: kind });
    onTestFinished(() => {
      device.destroy();
    });
    setDefaultDevice(device);
    const { step } = training((p) => new optim.Adam(p), { dropout: 0.2 });
    const run = compile((x: Tensor, y: Tensor) => step(x, y).loss);
    onTestFinished(() => run.dispose());
    const { x, y } = batch(8, 0);
    const replay = async (count: number) => {
      const asked: Promise<number>[] = [];
      for (let i = 0; i < count; i++) {
        const loss = run(x, y);
        if (i % EVERY === 0) asked.push(loss.item());
        loss.dispose();
        if (asked.length > ASKED) await asked.shift();
      }
      await Promise.all(asked);
    };
    const { device: gpu = {} } = device.backend as unknown as { device?: object };
    const counts = counting(gpu);
    await replay(WARM_UP);
    for (const name in counts) if (name !== 'staging') delete counts[name];
    const [use, before] = [memory(), await held()];
    await replay(REPLAYS);
    const { staging = 0, ...made } = counts;
    // A ring, as long as there are losses under way.
    expect(staging).toBeLessThanOrEqual(ASKED + 1);
    // One encoder, which is one submit, for each replay and for each copy of a loss.
    const encoders = REPLAYS + Math.ceil(REPLAYS / EVERY);
    expect(made).toEqual(kind === 'cpu' ? {} : { createCommandEncoder: encoders });
    expect(memory()).toEqual(use);
    const grown = (await held()) - before;
    expect(grown).toBeLessThan(NOISE);
    if (process.env.DOWNHILL_REPLAYS) console.info(`${kind}: ${REPLAYS} replays, ${grown} bytes of JavaScript more`);
  }, 3_600_000);
});
