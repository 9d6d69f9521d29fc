// L-BFGS and its line search: what they find, how they stop, what they keep, and what they refuse. Its paths are in
// optim-trajectories.test.ts.
import { compile, keep, manualSeed, memory, nn, optim, randn, setDefaultDevice, type Tensor, tensor } from 'downhill';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { C1, C2, cubicMinimum, strongWolfe, type Trial } from '../src/optim/line-search.ts';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();
const { surfaces } = optim.race;

const leaf = (kind: string, start: readonly number[]) =>
  owned(tensor([...start], { device: devices[kind], requiresGrad: true }));

/** A closure of a loss, and how often it was called. */
function closureOf(optimizer: { zeroGrad(): void }, loss: () => Tensor) {
  const closure = () => {
    closure.calls++;
    optimizer.zeroGrad();
    const value = loss();
    value.backward();
    return value;
  };
  closure.calls = 0;
  return closure;
}

describe.each(['cpu', 'webgpu'])('L-BFGS on %s', (kind) => {
  test.each(Object.keys(surfaces) as optim.race.SurfaceName[])('finds a minimum: %s', async (name) => {
    const { loss, start, minima, value } = surfaces[name];
    const point = leaf(kind, start);
    const optimizer = owned(new optim.LBFGS([point], { maxIter: 100 }));
    const first = await optimizer.step(closureOf(optimizer, () => loss(point)));
    expect(first).toBeCloseTo(value(...start), 4);
    const [x, y] = await point.data();
    const distances = minima.map(([a, b]) => Math.hypot(x - a, y - b));
    expect(Math.min(...distances)).toBeLessThan(kind === 'cpu' ? 1e-6 : 2e-3);
  });

  test('fits a least squares of two parameters to the normal equations', async () => {
    setDefaultDevice(devices[kind]);
    manualSeed(1);
    const x = owned(randn([40, 3]));
    const model = owned(new nn.Linear(3, 1));
    const y = owned(x.matmul(owned(tensor([[2], [-1], [0.5]]))).add(0.25));
    const optimizer = owned(new optim.LBFGS(model.parameters()));
    await optimizer.step(closureOf(optimizer, () => model.forward(x).sub(y).square().mean()));
    const [weight, bias] = await values(model.parameters());
    const digits = kind === 'cpu' ? 5 : 3;
    [2, -1, 0.5].forEach((value, i) => {
      expect(weight.flat()[i]).toBeCloseTo(value, digits);
    });
    expect(bias[0]).toBeCloseTo(0.25, digits);
  });

  test('N steps, a save, a load and N steps are 2 N steps to the bit', async () => {
    const { loss, start } = surfaces.rosenbrock;
    const options = { maxIter: 3, maxEval: 100, historySize: 4 };
    const steps = async (n: number, optimizer: optim.LBFGS) => {
      const [point] = optimizer.parameters;
      for (let i = 0; i < n; i++) await optimizer.step(closureOf(optimizer, () => loss(point)));
      return point.tolist();
    };
    const whole = await steps(4, owned(new optim.LBFGS([leaf(kind, start)], options)));
    const before = owned(new optim.LBFGS([leaf(kind, start)], options));
    const half = await steps(2, before);
    const { tensors, values: json } = before.stateDict();
    expect(Object.keys(tensors)).toEqual([0, 1, 2, 3].flatMap((i) => [`s.${i}`, `y.${i}`]));
    const host = await Promise.all(
      Object.entries(tensors).map(async ([key, t]) => [key, { shape: t.shape, data: await t.data() }] as const),
    );
    const after = owned(new optim.LBFGS([leaf(kind, half)], { ...options, lr: 0.1 }));
    const state = { tensors: Object.fromEntries(host), values: JSON.parse(JSON.stringify(json)) };
    after.loadStateDict(state);
    expect(await steps(2, after)).toEqual(whole);
    const { 's.0': _, ...short } = state.tensors;
    expect(() => after.loadStateDict({ ...state, tensors: short })).toThrow('LBFGS.loadStateDict: missing s.0');
    expect(() => after.loadStateDict({ ...state, values: { optimizer: 'Adam' } })).toThrow(
      'LBFGS.loadStateDict: expected the state of LBFGS, got that of Adam',
    );
    expect(() => after.loadStateDict({ ...state, values: { optimizer: 'LBFGS' } })).toThrow(
      'expected lr, gamma and rho',
    );
  });

  test('gives back all memory, also where the closure throws, and then the parameters too', async () => {
    const { loss, start } = surfaces.rosenbrock;
    const point = leaf(kind, start);
    const optimizer = new optim.LBFGS([point], { maxIter: 4, historySize: 2 });
    const closure = closureOf(optimizer, () => loss(point));
    const bytes = () => memory(devices[kind]).bytes;
    await optimizer.step(closure).then(() => optimizer.zeroGrad());
    const held = bytes();
    await optimizer.step(closure).then(() => optimizer.zeroGrad());
    expect(bytes()).toBe(held);
    const there = await point.tolist();
    closure.calls = 0;
    const failing = () => {
      if (closure.calls === 1) throw new Error('no more data');
      return closure();
    };
    await expect(optimizer.step(failing)).rejects.toThrow('no more data');
    optimizer.zeroGrad();
    expect(await point.tolist()).toEqual(there);
    expect(bytes()).toBe(held);
    optimizer.dispose();
    expect(bytes()).toBeLessThan(held);
  });
});

