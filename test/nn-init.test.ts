// Initial values: their statistics from a fixed seed, orthogonality, gains, and how the layers start.
import { init, manualSeed, nn, type Shape, type Tensor, zeros } from 'downhill';
import { beforeAll, describe, expect, test } from 'vitest';
import { openDevices, owned } from './training.ts';

const devices = openDevices();
beforeAll(() => init({ device: 'cpu' }));

const blank = (shape: Shape) => owned(zeros(shape));

async function statistics(x: Tensor) {
  const values = [...(await x.data())];
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  return { mean, variance, low: Math.min(...values), high: Math.max(...values) };
}

interface Filled {
  title: string;
  fill: (x: Tensor) => Tensor;
  variance: number;
  /** The largest size of a value, where there is one. */
  bound?: number;
}

// A weight [60, 50, 2, 2]: fan in 200, fan out 240.
describe.each<Filled>([
  { title: 'uniform', fill: (x) => nn.init.uniform(x, { low: -1, high: 1 }), variance: 1 / 3, bound: 1 },
  { title: 'normal', fill: (x) => nn.init.normal(x, { std: 3 }), variance: 9 },
  // A standard normal number between -2 and 2 has this variance.
  { title: 'truncatedNormal', fill: (x) => nn.init.truncatedNormal(x), variance: 0.7737413, bound: 2 },
  { title: 'xavierUniform', fill: (x) => nn.init.xavierUniform(x), variance: 2 / 440, bound: Math.sqrt(6 / 440) },
  { title: 'xavierNormal', fill: (x) => nn.init.xavierNormal(x, { gain: 5 / 3 }), variance: (25 / 9) * (2 / 440) },
  { title: 'kaimingUniform', fill: (x) => nn.init.kaimingUniform(x), variance: 2 / 200, bound: Math.sqrt(6 / 200) },
  {
    title: 'kaimingUniform of a linear layer',
    fill: (x) => nn.init.kaimingUniform(x, { nonlinearity: 'linear', mode: 'fanOut' }),
    variance: 1 / 240,
    bound: Math.sqrt(3 / 240),
  },
  { title: 'kaimingNormal', fill: (x) => nn.init.kaimingNormal(x, { a: 1 }), variance: 1 / 200 },
  { title: 'kaimingNormal, fanOut', fill: (x) => nn.init.kaimingNormal(x, { mode: 'fanOut' }), variance: 2 / 240 },
])('$title', ({ fill, variance, bound }) => {
  test('has the mean, the variance and the bounds that it should, in place and again from the seed', async () => {
    manualSeed(1);
    const x = blank([60, 50, 2, 2]);
    expect(fill(x)).toBe(x);
    const found = await statistics(x);
    // 12,000 numbers: 4 deviations of mean and variance, at most.
    expect(Math.abs(found.mean)).toBeLessThan(4 * Math.sqrt(variance / 12000));
    expect(Math.abs(found.variance / variance - 1)).toBeLessThan(4 * Math.sqrt(2 / 12000));
    if (bound) {
      expect(Math.max(-found.low, found.high)).toBeLessThanOrEqual(bound);
      expect(Math.min(-found.low, found.high)).toBeGreaterThan(0.99 * bound);
    }
    manualSeed(1);
    expect(await fill(blank(x.shape)).data()).toEqual(await x.data());
    expect(await fill(blank(x.shape)).data()).not.toEqual(await x.data());
  });
});

test('truncatedNormal keeps to bounds off its mean', async () => {
  manualSeed(2);
  const { low, high, mean } = await statistics(
    nn.init.truncatedNormal(blank([5000]), { mean: 1, std: 2, low: 0, high: 5 }),
  );
  expect(low).toBeGreaterThanOrEqual(0);
  expect(high).toBeLessThanOrEqual(5);
  // 1 + 2 (d(-1/2) - d(2)) / (P(2) - P(-1/2)), with density d and distribution P.
  expect(mean).toBeCloseTo(1.8915, 1);
});

test.each(['cpu', 'webgpu'])('values are the same on %s, parameters stay what they are', async (name) => {
  manualSeed(3);
  const weight = nn.parameter(zeros([5, 7], { device: devices[name] }));
  nn.init.truncatedNormal(nn.init.normal(weight), { std: 0.5 });
  expect([weight.requiresGrad, weight.isLeaf]).toEqual([true, true]);
  manualSeed(3);
  const exact = nn.init.truncatedNormal(nn.init.normal(blank([5, 7])), { std: 0.5 });
  const [found, wanted] = [await weight.data(), await exact.data()];
  wanted.forEach((v, i) => {
    expect(found[i]).toBeCloseTo(v, 5);
  });
  weight.dispose();
});

describe('orthogonal', () => {
  test.each<[Shape, number]>([
    [[5, 5], 1],
    [[3, 8], 2],
    [[8, 3], 0.5],
    [[6, 2, 3, 3], 1],
    [[1, 1], 3],
  ])('%j, gain %d', async (shape, gain) => {
    manualSeed(4);
    const values = await nn.init.orthogonal(blank(shape), { gain }).data();
    const [rows, columns] = [shape[0], values.length / shape[0]];
    const at = (i: number, k: number) => (rows <= columns ? values[i * columns + k] : values[k * columns + i]);
    const [few, many] = [Math.min(rows, columns), Math.max(rows, columns)];
    for (let i = 0; i < few; i++) {
      for (let j = 0; j <= i; j++) {
        let dot = 0;
        for (let k = 0; k < many; k++) dot += at(i, k) * at(j, k);
        expect(Math.abs(dot - (i === j ? gain ** 2 : 0))).toBeLessThan(1e-12);
      }
    }
  });

  test('to 1e-6 in float32, also where rows are nearly parallel before', async () => {
    manualSeed(5);
    const weight = nn.parameter(zeros([64, 64], { device: devices.webgpu }));
    const gram = owned(nn.init.orthogonal(weight).detach()).matmul(weight.detach().transpose());
    const values = await owned(gram).data();
    values.forEach((v, i) => {
      expect(Math.abs(v - Number(i % 65 === 0))).toBeLessThan(1e-6);
    });
    weight.dispose();
  });
});

