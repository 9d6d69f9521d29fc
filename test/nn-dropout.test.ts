// Dropout layers: what they drop, what they keep the mean of, when; and Monte-Carlo dropout.
import { compile, manualSeed, memory, nn, ones, randn, setDefaultDevice, type Tensor } from 'downhill';
import { describe, expect, test } from 'vitest';
import { openDevices, owned } from './training.ts';

const devices = openDevices();
const average = (values: ArrayLike<number>) => Array.from(values).reduce((sum, v) => sum + v, 0) / values.length;

describe.each(['cpu', 'webgpu'])('on %s', (name) => {
  test('inverted and vanilla dropout drop the same elements, and have the same mean in evaluation as in training', async () => {
    setDefaultDevice(devices[name]);
    const x = owned(ones([100, 50]));
    const [p, kept] = [0.25, 0.75];
    const [inverted, vanilla] = [new nn.Dropout(p), new nn.VanillaDropout(p)];
    manualSeed(1);
    const a = await owned(inverted.call(x)).data();
    manualSeed(1);
    const b = await owned(vanilla.call(x)).data();
    expect(new Set(b)).toEqual(new Set([0, 1]));
    a.forEach((v, i) => {
      expect(v).toBeCloseTo(b[i] / kept, 6);
    });
    expect(Math.abs(average(b) - kept)).toBeLessThan(0.025);
    expect(new Set(await owned(vanilla.eval().call(x)).data())).toEqual(new Set([kept]));
    expect(inverted.eval().call(x)).toBe(x);
  });

  test('gradients pass where elements do', async () => {
    setDefaultDevice(devices[name]);
    for (const layer of [new nn.Dropout(0.5), new nn.VanillaDropout(0.5), new nn.Dropout2d(0.5)]) {
      const x = owned(ones([2, 4, 3, 3], { requiresGrad: true }));
      const y = owned(layer.call(x));
      y.sum().backward();
      expect(await x.grad!.data()).toEqual(await y.data());
    }
  });

  test('whole channels are dropped together', async () => {
    setDefaultDevice(devices[name]);
    manualSeed(2);
    const images = owned(new nn.Dropout2d(0.5).call(owned(ones([10, 10, 2, 3]))));
    const rows = owned(new nn.Dropout1d(0.5).call(owned(ones([10, 10, 6]))));
    for (const x of [images, rows]) {
      const values = [...(await x.data())];
      const channels = Array.from({ length: 100 }, (_, i) => values.slice(6 * i, 6 * i + 6));
      for (const channel of channels) expect(new Set(channel).size).toBe(1);
      const dropped = channels.filter(([v]) => v === 0).length;
      expect(dropped).toBeGreaterThan(30);
      expect(dropped).toBeLessThan(70);
      expect(Math.max(...values)).toBe(2);
    }
  });

  test('alpha dropout keeps mean and variance', async () => {
    setDefaultDevice(devices[name]);
    manualSeed(3);
    const y = await owned(new nn.AlphaDropout(0.2).call(owned(randn([100, 100])))).data();
    expect(Math.abs(average(y))).toBeLessThan(0.05);
    expect(Math.abs(average(y.map((v) => v * v)) - 1)).toBeLessThan(0.06);
  });
});

test.each([0, 1])('a probability of %d drops nothing, or everything', async (p) => {
  setDefaultDevice(devices.webgpu);
  const x = owned(ones([4, 3, 2, 2]));
  for (const layer of [new nn.Dropout(p), new nn.VanillaDropout(p), new nn.Dropout2d(p), new nn.AlphaDropout(p)]) {
    const y = layer.call(x);
    expect(new Set(await y.data())).toEqual(new Set([1 - p]));
    if (y !== x) y.dispose();
  }
});

describe('Monte-Carlo dropout', () => {
  const make = () => {
    const model = new nn.Sequential(new nn.Linear(3, 2), new nn.BatchNorm1d(2), new nn.Dropout(0.5));
    return owned(model);
  };

  test('has the mean of evaluation and the deviation of the drop, and leaves the model as it was', async () => {
    setDefaultDevice(devices.webgpu);
    manualSeed(4);
    const model = make();
    const [, norm, dropout] = model.layers as [nn.Linear, nn.BatchNorm1d, nn.Dropout];
    model.eval();
    dropout.train();
    const statistics = await norm.runningMean!.tolist();
    const x = owned(randn([4, 3]));
    const before = memory().bytes;
    const { mean, std } = nn.monteCarlo(model, x, { samples: 1000 });
    expect(memory().bytes).toBeLessThan(before + 2000); // the two results
    expect([owned(mean).shape, owned(std).shape, mean.requiresGrad]).toEqual([[4, 2], [4, 2], false]);
    expect([model.training, norm.training, dropout.training]).toEqual([false, false, true]);
    expect(await norm.runningMean!.tolist()).toEqual(statistics);
    const exact = await owned(model.eval().call(x)).data();
    const [means, deviations] = [await mean.data(), await std.data()];
    // v / (1 - p) or 0, each half of the time: mean v, deviation |v|.
    exact.forEach((v, i) => {
      expect(Math.abs(means[i] - v)).toBeLessThan(0.15 * Math.abs(v));
      expect(Math.abs(deviations[i] - Math.abs(v))).toBeLessThan(0.05 * Math.abs(v));
    });
  });

  test('works in compiled functions, and leaves the mode of others alone', async () => {
    setDefaultDevice(devices.cpu);
    manualSeed(5);
    const model = make();
    const run = owned(compile((x: Tensor) => nn.monteCarlo(model, x, { samples: 5 })));
    const x = owned(randn([4, 3]));
    const values = [];
    for (let i = 0; i < 3; i++) values.push(await owned(run(x).mean).tolist());
    manualSeed(5);
    make();
    owned(randn([4, 3]));
    for (const value of values)
      expect(await owned(nn.monteCarlo(model, x, { samples: 5 }).mean).tolist()).toEqual(value);
    expect([...model.modules()].map(({ training }) => training)).toEqual([true, true, true, true]);
  });

  test('refuses models without dropout, and single samples', () => {
    const x = owned(randn([1, 2]));
    const linear = owned(new nn.Linear(2, 2));
    expect(() => nn.monteCarlo(linear, x)).toThrow('monteCarlo: expected a model with dropout layers, got one without');
    const message = 'monteCarlo: expected samples as a whole number of at least 2, got 1';
    expect(() => nn.monteCarlo(linear, x, { samples: 1 })).toThrow(message);
  });

  test('puts the model back after an error', () => {
    const model = make();
    const x = owned(randn([4, 5]));
    expect(() => nn.monteCarlo(model, x)).toThrow();
    expect([...model.modules()].every(({ training }) => training)).toBe(true);
  });
});
