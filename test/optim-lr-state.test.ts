// Schedules that are saved and loaded, beside compiled steps, and with options that are refused.
import { compile, optim, setDefaultDevice, tensor } from 'downhill';
import { beforeAll, describe, expect, test } from 'vitest';
import { openDevices, owned } from './training.ts';
import { leaf, type TwoGroups, twoGroups } from './two-groups.ts';

const { lr } = optim;
const devices = openDevices();
beforeAll(() => setDefaultDevice(devices.cpu));

describe('state', () => {
  const makers: Record<string, (o: TwoGroups) => optim.lr.Scheduler> = {
    StepLR: (o) => new lr.StepLR(o, { stepSize: 2, gamma: 0.3 }),
    CosineAnnealingLR: (o) => new lr.CosineAnnealingLR(o, { tMax: 7 }),
    OneCycleLR: (o) => new lr.OneCycleLR(o, { maxLr: 1, totalSteps: 12 }),
    ReduceLROnPlateau: (o) => new lr.ReduceLROnPlateau(o, { patience: 1, cooldown: 1, factor: 0.7 }),
    SequentialLR: (o) => new lr.SequentialLR(o, [new lr.LinearLR(o), new lr.ExponentialLR(o, { gamma: 0.9 })], [4]),
  };
  const metrics = [3, 3, 2, 2, 2, 2, 1, 1, 1, 1];

  test.each(Object.keys(makers))('%s goes on exactly where it was saved', (name) => {
    const set = (o: TwoGroups) => o.paramGroups.map(({ lr, momentum }) => ({ lr, momentum }));
    const run = (o: TwoGroups, scheduler: optim.lr.Scheduler, some: number[]) =>
      some.map((metric) => {
        scheduler.step(metric);
        return set(o);
      });
    const whole = twoGroups();
    const expected = run(whole, makers[name](whole), metrics).slice(5);
    const first = twoGroups();
    const before = makers[name](first);
    run(first, before, metrics.slice(0, 5));
    const saved = JSON.parse(JSON.stringify(before.stateDict()));
    const second = twoGroups();
    second.lr = 7; // comes back with the state
    const after = makers[name](second);
    after.loadStateDict(saved);
    expect(set(second)).toEqual(set(first));
    expect(run(second, after, metrics.slice(5))).toEqual(expected);
  });

  test('of another scheduler, of other groups, or broken, is refused', () => {
    const scheduler = new lr.StepLR(twoGroups(), { stepSize: 1 });
    const state = scheduler.stateDict();
    const load = (change: object) => () => scheduler.loadStateDict({ ...state, ...change });
    expect(load({ scheduler: 'LinearLR' })).toThrow(
      'StepLR.loadStateDict: expected the state of StepLR, got that of LinearLR',
    );
    expect(load({ count: 1.5 })).toThrow('StepLR.loadStateDict: expected a count of steps, got 1.5');
    expect(load({ base: [1] })).toThrow('StepLR.loadStateDict: expected 2 groups, got 1');
    const plateau = new lr.ReduceLROnPlateau(twoGroups());
    expect(() => plateau.loadStateDict({ ...plateau.stateDict(), bad: -1 })).toThrow(
      'expected bad to be a whole number',
    );
    expect(() => plateau.loadStateDict({ ...plateau.stateDict(), best: 'x' })).toThrow(
      'expected the best measure or null',
    );
  });
});

test('a scheduler steps outside of compile, and a compiled step heeds it', async () => {
  const x = owned(tensor([1], { requiresGrad: true }));
  const optimizer = owned(new optim.SGD([x], { lr: 1 }));
  const scheduler = new lr.ExponentialLR(optimizer, { gamma: 0.5 });
  let traced = 0;
  const step = owned(
    compile(() => {
      traced++;
      optimizer.zeroGrad();
      x.sum().backward();
      optimizer.step();
    }),
  );
  for (let i = 0; i < 3; i++) {
    step();
    scheduler.step();
  }
  expect(await x.item()).toBeCloseTo(1 - 1.75, 12);
  expect(traced).toBe(1);
  expect(() => compile(() => scheduler.step())()).toThrow(
    /ExponentialLR\.step\(\) inside would be the same at every call/,
  );
});

