// Clipping of gradients, averages of weights, and the memory of both.
import { init, memory, optim, randn, scope, type Tensor, tensor, zeros } from 'downhill';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backward } from '../src/autograd/backward.ts';
import { type Device, setDefaultDevice } from '../src/tensor/device.ts';

const devices: Record<string, Device> = {};
beforeAll(async () => {
  devices.webgpu = await init();
  devices.cpu = await init({ device: 'cpu' });
});
afterAll(() => devices.webgpu.destroy());

/** Parameters with these gradients, null for none. */
const withGradients = (...gradients: (number[] | null)[]): Tensor[] =>
  gradients.map((values) => {
    const parameter = zeros([values?.length ?? 2], { requiresGrad: true });
    parameter.grad = values && tensor(values);
    return parameter;
  });

const gradientsOf = (parameters: Tensor[]) => Promise.all(parameters.map((p) => p.grad?.tolist() ?? null));

const closeTo = (values: (number[] | null)[]) => values.map((list) => list?.map((v) => expect.closeTo(v, 5)) ?? null);

describe.each(['cpu', 'webgpu'])('on %s', (name) => {
  beforeAll(() => setDefaultDevice(devices[name]));

  describe('clipGradNorm', () => {
    test('scales all gradients alike, in place, and returns their norm', async () => {
      const parameters = withGradients([3, 0], null, [-4, 12, 0]);
      const before = parameters.map((p) => p.grad);
      const norm = optim.clipGradNorm(parameters, 2);
      expect(norm.shape).toEqual([]);
      expect(await norm.item()).toBeCloseTo(13, 5);
      expect(await gradientsOf(parameters)).toEqual(closeTo([[6 / 13, 0], null, [-8 / 13, 24 / 13, 0]]));
      expect(parameters.map((p) => p.grad)).toEqual(before);
      // Now the norm is 2, less what 1e-6 beside the norm takes: below the limit nothing changes.
      expect(await optim.clipGradNorm(parameters, 5).item()).toBeCloseTo(2, 5);
      expect(await gradientsOf(parameters)).toEqual(closeTo([[6 / 13, 0], null, [-8 / 13, 24 / 13, 0]]));
    });

    test('by the largest element, and without a limit', async () => {
      const parameters = withGradients([3, -8], [4]);
      const options = { normType: Number.POSITIVE_INFINITY };
      expect(await optim.clipGradNorm(parameters, Number.POSITIVE_INFINITY, options).item()).toBe(8);
      expect(await gradientsOf(parameters)).toEqual([[3, -8], [4]]);
      expect(await optim.clipGradNorm(parameters, 2, options).item()).toBe(8);
      expect(await gradientsOf(parameters)).toEqual(closeTo([[0.75, -2], [1]]));
    });

    test('NaN makes the norm and all gradients NaN, until there are new ones', async () => {
      const none = Number.NaN;
      for (const normType of [2, Number.POSITIVE_INFINITY]) {
        const parameters = withGradients([1, none], [2]);
        expect(await optim.clipGradNorm(parameters, 1, { normType }).item()).toBe(none);
        expect(await gradientsOf(parameters)).toEqual([[none, none], [none]]);
        parameters[0].grad = tensor([3, 0]);
        parameters[1].grad = tensor([4]);
        expect(await optim.clipGradNorm(parameters, 10, { normType }).item()).toBeCloseTo(normType === 2 ? 5 : 4, 5);
        expect(await gradientsOf(parameters)).toEqual([[3, 0], [4]]);
      }
    });

    test('an infinite gradient: its scale is 0', async () => {
      const parameters = withGradients([1, Number.NEGATIVE_INFINITY], [2]);
      expect(await optim.clipGradNorm(parameters, 1).item()).toBe(Number.POSITIVE_INFINITY);
      expect(await gradientsOf(parameters)).toEqual([[0, Number.NaN], [0]]);
    });

    test('nothing to clip', async () => {
      expect(await optim.clipGradNorm([], 1).item()).toBe(0);
      expect(await optim.clipGradNorm(withGradients(null), 1).item()).toBe(0);
      expect(await optim.clipGradNorm(withGradients([], []), 1).item()).toBe(0);
      optim.clipGradValue([], 1);
      optim.clipGradValue(withGradients(null), 1);
    });

    test('gradients that come later are added to what was clipped', async () => {
      const x = tensor([3, 4], { requiresGrad: true });
      const y = tensor([0], { requiresGrad: true });
      x.square().sum().add(y.sum()).backward();
      optim.clipGradNorm([x, y], Math.sqrt(101) / 2).dispose();
      expect(await gradientsOf([x, y])).toEqual(closeTo([[3, 4], [0.5]]));
      x.sum().backward();
      expect(await gradientsOf([x, y])).toEqual(closeTo([[4, 5], [0.5]]));
      expect(await optim.clipGradNorm([y, x], 100).item()).toBeCloseTo(Math.sqrt(16 + 25 + 0.25), 5);
    });

    test('gradients of a graph are clipped, and the graph keeps its own', async () => {
      const x = tensor([3, 4], { requiresGrad: true });
      backward(x.square().mul(x).sum(), undefined, { createGraph: true });
      const inGraph = x.grad!;
      expect(await optim.clipGradNorm([x], 1).item()).toBeCloseTo(Math.hypot(27, 48), 3);
      expect(await gradientsOf([x])).toEqual(closeTo([[27, 48].map((v) => v / Math.hypot(27, 48))]));
      x.grad = null;
      inGraph.sum().backward();
      expect(await gradientsOf([x])).toEqual(closeTo([[18, 24]]));
    });

    test('between backward and step', async () => {
      const [x, y] = [tensor([1, 2], { requiresGrad: true }), tensor([5], { requiresGrad: true })];
      const optimizer = new optim.SGD([x, y], { lr: 1 });
      x.mul(3).sum().add(y.mul(4).sum()).backward();
      const norm = optimizer.clipGradNorm(1);
      optimizer.step();
      const length = Math.sqrt(34);
      expect(await norm.item()).toBeCloseTo(length, 5);
      expect([await x.tolist(), await y.tolist()]).toEqual(
        closeTo([[1 - 3 / length, 2 - 3 / length], [5 - 4 / length]]),
      );
      optimizer.zeroGrad();
      x.mul(3).sum().backward();
      optimizer.clipGradValue(0.25);
      optimizer.step();
      expect([await x.tolist(), await y.tolist()]).toEqual(
        closeTo([[0.75 - 3 / length, 1.75 - 3 / length], [5 - 4 / length]]),
      );
    });
  });

  test('clipGradValue clamps every element, and leaves NaN', async () => {
    const parameters = withGradients([3, -0.5, Number.NaN], null, [-4, 0.5, Number.POSITIVE_INFINITY]);
    const before = parameters.map((p) => p.grad);
    optim.clipGradValue(parameters, 0.75);
    expect(await gradientsOf(parameters)).toEqual([[0.75, -0.5, Number.NaN], null, [-0.75, 0.5, 0.75]]);
    expect(parameters.map((p) => p.grad)).toEqual(before);
  });

  test('limits and gradients that make no sense', () => {
    const parameters = withGradients([1]);
    const refused = (work: () => unknown, error: new () => Error, message: string) => {
      expect(work).toThrow(error);
      expect(work).toThrow(message);
    };
    for (const value of [-1, Number.NaN]) {
      const at = `of at least 0`;
      refused(() => optim.clipGradNorm(parameters, value), RangeError, `expected maxNorm ${at}, got ${value}`);
      refused(() => optim.clipGradValue(parameters, value), RangeError, `expected limit ${at} and below`);
    }
    for (const normType of [1, 0, Number.NaN, Number.NEGATIVE_INFINITY]) {
      const message = `clipGradNorm: expected normType 2 or Infinity, got ${normType}`;
      refused(() => optim.clipGradNorm(parameters, 1, { normType }), RangeError, message);
    }
    parameters[0].grad = zeros([2, 1]);
    const message = ': expected a gradient [1], got [2,1]';
    expect(() => optim.clipGradNorm(parameters, 1)).toThrow(`clipGradNorm${message}`);
    expect(() => optim.clipGradValue(parameters, 1)).toThrow(`clipGradValue${message}`);
  });

  describe('EMA', () => {
    test.each(['before', 'after'])('made %s the optimizer, follows the weights', async (when) => {
      const parameters = [tensor([1, 2], { requiresGrad: true }), tensor([3], { requiresGrad: true })];
      const early = when === 'before' ? new optim.EMA(parameters, { decay: 0.8 }) : null;
      const optimizer = new optim.SGD(parameters, { lr: 0.1 });
      const ema = early ?? new optim.EMA(parameters, { decay: 0.8 });
      const values = () => Promise.all(parameters.map((p) => p.tolist()));
      let [weights, averages] = [
        [1, 2, 3],
        [1, 2, 3],
      ];
      const train = () => {
        optimizer.zeroGrad();
        for (const p of parameters) p.square().sum().backward();
        optimizer.step();
        ema.update();
        weights = weights.map((x) => x - 0.2 * x);
        averages = averages.map((a, i) => 0.8 * a + 0.2 * weights[i]);
      };
      const split = ([a, b, c]: number[]) => closeTo([[a, b], [c]]);
      for (let i = 0; i < 3; i++) train();
      expect(await values()).toEqual(split(weights));
      ema.swap();
      expect(ema.isSwapped).toBe(true);
      expect(await values()).toEqual(split(averages));
      expect(() => ema.update()).toThrow('EMA: update() while the parameters hold the averages; swap() back first');
      ema.swap();
      expect(ema.isSwapped).toBe(false);
      expect(await values()).toEqual(split(weights));
      train();
      ema.decay = 0;
      ema.update();
      ema.swap();
      expect(await values()).toEqual(split(weights));
      for (const item of [ema, optimizer, ...parameters]) item.dispose();
    });

    test('refuses what it cannot average', () => {
      const x = tensor([1], { requiresGrad: true });
      for (const decay of [-0.1, 1, Number.NaN]) {
        const make = () => new optim.EMA([x], { decay });
        expect(make).toThrow(RangeError);
        expect(make).toThrow(`EMA: expected decay of at least 0 and below 1, got ${decay}`);
      }
      expect(() => new optim.EMA([])).toThrow('EMA: expected at least one parameter, got none');
      expect(() => new optim.EMA([tensor([1])])).toThrow(/^EMA: expected leaf tensors that require gradients/);
      const ema = new optim.EMA([x]);
      new optim.SGD([tensor([1], { requiresGrad: true }), x]);
      expect(() => ema.update()).toThrow('EMA: parameter [1] was moved');
      expect(() => ema.swap()).toThrow('EMA: parameter [1] was moved');
      expect(ema.isSwapped).toBe(false);
    });
  });

  test('memory is flat over many steps, and given back at the end', () => {
    const { bytes } = memory();
    const parameters = [randn([300], { requiresGrad: true }), randn([7, 5], { requiresGrad: true })];
    const before = memory().bytes;
    for (const make of [
      (p: Tensor[]) => new optim.SGD(p, { lr: 1e-3, momentum: 0.9 }),
      (p: Tensor[]) => new optim.AdamW(p, { amsgrad: true }),
      (p: Tensor[]) => new optim.RMSprop(p, { centered: true, momentum: 0.5 }),
    ]) {
      const optimizer = make(parameters);
      const ema = new optim.EMA(parameters);
      const used: number[] = [];
      for (let i = 0; i < 20; i++) {
        scope(() => {
          optimizer.zeroGrad();
          for (const p of parameters) p.square().sum().backward();
          optimizer.clipGradValue(3);
          optimizer.clipGradNorm(1);
          optimizer.step();
          ema.update();
          ema.swap();
          ema.swap();
        });
        used.push(memory().bytes);
      }
      expect(new Set(used).size).toBe(1);
      optimizer.zeroGrad();
      optimizer.dispose();
      ema.dispose();
      // What alignment adds to the parameters stays with them.
      expect(memory().bytes - before).toBeLessThan(before - bytes);
    }
    for (const p of parameters) p.dispose();
    expect(memory().bytes).toBe(bytes);
  });
});