test('stops at its limits and tolerances', async () => {
  const { loss, start } = surfaces.rosenbrock;
  const run = async (options: Partial<optim.LBFGSOptions>) => {
    const point = leaf('cpu', start);
    const optimizer = owned(new optim.LBFGS([point], { maxIter: 1000, ...options }));
    const closure = closureOf(optimizer, () => loss(point));
    await optimizer.step(closure);
    return { calls: closure.calls, loss: surfaces.rosenbrock.value(...((await point.tolist()) as [number, number])) };
  };
  const whole = await run({});
  expect(whole.loss).toBeLessThan(1e-12);
  const few = await run({ maxEval: 7 });
  expect(few.calls).toBeGreaterThanOrEqual(7);
  expect(few.calls).toBeLessThan(whole.calls / 2);
  const once = await run({ maxIter: 1 });
  expect(once.calls).toBeLessThan(few.calls);
  expect(once.loss).toBeLessThan(surfaces.rosenbrock.value(...start));
  for (const options of [{ toleranceGrad: 1 }, { toleranceChange: 0.1 }]) {
    const early = await run(options);
    expect(early.calls).toBeLessThan(whole.calls);
    expect(early.loss).toBeGreaterThan(whole.loss);
  }
});

test('a parameter without gradient stays, and a minimum is left alone', async () => {
  const [a, b] = [leaf('cpu', [3]), leaf('cpu', [5])];
  const optimizer = owned(new optim.LBFGS([a, b]));
  const closure = closureOf(optimizer, () => a.sub(1).square().sum());
  await optimizer.step(closure);
  expect(await b.item()).toBe(5);
  expect(await a.item()).toBeCloseTo(1, 9);
  const there = await a.item();
  closure.calls = 0;
  await optimizer.step(closure);
  expect(closure.calls).toBe(1);
  expect(await a.item()).toBe(there);
});

test('a loss that is no number ends a step without a move, and one on the way is gone around', async () => {
  const a = leaf('cpu', [4]);
  const optimizer = owned(new optim.LBFGS([a]));
  expect(await optimizer.step(closureOf(optimizer, () => a.mul(Number.NaN).sum()))).toBeNaN();
  expect(await a.item()).toBe(4);
  // sqrt(x) - log(x) / 2 has its minimum at 1, and is NaN below 0.
  await optimizer.step(closureOf(optimizer, () => a.sqrt().sub(a.log().mul(0.5)).sum()));
  expect(await a.item()).toBeCloseTo(1, 5);
});

test('a schedule sets its learning rate, the length of first trials', async () => {
  const a = leaf('cpu', [4]);
  const optimizer = owned(new optim.LBFGS([a], { lr: 0.5, maxIter: 1 }));
  const schedule = new optim.lr.StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
  schedule.step();
  expect(optimizer.lr).toBe(0.25);
  const trials: Tensor[] = [];
  const loss = () => {
    trials.push(keep(a.detach().mul(1)));
    return a.square().sum();
  };
  await optimizer.step(closureOf(optimizer, loss));
  // |g| = 8 at first, so that the first trial is 0.25 / 8 of 8 away.
  expect((await values(trials.map(owned))).slice(0, 2)).toEqual([[4], [3.75]]);
});

