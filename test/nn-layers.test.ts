// Every layer: its output against the ops, its state, its gradients, the same on both devices, and what it refuses.
import * as ops from 'downhill';
import {
  type Device,
  gradcheckModule,
  manualSeed,
  nn,
  type Shape,
  scope,
  setDefaultDevice,
  type Tensor,
} from 'downhill';
import { describe, expect, test } from 'vitest';
import { openDevices, owned } from './training.ts';

const devices = openDevices();
const { randn, tensor } = ops;

interface Case {
  title: string;
  make: () => nn.Module;
  /** Shape of the input, normal numbers; or the input. */
  x: Shape | (() => Tensor);
  /** The output, in ops. */
  by: (x: Tensor, parameters: Record<string, Tensor>) => Tensor;
  /** Names and shapes of parameters and buffers. */
  state?: Record<string, Shape>;
}

const indices = () => tensor(Int32Array.of(2, 0, 3, 2, 1, 1), { shape: [2, 3] });
const affine = (n: number) => ({ weight: [n], bias: [n] });
const running = (n: number) => ({ runningMean: [n], runningVar: [n] });

/** Layers without parameters: the class, and its op. */
const plain: [title: string, make: () => nn.Module, by: (x: Tensor) => Tensor][] = [
  ['ReLU', () => new nn.ReLU(), ops.relu],
  ['ReLU6', () => new nn.ReLU6(), ops.relu6],
  ['SELU', () => new nn.SELU(), ops.selu],
  ['Sigmoid', () => new nn.Sigmoid(), ops.sigmoid],
  ['LogSigmoid', () => new nn.LogSigmoid(), ops.logSigmoid],
  ['Tanh', () => new nn.Tanh(), ops.tanh],
  ['SiLU', () => new nn.SiLU(), ops.silu],
  ['Mish', () => new nn.Mish(), ops.mish],
  ['Softsign', () => new nn.Softsign(), ops.softsign],
  ['Hardsigmoid', () => new nn.Hardsigmoid(), ops.hardsigmoid],
  ['Hardswish', () => new nn.Hardswish(), ops.hardswish],
  ['LeakyReLU', () => new nn.LeakyReLU(0.2), (x) => ops.leakyRelu(x, 0.2)],
  ['ELU', () => new nn.ELU(0.5), (x) => ops.elu(x, 0.5)],
  ['CELU', () => new nn.CELU(0.5), (x) => ops.celu(x, 0.5)],
  ['GELU', () => new nn.GELU(), ops.gelu],
  ['GELU, by tanh', () => new nn.GELU({ approximate: 'tanh' }), (x) => ops.gelu(x, { approximate: 'tanh' })],
  ['Softplus', () => new nn.Softplus(2, 1), (x) => ops.softplus(x, 2, 1)],
  ['Hardtanh', () => new nn.Hardtanh(-0.5, 0.25), (x) => ops.hardtanh(x, -0.5, 0.25)],
  ['Softmax', () => new nn.Softmax(1), (x) => ops.softmax(x, 1)],
  ['LogSoftmax', () => new nn.LogSoftmax(), (x) => ops.logSoftmax(x, -1)],
  ['Maxout', () => new nn.Maxout(2, 1), (x) => ops.maxout(x, 2, 1)],
  ['GLU', () => new nn.GLU(1), (x) => x.narrow(1, 0, 2).mul(x.narrow(1, 2, 2).sigmoid())],
  ['Softmin', () => new nn.Softmin(1), (x) => x.neg().softmax(1)],
  ['Hardshrink', () => new nn.Hardshrink(0.7), (x) => x.mul(x.abs().gt(0.7).cast('float32'))],
  ['Softshrink', () => new nn.Softshrink(0.7), (x) => x.sign().mul(x.abs().sub(0.7).relu())],
  ['Tanhshrink', () => new nn.Tanhshrink(), (x) => x.sub(x.tanh())],
  ['Threshold', () => new nn.Threshold(0.1, 20), (x) => x.sub(20).mul(x.gt(0.1).cast('float32')).add(20)],
  ['MaxPool2d', () => new nn.MaxPool2d(2), (x) => ops.maxPool2d(x, 2)],
  ['AvgPool2d', () => new nn.AvgPool2d([2, 3], { padding: 1 }), (x) => ops.avgPool2d(x, [2, 3], { padding: 1 })],
  ['AdaptiveAvgPool2d', () => new nn.AdaptiveAvgPool2d([2, null]), (x) => ops.adaptiveAvgPool2d(x, [2, null])],
  ['AdaptiveMaxPool2d', () => new nn.AdaptiveMaxPool2d(2), (x) => ops.adaptiveMaxPool2d(x, 2)],
  ['GlobalAvgPool2d', () => new nn.GlobalAvgPool2d(), ops.globalAvgPool2d],
  ['GlobalMaxPool2d', () => new nn.GlobalMaxPool2d(), ops.globalMaxPool2d],
  [
    'GlobalAvgPool1d',
    () => new nn.Sequential(new nn.Flatten(2), new nn.GlobalAvgPool1d()),
    (x) => ops.globalAvgPool1d(x.flatten(2)),
  ],
  [
    'GlobalMaxPool1d',
    () => new nn.Sequential(new nn.Flatten(2), new nn.GlobalMaxPool1d()),
    (x) => ops.globalMaxPool1d(x.flatten(2)),
  ],
  ['LocalResponseNorm', () => new nn.LocalResponseNorm(3, { k: 2 }), (x) => ops.localResponseNorm(x, 3, { k: 2 })],
  ['Flatten', () => new nn.Flatten(), (x) => x.reshape([2, 120])],
  ['Flatten of some dims', () => new nn.Flatten(0, 1), (x) => x.reshape([8, 5, 6])],
  ['Unflatten', () => new nn.Unflatten(1, [2, -1]), (x) => x.reshape([2, 2, 2, 5, 6])],
  ['Identity', () => new nn.Identity(), (x) => x],
  ['Lambda', () => new nn.Lambda((x) => x.transpose(1, 2)), (x) => x.transpose(1, 2)],
  ['Dropout in evaluation', () => new nn.Dropout(0.5).eval(), (x) => x],
  [
    'Dropout1d in evaluation',
    () => new nn.Sequential(new nn.Flatten(2), new nn.Dropout1d().eval()),
    (x) => x.flatten(2),
  ],
  ['Dropout2d in evaluation', () => new nn.Dropout2d().eval(), (x) => x],
  ['AlphaDropout in evaluation', () => new nn.AlphaDropout().eval(), (x) => x],
  ['VanillaDropout in evaluation', () => new nn.VanillaDropout(0.2).eval(), (x) => x.mul(0.8)],
];

