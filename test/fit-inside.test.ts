// fit, inside its steps: schedules, augmentation, probes and anomaly mode.
import { crossEntropy, nn, optim, rand, setDefaultDevice, type Tensor, fit as train } from 'downhill';
import { describe, expect, test } from 'vitest';
import { adam, collector, examples, FEATURES, network } from './fitting.ts';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();

describe('schedules', () => {
  const lrs = async (options: object, lr = 0.1) => {
    setDefaultDevice(devices.cpu);
    const model = network();
    const optimizer = adam(model, lr);
    const seen = collector();
    await train(model, { data: examples(20), optimizer, epochs: 2, batchSize: 10, callbacks: [seen], ...options });
    return { lrs: seen.steps.map((report) => report.lr), after: optimizer.lr, optimizer };
  };

  test('a function of progress moves by step, or by epoch, and leaves the learning rate', async () => {
    const schedule = (progress: number) => 1 - progress;
    expect(await lrs({ schedule })).toMatchObject({ lrs: [0.1, 0.1 * 0.75, 0.1 * 0.5, 0.1 * 0.25], after: 0.1 });
    expect((await lrs({ schedule, scheduleBy: 'epoch' })).lrs).toEqual([0.1, 0.1, 0.05, 0.05]);
  });

  test('a scheduler moves by epoch and hears of the loss, or by step', async () => {
    setDefaultDevice(devices.cpu);
    for (const [scheduleBy, expected, calls] of [
      [undefined, [8, 8, 4, 4], 2],
      ['step', [8, 4, 2, 1], 4],
    ] as const) {
      const model = network();
      const optimizer = owned(new optim.SGD(model.parameters(), { lr: 8 }));
      const metrics: (number | undefined)[] = [];
      const schedule = {
        step(metric?: number) {
          metrics.push(metric);
          optimizer.lr /= 2;
        },
      };
      const seen = collector();
      const data = examples(20);
      const options = { data, validation: examples(5), optimizer, epochs: 2, batchSize: 10, schedule, scheduleBy };
      const history = await train(model, { ...options, callbacks: [seen] });
      expect(seen.steps.map(({ lr }) => lr)).toEqual(expected);
      expect(metrics).toEqual(
        scheduleBy ? Array(calls).fill(undefined) : history.map((report) => report.validationLoss),
      );
      expect(optimizer.lr).toBe(8 / 2 ** calls);
    }
  });
});

describe('probes', () => {
  test.each([true, false])('measure inside some steps: compiled %s', async (compile) => {
    setDefaultDevice(devices.webgpu);
    const run = async (probed: boolean) => {
      const model = network(3, { dropout: 0.2 });
      const optimizer = owned(new optim.SGD(model.parameters(), { lr: 0.1 }));
      const weight = model.layers[0] as nn.Linear;
      const told: [string, number, Record<string, { shape: readonly number[]; data: ArrayLike<number> }>][] = [];
      const probe = (name: string, interval: number) => {
        let before: Tensor;
        return {
          interval,
          begin: () => {
            before = weight.weight.detach().mul(1);
          },
          end: () => ({ before, after: weight.weight, gradient: weight.weight.grad! }),
          report: (step: number, found: (typeof told)[0][2]) => void told.push([name, step, found]),
        };
      };
      const seen = collector();
      const callbacks = [seen, ...(probed ? [{ probe: probe('a', 2) }, { probe: probe('b', 3) }] : [])];
      await train(model, { data: examples(35), optimizer, batchSize: 5, callbacks, compile });
      return { told, seen, parameters: await values(model.parameters()) };
    };
    const plain = await run(false);
    const { told, seen, parameters } = await run(true);
    expect(parameters).toEqual(plain.parameters);
    expect(seen.steps.map(({ loss }) => loss)).toEqual(plain.seen.steps.map(({ loss }) => loss));
    expect(told.map(([name, step]) => `${name}${step}`)).toEqual(['a1', 'b1', 'a3', 'b4', 'a5', 'a7', 'b7']);
    for (const [, , { before, after, gradient }] of told) {
      expect(before.shape).toEqual([16, FEATURES]);
      for (let i = 0; i < before.data.length; i++) {
        expect(after.data[i]).toBeCloseTo(before.data[i] - 0.1 * gradient.data[i], 5);
      }
      expect(Array.from(gradient.data).some((g) => g !== 0)).toBe(true);
    }
  });
});

