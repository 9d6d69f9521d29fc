// fit: what it trains, reports and accumulates, and when it ends, on the CPU and on WebGPU.
import {
  EarlyStopping,
  evaluate,
  findLr,
  manualSeed,
  memory,
  mseLoss,
  nn,
  optim,
  setDefaultDevice,
  type Tensor,
  fit as train,
} from 'downhill';
import { describe, expect, test } from 'vitest';
import { adam, collector, examples, network } from './fitting.ts';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();

describe.each(['cpu', 'webgpu'])('on %s', (kind) => {
  test('a classifier learns, compiled and not, with the same losses', async () => {
    setDefaultDevice(devices[kind]);
    const losses: number[][] = [];
    for (const compile of [true, false]) {
      const model = network(3, { dropout: 0.2 });
      const seen = collector();
      const history = await train(model, {
        data: examples(50),
        validation: examples(30, { seed: 9 }),
        optimizer: adam(model),
        epochs: 4,
        batchSize: 16,
        callbacks: [seen],
        compile,
      });
      expect(history).toEqual(seen.epochs);
      expect(history.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
      expect(seen.steps.map(({ step }) => step)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
      expect(seen.steps.every(({ steps }) => steps === 16)).toBe(true);
      expect(history[3].trainLoss).toBeLessThan(history[0].trainLoss);
      expect(history[3].validationAccuracy).toBeGreaterThan(0.5);
      losses.push(seen.steps.map(({ loss }) => loss));
    }
    expect(losses[0]).toEqual(losses[1]);
  });

  test('reports are those of the batches', async () => {
    setDefaultDevice(devices[kind]);
    const model = network();
    const data = examples(12);
    const before = await evaluate(model, data);
    const seen = collector();
    const optimizer = owned(new optim.SGD(model.parameters(), { lr: 0 }));
    const [epoch] = await train(model, { data, optimizer, batchSize: 5, callbacks: [seen] });
    const [a, b, c] = seen.steps;
    expect(epoch.trainLoss).toBeCloseTo((5 * a.loss + 5 * b.loss + 2 * c.loss) / 12, 6);
    expect(epoch.trainLoss).toBeCloseTo(before.loss, 5);
    expect(epoch.trainAccuracy).toBeCloseTo(before.accuracy!, 6);
    expect(epoch.validationLoss).toBeNull();
  });

  test('memory is flat over the epochs', async () => {
    setDefaultDevice(devices[kind]);
    const model = network(3, { dropout: 0.1 });
    const bytes: number[] = [];
    await train(model, {
      data: examples(40),
      validation: examples(10),
      optimizer: adam(model),
      epochs: 4,
      batchSize: 16,
      callbacks: [{ onEpoch: () => void bytes.push(memory(devices[kind]).bytes) }],
    });
    expect(bytes.slice(1)).toEqual(Array(3).fill(bytes[1]));
  });

  test('batches that are accumulated make the step of one large batch', async () => {
    setDefaultDevice(devices[kind]);
    const results: unknown[] = [];
    const losses: number[][] = [];
    // The last step has 6 examples: batches of 4 and 2 do not weigh alike.
    for (const options of [{ batchSize: 12 }, { batchSize: 4, accumulate: 3 }]) {
      const model = network();
      const seen = collector();
      const optimizer = owned(new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }));
      manualSeed(4);
      await train(model, { data: examples(30), optimizer, epochs: 2, ...options, callbacks: [seen] });
      results.push(await values(model.parameters()));
      losses.push(seen.steps.map(({ loss }) => loss));
    }
    expect(losses[1].length).toBe(6);
    for (const [i, loss] of losses[1].entries()) expect(loss).toBeCloseTo(losses[0][i], 5);
    const [large, small] = results.map((tree) =>
      JSON.stringify(tree)
        .match(/-?\d[\d.e-]*/g)!
        .map(Number),
    );
    expect(small.length).toBe(large.length);
    for (let i = 0; i < small.length; i++) expect(Math.abs(small[i] - large[i])).toBeLessThan(1e-5);
  });
});

test('regression has no accuracy, and learns', async () => {
  setDefaultDevice(devices.webgpu);
  const model = network(1);
  const seen = collector();
  const history = await train(model, {
    data: examples(40, { floats: true }),
    validation: examples(8, { floats: true, seed: 3 }),
    loss: (output, target) => mseLoss(output, target),
    optimizer: adam(model, 0.02),
    epochs: 15,
    batchSize: 8,
    callbacks: [seen],
  });
  expect(seen.steps.every(({ accuracy }) => accuracy === null)).toBe(true);
  expect(history[14]).toMatchObject({ trainAccuracy: null, validationAccuracy: null });
  expect(history[14].trainLoss).toBeLessThan(history[0].trainLoss / 10);
  expect(history[14].validationLoss).toBeLessThan(history[0].validationLoss!);
});

