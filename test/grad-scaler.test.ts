// Loss scaling: PyTorch's rule for the scale, steps that are skipped to the bit, and training in float16.
import { compile, optim, type Tensor, tensor } from 'downhill';
import { describe, expect, test } from 'vitest';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();

/** A parameter whose gradient is what the step is given. */
function slope(kind: string, make: (p: Tensor[]) => optim.Optimizer, options?: optim.GradScalerOptions) {
  const device = devices[kind];
  const x = owned(tensor([1, -2, 3], { requiresGrad: true, device }));
  const optimizer = owned(make([x]));
  const scaler = owned(new optim.GradScaler(optimizer, options));
  const step = (g: Tensor) => {
    optimizer.zeroGrad();
    scaler.scale(x.mul(g).sum()).backward();
    scaler.step();
    return { scale: scaler.currentScale.mul(1), skipped: scaler.skipped.mul(1) };
  };
  const given = (...g: number[]) => owned(tensor(g, { device }));
  const taken = async (compiled: typeof step, g: Tensor) => {
    const { scale, skipped } = compiled(g);
    return [await owned(scale).item(), await owned(skipped).item()];
  };
  return { x, optimizer, scaler, step, given, taken };
}

describe.each(['webgpu', 'cpu'])('%s', (kind) => {
  test.each([['eager'], ['compiled']])(
    '%s, the scale grows after so many good steps and shrinks after a bad one',
    async (how) => {
      const { step, given, taken } = slope(kind, (p) => new optim.SGD(p, { lr: 0.1 }), {
        initScale: 1024,
        growthFactor: 4,
        backoffFactor: 0.25,
        growthInterval: 2,
      });
      const run = how === 'compiled' ? owned(compile(step)) : step;
      const [good, bad, nan] = [given(1, 1, 1), given(1, Number.POSITIVE_INFINITY, 1), given(Number.NaN, 1, 1)];
      const seen: number[][] = [];
      for (const g of [good, good, good, bad, good, good, nan, nan]) seen.push(await taken(run, g));
      expect(seen).toEqual([
        [1024, 0],
        [4096, 0],
        [4096, 0],
        [1024, 1],
        [1024, 0],
        [4096, 0],
        [1024, 1],
        [256, 1],
      ]);
    },
  );

  const optimizers: [string, (p: Tensor[]) => optim.Optimizer][] = [
    ['SGD', (p) => new optim.SGD(p, { lr: 0.1, weightDecay: 0.1 })],
    ['SGD with momentum', (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, weightDecay: 0.1 })],
    ['AdamW', (p) => new optim.AdamW(p, { lr: 0.1, weightDecay: 0.1 })],
    ['Adam with AMSGrad', (p) => new optim.Adam(p, { lr: 0.1, amsgrad: true })],
    ['RMSprop', (p) => new optim.RMSprop(p, { lr: 0.1, momentum: 0.5, centered: true })],
    ['Adagrad', (p) => new optim.Adagrad(p, { lr: 0.1 })],
    ['Adadelta', (p) => new optim.Adadelta(p)],
  ];

  test.each(optimizers)(
    '%s: a bad step leaves parameters and states as they are, a good one is as without a scale',
    async (_, make) => {
      const { x, optimizer, step, given } = slope(kind, make);
      const plain = owned(tensor([1, -2, 3], { requiresGrad: true, device: devices[kind] }));
      const reference = owned(make([plain]));
      const run = owned(compile(step));
      const take = (g: Tensor) => void Object.values(run(g)).map(owned);
      const state = () => values([x, ...Object.values(optimizer.stateDict().tensors)]);
      const good = given(0.5, -0.25, 2);
      take(good);
      plain.mul(good).sum().backward();
      reference.step();
      const before = await state();
      expect(before).toEqual(await values([plain, ...Object.values(reference.stateDict().tensors)]));
      take(given(1, Number.POSITIVE_INFINITY, 1));
      expect(await state()).toEqual(before);
      take(good);
      expect(await state()).not.toEqual(before);
    },
  );

  test('gradients are unscaled before clipping, and a state is taken up', async () => {
    const { x, scaler, optimizer, given } = slope(kind, (p) => new optim.SGD(p, { lr: 1 }));
    scaler.scale(x.mul(given(3, 0, 4)).sum()).backward();
    scaler.unscale();
    expect(await owned(optimizer.clipGradNorm(1)).item()).toBe(5);
    expect(() => scaler.unscale()).toThrow(/the gradients of this step are unscaled already/);
    scaler.step();
    const [moved] = await values([x]);
    [0.4, -2, 2.2].forEach((v, i) => {
      expect((moved as number[])[i]).toBeCloseTo(v, 5);
    });
    scaler.loadStateDict({ scale: { shape: [], data: [8] }, streak: { shape: [], data: [3] } });
    expect(await values(Object.values(scaler.stateDict()))).toEqual([8, 3]);
    expect(() => scaler.loadStateDict({ scale: { shape: [], data: [8] } })).toThrow(
      /GradScaler.loadStateDict: missing streak/,
    );
  });
});

test('options out of range are refused', () => {
  const optimizer = owned(new optim.SGD([owned(tensor([1], { requiresGrad: true, device: devices.cpu }))]));
  const make = (options: optim.GradScalerOptions) => () => new optim.GradScaler(optimizer, options);
  expect(make({ initScale: 0 })).toThrow(/GradScaler: expected initScale of at least/);
  expect(make({ growthFactor: 0.5 })).toThrow(/GradScaler: expected growthFactor of at least 1/);
  expect(make({ backoffFactor: 1 })).toThrow(/GradScaler: expected backoffFactor of at least .* and below 1, got 1/);
  expect(make({ growthInterval: 1.5 })).toThrow(/GradScaler: expected growthInterval to be a whole number/);
});