test('constant values, the identity, and its convolution', async () => {
  expect(await nn.init.constant(blank([2, 2]), 3).tolist()).toEqual([
    [3, 3],
    [3, 3],
  ]);
  expect(await nn.init.ones(blank([2])).tolist()).toEqual([1, 1]);
  expect(await nn.init.zeros(nn.init.ones(blank([2]))).tolist()).toEqual([0, 0]);
  expect(await nn.init.eye(blank([2, 3])).tolist()).toEqual([
    [1, 0, 0],
    [0, 1, 0],
  ]);
  const conv = owned(new nn.Conv2d(4, 4, [3, 2], { padding: 'same', groups: 2, bias: false }));
  nn.init.dirac(conv.weight, { groups: 2 });
  manualSeed(0);
  const x = nn.init.normal(blank([1, 4, 3, 3]));
  // Of two taps the right one is in the middle, so the image moves by one.
  const y = owned(conv.call(x));
  const [from, to] = [await x.data(), await y.data()];
  expect([to[0], to[1], to[2], to[30]]).toEqual([from[1], from[2], 0, from[31]]);
});

test('gains and fans', () => {
  expect(nn.init.calculateGain('sigmoid')).toBe(1);
  expect(nn.init.calculateGain('tanh')).toBeCloseTo(5 / 3, 12);
  expect(nn.init.calculateGain('relu')).toBe(Math.SQRT2);
  expect(nn.init.calculateGain('leakyRelu')).toBeCloseTo(Math.sqrt(2 / 1.0001), 12);
  expect(nn.init.calculateGain('leakyRelu', 2)).toBeCloseTo(Math.sqrt(0.4), 12);
  expect(nn.init.calculateGain('selu')).toBe(0.75);
  expect(nn.init.fans([6, 4, 3, 2])).toEqual({ fanIn: 24, fanOut: 36 });
});

test.each<[() => unknown, string]>([
  [
    () => nn.init.calculateGain('swish' as 'relu'),
    'calculateGain: expected one of linear, conv, sigmoid, tanh, relu, leakyRelu, selu, got swish',
  ],
  [() => nn.init.xavierUniform(blank([3])), 'fans: expected a weight of at least 2 dims, got [3]'],
  [
    () => nn.init.kaimingNormal(blank([3, 3]), { mode: 'fan_in' as 'fanIn' }),
    'kaimingNormal: expected mode fanIn or fanOut, got fan_in',
  ],
  [() => nn.init.normal(blank([3]), { std: -1 }), 'normal: expected a finite std of at least 0, got -1'],
  [() => nn.init.uniform(blank([3]), { low: 2 }), 'uniform: expected low <= high, got 2 and 1'],
  [() => nn.init.orthogonal(blank([3])), 'orthogonal: expected a tensor of at least 2 dims, got [3]'],
  [
    () => nn.init.truncatedNormal(blank([3]), { low: 3, high: 1 }),
    'truncatedNormal: expected a finite mean, a std above 0 and low < high',
  ],
  [() => nn.init.normal(owned(zeros([2], { dtype: 'int32' }))), 'normal: expected a tensor of floats, got int32'],
  [() => nn.init.eye(blank([3])), 'eye: expected a matrix, got [3]'],
  [() => nn.init.dirac(blank([3, 3])), 'dirac: expected a weight [out, in / groups, ...] of at least 3 dims'],
])('bad input %#', (call, message) => {
  expect(call).toThrow(message);
});

test('layers start as they say', async () => {
  manualSeed(6);
  const within = async (x: Tensor, bound: number) => {
    const { low, high } = await statistics(x);
    expect(Math.max(-low, high)).toBeLessThanOrEqual(bound);
    expect(high - low).toBeGreaterThan(1.8 * bound);
  };
  const linear = owned(new nn.Linear(100, 200));
  await within(linear.weight, 0.1);
  await within(linear.bias!, 0.1);
  const conv = owned(new nn.Conv2d(20, 100, 5, { groups: 5 }));
  await within(conv.weight, 0.1);
  await within(conv.bias!, 0.1);
  const transposed = owned(new nn.ConvTranspose2d(100, 20, 5, { groups: 5 }));
  await within(transposed.weight, 0.1);
  const { mean, variance } = await statistics(owned(new nn.Embedding(100, 50)).weight);
  expect(Math.abs(mean)).toBeLessThan(0.06);
  expect(Math.abs(variance - 1)).toBeLessThan(0.08);
  const attention = owned(new nn.MultiheadAttention(30, 3));
  await within(attention.inProjWeight!, Math.sqrt(6 / 120));
  await within(attention.outProj.weight, 1 / Math.sqrt(30));
  for (const bias of [attention.inProjBias!, attention.outProj.bias!])
    expect((await statistics(bias)).variance).toBe(0);
});
