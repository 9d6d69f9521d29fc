// fit in float16: it learns as in float32, gets over infinite gradients, goes on from a checkpoint to the bit, and says what it needs.
import {
  type Callback,
  data,
  decodeCheckpoint,
  encodeCheckpoint,
  type FitOptions,
  manualSeed,
  optim,
  referenceCnn,
  setDefaultDevice,
  fit as train,
} from 'downhill';
import { loadMnist } from 'downhill/node';
import { describe, expect, test } from 'vitest';
import { adam, collector, examples, network } from './fitting.ts';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();

/** Whether the adapter has float16. Where it does not, fit says so. */
const hasHalves = () => devices.webgpu.info.features!.includes('shader-f16');

const halves = { precision: 'float16' } as const;

test('the reference CNN learns digits as in float32', async () => {
  setDefaultDevice(devices.webgpu);
  const { train: digits } = await loadMnist();
  const losses: number[][] = [];
  for (const precision of ['float32', 'float16'] as const) {
    manualSeed(1);
    const model = owned(referenceCnn());
    const optimizer = owned(new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }));
    const seen = collector();
    const options = { data: data.slice(digits, 0, 96), optimizer, batchSize: 16, callbacks: [seen], precision };
    if (precision === 'float16' && !hasHalves()) {
      return expect(train(model, options)).rejects.toThrow(/precision float16 needs the feature shader-f16/);
    }
    await train(model, options);
    losses.push(seen.steps.map(({ loss }) => loss));
  }
  const [full, half] = losses;
  expect(full).not.toEqual(half);
  expect(full.at(-1)).toBeLessThan(full[0]);
  full.forEach((loss, i) => {
    expect(Math.abs(half[i] - loss)).toBeLessThan(0.03);
  });
});

describe.each(['webgpu', 'cpu'])('%s', (kind) => {
  const run = async (options: Partial<FitOptions>) => {
    setDefaultDevice(devices[kind]);
    const model = network(3, { dropout: 0.2 });
    const seen = collector();
    const optimizer = adam(model);
    const checkpoints: Uint8Array[] = [];
    const onEpoch: Callback['onEpoch'] = async (_, training) => {
      checkpoints.push(await encodeCheckpoint(training));
    };
    await train(model, {
      ...{ data: examples(50), validation: examples(30, { seed: 9 }), optimizer, epochs: 2, batchSize: 16 },
      ...halves,
      callbacks: [seen, { onEpoch }],
      ...options,
    });
    return { ...seen, checkpoints, weights: await values(model.parameters()) };
  };

  test('compiled and not, with accumulation and clipping', async ({ skip }) => {
    skip(kind === 'webgpu' && !hasHalves(), 'no shader-f16');
    const clipped = { accumulate: 2, clipGradNorm: 0.5, epochs: 3 };
    const { steps, epochs } = await run(clipped);
    const plain = await run({ ...clipped, compile: false });
    plain.steps.forEach(({ loss }, i) => {
      expect(Math.abs(loss - steps[i].loss)).toBeLessThan(2e-3);
    });
    expect(epochs[2].trainLoss).toBeLessThan(epochs[0].trainLoss);
    expect(epochs[2].validationLoss).toBeLessThan(epochs[0].validationLoss!);
  });

  test('a checkpoint holds the scale, and training goes on to the bit', async ({ skip }) => {
    skip(kind === 'webgpu' && !hasHalves(), 'no shader-f16');
    // So large that the first gradients are infinite, where halves are halves.
    const gradScaler = { initScale: 2 ** 24, growthInterval: 3 };
    const whole = await run({ gradScaler });
    const { scaler } = decodeCheckpoint(whole.checkpoints[0]);
    if (kind === 'cpu') expect(scaler!.scale.data[0]).toBe(2 ** 25);
    else expect(scaler!.scale.data[0]).toBeLessThan(2 ** 24);
    const rest = await run({ gradScaler, resume: whole.checkpoints[0] });
    expect(rest.weights).toEqual(whole.weights);
    expect(rest.steps.map(({ loss }) => loss)).toEqual(whole.steps.slice(4).map(({ loss }) => loss));
    const other = run({ precision: 'float32', resume: whole.checkpoints[0] });
    await expect(other).rejects.toThrow(/resume: the checkpoint was made with precision float16, got float32/);
  });
});

test('what it cannot do is refused', async () => {
  setDefaultDevice(devices.webgpu);
  const model = network();
  const wrong = (options: Partial<FitOptions>) =>
    train(model, { data: examples(8), optimizer: adam(model), ...options });
  if (!hasHalves()) await expect(wrong(halves)).rejects.toThrow(/fit: precision float16 needs the feature shader-f16/);
  await expect(wrong({ precision: 'float64' as 'float32' })).rejects.toThrow(
    /fit: expected precision float32 or float16, got float64/,
  );
  await expect(wrong({ ...halves, anomaly: true })).rejects.toThrow(/fit: expected precision float32 beside anomaly/);
  await expect(wrong({ gradScaler: {} })).rejects.toThrow(/fit: expected precision float16 beside gradScaler/);
});
