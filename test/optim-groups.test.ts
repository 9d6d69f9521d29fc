// Parameter groups, their hyperparameters in compiled steps, and state dicts of optimizers.
import { compile, memory, optim, setDefaultDevice, type Tensor, tensor } from 'downhill';
import { describe, expect, test } from 'vitest';
import type { WebGpuBackend } from '../src/backends/webgpu/backend.ts';
import { adam, sgd } from './optim-rules.ts';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();

const leaves = (kind: string, ...starts: number[][]) =>
  starts.map((start) => owned(tensor(start, { device: devices[kind], requiresGrad: true })));

/** The gradient of x^2 + x for each, 2 x + 1, is left on all of them. */
function slopes(parameters: readonly Tensor[]): void {
  for (const p of parameters) {
    p.grad?.dispose();
    p.grad = null;
    p.square().add(p).sum().backward();
  }
}

const host = async (tensors: Record<string, Tensor>) =>
  Object.fromEntries(
    await Promise.all(
      Object.entries(tensors).map(async ([key, t]) => [key, { shape: t.shape, data: await t.data() }] as const),
    ),
  );

describe.each(['cpu', 'webgpu'])('parameter groups on %s', (kind) => {
  const digits = kind === 'cpu' ? 12 : 5;

  test('each follows its own hyperparameters, and those of the optimizer where it has none', async () => {
    const [a, b, c] = leaves(kind, [3, -2], [1], [0.5, 7, 2]);
    const optimizer = owned(
      new optim.Adam(
        [
          { params: [a], lr: 0.3 },
          { params: [b, c], weightDecay: 0.1, betas: [0.5, 0.6] },
        ],
        { lr: 0.05 },
      ),
    );
    expect(optimizer.paramGroups.map(({ lr, weightDecay }) => [lr, weightDecay])).toEqual([
      [0.3, 0],
      [0.05, 0.1],
    ]);
    expect(optimizer.parameters).toEqual([a, b, c]);
    for (let i = 0; i < 5; i++) {
      slopes([a, b, c]);
      optimizer.step();
    }
    const follow = (x: number, rule = adam(0.3)()) => {
      for (let t = 1; t <= 5; t++) x = rule(x, 2 * x + 1, t);
      return x;
    };
    const other = () => adam(0.05, { betas: [0.5, 0.6], decay: 0.1 })();
    const expected = [[3, -2].map((x) => follow(x)), [follow(1, other())], [0.5, 7, 2].map((x) => follow(x, other()))];
    const got = await values([a, b, c]);
    got.flat().forEach((value, i) => {
      expect(value).toBeCloseTo(expected.flat()[i], digits);
    });
  });

  test('momentum in one group alone takes memory and states for it alone', async () => {
    const [a, b] = leaves(kind, [3], [3]);
    const optimizer = owned(new optim.SGD([{ params: [a], momentum: 0.9 }, { params: [b] }], { lr: 0.1 }));
    expect(Object.keys(optimizer.stateDict().tensors)).toEqual(['0.momentumBuffer']);
    for (let i = 0; i < 3; i++) {
      slopes([a, b]);
      optimizer.step();
    }
    const [heavy, plain] = [sgd(0.1, { momentum: 0.9 })(), sgd(0.1)()];
    let [x, y] = [3, 3];
    for (let t = 1; t <= 3; t++) [x, y] = [heavy(x, 2 * x + 1, t), plain(y, 2 * y + 1, t)];
    expect(await a.item()).toBeCloseTo(x, digits);
    expect(await b.item()).toBeCloseTo(y, digits);
    optimizer.paramGroups[1].momentum = 0.5;
    expect(() => optimizer.step()).toThrow('SGD: group 1 was made without momentumBuffer');
  });

  test.each([
    ['apart from the beginning', 0.1, 1],
    ['that fall apart', 0.2, 2],
  ])('hyperparameters set between calls reach a compiled step, of groups %s', async (_, lr, traces) => {
    setDefaultDevice(devices[kind]);
    const run = async (compiled: boolean) => {
      const [a, b] = leaves(kind, [3, -2], [1]);
      const optimizer = owned(new optim.SGD([{ params: [a], lr }, { params: [b] }], { lr: 0.2, momentum: 0.5 }));
      let traced = 0;
      const body = () => {
        traced++;
        optimizer.zeroGrad();
        const loss = a.square().sum().add(b.square().sum());
        loss.backward();
        optimizer.step();
        return loss;
      };
      const step = compiled ? owned(compile(body)) : body;
      for (let i = 0; i < 6; i++) {
        if (i === 2) optimizer.paramGroups[0].lr = 0.01;
        if (i === 3) optimizer.lr = 0.05;
        if (i === 4) optimizer.paramGroups[1].momentum = 0.9;
        step().dispose();
      }
      optimizer.zeroGrad();
      // Groups that were alike had one dispatch; two do for groups that become alike.
      expect(traced).toBe(compiled ? traces : 6);
      return values([a, b]);
    };
    expect(await run(true)).toEqual(await run(false));
  });
});

