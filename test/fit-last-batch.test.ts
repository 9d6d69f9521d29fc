// The last batch of an epoch, which is smaller: left out with dropLast, or refused before training where batch norm cannot take it.
import {
  type Callback,
  encodeCheckpoint,
  type FitOptions,
  findLr,
  manualSeed,
  nn,
  refreshStatistics,
  setDefaultDevice,
  fit as train,
} from 'downhill';
import { describe, expect, test } from 'vitest';
import { adam, collector, examples, FEATURES } from './fitting.ts';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();

/** A network that takes no batch of one in training. */
function normed() {
  manualSeed(1);
  return owned(new nn.Sequential(new nn.Linear(FEATURES, 8), new nn.BatchNorm1d(8), new nn.Linear(8, 3)));
}

/** Data that notes which examples it is asked for. */
function asked(length: number) {
  const data = examples(length);
  const sizes: number[] = [];
  const { batch } = data;
  const seen = new Set<number>();
  data.batch = (indices) => {
    sizes.push(indices.length);
    for (const index of Array.from(indices)) seen.add(index);
    return batch(indices);
  };
  return { data, sizes, seen };
}

test('a last batch of one is refused before training where batch norm cannot take it, and only there', async () => {
  setDefaultDevice(devices.cpu);
  const model = normed();
  const before = await values(Object.values(model.stateDict()));
  const options = { data: examples(65), optimizer: adam(model), epochs: 2 };
  await expect(train(model, options)).rejects.toThrow(
    'fit: the last batch of an epoch has 1 of 65 examples, which the model does not take ' +
      '(batchNorm: training needs more than one value per channel, got input [1,8]): ' +
      'set dropLast, or another batchSize than 64',
  );
  expect(await values(Object.values(model.stateDict()))).toEqual(before);
  for (const more of [{ dropLast: true }, { batchSize: 63 }, { batchSize: 65 }]) {
    expect(await train(model, { ...options, ...more })).toHaveLength(2);
  }
  const plain = owned(new nn.Linear(FEATURES, 3));
  const [epoch] = await train(plain, { data: examples(65), optimizer: adam(plain) });
  expect(epoch.trainLoss).toBeGreaterThan(0);
});

describe('with dropLast', () => {
  const options = (more: Partial<FitOptions> = {}) => ({ batchSize: 8, dropLast: true, check: false, ...more });

  test.each([
    [1, 4],
    [3, 2],
  ])('and %i batches in a step, an epoch has %i steps of whole batches', async (accumulate, steps) => {
    setDefaultDevice(devices.cpu);
    const model = normed();
    const { data, sizes, seen } = asked(35);
    const reports = collector();
    await train(model, { data, optimizer: adam(model), callbacks: [reports], ...options({ accumulate }) });
    expect(reports.steps).toHaveLength(steps);
    expect(reports.steps.at(-1)!.steps).toBe(steps);
    expect(sizes).toEqual(new Array(5).fill(8)); // the first one tells the task
    // Not always the same ones are left out.
    sizes.length = 0;
    seen.clear();
    await train(model, { data, optimizer: adam(model), epochs: 6, ...options({ accumulate }) });
    expect(sizes).toEqual(new Array(25).fill(8));
    expect(seen.size).toBe(35);
  });

  test('a run goes on to the bit from the middle of an epoch, with dropLast again', async () => {
    setDefaultDevice(devices.cpu);
    const run = async (more: Partial<FitOptions> = {}) => {
      const model = normed();
      const history = await train(model, { data: examples(35), optimizer: adam(model), epochs: 2, ...options(more) });
      const losses = history.map(({ trainLoss }) => trainLoss);
      return { losses, state: await values(Object.values(model.stateDict())) };
    };
    let bytes = new Uint8Array();
    const takes: Callback = {
      onStep: async ({ step }, training) => {
        if (step === 3) bytes = new Uint8Array(await encodeCheckpoint(training));
      },
    };
    const whole = await run({ callbacks: [takes] });
    expect(await run({ resume: bytes })).toEqual(whole);
    await expect(run({ resume: bytes, dropLast: false })).rejects.toThrow(
      'resume: the checkpoint was made with dropLast true, got false',
    );
  });

  test('fewer examples than a batch are refused', async () => {
    setDefaultDevice(devices.cpu);
    const model = normed();
    const training = train(model, { data: examples(7), optimizer: adam(model), ...options() });
    await expect(training).rejects.toThrow('fit: 7 examples make no batch of 8 with dropLast');
  });
});

test('the search of a learning rate and fresh statistics leave out a last batch of one', async () => {
  setDefaultDevice(devices.cpu);
  const model = normed();
  const { data, sizes } = asked(17);
  const found = await findLr(model, {
    data: { ...data, checked: true },
    optimizer: adam(model),
    steps: 7,
    batchSize: 8,
  });
  expect(found.raw.length).toBeGreaterThan(2);
  expect(new Set(sizes)).toEqual(new Set([8]));
  sizes.length = 0;
  await refreshStatistics(model, data, { batchSize: 8 });
  expect(sizes).toEqual([8, 8]);
  // What is all there is, is not left out.
  const one = owned(new nn.Linear(FEATURES, 3));
  expect((await findLr(one, { data: examples(1), optimizer: adam(one), steps: 3 })).raw.length).toBeGreaterThan(0);
});
