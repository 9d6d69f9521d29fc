// What monitors measure: against the host's own arithmetic, eager and compiled, on every device.
import {
  compile,
  type Device,
  manualSeed,
  memory,
  nn,
  optim,
  randn,
  referenceCnn,
  scope,
  setDefaultDevice,
  tensor,
} from 'downhill';
import { describe, expect, test } from 'vitest';
import { histogramOf, samplingStep } from '../src/train/histogram.ts';
import { monitors } from '../src/train/monitors.ts';
import { layerOf, monitored } from './monitored.ts';
import { openDevices } from './training.ts';

const devices = openDevices();
const on = (name: string): Device => {
  setDefaultDevice(devices[name]);
  return devices[name];
};

const labels = (n: number, classes: number) => tensor(Int32Array.from({ length: n }, (_, i) => (i * 5 + 1) % classes));
const meanOf = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
const stdOf = (values: ArrayLike<number>) => {
  const center = meanOf(values);
  return Math.sqrt(meanOf(Array.from(values, (v) => (v - center) ** 2)));
};
const normOf = (values: ArrayLike<number>) => Math.sqrt(Array.from(values).reduce((a, v) => a + v * v, 0));

describe.each(['cpu', 'webgpu'])('on %s', (name) => {
  // Outputs of up to 4,096 elements are read whole, figures of larger ones are made on the device.
  test.each([
    [12, false],
    [12, true],
    [600, false],
    [600, true],
  ])('figures are those of the layers and parameters; batch of %i, compiled %s', async (rows, compiled) => {
    on(name);
    manualSeed(1);
    const layers = [new nn.Linear(6, 8), new nn.Tanh(), new nn.Linear(8, 10), new nn.ReLU(), new nn.Linear(10, 3)];
    const model = new nn.Sequential(...layers);
    const [x, y] = [randn([rows, 6]).mul(4), labels(rows, 3)];
    // The same by hand, before anything moves.
    const outputs: number[][] = [];
    let value = x;
    for (const layer of layers) {
      value = layer.forward(value);
      value.retainGrad();
      outputs.push(Array.from(await value.data()));
      if (layer instanceof nn.Tanh) expect(outputs.at(-1)!.some((v) => Math.abs(v) > 0.99)).toBe(true);
    }
    const hidden = layers[3].forward(layers[2].forward(layers[1].forward(layers[0].forward(x)))).detach();
    hidden.requiresGrad = true;
    layers[4].forward(hidden).crossEntropy(y).backward();
    const hiddenGradient = Array.from(await hidden.grad!.data());
    for (const parameter of model.parameters()) parameter.grad = null;
    const before = await layers[0].stateDict().weight.data();

    const { probes } = await monitored(model, x, y, { compiled, steps: 1 });
    expect(probes).toHaveLength(1);
    const [probe] = probes;
    expect(probe.layers.map(({ name, type, role }) => `${name} ${type} ${role}`)).toEqual([
      '0 Linear weights',
      '1 Tanh activation',
      '2 Linear weights',
      '3 ReLU activation',
      '4 Linear weights',
    ]);
    outputs.forEach((values, i) => {
      const { activation, zeros, units } = probe.layers[i];
      expect(activation.mean).toBeCloseTo(meanOf(values), 5);
      expect(activation.std).toBeCloseTo(stdOf(values), 5);
      expect(zeros).toBeCloseTo(values.filter((v) => v === 0).length / values.length, 5);
      expect(units).toBe(values.length / rows);
      const { counts, min, max } = activation.histogram!;
      const counted = counts.reduce((a, b) => a + b);
      expect(counted).toBeLessThanOrEqual(4096);
      if (values.length <= 4096) expect(counted).toBe(values.length);
      else expect(counted).toBeGreaterThan(500);
      const [least, most] = [Math.min(...values), Math.max(...values)];
      expect(min).toBeGreaterThanOrEqual(least - 1e-4);
      expect(max).toBeLessThanOrEqual(most + 1e-4);
      if (values.length <= 4096) expect([min - least, max - most].every((d) => Math.abs(d) < 1e-4)).toBe(true);
    });
    const tanh = layerOf(probe, '1');
    expect(tanh.saturated).toBeCloseTo(outputs[1].filter((v) => Math.abs(v) > 0.99).length / outputs[1].length, 5);
    expect(tanh.dead).toBeNull();
    const relu = layerOf(probe, '3');
    expect(relu.saturated).toBeNull();
    const silent = Array.from({ length: 10 }, (_, u) => u).filter((u) =>
      outputs[3].every((v, i) => i % 10 !== u || v === 0),
    );
    expect(relu.dead).toEqual(silent);
    expect(relu.gradient!.mean).toBeCloseTo(meanOf(hiddenGradient), 6);
    expect(relu.gradient!.std).toBeCloseTo(stdOf(hiddenGradient), 6);
    const after = await layers[0].stateDict().weight.data();
    expect(probe.parameters.map(({ name }) => name)).toEqual([
      '0.weight',
      '0.bias',
      '2.weight',
      '2.bias',
      '4.weight',
      '4.bias',
    ]);
    expect(probe.parameters[0].weight).toBeCloseTo(normOf(after), 4);
    expect(probe.parameters[0].update).toBeCloseTo(normOf(Array.from(after, (v, i) => v - before[i])), 5);
    expect(probe.memory.bytes).toBeGreaterThan(0);
    model.dispose();
  });

  test('compiled steps measure anew at every call, and change nothing', async () => {
    on(name);
    const train = async (compiled: boolean, interval: number) => {
      manualSeed(2);
      const model = new nn.Sequential(new nn.Linear(6, 8), new nn.ReLU(), new nn.Linear(8, 3));
      const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
      const result = await monitored(model, randn([12, 6]), labels(12, 3), { compiled, steps: 6, interval, optimizer });
      return { ...result, weights: await model.stateDict()['0.weight'].tolist() };
    };
    const plain = await train(true, 100);
    const often = await train(true, 2);
    const eager = await train(false, 2);
    expect(often.losses).toEqual(plain.losses);
    expect(often.weights).toEqual(plain.weights);
    expect(often.probes.map(({ step }) => step)).toEqual([1, 3, 5]);
    expect(often.probes[2].layers).not.toEqual(often.probes[0].layers);
    expect(often.probes.map(({ layers, parameters }) => ({ layers, parameters }))).toEqual(
      eager.probes.map(({ layers, parameters }) => ({ layers, parameters })),
    );
  });

  test('batches of other sizes are told apart, units of maps are channels, flatten is left out', async () => {
    on(name);
    manualSeed(3);
    const model = referenceCnn();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const watch = monitors({ interval: 1 });
    const step = compile((x: ReturnType<typeof randn>, y: ReturnType<typeof randn>) => {
      watch.probe.begin({ model, optimizer });
      const loss = model.call(x).crossEntropy(y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return watch.probe.end({ model, optimizer });
    });
    for (const [i, n] of [2, 1, 2].entries()) {
      const values = step(randn([n, 1, 28, 28]), labels(n, 10));
      const read = Object.entries(values).map(async ([k, v]) => [k, { shape: v.shape, data: await v.data() }] as const);
      watch.probe.report(i + 1, Object.fromEntries(await Promise.all(read)));
    }
    for (const record of watch.records) {
      if (record.kind !== 'probe') throw new Error('expected probes alone');
      expect(record.layers.map(({ name, units }) => [name, units])).toEqual([
        ['0', 8],
        ['1', 8],
        ['2', 8],
        ['3', 16],
        ['4', 16],
        ['5', 16],
        ['7', 10],
      ]);
      for (const { activation, gradient } of record.layers) {
        const total = (counts: number[]) => counts.reduce((a, b) => a + b);
        expect(total(activation.histogram!.counts)).toBeLessThanOrEqual(4096);
        expect(total(activation.histogram!.counts)).toBe(total(gradient!.histogram!.counts));
        expect(activation.std).toBeGreaterThan(0);
        expect(gradient!.std).toBeGreaterThan(0);
      }
    }
    const sizes = watch.records.map((record) =>
      record.kind === 'probe' ? record.layers.at(-1)!.activation.histogram!.counts : [],
    );
    expect(sizes.map((counts) => counts.reduce((a, b) => a + b))).toEqual([20, 10, 20]);
    step.dispose();
    optimizer.dispose();
    model.dispose();
  });
});

test('of a step with several batches, each in a scope that ends before the step, the first one is measured', async () => {
  on('cpu');
  manualSeed(8);
  const model = new nn.Sequential(new nn.Linear(6, 8), new nn.ReLU(), new nn.Linear(8, 3));
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  const watch = monitors();
  const batches = [4, 7].map((n) => ({ x: randn([n, 6]), y: labels(n, 3) }));
  const before = memory().bytes;
  const values = scope(() => {
    watch.probe.begin({ model, optimizer });
    for (const { x, y } of batches) scope(() => model.call(x).crossEntropy(y).backward());
    optimizer.step();
    return watch.probe.end({ model, optimizer });
  });
  const read = Object.entries(values).map(async ([k, v]) => [k, { shape: v.shape, data: await v.data() }] as const);
  watch.probe.report(1, Object.fromEntries(await Promise.all(read)));
  const [probe] = watch.records;
  if (probe.kind !== 'probe') throw new Error('expected a probe');
  expect(probe.layers.map(({ name, gradient }) => [name, gradient !== null])).toEqual([
    ['0', true],
    ['1', true],
    ['2', true],
  ]);
  expect(probe.layers[2].activation.histogram!.counts.reduce((a, b) => a + b)).toBe(4 * 3);
  // Nothing is held on to but gradients, in the arena of the optimizer.
  for (const value of Object.values(values)) value.dispose();
  optimizer.zeroGrad();
  expect(memory().bytes).toBe(before);
});

test('hooks are gone after a measured step, and after one that failed', async () => {
  on('cpu');
  const model = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU());
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  const watch = monitors();
  watch.probe.begin({ model, optimizer });
  // The step failed here; the next one begins again.
  watch.probe.begin({ model, optimizer });
  const x = randn([4, 2]);
  const loss = model.call(x).sum();
  loss.backward();
  optimizer.step();
  scope(() => {
    expect(Object.keys(watch.probe.end({ model, optimizer })).sort()).toEqual(['counts', 'figures', 'samples']);
  });
  const output = model.call(x);
  expect(output.retainsGrad).toBe(false);
});