const cases: Case[] = [
  ...plain.map(([title, make, by]): Case => ({ title, make, x: [2, 4, 5, 6], by })),
  {
    title: 'Linear',
    make: () => new nn.Linear(4, 3),
    x: [2, 5, 4],
    by: (x, { weight, bias }) => x.matmul(weight.transpose()).add(bias),
    state: { weight: [3, 4], bias: [3] },
  },
  {
    title: 'Linear without bias',
    make: () => new nn.Linear(4, 3, { bias: false }),
    x: [4],
    by: (x, { weight }) => weight.matmul(x.reshape([4, 1])).reshape([3]),
    state: { weight: [3, 4] },
  },
  {
    title: 'Embedding',
    make: () => new nn.Embedding(4, 3),
    x: indices,
    by: (x, { weight }) => weight.indexSelect(0, x.reshape([-1])).reshape([2, 3, 3]),
    state: { weight: [4, 3] },
  },
  {
    title: 'PReLU',
    make: () => new nn.PReLU(4),
    x: [2, 4, 3],
    by: (x, { weight }) => x.prelu(weight),
    state: { weight: [4] },
  },
  {
    title: 'Conv1d',
    make: () => new nn.Conv1d(4, 6, 3, { stride: 2, padding: 1, groups: 2 }),
    x: [2, 4, 7],
    by: (x, { weight, bias }) => x.conv1d(weight, bias, { stride: 2, padding: 1, groups: 2 }),
    state: { weight: [6, 2, 3], bias: [6] },
  },
  {
    title: 'Conv2d',
    make: () => new nn.Conv2d(2, 3, [3, 2], { stride: [1, 2], dilation: 2, padding: [2, 1] }),
    x: [2, 2, 6, 5],
    by: (x, { weight, bias }) => x.conv2d(weight, bias, { stride: [1, 2], dilation: 2, padding: [2, 1] }),
    state: { weight: [3, 2, 3, 2], bias: [3] },
  },
  {
    title: "Conv2d with 'same' padding in a circle",
    make: () => new nn.Conv2d(2, 3, [4, 3], { padding: 'same', paddingMode: 'circular', dilation: [1, 2] }),
    x: [2, 2, 6, 5],
    by: (x, { weight, bias }) => {
      const padded = x.pad([2, 2, 1, 2], { mode: 'circular' });
      return padded.conv2d(weight, bias, { dilation: [1, 2] });
    },
    state: { weight: [3, 2, 4, 3], bias: [3] },
  },
  {
    title: 'Conv1d with mirrored padding',
    make: () => new nn.Conv1d(2, 3, 3, { padding: 1, paddingMode: 'reflect', bias: false }),
    x: [2, 2, 6],
    by: (x, { weight }) => x.pad([1, 1], { mode: 'reflect' }).conv1d(weight),
    state: { weight: [3, 2, 3] },
  },
  {
    title: 'ConvTranspose2d',
    make: () => new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: [1, 0], groups: 2 }),
    x: [2, 4, 3, 4],
    by: (x, { weight, bias }) =>
      x.convTranspose2d(weight, bias, { stride: 2, padding: 1, outputPadding: [1, 0], groups: 2 }),
    state: { weight: [4, 3, 3, 3], bias: [6] },
  },
  {
    title: 'ConvTranspose1d',
    make: () => new nn.ConvTranspose1d(2, 3, 4, { stride: 2 }),
    x: [2, 2, 5],
    by: (x, { weight, bias }) => x.convTranspose1d(weight, bias, { stride: 2 }),
    state: { weight: [2, 3, 4], bias: [3] },
  },
  {
    title: 'MaxPool1d',
    make: () => new nn.MaxPool1d(3, { stride: 2, padding: 1 }),
    x: [2, 3, 7],
    by: (x) => x.maxPool1d(3, { stride: 2, padding: 1 }),
  },
  {
    title: 'AvgPool1d',
    make: () => new nn.AvgPool1d(3, { countIncludePad: false, padding: 1 }),
    x: [2, 3, 7],
    by: (x) => x.avgPool1d(3, { countIncludePad: false, padding: 1 }),
  },
  { title: 'AdaptiveAvgPool1d', make: () => new nn.AdaptiveAvgPool1d(3), x: [2, 7], by: (x) => x.adaptiveAvgPool1d(3) },
  { title: 'AdaptiveMaxPool1d', make: () => new nn.AdaptiveMaxPool1d(3), x: [2, 7], by: (x) => x.adaptiveMaxPool1d(3) },
  {
    title: 'BatchNorm1d',
    make: () => new nn.BatchNorm1d(3),
    x: [6, 3],
    by: (x, { weight, bias }) => normalized(x, [0]).mul(weight).add(bias),
    state: { ...affine(3), ...running(3) },
  },
  {
    title: 'BatchNorm1d of rows',
    make: () => new nn.BatchNorm1d(3, { affine: false, trackRunningStats: false, eps: 0.1 }),
    x: [4, 3, 2],
    by: (x) => normalized(x, [0, 2], 0.1),
  },
  {
    title: 'BatchNorm2d',
    make: () => new nn.BatchNorm2d(2),
    x: [3, 2, 2, 3],
    by: (x, { weight, bias }) =>
      normalized(x, [0, 2, 3])
        .mul(weight.reshape([2, 1, 1]))
        .add(bias.reshape([2, 1, 1])),
    state: { ...affine(2), ...running(2) },
  },
  {
    title: 'LayerNorm',
    make: () => new nn.LayerNorm([3, 4]),
    x: [2, 3, 4],
    by: (x, { weight, bias }) => normalized(x, [1, 2]).mul(weight).add(bias),
    state: { weight: [3, 4], bias: [3, 4] },
  },
  {
    title: 'LayerNorm of the last dim, without bias',
    make: () => new nn.LayerNorm(4, { bias: false, eps: 0.01 }),
    x: [2, 3, 4],
    by: (x, { weight }) => normalized(x, [2], 0.01).mul(weight),
    state: { weight: [4] },
  },
  {
    title: 'RMSNorm',
    make: () => new nn.RMSNorm(4, { eps: 0.01 }),
    x: [2, 3, 4],
    by: (x, { weight }) => x.mul(x.square().mean(-1, true).add(0.01).rsqrt()).mul(weight),
    state: { weight: [4] },
  },
  {
    title: 'GroupNorm',
    make: () => new nn.GroupNorm(2, 4),
    x: [2, 4, 3],
    by: (x, { weight, bias }) =>
      normalized(x.reshape([2, 2, 6]), [2])
        .reshape([2, 4, 3])
        .mul(weight.reshape([4, 1]))
        .add(bias.reshape([4, 1])),
    state: affine(4),
  },
  { title: 'InstanceNorm1d', make: () => new nn.InstanceNorm1d(3), x: [2, 3, 5], by: (x) => normalized(x, [2]) },
  {
    title: 'InstanceNorm2d',
    make: () => new nn.InstanceNorm2d(3, { affine: true }),
    x: [2, 3, 4, 2],
    by: (x, { weight, bias }) =>
      normalized(x, [2, 3])
        .mul(weight.reshape([3, 1, 1]))
        .add(bias.reshape([3, 1, 1])),
    state: affine(3),
  },
  {
    title: 'Sequential',
    make: () => new nn.Sequential(new nn.Linear(4, 3), new nn.Tanh(), new nn.Linear(3, 2)),
    x: [5, 4],
    by: (x, p) => x.linear(p['0.weight'], p['0.bias']).tanh().linear(p['2.weight'], p['2.bias']),
    state: { '0.weight': [3, 4], '0.bias': [3], '2.weight': [2, 3], '2.bias': [2] },
  },
];

