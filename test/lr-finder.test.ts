// findLr: its curve, its suggestion, where it blows up, and that all is put back.
import {
  type Data,
  findLr,
  manualSeed,
  mseLoss,
  nn,
  optim,
  randomState,
  setDefaultDevice,
  type Tensor,
} from 'downhill';
import { describe, expect, test } from 'vitest';
import { normal } from '../src/tensor/random.ts';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();

/** y = x @ w, of 4 features. */
const line = (length = 64): Data => {
  const noise = normal(length * 4, { seed: 4, stream: 0 });
  const row = (i: number) => Array.from(noise.slice(4 * i, 4 * i + 4));
  return {
    length,
    batch: (at) => ({
      x: Float32Array.from(Array.from(at, row).flat()),
      shape: [at.length, 4],
      y: Float32Array.from(at, (i) => row(i)[0] - 2 * row(i)[1]),
      yShape: [at.length, 1],
    }),
  };
};

const loss = (x: Tensor, y: Tensor) => mseLoss(x, y);

function linear() {
  manualSeed(3);
  return owned(new nn.Linear(4, 1));
}

describe.each(['cpu', 'webgpu'])('on %s', (kind) => {
  test('the suggestion trains, the blow-up does not, and all is put back', async () => {
    setDefaultDevice(devices[kind]);
    const model = linear();
    const optimizer = owned(new optim.SGD(model.parameters(), { lr: 0.5, momentum: 0.5 }));
    const state = async () => {
      const { tensors, values: counts } = optimizer.stateDict();
      const all = [...Object.values(model.stateDict()), ...Object.values(tensors)];
      return [await values(all), counts, randomState(), model.training, optimizer.lr];
    };
    model.eval();
    const before = await state();
    const told: number[][] = [];
    const found = await findLr(model, {
      ...{ data: line(), loss, optimizer, batchSize: 16, from: 1e-5, to: 100, steps: 80 },
      onStep: (step, steps) => void told.push([step, steps]),
    });
    expect(await state()).toEqual(before);
    expect(told).toEqual(told.map((_, i) => [i + 1, 80]));
    expect(told.length).toBeGreaterThanOrEqual(found.lrs.length);

    const { lrs, losses, raw, suggestion, blowUp } = found;
    expect(lrs[0]).toBeCloseTo(1e-5, 12);
    const factor = (100 / 1e-5) ** (1 / 79);
    for (let i = 1; i < lrs.length; i++) expect(lrs[i] / lrs[i - 1]).toBeCloseTo(factor, 9);
    expect([losses.length, raw.length]).toEqual([lrs.length, lrs.length]);
    // Mean squares of a line: gradient descent diverges from a rate of about 1 over the largest eigenvalue on.
    expect(suggestion).toBeGreaterThan(0.01);
    expect(suggestion).toBeLessThan(0.6);
    expect(blowUp).toBeGreaterThan(0.5);
    expect(blowUp).toBeLessThan(20);
    expect(suggestion).toBeLessThan(blowUp!);
    expect(String(found)).toMatch(/^learning rates 0\.00001 to 100: it fell fastest at 0\.\d+, blew up at \d/);
  });
});

test('a loss that never falls has no suggestion, and one that stays small no blow-up', async () => {
  setDefaultDevice(devices.cpu);
  const model = linear();
  const optimizer = owned(new optim.SGD(model.parameters(), { lr: 0.1 }));
  const flat = (x: Tensor, y: Tensor) => mseLoss(x, y).mul(0).add(1);
  const found = await findLr(model, { data: line(), loss: flat, optimizer, steps: 10 });
  expect(found).toMatchObject({ suggestion: null, blowUp: null, losses: expect.arrayContaining([1]) });
  expect(found.lrs).toHaveLength(10);
  expect(String(found)).toBe('learning rates 1e-7 to 10: the loss never fell, did not blow up until 10');
});

test('the curve is a figure, with the suggestion marked', async () => {
  setDefaultDevice(devices.cpu);
  const model = linear();
  const optimizer = owned(new optim.SGD(model.parameters(), { lr: 0.1 }));
  const found = await findLr(model, { data: line(), loss, optimizer, batchSize: 16, from: 1e-4, to: 10, steps: 60 });
  const figure = found.figure();
  expect(figure).toMatch(/^<figure class="chart">/);
  expect(figure).toContain('learning rate (log scale)');
  expect(figure).toContain('suggestion');
  expect(figure).not.toMatch(/NaN|Infinity|undefined/);
});

test('what cannot be is refused', async () => {
  setDefaultDevice(devices.cpu);
  const model = linear();
  const optimizer = owned(new optim.SGD(model.parameters()));
  const fails = (options: object) => findLr(model, { data: line(), loss, optimizer, ...options });
  await expect(fails({ from: 1, to: 0.1 })).rejects.toThrow(
    'findLr: expected 0 < from < to and at least 3 steps, got 1, 0.1',
  );
  await expect(fails({ steps: 2.5 })).rejects.toThrow('findLr: expected steps to be a whole number');
  await expect(fails({ data: line(0) })).rejects.toThrow('at least one training example');
});
