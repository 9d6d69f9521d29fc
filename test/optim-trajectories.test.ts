// The paths of all optimizers on a bowl, Rosenbrock's function, a saddle and a long valley, against float64 references with
// gradients written by hand.
import { compile, noGrad, optim, setDefaultDevice, stack, type Tensor, tensor } from 'downhill';
import { describe, expect, test } from 'vitest';
import {
  adadelta,
  adagrad,
  adam,
  type Landscape,
  lbfgs,
  notesNesterov,
  type Rule,
  rmsprop,
  sgd,
} from './optim-rules.ts';
import { openDevices, owned } from './training.ts';

const { surfaces } = optim.race;
type Name = optim.race.SurfaceName;
const devices = openDevices();

const landscapes: Record<Name, Landscape> = {
  bowl: { value: ([x, y]) => 0.5 * x * x + y * y, slope: ([x, y]) => [x, 2 * y] },
  rosenbrock: {
    value: ([x, y]) => (1 - x) ** 2 + 100 * (y - x * x) ** 2,
    slope: ([x, y]) => [2 * (x - 1) - 400 * x * (y - x * x), 200 * (y - x * x)],
  },
  saddle: { value: ([x, y]) => (x * x) / 2 - (y * y) / 2 + y ** 4 / 4, slope: ([x, y]) => [x, y ** 3 - y] },
  valley: {
    value: ([x, y]) => ((4 * x + 3 * y) / 50) ** 2 + ((4 * y - 3 * x) / 5) ** 2,
    slope: ([x, y]) => {
      const [along, across] = [(4 * x + 3 * y) / 1250, (4 * y - 3 * x) / 12.5];
      return [4 * along - 3 * across, 3 * along + 4 * across];
    },
  },
};

interface Runner {
  make: (parameters: Tensor[], lr: number) => optim.Optimizer;
  rule: (lr: number) => () => Rule;
  lr: Record<Name, number>;
}

const runners: Record<string, Runner> = {
  SGD: {
    make: (p, lr) => new optim.SGD(p, { lr }),
    rule: sgd,
    lr: { bowl: 0.1, rosenbrock: 0.001, saddle: 0.1, valley: 0.4 },
  },
  Momentum: {
    make: (p, lr) => new optim.SGD(p, { lr, momentum: 0.9 }),
    rule: (lr) => sgd(lr, { momentum: 0.9 }),
    lr: { bowl: 0.03, rosenbrock: 0.0005, saddle: 0.03, valley: 0.1 },
  },
  'Nesterov momentum, as PyTorch writes it': {
    make: (p, lr) => new optim.SGD(p, { lr, momentum: 0.9, nesterov: true }),
    rule: (lr) => sgd(lr, { momentum: 0.9, nesterov: true }),
    lr: { bowl: 0.03, rosenbrock: 0.0005, saddle: 0.03, valley: 0.1 },
  },
  'Nesterov momentum, as the notes rewrite it': {
    make: (p, lr) => new optim.SGD(p, { lr, momentum: 0.9, nesterov: true }),
    rule: (lr) => notesNesterov(lr, 0.9),
    lr: { bowl: 0.03, rosenbrock: 0.0005, saddle: 0.03, valley: 0.1 },
  },
  Adagrad: {
    make: (p, lr) => new optim.Adagrad(p, { lr }),
    rule: adagrad,
    lr: { bowl: 0.5, rosenbrock: 0.3, saddle: 0.3, valley: 1 },
  },
  Adadelta: {
    make: (p, lr) => new optim.Adadelta(p, { lr }),
    rule: adadelta,
    lr: { bowl: 3, rosenbrock: 1, saddle: 3, valley: 3 },
  },
  RMSprop: {
    make: (p, lr) => new optim.RMSprop(p, { lr, alpha: 0.9 }),
    rule: (lr) => rmsprop(lr, { alpha: 0.9 }),
    lr: { bowl: 0.05, rosenbrock: 0.01, saddle: 0.03, valley: 0.05 },
  },
  'RMSprop, centered, with momentum': {
    make: (p, lr) => new optim.RMSprop(p, { lr, alpha: 0.9, eps: 0.01, centered: true, momentum: 0.5 }),
    rule: (lr) => rmsprop(lr, { alpha: 0.9, eps: 0.01, centered: true, momentum: 0.5 }),
    lr: { bowl: 0.03, rosenbrock: 0.003, saddle: 0.01, valley: 0.03 },
  },
  Adam: {
    make: (p, lr) => new optim.Adam(p, { lr }),
    rule: adam,
    lr: { bowl: 0.1, rosenbrock: 0.05, saddle: 0.05, valley: 0.2 },
  },
  AMSGrad: {
    make: (p, lr) => new optim.Adam(p, { lr, amsgrad: true }),
    rule: (lr) => adam(lr, { amsgrad: true }),
    lr: { bowl: 0.1, rosenbrock: 0.05, saddle: 0.05, valley: 0.2 },
  },
  AdamW: {
    make: (p, lr) => new optim.AdamW(p, { lr, weightDecay: 0.1 }),
    rule: (lr) => adam(lr, { decoupled: 0.1 }),
    lr: { bowl: 0.1, rosenbrock: 0.05, saddle: 0.05, valley: 0.2 },
  },
};

