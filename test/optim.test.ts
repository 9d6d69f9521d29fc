// Optimizers against their formulas in float64, modules, and checkpoints.
import {
  compile,
  decodeSafetensors,
  encodeSafetensors,
  init,
  manualSeed,
  nn,
  optim,
  randn,
  referenceCnn,
  setDefaultDevice,
  tensor,
} from 'downhill';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { WebGpuBackend } from '../src/backends/webgpu/backend.ts';
import type { Device } from '../src/tensor/device.ts';
import { adadelta, adagrad, adam, type Rule, rmsprop, sgd } from './optim-rules.ts';

const devices: Record<string, Device> = {};
beforeAll(async () => {
  devices.webgpu = await init();
  devices.cpu = await init({ device: 'cpu' });
});
afterAll(() => devices.webgpu.destroy());

type Parameters = Iterable<ReturnType<typeof tensor>>;

/** An optimizer, and PyTorch's formula for it in float64, written without looking at the kernels. */
interface Reference {
  make: (p: Parameters) => optim.Optimizer;
  rule: () => Rule;
}

const references: Record<string, Reference> = {
  'SGD as it comes': { make: (p) => new optim.SGD(p), rule: sgd(1e-3) },
  'SGD with weight decay': {
    make: (p) => new optim.SGD(p, { lr: 0.1, weightDecay: 0.2 }),
    rule: sgd(0.1, { decay: 0.2 }),
  },
  'SGD with momentum and weight decay': {
    make: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, weightDecay: 0.01 }),
    rule: sgd(0.1, { momentum: 0.9, decay: 0.01 }),
  },
  'SGD with dampening, but in the first step': {
    make: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.4 }),
    rule: sgd(0.1, { momentum: 0.9, dampening: 0.4 }),
  },
  'SGD with Nesterov momentum': {
    make: (p) => new optim.SGD(p, { lr: 0.05, momentum: 0.8, nesterov: true, weightDecay: 0.1 }),
    rule: sgd(0.05, { momentum: 0.8, nesterov: true, decay: 0.1 }),
  },
  'Adagrad as it comes': { make: (p) => new optim.Adagrad(p), rule: adagrad(1e-2) },
  'Adagrad with all options': {
    make: (p) =>
      new optim.Adagrad(p, { lr: 0.5, lrDecay: 0.3, weightDecay: 0.1, initialAccumulatorValue: 0.7, eps: 0.01 }),
    rule: adagrad(0.5, { lrDecay: 0.3, decay: 0.1, initial: 0.7, eps: 0.01 }),
  },
  'Adadelta as it comes': { make: (p) => new optim.Adadelta(p), rule: adadelta(1) },
  'Adadelta with all options': {
    make: (p) => new optim.Adadelta(p, { lr: 0.6, rho: 0.7, eps: 0.01, weightDecay: 0.1 }),
    rule: adadelta(0.6, { rho: 0.7, eps: 0.01, decay: 0.1 }),
  },
  'RMSprop as it comes': { make: (p) => new optim.RMSprop(p), rule: rmsprop(1e-2) },
  'RMSprop with momentum and weight decay': {
    make: (p) => new optim.RMSprop(p, { lr: 0.02, alpha: 0.9, momentum: 0.7, weightDecay: 0.1 }),
    rule: rmsprop(0.02, { alpha: 0.9, momentum: 0.7, decay: 0.1 }),
  },
  'RMSprop, centered': {
    make: (p) => new optim.RMSprop(p, { lr: 0.02, alpha: 0.9, eps: 1e-3, centered: true }),
    rule: rmsprop(0.02, { alpha: 0.9, eps: 1e-3, centered: true }),
  },
  'RMSprop, centered, with momentum': {
    make: (p) => new optim.RMSprop(p, { lr: 0.02, alpha: 0.9, momentum: 0.7, centered: true }),
    rule: rmsprop(0.02, { alpha: 0.9, momentum: 0.7, centered: true }),
  },
  'Adam as it comes': { make: (p) => new optim.Adam(p), rule: adam(1e-3) },
  'Adam with all options': {
    make: (p) => new optim.Adam(p, { lr: 0.3, betas: [0.7, 0.6], eps: 0.01, weightDecay: 0.1, amsgrad: true }),
    rule: adam(0.3, { betas: [0.7, 0.6], eps: 0.01, decay: 0.1, amsgrad: true }),
  },
  'AdamW as it comes': { make: (p) => new optim.AdamW(p), rule: adam(1e-3, { decoupled: 0.01 }) },
  'AdamW with all options': {
    make: (p) => new optim.AdamW(p, { lr: 0.3, betas: [0.7, 0.6], eps: 0.01, weightDecay: 0.2, amsgrad: true }),
    rule: adam(0.3, { betas: [0.7, 0.6], eps: 0.01, decoupled: 0.2, amsgrad: true }),
  },
};

const STEPS = 6;