describe('options out of range', () => {
  const o = () => twoGroups();
  test.each([
    ['StepLR: expected stepSize to be a whole number of at least 1, got 0', () => new lr.StepLR(o(), { stepSize: 0 })],
    ['StepLR: expected gamma of at least 0', () => new lr.StepLR(o(), { stepSize: 1, gamma: -1 })],
    ['MultiStepLR: expected milestones[1] to be', () => new lr.MultiStepLR(o(), { milestones: [1, 0.5] })],
    ['ExponentialLR: expected gamma of at least 0', () => new lr.ExponentialLR(o(), { gamma: Number.NaN })],
    ['InverseTimeLR: expected decay of at least 0', () => new lr.InverseTimeLR(o(), { decay: -1 })],
    ['LambdaLR: expected a function for each of 2 groups, got 1', () => new lr.LambdaLR(o(), [() => 1])],
    ['CosineAnnealingLR: expected tMax to be', () => new lr.CosineAnnealingLR(o(), { tMax: 0 })],
    ['CosineAnnealingLR: expected etaMin of', () => new lr.CosineAnnealingLR(o(), { tMax: 1, etaMin: -1 })],
    ['LinearLR: expected startFactor of', () => new lr.LinearLR(o(), { startFactor: -1 })],
    ['LinearLR: expected totalIters to be', () => new lr.LinearLR(o(), { totalIters: 0 })],
    ['MomentumAnneal: expected to of at least 0 and below 1', () => new lr.MomentumAnneal(o(), { to: 1, steps: 1 })],
    ['MomentumAnneal: expected steps to be', () => new lr.MomentumAnneal(o(), { steps: 0 })],
    [
      'MomentumAnneal: expected an optimizer with momentum, group 0 has none',
      () => new lr.MomentumAnneal(owned(new optim.Adagrad([leaf()])), { steps: 1 }),
    ],
    [
      'OneCycleLR: expected a maxLr for each of 2 groups, got 1',
      () => new lr.OneCycleLR(o(), { maxLr: [1], totalSteps: 2 }),
    ],
    ['OneCycleLR: expected totalSteps to be', () => new lr.OneCycleLR(o(), { maxLr: 1 })],
    ['OneCycleLR: expected maxLr[0] of', () => new lr.OneCycleLR(o(), { maxLr: -1, totalSteps: 2 })],
    ['OneCycleLR: expected pctStart of', () => new lr.OneCycleLR(o(), { maxLr: 1, totalSteps: 2, pctStart: 1.1 })],
    ['OneCycleLR: expected divFactor of', () => new lr.OneCycleLR(o(), { maxLr: 1, totalSteps: 2, divFactor: 0 })],
    [
      'OneCycleLR: expected annealStrategy cos or linear, got x',
      () => new lr.OneCycleLR(o(), { maxLr: 1, totalSteps: 2, annealStrategy: 'x' as 'cos' }),
    ],
    [
      'ReduceLROnPlateau: expected factor of at least 0 and below 1',
      () => new lr.ReduceLROnPlateau(o(), { factor: 1 }),
    ],
    ['ReduceLROnPlateau: expected patience to be', () => new lr.ReduceLROnPlateau(o(), { patience: -1 })],
    [
      'ReduceLROnPlateau: expected a minLr for each of 2 groups, got 1',
      () => new lr.ReduceLROnPlateau(o(), { minLr: [0] }),
    ],
    ['ReduceLROnPlateau: expected mode min or max', () => new lr.ReduceLROnPlateau(o(), { mode: 'x' as 'min' })],
  ])('%s', (message, make) => {
    expect(make).toThrow(message);
  });
});
