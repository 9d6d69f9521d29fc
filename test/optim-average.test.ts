// Averages of weights that are saved and loaded, and means of checkpoints.
import { nn, optim, randn, type Tensor, tensor } from 'downhill';
import { describe, expect, test } from 'vitest';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();

const leaves = (kind: string, ...starts: number[][]) =>
  starts.map((start) => owned(tensor(start, { device: devices[kind], requiresGrad: true })));

const host = async (tensors: Record<string, Tensor>) =>
  Object.fromEntries(
    await Promise.all(
      Object.entries(tensors).map(async ([key, t]) => [key, { shape: t.shape, data: await t.data() }] as const),
    ),
  );

test('EMA goes on from its state, and has none while swapped', async () => {
  const [a, b] = leaves('webgpu', [1, 2], [3]);
  const averages = owned(new optim.EMA([a, b], { decay: 0.5 }));
  a.assign([3, 4]);
  averages.update();
  const { tensors, values: json } = averages.stateDict();
  const state = { tensors: await host(tensors), values: json };
  expect(json).toEqual({ decay: 0.5 });
  expect(state.tensors).toMatchObject({ 0: { shape: [2] }, 1: { shape: [1] } });
  const others = leaves('webgpu', [9, 9], [9]);
  const loaded = owned(new optim.EMA(others));
  loaded.loadStateDict(state);
  expect(loaded.decay).toBe(0.5);
  loaded.swap();
  expect(await values(others)).toEqual([[2, 3], [3]]);
  expect(() => loaded.stateDict()).toThrow(
    'EMA: stateDict() while the parameters hold the averages; swap() back first',
  );
  loaded.swap();
  expect(() => loaded.loadStateDict({ ...state, values: {} })).toThrow(
    'EMA.loadStateDict: expected decay of at least 0',
  );
  expect(() => loaded.loadStateDict({ ...state, tensors: {} })).toThrow('EMA.loadStateDict: missing 0; missing 1');
});

describe('averageCheckpoints', () => {
  const state = (weight: ArrayLike<number>, shape = [weight.length]) => ({ weight: { shape, data: weight } });

  test('is the mean in float64, rounded once, and of counts the last', () => {
    // Summed in float32, the ones would vanish beside 2^25.
    const values = [2 ** 25, 1, 1, 1, 1];
    const mean = optim.averageCheckpoints(values.map((v) => state(Float32Array.of(v, -v))));
    expect(mean.weight).toEqual({ shape: [2], data: Float32Array.of((2 ** 25 + 4) / 5, -(2 ** 25 + 4) / 5) });
    expect(optim.averageCheckpoints([state([1, 2]), state(Float32Array.of(2, 4))]).weight.data).toEqual(
      Float64Array.of(1.5, 3),
    );
    expect(optim.averageCheckpoints([state(Int32Array.of(1)), state(Int32Array.of(4))]).weight.data).toEqual(
      Int32Array.of(4),
    );
  });

  test('of models loads into a model', async () => {
    const models = [0, 1].map(() => owned(new nn.Linear(3, 2)));
    const states = await Promise.all(models.map((model) => host(model.stateDict())));
    const mean = owned(new nn.Linear(3, 2));
    mean.loadStateDict(optim.averageCheckpoints(states));
    const x = owned(randn([4, 3]));
    const [a, b, m] = [...models, mean].map((model) => owned(model.forward(x)));
    const [p, q, r] = await Promise.all([a.data(), b.data(), m.data()]);
    r.forEach((value, i) => {
      expect(value).toBeCloseTo((p[i] + q[i]) / 2, 5);
    });
  });

  test('refuses states that differ in keys or shapes', () => {
    expect(() => optim.averageCheckpoints([])).toThrow('averageCheckpoints: expected at least one state, got none');
    expect(() => optim.averageCheckpoints([state([1]), state([1, 2])])).toThrow(
      'averageCheckpoints: state 1: weight is [2], expected [1]',
    );
    expect(() => optim.averageCheckpoints([state([1]), { bias: { shape: [1], data: [1] } }])).toThrow(
      'averageCheckpoints: state 1: unexpected bias; missing weight',
    );
    expect(() => optim.averageCheckpoints([state([1], [2])])).toThrow('state 0: weight [2] comes with 1 values');
  });
});
