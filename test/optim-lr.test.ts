// Schedules against PyTorch's formulas, written out by hand, and chains of them. Their states are in optim-lr-state.test.ts.
import { optim, setDefaultDevice } from 'downhill';
import { beforeAll, describe, expect, test } from 'vitest';
import { openDevices, owned } from './training.ts';
import { leaf, type TwoGroups, twoGroups } from './two-groups.ts';

const { lr } = optim;
const devices = openDevices();
beforeAll(() => setDefaultDevice(devices.cpu));

/** Learning rates of the first group after 0, 1, ... n steps; those of the second are a tenth all along. */
function rates(make: (optimizer: TwoGroups) => optim.lr.Scheduler, n: number): number[] {
  const optimizer = twoGroups();
  const scheduler = make(optimizer);
  return Array.from({ length: n + 1 }, (_, t) => {
    if (t > 0) scheduler.step();
    expect(scheduler.count).toBe(t);
    expect(scheduler.lastLr).toEqual(optimizer.paramGroups.map((group) => group.lr));
    expect(scheduler.lastLr[1] * 10).toBeCloseTo(scheduler.lastLr[0], 12);
    return scheduler.lastLr[0];
  });
}

function expectClose(got: number[], expected: (t: number) => number): void {
  got.forEach((value, t) => {
    expect(value, `at ${t}`).toBeCloseTo(expected(t), 12);
  });
}

describe('schedules by formula', () => {
  test('StepLR and MultiStepLR', () => {
    expectClose(
      rates((o) => new lr.StepLR(o, { stepSize: 3 }), 9),
      (t) => [0.4, 0.04, 0.004, 0.0004][Math.floor(t / 3)],
    );
    const multi = rates((o) => new lr.MultiStepLR(o, { milestones: [5, 2, 5], gamma: 0.5 }), 6);
    expectClose(multi, (t) => (t < 2 ? 0.4 : t < 5 ? 0.2 : 0.05));
  });

  test('ExponentialLR, InverseTimeLR and LambdaLR', () => {
    expectClose(
      rates((o) => new lr.ExponentialLR(o, { gamma: 0.9 }), 5),
      (t) => 0.4 * 0.9 ** t,
    );
    expectClose(
      rates((o) => new lr.InverseTimeLR(o, { decay: 0.5 }), 5),
      (t) => 0.4 / (1 + 0.5 * t),
    );
    expectClose(
      rates((o) => new lr.LambdaLR(o, (t) => 1 / (t + 1) ** 2), 5),
      (t) => 0.4 / (t + 1) ** 2,
    );
    const each = rates((o) => new lr.LambdaLR(o, [(t) => 1 - t / 10, (t) => (10 - t) / 10]), 5);
    expectClose(each, (t) => 0.4 - 0.04 * t);
  });

  test('CosineAnnealingLR, down and up again', () => {
    // PyTorch's recursion, which chains from one learning rate to the next.
    let rate = 0.4;
    const expected = [0.4];
    for (let t = 1; t <= 8; t++) {
      rate *= (1 + Math.cos((Math.PI * t) / 8)) / (1 + Math.cos((Math.PI * (t - 1)) / 8));
      expected.push(rate);
    }
    const got = rates((o) => new lr.CosineAnnealingLR(o, { tMax: 8 }), 16);
    expectClose(got.slice(0, 9), (t) => expected[t]);
    expectClose(got, (t) => got[16 - t]);
    const optimizer = twoGroups();
    const lowest = new lr.CosineAnnealingLR(optimizer, { tMax: 2, etaMin: 0.1 });
    lowest.step();
    expect(lowest.lastLr[0]).toBeCloseTo(0.25, 12);
    lowest.step();
    expect(lowest.lastLr).toEqual([0.1, 0.1]);
  });

  test('LinearLR, as it comes and with all options', () => {
    expectClose(
      rates((o) => new lr.LinearLR(o), 7),
      (t) => 0.4 * Math.min(1, 1 / 3 + (t * 2) / 15),
    );
    const down = rates((o) => new lr.LinearLR(o, { startFactor: 1, endFactor: 0.5, totalIters: 4 }), 6);
    expectClose(down, (t) => 0.4 - 0.05 * Math.min(t, 4));
  });

  test('MomentumAnneal leaves the learning rate alone', () => {
    const optimizer = twoGroups();
    const anneal = new lr.MomentumAnneal(optimizer, { steps: 7 });
    const momenta = Array.from({ length: 10 }, (_, t) => {
      if (t > 0) anneal.step();
      return optimizer.paramGroups.map(({ momentum }) => momentum);
    });
    momenta.forEach(([first, second], t) => {
      expect(first).toBeCloseTo(0.5 + (0.49 * Math.min(t, 7)) / 7, 12);
      expect(second).toBe(first);
    });
    optimizer.lr = 0.123;
    anneal.step();
    expect(optimizer.lr).toBe(0.123);
    const adam = owned(new optim.Adam([leaf()]));
    new lr.MomentumAnneal(adam, { from: 0.6, to: 0.7, steps: 1 }).step();
    expect(adam.paramGroups[0].betas).toEqual([0.7, 0.999]);
  });
});

