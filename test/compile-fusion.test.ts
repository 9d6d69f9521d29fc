// What compiled functions join into one kernel on WebGPU, what they leave out, and that the values stay those of the ops one by one.
import {
  batchNorm,
  compile,
  conv2d,
  grad,
  layerNorm,
  manualSeed,
  nn,
  ones,
  optim,
  randn,
  scope,
  setDefaultDevice,
  type Tensor,
  zeros,
} from 'downhill';
import { beforeAll, describe, expect, test } from 'vitest';
import { openDevices, owned } from './training.ts';

const devices = openDevices();

interface Joined {
  /** Shapes of the arguments. */
  inputs: number[][];
  fn: (...x: Tensor[]) => Tensor[];
  /** The kernels by their ops, in order. */
  kernels: string[];
}

const cases: Record<string, Joined> = {
  'a chain with broadcasts and several outputs': {
    inputs: [[6, 5], [5], [6, 1]],
    fn: (x, row, column) => {
      const a = x.add(row).mul(column);
      const b = a.tanh();
      return [a, b.neg(), b];
    },
    kernels: ['add+mul+tanh+neg'],
  },
  'bias, activation and residual behind a product': {
    inputs: [[9, 4], [4, 7], [7], [9, 7]],
    fn: (x, w, bias, residual) => [x.matmul(w).add(bias).relu().add(residual)],
    kernels: ['matmul+add+relu+add'],
  },
  'bias, activation and residual behind a convolution': {
    inputs: [[2, 3, 5, 4], [3, 3, 3, 3], [3]],
    fn: (x, w, bias) => [conv2d(x, w, bias, { padding: 1 }).relu().add(x)],
    kernels: ['conv2d+add+relu+add'],
  },
  'in front of a reduction and behind it': {
    inputs: [[6, 7], [7]],
    fn: (x, scale) => [x.mul(scale).square().sum(1).add(1).sqrt()],
    kernels: ['mul+square+sum+add+sqrt'],
  },
  'in front of a reduction along dim 0, and of all elements': {
    inputs: [[6, 7]],
    fn: (x) => [x.square().mean(0).neg(), x.abs().sum().exp()],
    kernels: ['square+mean+neg', 'abs+sum+exp'],
  },
  'behind norms and softmax': {
    inputs: [
      [3, 8],
      [2, 3, 4, 4],
    ],
    fn: (x, images) => [
      layerNorm(x, [8]).gelu(),
      x.softmax(-1).mul(2),
      batchNorm(images, { training: true }).relu().add(images),
    ],
    kernels: ['normalize+gelu', 'softmax+mul', 'batchNorm+relu+add'],
  },
  'views, which are no kernels': {
    inputs: [[6, 4], [2]],
    fn: (x, y) => [
      x
        .reshape([4, 6])
        .transpose(0, 1)
        .slice(0, 1, 4)
        .slice(1, 0, 2)
        .add(y.expand([3, 2])),
    ],
    kernels: ['add'],
  },
  'what is asked for twice': {
    inputs: [
      [5, 4],
      [4, 3],
    ],
    fn: (x, w) => [x.matmul(w).relu(), x.matmul(w).relu().sum(0)],
    kernels: ['matmul+relu', 'sum'],
  },
  'what nobody asked for: the product itself, for a gradient that does not need it': {
    inputs: [
      [5, 4],
      [5, 3],
    ],
    fn: (x, g) => {
      const w = zeros([4, 3], { requiresGrad: true });
      return [grad(x.matmul(w), [w], { gradients: [g] })[0]!];
    },
    kernels: ['matmul'],
  },
};

describe('on WebGPU', () => {
  beforeAll(() => setDefaultDevice(devices.webgpu));

  test.each(Object.entries(cases))('%s', async (_, { inputs, fn, kernels }) => {
    manualSeed(5);
    const given = inputs.map((shape) => owned(randn(shape)));
    const run = owned(compile(fn));
    const [eager, ours] = [scope(() => fn(...given)), run(...given)];
    expect(run.explain().kernels.map(({ op }) => op)).toEqual(kernels);
    for (const [i, x] of eager.entries()) {
      const [wanted, found] = [await owned(x).data(), await owned(ours[i]).data()];
      expect(ours[i].shape).toEqual(x.shape);
      wanted.forEach((v, k) => {
        expect(Math.abs(found[k] - v)).toBeLessThan(1e-5 * Math.max(1, Math.abs(v)));
      });
    }
  });

  test('random numbers that are drawn twice stay two', async () => {
    const run = owned(compile((x: Tensor) => [x.dropout(0.5), x.dropout(0.5)]));
    const found = run(owned(ones([64])));
    const [a, b] = await Promise.all(found.map((x) => owned(x).tolist()));
    expect(a).not.toEqual(b);
  });
});

/** A small network of all kinds of layers, and a step of training it. */
function training() {
  manualSeed(2);
  const model = owned(
    new nn.Sequential(
      new nn.Conv2d(1, 4, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(16, 8),
      new nn.GELU(),
      new nn.Linear(8, 3),
    ),
  );
  const optimizer = owned(new optim.Adam(model.parameters(), { lr: 0.01 }));
  return owned(
    compile((x: Tensor, y: Tensor) => {
      optimizer.zeroGrad();
      const loss = model.call(x).crossEntropy(y);
      loss.backward();
      optimizer.step();
      return loss;
    }),
  );
}

test('a training step: fewer kernels with as many operations, and one dispatch for all parameters', async () => {
  const explained = [devices.cpu, devices.webgpu].map((device) => {
    setDefaultDevice(device);
    const step = training();
    const y = owned(ones([5], { dtype: 'int32' }));
    owned(step(owned(randn([5, 1, 4, 4])), y));
    return step.explain();
  });
  const [apart, joined] = explained;
  expect(joined.kernels.length).toBeLessThan(apart.kernels.length);
  expect(joined.flops).toBe(apart.flops);
  const [update, ...others] = joined.kernels.filter(({ op }) => op.includes('adam'));
  expect(others).toEqual([]);
  expect(update.shaders).toEqual(['adam.wgsl']);
});