test('a step is one update per group, and one for neighbours that are alike', () => {
  const device = devices.webgpu;
  const parameters = leaves('webgpu', [1], [2], [3], [4]);
  const updates = (optimizer: optim.Optimizer): number => {
    slopes(parameters);
    const seen: string[] = [];
    const backend = device.backend as WebGpuBackend;
    backend.observer = (op) => seen.push(op);
    optimizer.step();
    backend.observer = null;
    return seen.filter((op) => op === 'adam').length;
  };
  const [a, b, c, d] = parameters;
  const optimizer = owned(new optim.Adam([{ params: [a, b] }, { params: [c] }, { params: [d], lr: 1 }]));
  expect(updates(optimizer)).toBe(2);
  optimizer.lr = 0.1;
  expect(optimizer.lr).toBe(0.1);
  expect(updates(optimizer)).toBe(1);
  optimizer.paramGroups[1].betas = [0.8, 0.999];
  expect(updates(optimizer)).toBe(3);
});

test('what is no group is refused, before anything moves', () => {
  const [a, b] = leaves('cpu', [1], [2]);
  const view = a.view('test');
  expect(() => new optim.SGD([{ params: [a] }, { params: [b, a] }])).toThrow(
    /^SGD: Tensor.* of group 1 is in a group before/,
  );
  expect(() => new optim.SGD([a, { params: [b] }] as Tensor[])).toThrow(
    'SGD: expected parameters or groups of parameters, got both',
  );
  expect(() => new optim.SGD([{ lr: 1 }] as unknown as Tensor[])).toThrow(
    'SGD: expected params, a list of tensors, in group 0',
  );
  expect(() => new optim.SGD([{ params: [a], lr: -1 }])).toThrow(
    'SGD: expected lr of at least 0 and below Infinity, got -1',
  );
  expect(() => new optim.SGD([{ params: [a], weight_decay: 1 } as { params: Tensor[] }])).toThrow(
    'SGD: there is no option weight_decay, expected lr, momentum, dampening, nesterov, weightDecay',
  );
  expect(() => new optim.Adam([a], { beta: 1 } as object)).toThrow(
    /^Adam: there is no option beta, expected lr, betas/,
  );
  expect(() => new optim.SGD([{ params: [] }])).toThrow('SGD: expected at least one parameter, got none');
  expect(a.view('test').storage).toBe(view.storage);
  const optimizer = owned(new optim.SGD([{ params: [] }, { params: [a], lr: 0.5 }], { lr: undefined }));
  expect(optimizer.paramGroups.map(({ lr }) => lr)).toEqual([1e-3, 0.5]);
  optimizer.lr = Number.NaN;
  slopes([a]);
  expect(() => optimizer.step()).toThrow('SGD: expected lr of at least 0 and below Infinity, got NaN');
});

const makers: Record<string, (p: Tensor[]) => optim.Optimizer> = {
  SGD: ([a, ...rest]) => new optim.SGD([{ params: [a], momentum: 0.8, nesterov: true }, { params: rest }], { lr: 0.1 }),
  Adagrad: (p) => new optim.Adagrad(p, { lr: 0.3, lrDecay: 0.1, initialAccumulatorValue: 0.2 }),
  Adadelta: (p) => new optim.Adadelta(p, { rho: 0.8 }),
  RMSprop: (p) => new optim.RMSprop(p, { momentum: 0.5, centered: true }),
  Adam: (p) => new optim.Adam(p, { lr: 0.05, amsgrad: true }),
  AdamW: ([a, ...rest]) =>
    new optim.AdamW([
      { params: [a], lr: 0.2 },
      { params: rest, betas: [0.7, 0.9] },
    ]),
};

describe.each(['cpu', 'webgpu'])('state dicts on %s', (kind) => {
  const starts = [[3, -2], [1, 0.1, 5], [0.5]];

  test.each(Object.keys(makers))('%s: N steps, a save, a load and N steps are 2 N steps to the bit', async (name) => {
    const steps = (n: number, from: number, optimizer: optim.Optimizer) => {
      for (let i = from; i < from + n; i++) {
        slopes(optimizer.parameters);
        // The last parameter was updated less often.
        if (i < 2) optimizer.parameters.at(-1)!.grad = null;
        optimizer.step();
      }
    };
    const whole = leaves(kind, ...starts);
    steps(10, 0, owned(makers[name](whole)));
    const first = leaves(kind, ...starts);
    const before = owned(makers[name](first));
    steps(5, 0, before);
    const saved = before.stateDict();
    const tensors = await host(saved.tensors);
    const json = JSON.parse(JSON.stringify(saved.values));
    expect(json.steps).toEqual([5, 5, 3]);
    const second = leaves(kind, ...(await values(first)));
    const after = owned(makers[name](second));
    after.lr = 123; // comes back with the state
    after.loadStateDict({ tensors, values: json });
    expect(after.stateDict().values).toEqual(saved.values);
    steps(5, 5, after);
    expect(await values(second)).toEqual(await values(whole));
  });
});