/** (x - mean) / sqrt(biased variance + eps) over some dims. */
function normalized(x: Tensor, dims: number[], eps = 1e-5): Tensor {
  const centered = x.sub(x.mean(dims, true));
  return centered.mul(centered.square().mean(dims, true).add(eps).rsqrt());
}

/** The layer of a case on a device, with parameters that are not those of the start, and its input. */
async function prepare({ make, x }: Case, device: Device) {
  setDefaultDevice(device);
  manualSeed(7);
  const layer = owned(make());
  for (const parameter of layer.parameters()) nn.init.normal(parameter, { mean: 0.5 });
  return { layer, input: owned(typeof x === 'function' ? x() : randn(x)) };
}

describe.each(cases)('$title', (item) => {
  test('is what the ops give, on both devices', async () => {
    const outputs: number[][] = [];
    for (const device of [devices.cpu, devices.webgpu]) {
      const { layer, input } = await prepare(item, device);
      const [out, wanted] = scope(() => [layer.call(input), item.by(input, layer.stateDict())]).map(owned);
      expect(out.shape).toEqual(wanted.shape);
      outputs.push([...(await out.data())], [...(await wanted.data())]);
    }
    const [exact, wanted, onGpu] = outputs;
    exact.forEach((v, i) => {
      expect(Math.abs(v - wanted[i])).toBeLessThan(1e-9);
      expect(Math.abs(v - onGpu[i])).toBeLessThan(1e-4 * Math.max(1, Math.abs(v)));
    });
  });

  test('names its state, and gradients reach all parameters', async () => {
    const { layer, input } = await prepare(item, devices.cpu);
    const shapes = Object.entries(layer.stateDict()).map(([name, { shape }]) => [name, shape]);
    expect(Object.fromEntries(shapes)).toEqual(item.state ?? {});
    if ([...layer.parameters()].length === 0) return;
    const weights = owned(randn(owned(layer.call(input)).shape));
    const report = await gradcheckModule(layer, (out, weights) => out.mul(weights).sum(), [input, weights]);
    expect(report.passed, String(report)).toBe(true);
  });
});