test.each([true, false])(
  'probes see what the forward pass made, of every batch of a step: compiled %s',
  async (compile) => {
    setDefaultDevice(devices.webgpu);
    const passed: Tensor[] = [];
    class Tap extends nn.Module {
      override forward(x: Tensor): Tensor {
        passed.push(x);
        return x;
      }
    }
    const model = owned(new nn.Sequential(new nn.Linear(FEATURES, 4), new Tap(), new nn.Linear(4, 3)));
    const means: number[][] = [];
    const probe = {
      interval: 2,
      begin: () => void passed.splice(0),
      end: () => Object.fromEntries(passed.map((x, i) => [`batch ${i}`, x.mean()])),
      report: (_step: number, found: Record<string, { data: ArrayLike<number> }>) =>
        void means.push(Object.values(found).map(({ data }) => data[0])),
    };
    const options = { data: examples(24), optimizer: adam(model), batchSize: 4, accumulate: 2, compile };
    await train(model, { ...options, callbacks: [{ probe }] });
    expect(means.map((found) => found.length)).toEqual([2, 2]);
    expect(new Set(means.flat()).size).toBe(4);
  },
);

test.each(['cpu', 'webgpu'])('augmentation changes every training batch and no other, on %s', async (kind) => {
  setDefaultDevice(devices[kind]);
  const seen: number[] = [];
  const run = async (compile: boolean) => {
    const model = network();
    const reports = collector();
    const history = await train(model, {
      data: examples(20),
      validation: examples(20),
      optimizer: owned(new optim.SGD(model.parameters(), { lr: 0 })),
      batchSize: 10,
      epochs: 2,
      shuffle: false,
      augment: (x) => {
        seen.push(x.rank);
        return x.add(rand(x.shape, { device: x.device }));
      },
      callbacks: [reports],
      compile,
    });
    return { history, losses: reports.steps.map(({ loss }) => loss) };
  };
  const { history, losses } = await run(true);
  // Nothing is learnt: the same batches differ in their noise alone.
  expect(new Set(losses).size).toBe(4);
  expect(history[0].validationLoss).toBe(history[1].validationLoss);
  const eager = await run(false);
  for (const [i, loss] of eager.losses.entries()) expect(loss).toBeCloseTo(losses[i], 5);
  expect(new Set(seen)).toEqual(new Set([2]));
});

test('anomaly mode trains alike, and names what made a NaN, before it spoils a parameter', async () => {
  setDefaultDevice(devices.webgpu);
  const trained = async (anomaly: boolean) => {
    const model = network(3, { dropout: 0.2 });
    await train(model, { data: examples(20), optimizer: adam(model), batchSize: 8, anomaly });
    return values(model.parameters());
  };
  expect(await trained(true)).toEqual(await trained(false));
  const model = network();
  const before = await values(model.parameters());
  // sqrt(0) has an infinite slope; times a zero gradient that is NaN.
  const loss = (x: Tensor, y: Tensor) => crossEntropy(x, y).add(x.mul(0).sqrt().mul(0).sum());
  const training = train(model, { data: examples(20), optimizer: adam(model), loss, anomaly: true });
  await expect(training).rejects.toThrow(
    /^anomaly: the gradient of sqrt.* forward call is .*fit-inside\.test\.ts:\d+$/,
  );
  expect(await values(model.parameters())).toEqual(before);
});
