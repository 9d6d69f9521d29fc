// How the learning rate and the momentum move in the commands: schedules by name, warm-up, and flags that do not go together.
import { init, nn, optim, fit as train } from 'downhill';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkSchedule, factorOf, SCHEDULE_NAMES, type ScheduleFlags, scheduleOf } from '../src/cli/schedule.ts';

const course = { epochs: 10, steps: 1000 };
const factor = (flags: ScheduleFlags) => factorOf(flags, course);

beforeAll(async () => {
  await init({ device: 'cpu' });
});

describe('factors', () => {
  test('begin and end where they should, and never exceed 1', () => {
    const ends = (flags: ScheduleFlags) => [0, 0.5, 1].map(factor(flags));
    expect(ends({})).toEqual([1, 0.5, 0]);
    expect(ends({ schedule: 'linear' })).toEqual([1, 0.5, 0]);
    expect(ends({ schedule: 'constant' })).toEqual([1, 1, 1]);
    for (const [i, wanted] of [1, 0.5, 0].entries()) expect(ends({ schedule: 'cosine' })[i]).toBeCloseTo(wanted, 12);
    const cycle = factor({ schedule: 'one-cycle' });
    expect([cycle(0), cycle(1)].map((value) => Number(value.toFixed(12)))).toEqual([1 / 25, 0]);
    expect(cycle(0.3)).toBe(1);
    expect(cycle(0.3 - 1e-9)).toBeCloseTo(1, 9);
    for (const schedule of SCHEDULE_NAMES) {
      for (let i = 0; i <= 100; i++) expect(factor({ schedule })(i / 100)).toBeLessThanOrEqual(1);
    }
  });

  test('step falls after whole epochs, exponential and inverse by the epoch', () => {
    const step = factor({ schedule: 'step', gamma: 0.5, every: 3 });
    // At the first step of each epoch, as fit counts them.
    const epochs = Array.from({ length: 10 }, (_, epoch) => step((epoch * 100) / 1000));
    expect(epochs).toEqual([1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]);
    expect(step(0.299)).toBe(1);
    const usual = factor({ schedule: 'step' });
    expect([0.399, 0.4, 0.8].map((at) => Number(usual(at).toFixed(12)))).toEqual([1, 0.1, 0.01]);
    expect(factor({ schedule: 'exponential', gamma: 0.8 })(0.2)).toBeCloseTo(0.8 ** 2, 12);
    expect(factor({ schedule: 'exponential' })(0.1)).toBeCloseTo(0.9, 12);
    expect(factor({ schedule: 'inverse' })(0.3)).toBeCloseTo(1 / 4, 12);
    expect(factor({ schedule: 'inverse', decay: 0.5 })(0.4)).toBeCloseTo(1 / 3, 12);
  });

  test('a warm-up rises from its first step on, and the schedule has what is left', () => {
    const warmed = factor({ schedule: 'linear', warmup: 2 });
    expect(warmed(0)).toBeCloseTo(1 / 201, 12);
    expect(warmed(100 / 1000)).toBeCloseTo(101 / 201, 12);
    expect(warmed(0.2)).toBe(1);
    expect(warmed(0.6)).toBeCloseTo(0.5, 12);
    expect(factor({ schedule: 'step', every: 3, warmup: 2 })(0.499)).toBe(1);
    expect(factor({ schedule: 'step', every: 3, warmup: 2 })(0.5)).toBeCloseTo(0.1, 12);
  });
});

