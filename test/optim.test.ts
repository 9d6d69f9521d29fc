// Optimizers against their formulas in float64, modules, and checkpoints.
import {
  decodeSafetensors,
  encodeSafetensors,
  init,
  manualSeed,
  nn,
  optim,
  randn,
  referenceCnn,
  tensor,
} from 'downhill';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../src/tensor/device.ts';

const devices: Record<string, Device> = {};
beforeAll(async () => {
  devices.webgpu = await init();
  devices.cpu = await init({ device: 'cpu' });
});
afterAll(() => devices.webgpu.destroy());

/** The formulas, for one number with gradient 2 x + 1, written without looking at the kernels. */
const references: Record<
  string,
  { make: (p: Iterable<ReturnType<typeof tensor>>) => optim.Optimizer; run: (x: number) => number }
> = {
  'SGD with momentum and weight decay': {
    make: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, weightDecay: 0.01 }),
    run: (start) => {
      let [x, v] = [start, 0];
      for (let i = 0; i < 5; i++) {
        v = 0.9 * v + (2 * x + 1 + 0.01 * x);
        x -= 0.1 * v;
      }
      return x;
    },
  },
  'SGD with Nesterov momentum': {
    make: (p) => new optim.SGD(p, { lr: 0.05, momentum: 0.8, nesterov: true }),
    run: (start) => {
      let [x, v] = [start, 0];
      for (let i = 0; i < 5; i++) {
        const g = 2 * x + 1;
        v = 0.8 * v + g;
        x -= 0.05 * (g + 0.8 * v);
      }
      return x;
    },
  },
  RMSprop: {
    make: (p) => new optim.RMSprop(p, { lr: 0.01, alpha: 0.9 }),
    run: (start) => {
      let [x, s] = [start, 0];
      for (let i = 0; i < 5; i++) {
        const g = 2 * x + 1;
        s = 0.9 * s + 0.1 * g * g;
        x -= (0.01 * g) / (Math.sqrt(s) + 1e-8);
      }
      return x;
    },
  },
  Adam: {
    make: (p) => new optim.Adam(p, { lr: 0.1 }),
    run: (start) => {
      let [x, m, v] = [start, 0, 0];
      for (let t = 1; t <= 5; t++) {
        const g = 2 * x + 1;
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        x -= (0.1 * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8);
      }
      return x;
    },
  },
};

describe.each(['cpu', 'webgpu'])('optimizers on %s', (name) => {
  test.each(Object.keys(references))('%s follows its formula', async (title) => {
    const device = devices[name];
    const starts = [3, -2, 0.25, 1, 7];
    const parameters = [
      tensor(starts.slice(0, 2), { device, requiresGrad: true }),
      tensor(starts.slice(2), { device, requiresGrad: true }),
    ];
    const optimizer = references[title].make(parameters);
    for (let i = 0; i < 5; i++) {
      optimizer.zeroGrad();
      for (const p of parameters) p.square().add(p).sum().backward();
      optimizer.step();
    }
    const values = [...(await parameters[0].data()), ...(await parameters[1].data())];
    const digits = name === 'cpu' ? 12 : 5;
    values.forEach((value, i) => {
      expect(value).toBeCloseTo(references[title].run(starts[i]), digits);
    });
    optimizer.dispose();
    for (const p of parameters) p.dispose();
  });

  test('a parameter without gradient stays where it is', async () => {
    const device = devices[name];
    const parameters = [1, 2, 3].map((v) => tensor([v], { device, requiresGrad: true }));
    const optimizer = new optim.SGD(parameters, { lr: 1 });
    parameters[0].sum().backward();
    parameters[2].sum().backward();
    optimizer.step();
    expect(await Promise.all(parameters.map((p) => p.item()))).toEqual([0, 2, 2]);
  });
});

test('Adam corrects its bias by the updates of each parameter', async () => {
  const device = devices.cpu;
  const [a, b] = [1, 1].map((v) => tensor([v], { device, requiresGrad: true }));
  const optimizer = new optim.Adam([a, b], { lr: 0.1 });
  a.sum().backward();
  optimizer.step();
  optimizer.zeroGrad();
  optimizer.step(); // nothing has a gradient, so nothing counts
  a.add(b).sum().backward();
  optimizer.step();
  // A constant gradient moves by lr in every step, the first of b included.
  expect(await a.item()).toBeCloseTo(0.8, 6);
  expect(await b.item()).toBeCloseTo(0.9, 6);
});

test('optimizers refuse what they cannot train', () => {
  const x = randn([2], { requiresGrad: true });
  expect(() => new optim.SGD([])).toThrow('SGD: expected at least one parameter, got none');
  expect(() => new optim.SGD([x.mul(2)])).toThrow(
    /^SGD: expected leaf tensors that require gradients, got Tensor\(\[2\]/,
  );
  expect(() => new optim.SGD([x], { nesterov: true })).toThrow('SGD: nesterov needs a momentum above 0');
  expect(() => new optim.Adam([x], { lr: -1 })).toThrow('Adam: expected lr of at least 0 and below Infinity, got -1');
  expect(() => new optim.Adam([x], { betas: [1, 0.9] })).toThrow(
    'Adam: expected beta1 of at least 0 and below 1, got 1',
  );
});

test('a module names its parameters and buffers, and a checkpoint brings them back', async () => {
  manualSeed(0);
  const model = referenceCnn({ batchNorm: true });
  const names = Object.keys(model.stateDict());
  expect(names).toContain('0.weight');
  expect(names).toContain('1.runningVar');
  expect([...model.namedParameters()].map(([key]) => key)).not.toContain('1.runningVar');

  const host: Record<string, nn.HostTensor> = {};
  for (const [key, t] of Object.entries(model.stateDict())) host[key] = { shape: t.shape, data: await t.data() };
  const bytes = encodeSafetensors(host, { seed: '0' });
  const other = referenceCnn({ batchNorm: true });
  other.loadStateDict(decodeSafetensors(bytes));
  for (const [key, t] of Object.entries(other.stateDict())) expect(await t.data()).toEqual(host[key].data);

  expect(() => referenceCnn().loadStateDict(decodeSafetensors(bytes))).toThrow(
    /^loadStateDict: missing 3\.weight.*unexpected 4\.weight.*/,
  );
  const short = { ...host, '0.weight': { ...host['0.weight'], data: [1] } };
  expect(() => model.loadStateDict(short)).toThrow('loadStateDict: 0.weight [8,1,5,5] comes with 1 values');
  expect(() => decodeSafetensors(bytes.slice(0, 100))).toThrow(/^safetensors: header of \d+ bytes in a file of 100/);
  expect(() => decodeSafetensors(bytes.slice(0, -1))).toThrow(/^safetensors: .* needs \d+ bytes, the file gives/);
});

test('train and eval reach every layer', () => {
  const model = new nn.Sequential(new nn.Dropout(0.5), new nn.Sequential(new nn.Dropout(0.5)));
  model.eval();
  expect((model.layers[1] as nn.Sequential).layers[0].training).toBe(false);
});