test('a gradient is retained where it was asked for, and nowhere else', async () => {
  on('cpu');
  const x = tensor([1, 2, -3], { requiresGrad: true });
  const middle = x.mul(2).retainGrad();
  const other = middle.relu();
  other.square().sum().backward();
  expect(await middle.grad!.tolist()).toEqual([4, 8, 0]);
  expect(await x.grad!.tolist()).toEqual([8, 16, 0]);
  expect(other.grad).toBeNull();
  expect(() => x.detach().retainGrad()).toThrow(/does not require gradients/);
});

test('filters: of a first convolution, of a linear layer over squares, of nothing else', async () => {
  on('cpu');
  manualSeed(4);
  const y = labels(2, 3);
  const conv = new nn.Sequential(new nn.Conv2d(3, 5, 3), new nn.Flatten(), new nn.Linear(5 * 4, 3));
  const { records } = await monitored(conv, randn([2, 3, 4, 4]), y, { steps: 2, interval: 2 });
  expect(records.map(({ kind, step }) => [kind, step])).toEqual([
    ['filters', 0],
    ['probe', 1],
    ['filters', 2],
  ]);
  const filters = records.at(-1)!;
  if (filters.kind !== 'filters') throw new Error('expected filters');
  expect(filters).toMatchObject({ name: '0', shape: [5, 3, 3, 3] });
  const weight = await conv.stateDict()['0.weight'].data();
  expect(Math.max(...filters.data.map((v, i) => Math.abs(v - weight[i])))).toBeLessThan(1e-4);
  const wide = await monitored(new nn.Sequential(new nn.Linear(64, 200), new nn.Linear(200, 3)), randn([2, 64]), y);
  expect(wide.records[0]).toMatchObject({ kind: 'filters', shape: [64, 1, 8, 8] });
  const narrow = await monitored(new nn.Sequential(new nn.Linear(5, 3)), randn([2, 5]), y);
  expect(narrow.records.map(({ kind }) => kind)).toEqual(['probe']);
});