test('a compiled step goes on from a state that was loaded', async () => {
  const run = async (interrupted: boolean) => {
    const [a] = leaves('webgpu', [3, -2]);
    const optimizer = owned(new optim.Adam([a], { lr: 0.1 }));
    const step = owned(
      compile(() => {
        optimizer.zeroGrad();
        a.square().sum().backward();
        optimizer.step();
      }),
    );
    for (let i = 0; i < 3; i++) step();
    if (interrupted) {
      const { tensors, values: json } = optimizer.stateDict();
      const [state, point] = [await host(tensors), await a.tolist()];
      for (let i = 0; i < 4; i++) step();
      a.assign(point);
      optimizer.loadStateDict({ tensors: state, values: json });
    }
    for (let i = 0; i < 3; i++) step();
    optimizer.zeroGrad();
    return a.tolist();
  };
  expect(await run(true)).toEqual(await run(false));
});

test('a state that does not fit is refused by name, and nothing changes', async () => {
  const [a, b] = leaves('cpu', [1, 2], [3]);
  const optimizer = owned(new optim.Adam([a, b], { lr: 0.1 }));
  slopes([a, b]);
  optimizer.step();
  const { tensors: live, values: json } = optimizer.stateDict();
  const tensors = await host(live);
  const load = (other: { tensors?: object; values?: object | null }) => () =>
    optimizer.loadStateDict({ tensors, values: json, ...other } as Parameters<typeof optimizer.loadStateDict>[0]);
  const { '0.expAvg': _, ...less } = tensors;
  const wrong = {
    ...less,
    '1.expAvg': { shape: [2], data: [1, 2] },
    '1.expAvgSq': { shape: [1], data: [] },
    x: tensors.x,
  };
  expect(load({ tensors: wrong })).toThrow(
    'Adam.loadStateDict: unexpected x; missing 0.expAvg; 1.expAvg is [2], expected [1]; 1.expAvgSq [1] comes with 0 values',
  );
  expect(load({ values: null })).toThrow('Adam.loadStateDict: expected the state of Adam, got that of no optimizer');
  expect(load({ values: { ...json, optimizer: 'SGD' } })).toThrow('expected the state of Adam, got that of SGD');
  expect(load({ values: { ...json, groups: [] } })).toThrow('expected 1 parameter groups, got 0');
  const group = (change: object) => ({ values: { ...json, groups: [{ ...json.groups[0], ...change }] } });
  expect(load(group({ params: 3 }))).toThrow('expected 2 parameters in group 0, got 3');
  expect(load(group({ lr: '1' }))).toThrow('expected lr of group 0 to be a number, got a string');
  expect(load(group({ betas: [1] }))).toThrow('expected betas of group 0 to be a list of 2, got a list of 1');
  expect(load(group({ momentum: 1 }))).toThrow('expected no momentum in group 0, got 1');
  expect(load(group({ lr: -1 }))).toThrow('Adam: expected lr of at least 0');
  expect(load(group({ amsgrad: true }))).toThrow('Adam: group 0 was made without maxExpAvgSq');
  const { eps: __, ...short } = json.groups[0] as Record<string, unknown>;
  expect(load({ values: { ...json, groups: [short] } })).toThrow('expected eps in group 0, got none');
  expect(load({ values: { ...json, steps: [1] } })).toThrow('expected 2 counts of steps, got [1]');
  expect(load({ values: { ...json, steps: [1, -1] } })).toThrow('expected 2 counts of steps, got [1,-1]');
  expect(await host(optimizer.stateDict().tensors)).toEqual(tensors);
  expect(optimizer.stateDict().values).toEqual(json);
});

test('states that were looked at are given back with their optimizer', () => {
  const [a] = leaves('webgpu', [1, 2]);
  const before = memory(devices.webgpu).bytes;
  const [optimizer, averages] = [new optim.Adam([a]), new optim.EMA([a])];
  const held = memory(devices.webgpu).bytes;
  optimizer.stateDict();
  averages.stateDict();
  expect(memory(devices.webgpu).bytes).toBe(held);
  optimizer.dispose();
  averages.dispose();
  // The parameter lies in an arena now, which is larger than it was.
  expect(memory(devices.webgpu).bytes - before).toBeLessThan((held - before) / 3);
});