describe.each(['cpu', 'webgpu'])('optimizers on %s', (name) => {
  test.each(Object.keys(references))('%s follows its formula', async (title) => {
    const device = devices[name];
    const starts = [3, -2, 0.25, 1, 7];
    const parameters = [
      tensor(starts.slice(0, 2), { device, requiresGrad: true }),
      tensor(starts.slice(2), { device, requiresGrad: true }),
    ];
    const optimizer = references[title].make(parameters);
    for (let i = 0; i < STEPS; i++) {
      optimizer.zeroGrad();
      for (const p of parameters) p.square().add(p).sum().backward();
      optimizer.step();
    }
    const values = [...(await parameters[0].data()), ...(await parameters[1].data())];
    const digits = name === 'cpu' ? 12 : 5;
    values.forEach((value, i) => {
      const rule = references[title].rule();
      let x = starts[i];
      for (let t = 1; t <= STEPS; t++) x = rule(x, 2 * x + 1, t);
      expect(value).toBeCloseTo(x, digits);
    });
    optimizer.dispose();
    for (const p of parameters) p.dispose();
  });

  test.each(Object.keys(references))(
    '%s, maximizing: -g takes the place of g, not of the weight decay',
    async (title) => {
      const starts = [0.5, -2];
      const parameters = starts.map((x) => tensor([x], { device: devices[name], requiresGrad: true }));
      const optimizer = references[title].make(parameters);
      for (const group of optimizer.paramGroups) group.maximize = true;
      for (let i = 0; i < STEPS; i++) {
        optimizer.zeroGrad();
        for (const p of parameters) p.neg().square().add(p).neg().sum().backward();
        optimizer.step();
      }
      for (const [i, parameter] of parameters.entries()) {
        const rule = references[title].rule();
        let x = starts[i];
        for (let t = 1; t <= STEPS; t++) x = rule(x, 2 * x + 1, t);
        expect(await parameter.item()).toBeCloseTo(x, name === 'cpu' ? 12 : 5);
        // What the loss, not its negative, would have led to is elsewhere.
        expect(Math.sign(x - starts[i])).toBe(-Math.sign(2 * starts[i] + 1));
      }
      optimizer.dispose();
      for (const p of parameters) p.dispose();
    },
  );

  test('one group goes up, the other down, and a compiled step heeds the turn', async () => {
    setDefaultDevice(devices[name]);
    onTestFinished(() => setDefaultDevice(devices.cpu));
    const [a, b] = [1, 1].map((x) => tensor([x], { device: devices[name], requiresGrad: true }));
    const optimizer = new optim.SGD([{ params: [a], maximize: true }, { params: [b] }], { lr: 0.25 });
    const step = compile(() => {
      optimizer.zeroGrad();
      a.add(b).sum().backward();
      optimizer.step();
    });
    const both = async () => [await a.item(), await b.item()];
    for (let i = 0; i < 3; i++) step();
    expect(await both()).toEqual([1.75, 0.25]);
    optimizer.paramGroups[0].maximize = false;
    step();
    expect(await both()).toEqual([1.5, 0]);
    expect(optimizer.stateDict().values.groups.map(({ maximize }) => maximize)).toEqual([false, false]);
    for (const item of [step, optimizer, a, b]) item.dispose();
  });

  test('a state from before there was maximize does not turn it on', () => {
    const a = tensor([1], { device: devices[name], requiresGrad: true });
    const optimizer = new optim.SGD([a], { lr: 0.25, maximize: true });
    const { tensors, values } = optimizer.stateDict();
    const groups = values.groups.map(({ maximize: _, ...rest }) => rest as (typeof values.groups)[number]);
    optimizer.loadStateDict({ tensors: tensors as never, values: { ...values, groups } });
    expect(optimizer.paramGroups[0].maximize).toBe(false);
    optimizer.dispose();
    a.dispose();
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

test('a step is one update, whatever the number of parameters, and packs what clipping has not', () => {
  const device = devices.webgpu;
  const parameters = Array.from({ length: 9 }, (_, i) => randn([i, 3], { device, requiresGrad: true }));
  const optimizer = new optim.AdamW(parameters);
  /** The ops of all dispatches of `work`. */
  const dispatches = (work: () => void): string => {
    for (const p of parameters) p.grad = randn(p.shape, { device });
    const seen: string[] = [];
    const backend = device.backend as WebGpuBackend;
    backend.observer = (op) => seen.push(op);
    work();
    backend.observer = null;
    optimizer.zeroGrad();
    return seen.join(' ');
  };
  expect(dispatches(() => optimizer.step())).toBe('pack pack adam');
  const clipped = dispatches(() => {
    optimizer.clipGradValue(0.5);
    optimizer.clipGradNorm(1).dispose();
    optimizer.step();
  });
  expect(clipped).toBe('pack pack clipGradValue gradNorm clipGradNorm adam');
  // Of two optimizers, each finds its part of what was clipped together.
  const halves = [new optim.SGD(parameters.slice(0, 4)), new optim.SGD(parameters.slice(4))];
  const both = dispatches(() => {
    optim.clipGradNorm(parameters, 1).dispose();
    for (const half of halves) half.step();
  });
  expect(both).toBe('pack pack gradNorm clipGradNorm sgd sgd');
  for (const item of [optimizer, ...halves, ...parameters]) item.dispose();
});

test('optimizers may share parameters, but not a part of them', async () => {
  const device = devices.cpu;
  const [a, b, c] = [1, 2, 3].map((v) => tensor([v], { device, requiresGrad: true }));
  const first = new optim.SGD([a, b], { lr: 1 });
  const second = new optim.SGD([b], { lr: 1 });
  a.add(b).sum().backward();
  first.step();
  second.step();
  expect([await a.item(), await b.item()]).toEqual([0, 0]);
  const third = new optim.SGD([b, c], { lr: 1 });
  third.step();
  expect([await b.item(), await c.item()]).toEqual([-1, 3]);
  expect(() => first.step()).toThrow('SGD: parameter [1] was moved, by an optimizer or average over other parameters');
});

test('a gradient of another shape is refused', () => {
  const x = randn([2], { requiresGrad: true });
  const optimizer = new optim.SGD([x]);
  x.grad = randn([3]);
  expect(() => optimizer.step()).toThrow('SGD: expected a gradient [2], got [3]');
});

test('optimizers refuse what they cannot train', () => {
  const x = randn([2], { requiresGrad: true });
  expect(() => new optim.SGD([])).toThrow('SGD: expected at least one parameter, got none');
  expect(() => new optim.SGD([x.mul(2)])).toThrow(
    /^SGD: expected leaf tensors that require gradients, got Tensor\(\[2\]/,
  );
  expect(() => new optim.SGD([x, randn([2])])).toThrow(/^SGD: expected leaf tensors that require gradients/);
});

describe('hyperparameters out of range', () => {
  const { SGD, Adagrad, Adadelta, RMSprop, Adam, AdamW } = optim;
  const optimizers = { SGD, Adagrad, Adadelta, RMSprop, Adam, AdamW };
  const { NaN: none, POSITIVE_INFINITY: infinity } = Number;
  type Name = keyof typeof optimizers;
  const refused = (name: Name, options: object, message: string) => {
    const x = tensor([1], { device: devices.cpu, requiresGrad: true });
    const make = () => new optimizers[name]([x], options);
    expect(make).toThrow(RangeError);
    expect(make).toThrow(`${name}: ${message}`);
  };

  test.each(Object.keys(optimizers) as Name[])('%s', (name) => {
    for (const option of ['lr', 'weightDecay']) {
      for (const value of [-1, none, infinity]) {
        refused(name, { [option]: value }, `expected ${option} of at least 0 and below Infinity, got ${value}`);
      }
    }
  });

  test.each([
    ['SGD', 'momentum', 1],
    ['SGD', 'dampening', 1],
    ['Adagrad', 'lrDecay', infinity],
    ['Adagrad', 'initialAccumulatorValue', infinity],
    ['Adagrad', 'eps', infinity],
    ['Adadelta', 'rho', 1],
    ['Adadelta', 'eps', infinity],
    ['RMSprop', 'alpha', 1],
    ['RMSprop', 'momentum', 1],
    ['RMSprop', 'eps', infinity],
    ['Adam', 'eps', infinity],
    ['AdamW', 'eps', infinity],
  ] as [Name, string, number][])('%s, %s', (name, option, high) => {
    for (const value of [-0.1, high, none]) {
      refused(name, { [option]: value }, `expected ${option} of at least 0 and below ${high}, got ${value}`);
    }
  });

  test('betas, and Nesterov without its momentum', () => {
    for (const name of ['Adam', 'AdamW'] as const) {
      refused(name, { betas: [1, 0.9] }, 'expected beta1 of at least 0 and below 1, got 1');
      refused(name, { betas: [0.9, -1] }, 'expected beta2 of at least 0 and below 1, got -1');
      refused(name, { betas: [0.9] }, 'expected beta2 of at least 0 and below 1, got undefined');
    }
    refused('SGD', { nesterov: true }, 'nesterov needs a momentum above 0, got 0');
    refused('SGD', { nesterov: true, momentum: 0.9, dampening: 0.1 }, 'nesterov needs a dampening of 0, got 0.1');
  });
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
  expect(() => decodeSafetensors(bytes.slice(0, 100))).toThrow(
    /^safetensors: the file is truncated: its header has \d+ bytes, and the whole file 100/,
  );
  expect(() => decodeSafetensors(bytes.slice(0, -1))).toThrow(
    /^safetensors: the file is truncated: it has \d+ of \d+ bytes/,
  );
});

test('train and eval reach every layer', () => {
  const model = new nn.Sequential(new nn.Dropout(0.5), new nn.Sequential(new nn.Dropout(0.5)));
  model.eval();
  expect((model.layers[1] as nn.Sequential).layers[0].training).toBe(false);
});