describe('OneCycleLR', () => {
  const cycle = (options: Partial<optim.lr.OneCycleOptions>, n = 10) => {
    const optimizer = twoGroups();
    const scheduler = new lr.OneCycleLR(optimizer, { maxLr: [1, 0.1], totalSteps: 10, ...options });
    return Array.from({ length: n + 1 }, (_, t) => {
      if (t > 0) scheduler.step();
      const [{ lr: rate, momentum }, second] = optimizer.paramGroups;
      expect(second.lr * 10).toBeCloseTo(rate, 12);
      return [rate, momentum];
    });
  };
  const cos = (from: number, to: number, share: number) => to + ((from - to) / 2) * (Math.cos(Math.PI * share) + 1);

  test('two phases of cosines, as it comes', () => {
    cycle({}).forEach(([rate, momentum], t) => {
      const up = t / 2;
      const down = Math.min(1, (t - 2) / 7);
      expect(rate).toBeCloseTo(t <= 2 ? cos(0.04, 1, up) : cos(1, 4e-6, down), 12);
      expect(momentum).toBeCloseTo(t <= 2 ? cos(0.95, 0.85, up) : cos(0.85, 0.95, down), 12);
    });
  });

  test('three phases of straight lines, by epochs', () => {
    const options = { totalSteps: undefined, epochs: 2, stepsPerEpoch: 5, annealStrategy: 'linear' as const };
    const more = { threePhase: true, pctStart: 0.4, divFactor: 10, finalDivFactor: 100 };
    cycle({ ...options, ...more }).forEach(([rate, momentum], t) => {
      const line = (from: number, to: number, share: number) => from + (to - from) * Math.min(1, share);
      const last = (t - 6) / 3;
      expect(rate).toBeCloseTo(
        t <= 3 ? line(0.1, 1, t / 3) : t <= 6 ? line(1, 0.1, (t - 3) / 3) : line(0.1, 0.001, last),
        12,
      );
      expect(momentum).toBeCloseTo(t <= 3 ? line(0.95, 0.85, t / 3) : line(0.85, 0.95, (t - 3) / 3), 12);
    });
  });

  test('leaves momentum alone where it is told to or there is none, and ends', () => {
    expect(cycle({ cycleMomentum: false }, 3).map(([, momentum]) => momentum)).toEqual([0.9, 0.9, 0.9, 0.9]);
    const plain = owned(new optim.SGD([leaf()], { lr: 1 }));
    const scheduler = new lr.OneCycleLR(plain, { maxLr: 1, totalSteps: 1 });
    expect(plain.paramGroups[0].momentum).toBe(0);
    scheduler.step();
    expect(() => scheduler.step()).toThrow('OneCycleLR: all 1 steps are done, got one more');
    expect(scheduler.count).toBe(1);
    expect(() => cycle({}, 11)).toThrow(RangeError);
  });
});