const STEPS = 50;

/** Iterations of L-BFGS until it is near the minimum; behind that, and in float32 before, it follows roundings. */
const ITERATIONS: Record<string, Record<Name, number>> = {
  cpu: { bowl: 6, rosenbrock: 30, saddle: 8, valley: 9 },
  webgpu: { bowl: 6, rosenbrock: 16, saddle: 8, valley: 9 },
};
const exactly = { toleranceGrad: 0, toleranceChange: 0 };

const names = Object.keys(surfaces) as Name[];

/** Differences from a path, at most, as shares of 1 or of the value where that is larger. */
function expectPath(got: ArrayLike<number>[], expected: number[][], tolerance: number): void {
  expect(got.length).toBe(expected.length);
  expected.forEach((point, step) => {
    point.forEach((value, i) => {
      const error = Math.abs(got[step][i] - value) / Math.max(1, Math.abs(value));
      expect(error, `step ${step + 1}, ${'xy'[i]}: ${got[step][i]} for ${value}`).toBeLessThan(tolerance);
    });
  });
}

describe.each(['cpu', 'webgpu'])('paths on %s', (kind) => {
  describe.each(names)('%s', (name) => {
    test.each(Object.keys(runners))('%s', async (title) => {
      const { make, rule, lr } = runners[title];
      const { loss, start } = surfaces[name];
      const point = owned(tensor([...start], { device: devices[kind], requiresGrad: true }));
      const optimizer = owned(make([point], lr[name]));
      setDefaultDevice(devices[kind]);
      const step = owned(
        compile(() => {
          optimizer.zeroGrad();
          loss(point).backward();
          optimizer.step();
          return noGrad(() => point.mul(1));
        }),
      );
      const path = Array.from({ length: STEPS }, () => owned(step()));
      const got: number[][] = await owned(stack(path)).tolist();
      const rules = [rule(lr[name])(), rule(lr[name])()];
      let at: number[] = [...start];
      const expected = Array.from({ length: STEPS }, (_, t) => {
        const slope = landscapes[name].slope(at);
        at = at.map((x, i) => rules[i](x, slope[i], t + 1));
        return at;
      });
      expectPath(got, expected, kind === 'cpu' ? 1e-12 : 1e-5);
    });

    test('L-BFGS', async () => {
      const { loss, start } = surfaces[name];
      const point = owned(tensor([...start], { device: devices[kind], requiresGrad: true }));
      const optimizer = owned(new optim.LBFGS([point], { maxIter: 1, ...exactly, historySize: 3 }));
      const steps = ITERATIONS[kind][name];
      const got: ArrayLike<number>[] = [];
      for (let step = 0; step < steps; step++) {
        await optimizer.step(() => {
          optimizer.zeroGrad();
          const value = loss(point);
          value.backward();
          return value;
        });
        got.push(await point.data());
      }
      expectPath(got, lbfgs(landscapes[name], [...start], steps, 3), kind === 'cpu' ? 1e-10 : 1e-3);
    });
  });
});

test('the surfaces are what they say: values, minima, and heights of their contours', async () => {
  for (const name of names) {
    const { loss, value, minima, start, bounds } = surfaces[name];
    for (const [x, y] of [...minima, start, [0.3, -0.7]]) {
      const there = owned(tensor([x, y], { device: devices.cpu }));
      expect(await owned(loss(there)).item()).toBeCloseTo(value(x, y), 12);
      expect(value(x, y)).toBeCloseTo(landscapes[name].value([x, y]), 12);
    }
    for (const minimum of minima) {
      for (const v of landscapes[name].slope([...minimum])) expect(v).toBeCloseTo(0, 12);
    }
    for (const [x, y] of [...minima, start]) {
      expect(x > bounds.x[0] && x < bounds.x[1] && y > bounds.y[0] && y < bounds.y[1]).toBe(true);
    }
  }
});