test('every layer is among the cases, or has tests of its own', () => {
  const elsewhere = /Loss$|^Module|^MultiheadAttention$|^TransformerEncoderLayer$|^DropoutLayer$/;
  const layers = Object.entries(nn).filter(
    ([, value]) => (value as { prototype?: object }).prototype instanceof nn.Module,
  );
  const covered = new Set(cases.map(({ title }) => title.split(/[ ,]/)[0]));
  expect(layers.length).toBeGreaterThan(60);
  expect(layers.map(([name]) => name).filter((name) => !covered.has(name) && !elsewhere.test(name))).toEqual([]);
});

test('the padding row of an embedding is zero and stays so', async () => {
  setDefaultDevice(devices.cpu);
  const layer = owned(new nn.Embedding(4, 2, { paddingIdx: -2 }));
  const rows = await layer.weight.tolist();
  expect(rows[2]).toEqual([0, 0]);
  expect(rows[0]).not.toEqual([0, 0]);
  scope(() => layer.call(indices()).sum().backward());
  expect(await layer.weight.grad!.tolist()).toEqual([
    [1, 1],
    [2, 2],
    [0, 0],
    [1, 1],
  ]);
});

test('lists and dicts of modules name what they hold, and are not called', async () => {
  const list = new nn.ModuleList([new nn.Linear(2, 2), new nn.ReLU()]);
  list.push(new nn.Linear(2, 1));
  expect([list.length, list.at(-1), [...list][2]]).toEqual([3, list.at(2), list.at(2)]);
  expect(Object.keys(list.stateDict())).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
  expect(() => list.at(3)).toThrow('ModuleList: expected an index below 3, got 3');
  const dict = new nn.ModuleDict<nn.Module>({ head: new nn.Linear(2, 1) });
  dict.set('tail', list);
  expect(Object.keys(dict.stateDict()).slice(0, 3)).toEqual(['head.weight', 'head.bias', 'tail.0.weight']);
  expect([dict.has('head'), dict.has('neck')]).toEqual([true, false]);
  expect(() => dict.get('neck')).toThrow('ModuleDict: expected head, tail, got neck');
  expect(dict.eval().get('tail').training).toBe(false);
  const x = owned(randn([1, 2]));
  expect(() => list.call(x)).toThrow('ModuleList: expected its modules to be called');
  expect(() => dict.call(x)).toThrow('ModuleDict: expected its modules to be called');
  dict.dispose();
});
