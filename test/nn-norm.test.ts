// Batch norm's running statistics: their momentum, their average, evaluation, and compiled steps.
import { compile, manualSeed, nn, randn, setDefaultDevice, type Tensor, tensor } from 'downhill';
import { describe, expect, test } from 'vitest';
import { openDevices, owned } from './training.ts';

const devices = openDevices();

/** Two batches [2, 2] with, per channel, means [1, 10] and [5, 6] and unbiased variances [2, 8] and [0, 2]. */
const batches = () =>
  [
    [
      [0, 8],
      [2, 12],
    ],
    [
      [5, 5],
      [5, 7],
    ],
  ].map((rows) => owned(tensor(rows)));

describe.each(['cpu', 'webgpu'])('on %s', (name) => {
  const close = async (x: Tensor | null, wanted: number[]) => {
    const found = await x!.data();
    expect(found.length).toBe(wanted.length);
    wanted.forEach((v, i) => {
      expect(found[i]).toBeCloseTo(v, 5);
    });
  };

  test('running statistics take in a share of every batch, and evaluation takes them', async () => {
    setDefaultDevice(devices[name]);
    const norm = owned(new nn.BatchNorm1d(2, { momentum: 0.5 }));
    const [a, b] = batches();
    owned(norm.call(a));
    await close(norm.runningMean, [0.5, 5]);
    await close(norm.runningVar, [1.5, 4.5]);
    owned(norm.call(b));
    await close(norm.runningMean, [2.75, 5.5]);
    norm.eval();
    norm.loadStateDict({
      ...norm.stateDict(),
      runningMean: { shape: [2], data: [1, 2] },
      runningVar: { shape: [2], data: [4, 9] },
    });
    await close(owned(norm.call(a)), [-0.5, 2, 0.5, 10 / 3]);
    await close(norm.runningMean, [1, 2]);
  });

  test('with momentum null they are the average of all batches', async () => {
    setDefaultDevice(devices[name]);
    const norm = owned(new nn.BatchNorm1d(2, { momentum: null }));
    expect(Object.keys(norm.stateDict())).toContain('numBatchesTracked');
    const [a, b] = batches();
    owned(norm.call(a));
    await close(norm.runningMean, [1, 10]);
    await close(norm.runningVar, [2, 8]);
    owned(norm.call(b));
    await close(norm.runningMean, [3, 8]);
    await close(norm.runningVar, [1, 5]);
    expect(await norm.numBatchesTracked!.item()).toBe(2);
    norm.resetRunningStats();
    await close(norm.runningMean, [0, 0]);
    await close(norm.runningVar, [1, 1]);
    expect(await norm.numBatchesTracked!.item()).toBe(0);
  });

  test('in a compiled step they are those of the eager one', async () => {
    setDefaultDevice(devices[name]);
    const make = () => owned(new nn.BatchNorm2d(3, { momentum: null }));
    const [eager, compiled] = [make(), make()];
    const step = owned(compile((x: Tensor) => compiled.call(x)));
    manualSeed(1);
    for (let i = 0; i < 4; i++) {
      const x = owned(randn([2, 3, 2, 2]));
      expect(await owned(step(x)).data()).toEqual(await owned(eager.call(x)).data());
    }
    for (const [key, value] of Object.entries(eager.stateDict())) {
      expect(await compiled.stateDict()[key].data()).toEqual(await value.data());
    }
  });
});

test('without running statistics evaluation takes those of the batch', async () => {
  setDefaultDevice(devices.cpu);
  const norm = owned(new nn.BatchNorm1d(2, { trackRunningStats: false }));
  const [a] = batches();
  const trained = await owned(norm.call(a)).tolist();
  expect(await owned(norm.eval().call(a)).tolist()).toEqual(trained);
  expect(trained[0][0]).toBeCloseTo(-1, 4);
});

describe('InstanceNorm with running statistics', () => {
  /** One channel of two images: means 2 and 6, unbiased variances 8 and 2. */
  const x = () => owned(tensor([[[0, 4]], [[5, 7]]]));

  test('training takes in the mean of what the images have, evaluation normalizes by it, and a reset forgets it', async () => {
    setDefaultDevice(devices.cpu);
    const norm = new nn.InstanceNorm1d(1, { trackRunningStats: true, momentum: 0.5, eps: 0 });
    expect(Object.keys(norm.stateDict()).sort()).toEqual(['runningMean', 'runningVar']);
    expect(await owned(norm.call(x())).tolist()).toEqual([[[-1, 1]], [[-1, 1]]]);
    expect(await norm.runningMean!.tolist()).toEqual([2]);
    expect(await norm.runningVar!.tolist()).toEqual([3]);
    norm.eval();
    const out = (await owned(norm.call(x())).data()).map((v) => v * Math.sqrt(3));
    [-2, 2, 3, 5].forEach((v, i) => {
      expect(out[i]).toBeCloseTo(v, 10);
    });
    expect(await norm.runningMean!.tolist()).toEqual([2]);
    norm.resetRunningStats();
    expect([await norm.runningMean!.tolist(), await norm.runningVar!.tolist()]).toEqual([[0], [1]]);
  });

  test('without them evaluation takes those of the input, too, and an option out of range is refused', async () => {
    setDefaultDevice(devices.cpu);
    const norm = new nn.InstanceNorm1d(1, { eps: 0 }).eval();
    expect(norm.runningMean).toBe(null);
    expect(await owned(norm.call(x())).tolist()).toEqual([[[-1, 1]], [[-1, 1]]]);
    expect(() => new nn.InstanceNorm2d(1, { momentum: 2 })).toThrow(
      /InstanceNorm2d: expected momentum from 0 to 1, got 2/,
    );
  });
});