describe('with fit', () => {
  const data = {
    length: 4,
    batch: (indices: ArrayLike<number>) => ({
      x: new Float32Array(indices.length).fill(1),
      shape: [indices.length, 1],
      y: new Float32Array(indices.length),
      yShape: [indices.length, 1],
    }),
  };

  /** The learning rates of steps and the momenta after epochs, of a loss that does not move. */
  async function moved(flags: ScheduleFlags, epochs: number) {
    const model = new nn.Linear(1, 1);
    const optimizer = new optim.SGD(model.parameters(), { lr: 1, momentum: 0.9 });
    const [rates, momenta]: [number[], number[]] = [[], []];
    await train(model, {
      ...{ data, optimizer, epochs, batchSize: 2 },
      loss: (output) => output.mul(0).mean().add(1),
      schedule: scheduleOf(flags, optimizer, { epochs, steps: 2 * epochs }),
      callbacks: [
        {
          onStep: ({ lr }) => void rates.push(lr),
          onEpoch: () => void momenta.push(optimizer.paramGroups[0].momentum),
        },
      ],
    });
    return { rates, momenta };
  }

  test('plateau falls where the loss of epochs stays, behind a warm-up too', async () => {
    const flags = { schedule: 'plateau', gamma: 0.5, every: 1 } as const;
    expect((await moved(flags, 4)).rates).toEqual([1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25]);
    const { rates } = await moved({ ...flags, warmup: 1 }, 3);
    expect(rates.map((rate) => Number(rate.toFixed(9)))).toEqual([0.333333333, 0.666666667, 1, 1, 0.5, 0.5]);
  });

  test('momentum is annealed beside a schedule of the learning rate', async () => {
    const { rates, momenta } = await moved({ schedule: 'linear', annealMomentum: [0.5, 0.9] }, 5);
    expect(rates[5]).toBeCloseTo(0.5, 12);
    expect(momenta.map((value) => Number(value.toFixed(9)))).toEqual([0.6, 0.7, 0.8, 0.9, 0.9]);
    const [weight] = new nn.Linear(1, 1).parameters();
    const without = new optim.RMSprop([weight], { lr: 1 });
    expect(() => scheduleOf({ annealMomentum: [0.5, 0.9] }, without, course)).toThrow(
      '--anneal-momentum: MomentumAnneal: expected an optimizer with momentum, group 0 has none',
    );
  });

  test("a module's schedule is told of the run, and gives way to --schedule", () => {
    const [weight] = new nn.Linear(1, 1).parameters();
    const optimizer = new optim.SGD([weight], { lr: 1 });
    const told: unknown[] = [];
    const own = (...given: unknown[]) => {
      told.push(given);
      return () => 0.5;
    };
    expect(scheduleOf({}, optimizer, course, own)).toSatisfy((made: () => number) => made() === 0.5);
    expect(told).toEqual([[optimizer, { epochs: 10, steps: 1000, stepsPerEpoch: 100 }]]);
    scheduleOf({ schedule: 'cosine' }, optimizer, course, own);
    expect(told).toHaveLength(1);
  });
});

test.each<[ScheduleFlags, string]>([
  [{ gamma: 0.5 }, '--gamma is of --schedule step and exponential and plateau, not of linear'],
  [{ schedule: 'exponential', every: 2 }, '--every is of --schedule step and plateau, not of exponential'],
  [{ schedule: 'cosine', decay: 2 }, '--decay is of --schedule inverse, not of cosine'],
  [{ schedule: 'one-cycle', warmup: 1 }, '--warmup: one-cycle has one of its own'],
  [{ warmup: 10 }, '--warmup 10: expected fewer epochs than the 10 of training'],
  [{ annealMomentum: [0.5, 0.9], momentum: 0.9 }, 'leave out --momentum'],
])('%j is refused', (flags, expected) => {
  expect(() => checkSchedule(flags, 10)).toThrow(expected);
});

test('what a run or its module is too short of is refused', () => {
  expect(() => checkSchedule({ annealMomentum: [0.5, 0.9] }, 1)).toThrow('give --epochs of at least 2');
  expect(() => checkSchedule({ warmup: 1 }, 10, true)).toThrow("not with the module's");
  expect(() => checkSchedule({ gamma: 0.5 }, 10, true)).toThrow("not of the module's");
});
