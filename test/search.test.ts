// Hyperparameter search: what is drawn, how it narrows, which trials are stopped, what is warned of.
import { describe, expect, test } from 'vitest';
import { borderWarnings, narrowed } from '../src/search/narrow.ts';
import { search } from '../src/search/search.ts';
import {
  choice,
  drawn,
  grid,
  logUniform,
  placeOf,
  rangeText,
  uniform,
  valueAt,
  valueText,
} from '../src/search/space.ts';
import type { Trial } from '../src/search/trial.ts';
import { manualSeed, uniform as randomNumbers, randomState } from '../src/tensor/random.ts';

const space = { lr: logUniform(1e-6, 10), decay: uniform(0, 1), units: choice(16, 32, 64) };
/** Best at lr 1e-3, whatever the others are. */
const bowl: Trial<typeof space> = ({ lr }) => ({ score: 1 - Math.abs(Math.log10(lr) + 3) / 10 });

describe('spaces', () => {
  test('log-uniform is ten to a uniform power, uniform is even, a choice gives its values', () => {
    const draws = Array.from({ length: 3000 }, (_, i) => drawn(space, 5, i));
    const tenths = (places: number[]) =>
      Array.from({ length: 10 }, (_, k) => places.filter((t) => Math.min(9, Math.floor(10 * t)) === k).length);
    for (const count of tenths(draws.map(({ lr }) => (Math.log10(lr) + 6) / 7)))
      expect(Math.abs(count - 300)).toBeLessThan(75);
    for (const count of tenths(draws.map(({ decay }) => decay))) expect(Math.abs(count - 300)).toBeLessThan(75);
    for (const n of [16, 32, 64]) {
      expect(Math.abs(draws.filter(({ units }) => units === n).length - 1000)).toBeLessThan(120);
    }
    for (const { lr } of draws) expect(lr >= 1e-6 && lr <= 10).toBe(true);
  });

  test('values depend on seed and trial alone', () => {
    manualSeed(1);
    const first = drawn(space, 5, 7);
    manualSeed(2);
    expect(drawn(space, 5, 7)).toEqual(first);
    expect(drawn(space, 6, 7)).not.toEqual(first);
    expect(drawn(space, 5, 8)).not.toEqual(first);
  });

  test('places and values are each other’s inverse', () => {
    for (const range of Object.values(space)) {
      for (const t of [0, 0.2, 0.5, 0.99, 1]) {
        const value = valueAt(range, t);
        expect(valueAt(range, placeOf(range, value))).toBe(value);
      }
    }
    expect(valueAt(space.lr, 0)).toBe(1e-6);
    expect(valueAt(space.lr, 1)).toBe(10);
    expect(placeOf(space.lr, 1e-3)).toBeCloseTo(3 / 7);
    expect([0.00314159, 2.5e-6, 64, 'adam', 3e7].map(valueText)).toEqual(['0.003142', '2.5e-6', '64', 'adam', '3e7']);
    expect(rangeText(space.lr)).toBe('1e-6 to 10, log scale');
  });

  test('a grid has both ends of intervals and every choice', () => {
    const points = grid({ lr: logUniform(1e-4, 1), units: choice(16, 32) }, 7);
    expect(points).toHaveLength(6);
    expect([...new Set(points.map(({ lr }) => lr))]).toEqual([1e-4, 1e-2, 1]);
    expect(new Set(points.map((p) => JSON.stringify(p))).size).toBe(6);
    expect(grid({ units: choice(16, 32) }, 9)).toHaveLength(2);
    expect(() => grid(space, 11)).toThrow('a grid over this space has at least 12 points, got 11 trials');
  });

  test('ranges that cannot be are refused', async () => {
    expect(() => logUniform(0, 1)).toThrow('logUniform: expected finite numbers 0 < min < max, got 0 and 1');
    expect(() => uniform(2, 1)).toThrow('uniform: expected finite numbers min < max, got 2 and 1');
    expect(() => choice()).toThrow('choice: expected at least one value');
    expect(() => choice(1, 2, 1)).toThrow('choice: expected each value once, got 1 twice');
    const trial = () => ({ score: 1 });
    await expect(search(trial, { space: {} })).rejects.toThrow('expected a space of at least one hyperparameter');
    // biome-ignore lint/suspicious/noExplicitAny: what JavaScript may pass
    const wrong = { lr: { kind: 'normal', min: 0, max: 1 } } as any;
    await expect(search(trial, { space: wrong })).rejects.toThrow('search: lr: expected uniform, logUniform or choice');
  });
});

