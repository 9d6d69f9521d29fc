// fit with schedulers of optim.lr: several at once, their checkpoints, and what does not go together.
import {
  type Callback,
  encodeCheckpoint,
  type FitOptions,
  l2Penalty,
  nn,
  optim,
  setDefaultDevice,
  tensor,
  fit as train,
} from 'downhill';
import { describe, expect, test } from 'vitest';
import { collector, examples, FEATURES, network } from './fitting.ts';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();
const sgd = (model: nn.Module) => owned(new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.5 }));

test('a schedule of the learning rate and one of the momentum move together', async () => {
  setDefaultDevice(devices.cpu);
  for (const rate of ['a function', 'a scheduler']) {
    const model = network();
    const optimizer = sgd(model);
    const seen = collector();
    const momentum = new optim.lr.MomentumAnneal(optimizer, { from: 0.5, to: 0.9, steps: 4 });
    const schedule = [
      rate === 'a function'
        ? (progress: number) => 1 - progress
        : new optim.lr.MultiStepLR(optimizer, { milestones: [1, 3], gamma: 0.5 }),
      momentum,
    ];
    const options = { data: examples(20), optimizer, epochs: 2, batchSize: 10, schedule, scheduleBy: 'step' as const };
    await train(model, { ...options, callbacks: [seen] });
    const expected = rate === 'a function' ? [0.1, 0.075, 0.05, 0.025] : [0.1, 0.05, 0.05, 0.025];
    for (const [i, { lr }] of seen.steps.entries()) expect(lr).toBeCloseTo(expected[i], 12);
    expect(optimizer.paramGroups[0].momentum).toBeCloseTo(0.9, 12);
    expect(momentum.count).toBe(4);
  }
});

const schedules: Record<string, (optimizer: optim.Optimizer) => Partial<FitOptions>> = {
  'StepLR by epoch': (optimizer) => ({ schedule: new optim.lr.StepLR(optimizer, { stepSize: 1, gamma: 0.5 }) }),
  ReduceLROnPlateau: (optimizer) => ({
    schedule: new optim.lr.ReduceLROnPlateau(optimizer, { patience: 1, threshold: 0.5 }),
  }),
  'a cosine and a momentum by step': (optimizer) => ({
    schedule: [
      new optim.lr.CosineAnnealingLR(optimizer, { tMax: 12 }),
      new optim.lr.MomentumAnneal(optimizer, { steps: 10 }),
    ],
    scheduleBy: 'step',
  }),
  'a function and a momentum': (optimizer) => ({
    schedule: [(progress) => 1 - progress, new optim.lr.MomentumAnneal(optimizer, { steps: 3 })],
  }),
};

describe.each(['cpu', 'webgpu'])('on %s, a run with gathered batches goes on to the bit', (kind) => {
  test.each(Object.entries(schedules))('with %s', async (_, scheduleOf) => {
    setDefaultDevice(devices[kind]);
    const run = async (more: Partial<FitOptions> = {}, callbacks: Callback[] = []) => {
      const model = network(3, { dropout: 0.2 });
      const optimizer = sgd(model);
      const seen = collector();
      const options = {
        data: examples(33),
        validation: examples(9, { seed: 6 }),
        batchSize: 5,
        accumulate: 2,
        epochs: 4,
      };
      await train(model, { ...options, optimizer, ...scheduleOf(optimizer), ...more, callbacks: [seen, ...callbacks] });
      const { lr, momentum } = optimizer.paramGroups[0];
      return { model: await values(model.parameters()), lrs: seen.steps.map((step) => step.lr), lr, momentum };
    };
    const whole = await run();
    expect(whole.lrs).toHaveLength(16);
    const taken: { bytes: Uint8Array; step: number }[] = [];
    const take: Callback = {
      onStep: async (report, training) => {
        const { step } = training;
        if (report.step === 4) taken.push({ step, bytes: await encodeCheckpoint(training) });
      },
      onEpoch: async ({ epoch }, training) => {
        if (epoch === 3) taken.push({ step: training.step, bytes: await encodeCheckpoint(training) });
      },
    };
    expect(await run({}, [take])).toEqual(whole);
    expect(taken).toHaveLength(2);
    for (const { bytes, step } of taken) {
      expect(await run({ resume: bytes })).toEqual({ ...whole, lrs: whole.lrs.slice(step) });
    }
  });
});