test('a layer that stands in two places is seen once in each call', async () => {
  on('cpu');
  const [linear, tanh] = [new nn.Linear(3, 3), new nn.Tanh()];
  const model = new nn.Sequential(linear, tanh, linear, tanh, new nn.Linear(3, 3));
  const { probes } = await monitored(model, randn([2, 3]), labels(2, 3));
  expect(probes[0].layers.map(({ name }) => name)).toEqual(['0', '1', '0 (call 2)', '1 (call 2)', '4']);
});

test('dropout is no activation', async () => {
  on('cpu');
  const model = new nn.Sequential(new nn.Linear(5, 3), new nn.Dropout(0.5), new nn.ELU());
  const { probes } = await monitored(model, randn([2, 5]), labels(2, 3));
  expect(probes[0].layers.map(({ role }) => role)).toEqual(['weights', 'other', 'activation']);
});

test('options: no histograms, records as they come, and an interval that makes sense', async () => {
  on('cpu');
  const written: unknown[] = [];
  const model = new nn.Sequential(new nn.Linear(5, 3));
  const { records } = await monitored(model, randn([2, 5]), labels(2, 3), {
    histograms: false,
    write: (record) => written.push(record),
  });
  expect(written).toEqual(records);
  expect(JSON.parse(JSON.stringify(records))).toEqual(records);
  expect(records[0]).toMatchObject({ kind: 'probe', layers: [{ activation: { histogram: null } }] });
  for (const interval of [0, 1.5, Number.NaN]) expect(() => monitors({ interval })).toThrow(/interval .* got/);
});