describe('coarse to fine', () => {
  test('the next range lies around the good values, on the scale of the range', () => {
    const next = narrowed(space, space, [
      { lr: 1e-4, decay: 0, units: 32 },
      { lr: 1e-2, decay: 1, units: 32 },
    ]);
    // From -4 to -2 of the powers -6 to 1, and a tenth of the 7 on each side.
    expect(Math.log10(next.lr.min)).toBeCloseTo(-4.7, 4);
    expect(Math.log10(next.lr.max)).toBeCloseTo(-1.3, 4);
    expect(next.decay).toEqual(space.decay);
    expect(next.units.values).toEqual([32]);
    // A narrowed range may move on, beyond its own end, but not beyond the first one.
    const moved = narrowed({ decay: uniform(0.4, 0.8) }, { decay: space.decay }, [{ decay: 0.8 }, { decay: 0.78 }]);
    expect(moved.decay.min).toBeCloseTo(0.74);
    expect(moved.decay.max).toBeCloseTo(0.84);
    expect(narrowed({ decay: space.decay }, { decay: space.decay }, [{ decay: 1 }]).decay.max).toBe(1);
    expect(narrowed(space, space, [])).toMatchObject({ lr: space.lr, decay: space.decay });
  });

  test('stages share the trials, narrow, train longer, and come nearer', async () => {
    const efforts: number[][] = [];
    const trial: Trial<typeof space> = (params, context) => {
      efforts[context.stage - 1] = [...(efforts[context.stage - 1] ?? []), context.effort];
      return bowl(params, context);
    };
    const found = await search(trial, { space, trials: 26, stages: 3 });
    expect(efforts.map((e) => [e.length, new Set(e)])).toEqual([
      [9, new Set([1])],
      [9, new Set([3])],
      [8, new Set([9])],
    ]);
    const widths = found.spaces.map(({ lr }) => Math.log10(lr.max / lr.min));
    expect(widths[1]).toBeLessThan(widths[0] / 1.3);
    expect(widths[2]).toBeLessThan(widths[1] / 1.3);
    for (const { lr, stage } of found.trials.map(({ params, stage }) => ({ ...params, stage }))) {
      const { min, max } = found.spaces[stage - 1].lr;
      expect(lr >= min && lr <= max).toBe(true);
    }
    const mean = (stage: number) => {
      const scores = found.trials.filter((record) => record.stage === stage).map(({ score }) => score!);
      return scores.reduce((a, b) => a + b) / scores.length;
    };
    expect(mean(2)).toBeGreaterThan(mean(1));
    expect(mean(3)).toBeGreaterThan(mean(2));
    expect(found.best!.score).toBe(Math.max(...found.trials.map(({ score }) => score!)));
    expect(found.complete).toBe(true);
    expect(found.warnings.filter((line) => line.startsWith('lr'))).toEqual([]);
  });

  test('goal min looks the other way', async () => {
    const found = await search(({ x }) => ({ score: (x - 0.3) ** 2 }), {
      space: { x: uniform(0, 1) },
      ...{ trials: 24, stages: 2, goal: 'min' as const },
    });
    expect(found.best!.params.x).toBeCloseTo(0.3, 1);
    expect(found.spaces[1].x.min < 0.3 && found.spaces[1].x.max > 0.3).toBe(true);
    expect(found.best!.score).toBe(Math.min(...found.trials.map(({ score }) => score!)));
  });

  test('a best value on the border is warned of, with its side', async () => {
    const rising = await search(({ lr }) => ({ score: Math.log(lr) }), {
      space: { lr: logUniform(1e-4, 1) },
      trials: 40,
    });
    expect(rising.warnings).toHaveLength(1);
    expect(rising.warnings[0]).toMatch(
      /^lr: the best value, 0\.\d+, lies on the upper border of its range, 1e-4 to 1, log scale: search again with that end further out$/,
    );
    const falling = await search(({ lr }) => ({ score: -lr }), { space: { lr: logUniform(1e-4, 1) }, trials: 40 });
    expect(falling.warnings[0]).toContain('lower border');
    const gridded = await search(({ n }) => ({ score: n }), { space: { n: choice(1, 2, 3) }, strategy: 'grid' });
    expect(gridded.warnings[0]).toMatch(/^n: the best value, 3, lies on the upper border of its range, 1, 2, 3: /);

    // In a narrowed range; natural ends at 0; choices that are no range; the middle.
    const warned = (range: typeof space.decay, value: number, whole = range) =>
      borderWarnings({ x: value }, { x: range }, { x: whole });
    expect(warned(uniform(0.4, 0.8), 0.79, space.decay)[0]).toContain('narrowing may have cut off');
    expect(warned(space.decay, 0.01)).toEqual([]);
    expect(warned(space.decay, 0.5)).toEqual([]);
    expect(borderWarnings({ x: 2 }, { x: choice(1, 2) }, { x: choice(1, 2) })).toEqual([]);
    expect(borderWarnings({ x: 'b' }, { x: choice('a', 'b', 'c') }, { x: choice('a', 'b', 'c') })).toEqual([]);
    expect(borderWarnings({ x: 3 }, { x: choice(3) }, { x: choice(1, 2, 3) })[0]).toContain('upper border');
  });
});