test('what it cannot do is refused', async () => {
  const a = leaf('cpu', [4]);
  setDefaultDevice(devices.cpu);
  const optimizer = owned(new optim.LBFGS([a]));
  const loss = () => a.square().sum();
  const step = owned(compile(() => void optimizer.step(closureOf(optimizer, loss))));
  expect(() => step()).toThrow(/^compile: LBFGS\.step\(\) reads the loss .* call it outside/);
  const first = optimizer.step(closureOf(optimizer, loss));
  expect(() => optimizer.step(loss)).toThrow('LBFGS: a step is under way; await it before the next one');
  await first;
  const wrong = (closure: () => unknown) => optimizer.step(closure as () => Tensor);
  await expect(wrong(async () => loss())).rejects.toThrow(/closure that returns the loss.*got a promise/);
  await expect(wrong(() => 1)).rejects.toThrow('got 1');
  await expect(wrong(() => owned(tensor([1, 2])))).rejects.toThrow(/a tensor with one element, got Tensor\(\[2\]/);
  a.grad = owned(tensor([1, 2]));
  await expect(optimizer.step(() => a.detach().sum())).rejects.toThrow('LBFGS: expected a gradient [1], got [2]');
  const make = (options: object) => () => new optim.LBFGS([a], options);
  expect(make({ lr: -1 })).toThrow('LBFGS: expected lr of at least 0 and below Infinity, got -1');
  expect(make({ maxIter: 0 })).toThrow('LBFGS: expected maxIter to be a whole number of at least 1, got 0');
  expect(make({ historySize: 1.5 })).toThrow('LBFGS: expected historySize to be a whole number');
  expect(make({ lineSearch: 'x' })).toThrow('LBFGS: there is no option lineSearch, expected lr, maxIter, maxEval');
  expect(() => new optim.LBFGS([])).toThrow('LBFGS: expected at least one parameter, got none');
});

describe('the line search', () => {
  const along = (phi: (t: number) => number, slope: (t: number) => number) => async (t: number) => ({
    t,
    loss: phi(t),
    slope: slope(t),
  });
  const options = { trials: 50, tolerance: 1e-12 };

  test('cubicMinimum is exact on cubics, from either side', () => {
    // t^3 - 3 t has its minimum at 1.
    const at = (t: number): Trial => ({ t, loss: t ** 3 - 3 * t, slope: 3 * t * t - 3 });
    expect(cubicMinimum(at(0), at(3))).toBeCloseTo(1, 12);
    expect(cubicMinimum(at(3), at(0))).toBeCloseTo(1, 12);
    expect(cubicMinimum({ t: 0, loss: 0, slope: -1 }, { t: 1, loss: -1, slope: -1 })).toBe(Number.POSITIVE_INFINITY);
  });

  test('ends where both Wolfe conditions hold, wherever it begins', async () => {
    // A slope, ripples on it, and a wall that may be near or far.
    const shape = fc.record({
      steep: fc.double({ min: 0.1, max: 10, noNaN: true }),
      ripple: fc.double({ min: 0, max: 3, noNaN: true }),
      wall: fc.double({ min: -2, max: 2, noNaN: true }),
      first: fc.double({ min: -4, max: 2, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ steep, ripple, wall, first }) => {
        const w = 10 ** wall;
        const phi = (t: number) => -steep * t + ripple * (1 - Math.cos(t)) + (t / w) ** 4;
        const slope = (t: number) => -steep + ripple * Math.sin(t) + (4 * t ** 3) / w ** 4;
        const evaluate = along(phi, slope);
        const start = await evaluate(0);
        const found = await strongWolfe(evaluate, start, 10 ** first, options);
        expect(found.t).toBeGreaterThan(0);
        expect(found.loss).toBeLessThanOrEqual(start.loss + C1 * found.t * start.slope);
        expect(Math.abs(found.slope)).toBeLessThanOrEqual(C2 * Math.abs(start.slope));
      }),
      { numRuns: 300, seed: 7 },
    );
  });

  test('gives the start where nothing is better, and the best where trials run out', async () => {
    const rising = along(
      (t) => t,
      () => -1,
    ); // a slope that lies
    expect((await strongWolfe(rising, await rising(0), 1, options)).t).toBe(0);
    let calls = 0;
    const falling = along(
      (t) => -t,
      () => -1,
    );
    const counted = (t: number) => {
      calls++;
      return falling(t);
    };
    const found = await strongWolfe(counted, await falling(0), 1, { ...options, trials: 3 });
    expect(calls).toBe(3);
    expect(found.t).toBe(100);
  });
});