describe('ends', () => {
  test('after the step at hand when told to, with what was reported', async () => {
    setDefaultDevice(devices.cpu);
    const model = network();
    const seen = collector();
    let ended = '';
    const history = await train(model, {
      data: examples(100),
      optimizer: adam(model),
      batchSize: 10,
      callbacks: [
        seen,
        {
          onStep({ step }, training) {
            if (step === 3) training.stop('enough');
          },
          onEnd(training) {
            ended = `${training.stopped} at ${training.step}`;
          },
        },
      ],
    });
    expect(history).toEqual([]);
    expect(ended).toBe(`enough at ${seen.steps.length}`);
    expect(seen.steps.length).toBeLessThan(7);
  });

  test('by a signal', async () => {
    setDefaultDevice(devices.cpu);
    const model = network();
    const seen = collector();
    const signal = AbortSignal.abort();
    expect(await train(model, { data: examples(10), optimizer: adam(model), callbacks: [seen], signal })).toEqual([]);
    expect(seen.steps).toEqual([]);
  });

  test('in the midst of validation, without a report of the epoch', async () => {
    setDefaultDevice(devices.cpu);
    const model = network();
    const seen = collector();
    const aborter = new AbortController();
    const validation = examples(1200);
    const batch = (at: ArrayLike<number>) => {
      aborter.abort();
      return validation.batch(at);
    };
    // Looked at beforehand, it would end the run before training.
    const data = { ...validation, batch, checked: true };
    const options = { data: examples(10), validation: data, optimizer: adam(model), signal: aborter.signal };
    expect(await train(model, { ...options, callbacks: [seen] })).toEqual([]);
    expect([seen.steps.length, seen.epochs.length]).toEqual([1, 0]);
  });

  test('early, and with the best weights, when the loss gets no better', async () => {
    setDefaultDevice(devices.cpu);
    const model = network();
    const best: unknown[] = [];
    const validation = examples(30, { seed: 8 });
    const optimizer = owned(new optim.SGD(model.parameters(), { lr: 0.5 }));
    let reason: string | null = null;
    const history = await train(model, {
      data: examples(30),
      validation,
      optimizer,
      epochs: 40,
      batchSize: 10,
      // From the third epoch on nothing but harm is done.
      schedule: (progress) => (progress < 3 / 40 ? 1 : 60),
      callbacks: [
        { onEpoch: async () => void best.push(await values(model.parameters())) },
        new EarlyStopping({ patience: 2, restoreBest: true }),
        {
          onEnd(training) {
            reason = training.stopped;
          },
        },
      ],
    });
    const losses = history.map(({ validationLoss }) => validationLoss!);
    const at = losses.indexOf(Math.min(...losses));
    expect(history.length).toBe(at + 3);
    expect(history.length).toBeLessThan(10);
    expect(reason).toMatch(/^loss \d\.\d+ was not bettered for 2 epochs$/);
    expect(await values(model.parameters())).toEqual(best[at]);
  });
});

test('a model that cannot be traced trains where nothing is compiled, and is refused by line else', async () => {
  setDefaultDevice(devices.cpu);
  class Jumpy extends nn.Module {
    inner = network();

    override forward(x: Tensor): Tensor {
      manualSeed(5);
      return this.inner.call(x);
    }
  }
  const model = new Jumpy();
  const options = { data: examples(10), optimizer: adam(model), batchSize: 5 };
  await expect(train(model, options)).rejects.toThrow(/^compile: manualSeed inside .*fit\.test\.ts:\d+$/);
  const [{ trainLoss }] = await train(model, { ...options, compile: false });
  expect(trainLoss).toBeGreaterThan(0);
});

test('evaluation and trials leave each module in its own mode', async () => {
  setDefaultDevice(devices.cpu);
  const model = network(3, { dropout: 0.2 });
  model.layers[2].eval();
  const modes = () => [...model.modules()].map(({ training }) => training);
  const before = modes();
  expect(new Set(before).size).toBe(2);
  await evaluate(model, examples(4));
  expect(modes()).toEqual(before);
  await findLr(model, { data: examples(8), optimizer: adam(model), steps: 3, batchSize: 4 });
  expect(modes()).toEqual(before);
});

test('the norm of gradients is clipped', async () => {
  setDefaultDevice(devices.cpu);
  const model = network();
  const before = (await values(model.parameters())).flat(3) as number[];
  const optimizer = owned(new optim.SGD(model.parameters(), { lr: 1 }));
  await train(model, { data: examples(8), optimizer, batchSize: 8, clipGradNorm: 0.01 });
  const after = (await values(model.parameters())).flat(3) as number[];
  expect(Math.hypot(...after.map((x, i) => x - before[i]))).toBeCloseTo(0.01, 6);
});