test('a loss that is no number gives nulls, not figures', async () => {
  on('cpu');
  const model = new nn.Sequential(new nn.Linear(5, 3), new nn.Sigmoid());
  const nan = tensor(new Float32Array(10).fill(Number.NaN), { shape: [2, 5] });
  const { probes } = await monitored(model, nan, labels(2, 3));
  expect(probes[0].layers[1].activation).toEqual({ mean: null, std: null, histogram: null });
});

describe('histograms', () => {
  test('count every finite value once, the greatest in the last bin', () => {
    expect(histogramOf([0, 1, 2, 3, 4, Number.NaN, 4], 4)).toEqual({ min: 0, max: 4, counts: [1, 1, 1, 3] });
    expect(histogramOf([7, 7], 3)).toEqual({ min: 7, max: 7, counts: [2, 0, 0] });
    expect(histogramOf([Number.NaN])).toBeNull();
  });

  test('a sample visits every column of every row', () => {
    const [rows, columns] = [64 * 8 * 28, 28];
    const step = samplingStep(rows * columns, 4096);
    const seen = new Array(columns).fill(0);
    for (let at = 0; at < rows * columns; at += step) seen[at % columns]++;
    expect(Math.min(...seen)).toBeGreaterThan(0.9 * Math.max(...seen));
    expect(samplingStep(100, 4096)).toBe(1);
  });
});