describe('a checkpoint made with another schedule is refused by name, and changes nothing:', () => {
  const { StepLR, CosineAnnealingLR, MomentumAnneal } = optim.lr;
  const own = () => ({ step() {} });
  const step = (optimizer: optim.Optimizer) => new StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
  const half = () => 0.5;
  const kinds: Record<string, (optimizer: optim.Optimizer) => Partial<FitOptions>> = {
    none: () => ({}),
    'a function by step': () => ({ schedule: half }),
    'a function by epoch': () => ({ schedule: half, scheduleBy: 'epoch' }),
    'StepLR by epoch': (optimizer) => ({ schedule: step(optimizer) }),
    'StepLR by step': (optimizer) => ({ schedule: step(optimizer), scheduleBy: 'step' }),
    'CosineAnnealingLR by epoch': (optimizer) => ({ schedule: new CosineAnnealingLR(optimizer, { tMax: 3 }) }),
    '[StepLR by epoch]': (optimizer) => ({ schedule: [step(optimizer)] }),
    '[a function by step, MomentumAnneal by epoch]': (optimizer) => ({
      schedule: [half, new MomentumAnneal(optimizer, { steps: 3 })],
    }),
    'a scheduler of your own by epoch': () => ({ schedule: own() }),
  };
  const run = async (of: (optimizer: optim.Optimizer) => Partial<FitOptions>, resume?: Uint8Array) => {
    setDefaultDevice(devices.cpu);
    const model = network();
    const optimizer = sgd(model);
    let bytes = new Uint8Array();
    const keeps: Callback = {
      onEpoch: async (_, training) => {
        bytes = new Uint8Array(await encodeCheckpoint(training));
      },
    };
    const options = of(optimizer);
    const state = async () => [await values(model.parameters()), structuredClone(optimizer.stateDict().values)];
    const before = await state();
    const message = await train(model, {
      ...{ data: examples(10), optimizer, callbacks: [keeps], ...options },
      ...(resume && { resume, epochs: 1 }),
    }).then(
      () => '',
      (error: Error) => error.message,
    );
    const same = JSON.stringify(await state()) === JSON.stringify(before);
    return { bytes, message, same, schedule: options.schedule };
  };

  test.each(Object.keys(kinds))('that of %s', async (its) => {
    const { bytes } = await run(kinds[its]);
    for (const mine of Object.keys(kinds)) {
      const { message, same } = await run(kinds[mine], bytes);
      expect(message).toBe(mine === its ? '' : `resume: the checkpoint was made with schedule ${its}, got ${mine}`);
      expect(same).toBe(mine !== its);
    }
  });

  test('one that does not load its state, and what moved before it', async () => {
    const fails = {
      step() {},
      stateDict: () => ({ turns: 4 }),
      loadStateDict() {},
    };
    const both = (optimizer: optim.Optimizer) => ({ schedule: [step(optimizer), fails] });
    const { bytes } = await run(both);
    const model = network();
    const optimizer = sgd(model);
    const { schedule } = both(optimizer);
    const kept = () => structuredClone([schedule[0].stateDict?.(), optimizer.stateDict().values]);
    const before = kept();
    fails.loadStateDict = () => {
      fails.loadStateDict = () => {};
      throw new RangeError('expected 5 turns, got 4');
    };
    await expect(train(model, { data: examples(10), optimizer, schedule, resume: bytes })).rejects.toThrow(
      'resume: the checkpoint is of another schedule: expected 5 turns, got 4',
    );
    expect(kept()).toEqual(before);
  });

  test('one that goes with another model', async () => {
    const { bytes } = await run((optimizer) => ({ schedule: step(optimizer) }));
    const model = network(4);
    const optimizer = sgd(model);
    const schedule = step(optimizer);
    const kept = () => structuredClone([schedule.stateDict(), optimizer.stateDict().values]);
    const before = kept();
    await expect(train(model, { data: examples(10), optimizer, schedule, resume: bytes })).rejects.toThrow(
      /^resume: the checkpoint is of another model/,
    );
    expect(kept()).toEqual(before);
  });
});

test('what does not go together is refused before anything is trained', async () => {
  setDefaultDevice(devices.cpu);
  const model = network();
  const before = await values(model.parameters());
  const optimizer = sgd(model);
  const half = () => 0.5;
  const plateau = new optim.lr.ReduceLROnPlateau(optimizer);
  const refused = (options: object) => train(model, { data: examples(10), optimizer, ...options });
  for (const [options, message] of [
    [
      { schedule: plateau, scheduleBy: 'step' },
      "ReduceLROnPlateau needs the loss of an epoch: leave out scheduleBy, got 'step'",
    ],
    [{ schedule: [half, plateau], scheduleBy: 'step' }, 'ReduceLROnPlateau needs the loss of an epoch'],
    [{ schedule: [half, half] }, 'fit: expected one function at most among schedules, got 2'],
    [{ schedule: 'cosine' }, 'fit: expected schedule to be a function, a scheduler or a list of these, got cosine'],
    [{ schedule: [half, null] }, 'fit: expected schedule to be a function, a scheduler or a list of these, got null'],
  ] as const) {
    await expect(refused(options)).rejects.toThrow(message);
  }
  const lbfgs = owned(new optim.LBFGS(model.parameters()));
  await expect(refused({ optimizer: lbfgs })).rejects.toThrow(/^fit: LBFGS searches along lines.*step\(closure\)/);
  expect(await values(model.parameters())).toEqual(before);
});

test('L-BFGS says what it does not take, and what to do instead', async () => {
  setDefaultDevice(devices.cpu);
  const layer = owned(new nn.Linear(FEATURES, 1));
  const groups = [{ params: [layer.weight], lr: 1 }, { params: [layer.bias!] }];
  expect(() => new optim.LBFGS(groups as never)).toThrow('LBFGS: expected one list of parameters, got groups');
  expect(() => new optim.LBFGS(layer.parameters(), { weightDecay: 0.1 } as object)).toThrow(
    'there is no option weightDecay: add weightDecay / 2 times l2Penalty() to the loss in the closure',
  );
  // What it says to do instead: at the minimum the slope of the loss and that of the penalty cancel out.
  const decay = 0.1;
  const x = tensor(Array.from({ length: 20 * FEATURES }, (_, i) => Math.sin(i * i))).reshape([20, FEATURES]);
  const y = x.narrow(1, 0, 1).mul(2);
  const optimizer = owned(new optim.LBFGS([layer.weight, layer.bias!]));
  const error = () => layer.call(x).mseLoss(y);
  await optimizer.step(() => {
    optimizer.zeroGrad();
    const loss = error().add(l2Penalty([layer.weight]).mul(decay / 2));
    loss.backward();
    return loss;
  });
  optimizer.zeroGrad();
  error().backward();
  const [slopes, weights] = [await layer.weight.grad!.data(), await layer.weight.data()];
  expect(weights[0]).toBeGreaterThan(1);
  for (const [i, slope] of slopes.entries()) expect(slope).toBeCloseTo(-decay * weights[i], 5);
});