describe('trials', () => {
  test('hopeless ones are stopped, failing ones recorded, and the search goes on', async () => {
    const stopped: number[] = [];
    const found = await search(
      async ({ n }, { report, signal, trial }) => {
        report({ epoch: 0, cost: 2 });
        report({ epoch: 0.5, cost: n === 'rising' ? 6.1 : n === 'none' ? Number.NaN : 5.9 });
        if (signal.aborted) stopped.push(trial);
        if (n === 'throws') throw new Error('out of memory');
        return { score: n === 'score' ? Number.NaN : 0.5 };
      },
      { space: { n: choice('fine', 'rising', 'none', 'throws', 'score') }, strategy: 'grid' },
    );
    expect(found.trials.map(({ status, reason }) => [status, reason])).toEqual([
      ['done', undefined],
      ['stopped', 'the cost, 6.100, is over 3 times the first, 2.000'],
      ['stopped', 'the cost became NaN'],
      ['failed', 'out of memory'],
      ['stopped', 'the score is NaN'],
    ]);
    expect(stopped).toEqual([2, 3]);
    expect(found.best).toMatchObject({ trial: 1, score: 0.5 });
  });

  test('where the first three fail, the search ends with their error', async () => {
    let made = 0;
    const broken = () => {
      made++;
      throw new Error('no data');
    };
    await expect(search(broken, { space })).rejects.toThrow(
      'search: the first 3 trials failed, the last one with: no data',
    );
    expect(made).toBe(3);
  });

  test('each begins from its own seed, and leaves the random state as it was', async () => {
    manualSeed(9);
    randomNumbers(3);
    const before = randomState();
    const seen: [number, number][] = [];
    const trial: Trial = (_, { seed }) => {
      seen.push([seed, randomNumbers(1)[0]]);
      return { score: 0 };
    };
    await search(trial, { space, trials: 3 });
    expect(randomState()).toEqual(before);
    const again = seen.splice(0);
    await search(trial, { space, trials: 3 });
    expect(seen).toEqual(again);
    expect(new Set(seen.flat()).size).toBe(6);
  });

  test('run side by side only where they are apart', async () => {
    await expect(search(bowl, { space, jobs: 2 })).rejects.toThrow(/expected jobs 1 for trials that share this thread/);
    let [now, most] = [0, 0];
    const apart = Object.assign(
      async () => {
        most = Math.max(most, ++now);
        await new Promise((done) => setTimeout(done, 5));
        now--;
        return { score: 1 };
      },
      { apart: true },
    );
    let [telling, toldAtOnce] = [0, 0];
    const { trials } = await search(apart, {
      ...{ space, trials: 7, jobs: 3 },
      async onTrial(_, soFar) {
        toldAtOnce = Math.max(toldAtOnce, ++telling);
        await new Promise((done) => setTimeout(done, 3));
        telling--;
        expect(soFar.complete).toBe(soFar.trials.length === 7);
      },
    });
    expect(toldAtOnce).toBe(1);
    expect([trials.length, most]).toEqual([7, 3]);
  });

  test('options that cannot be are refused before anything runs', async () => {
    const never = () => expect.unreachable();
    await expect(search(never, { space, trials: 0 })).rejects.toThrow('expected at least 1 trials');
    await expect(search(never, { space, trials: 5, stages: 3 })).rejects.toThrow(
      'at least 6 trials for 3 stages, got 5',
    );
    await expect(search(never, { space, seed: -1 })).rejects.toThrow('got -1');
    await expect(search(never, { space, growth: 0.5 })).rejects.toThrow('growth of at least 1, got 0.5');
    await expect(search(never, { space, strategy: 'best' as 'grid' })).rejects.toThrow(
      'strategy random or grid, got best',
    );
  });
});