describe('ReduceLROnPlateau', () => {
  /** Learning rates after each of the metrics. */
  const following = (metrics: number[], options: optim.lr.PlateauOptions) => {
    const optimizer = owned(new optim.SGD([leaf()], { lr: 1 }));
    const scheduler = new lr.ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 1, ...options });
    return metrics.map((metric) => {
      scheduler.step(metric);
      return optimizer.lr;
    });
  };

  test('reduces after more bad steps than its patience', () => {
    expect(following([3, 3, 3, 3, 3, 2, 2], {})).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25, 0.25]);
    expect(following([3, 3, 2, 3, 2, 1], { patience: 0 })).toEqual([1, 0.5, 0.5, 0.25, 0.125, 0.125]);
  });

  test('knows large from small, relative from absolute thresholds, and NaN', () => {
    expect(following([1, 2, 3, 3, 3], { mode: 'max' })).toEqual([1, 1, 1, 1, 0.5]);
    // 10 % better than 10 is below 9.
    expect(following([10, 9, 8.9, 9], { threshold: 0.1, patience: 0 })).toEqual([1, 0.5, 0.5, 0.25]);
    expect(following([10, 9.9, 9.8], { threshold: 0.15, thresholdMode: 'abs', patience: 0 })).toEqual([1, 0.5, 0.5]);
    expect(following([10, 11, 11.2], { mode: 'max', threshold: 0.1, patience: 0 })).toEqual([1, 0.5, 0.5]);
    expect(following([Number.NaN, Number.NaN, 1, 0.5], {})).toEqual([1, 0.5, 0.5, 0.5]);
  });

  test('waits after a reduction, and stops at the lowest', () => {
    expect(following([1, 1, 1, 1, 1, 1, 1], { cooldown: 2 })).toEqual([1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]);
    expect(following([1, 1, 1, 1], { patience: 0, minLr: 0.3 })).toEqual([1, 0.5, 0.3, 0.3]);
  });

  test('needs a metric', () => {
    const scheduler = new lr.ReduceLROnPlateau(twoGroups());
    expect(() => scheduler.step()).toThrow('ReduceLROnPlateau: expected step(metric) with a number, got undefined');
  });
});

describe('several schedulers', () => {
  test('chain, whoever is stepped and however often', () => {
    const optimizer = twoGroups();
    const warm = new lr.LinearLR(optimizer, { startFactor: 0.5, totalIters: 2 });
    const decay = new lr.ExponentialLR(optimizer, { gamma: 0.1 });
    const anneal = new lr.MomentumAnneal(optimizer, { from: 0.1, to: 0.3, steps: 2 });
    expect(optimizer.lr).toBeCloseTo(0.2, 12);
    decay.step();
    expect(optimizer.lr).toBeCloseTo(0.02, 12);
    warm.step();
    anneal.step();
    expect(optimizer.lr).toBeCloseTo(0.03, 12);
    expect(optimizer.paramGroups[1]).toMatchObject({ momentum: 0.2 });
  });

  test('in sequence: each from its own beginning', () => {
    const make = (o: TwoGroups) => {
      const parts = [new lr.LinearLR(o, { startFactor: 0.5, totalIters: 2 }), new lr.CosineAnnealingLR(o, { tMax: 4 })];
      return new lr.SequentialLR(o, [...parts, new lr.StepLR(o, { stepSize: 1 })], [2, 5]);
    };
    const cosine = (t: number) => 0.2 * (1 + Math.cos((Math.PI * t) / 4));
    expectClose(rates(make, 7), (t) => [0.2, 0.3, cosine(0), cosine(1), cosine(2), 0.4, 0.04, 0.004][t]);
  });

  test('what does not go in sequence is refused', () => {
    const optimizer = twoGroups();
    const [a, b] = [new lr.StepLR(optimizer, { stepSize: 1 }), new lr.StepLR(optimizer, { stepSize: 2 })];
    const make = (list: optim.lr.Scheduler[], milestones: number[]) => () =>
      new lr.SequentialLR(optimizer, list, milestones);
    expect(make([a, b], [])).toThrow('expected a milestone between each two of the schedulers, got 0 for 2');
    expect(make([], [])).toThrow(RangeError);
    expect(make([a, b], [0])).toThrow('expected milestones[0] to be a whole number of at least 1, got 0');
    expect(make([a, b, a], [3, 3])).toThrow('expected growing milestones, got 3, 3');
    expect(make([a, new lr.ReduceLROnPlateau(optimizer)], [1])).toThrow('scheduler 1 is a ReduceLROnPlateau');
    expect(make([a, new lr.StepLR(twoGroups(), { stepSize: 1 })], [1])).toThrow('scheduler 1 is of another optimizer');
    make([a, b], [1])();
    expect(make([a, b], [1])).toThrow('scheduler 0 is part of another scheduler');
    expect(() => a.step()).toThrow('StepLR: is part of a SequentialLR; step that instead');
  });
});
