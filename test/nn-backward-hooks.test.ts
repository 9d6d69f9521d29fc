// Full backward hooks: what they are told, what they may change, and that they leave nothing behind.
import {
  compile,
  grad,
  keep,
  manualSeed,
  memory,
  nn,
  noGrad,
  randn,
  scope,
  setDefaultDevice,
  type Tensor,
} from 'downhill';
import { describe, expect, test } from 'vitest';
import { openDevices, owned } from './training.ts';

const devices = openDevices();

const make = () => {
  manualSeed(3);
  return [new nn.Linear(4, 3), new nn.Tanh(), new nn.Linear(3, 2)];
};

describe.each(['cpu', 'webgpu'])('on %s', (kind) => {
  test('are told the gradients by input and output, from the last module to the first', async () => {
    setDefaultDevice(devices[kind]);
    const layers = make();
    const model = owned(new nn.Sequential(...layers));
    const x = owned(randn([5, 4]));
    // The same by hand, without hooks.
    const wanted = scope(() => {
      const values = [x];
      for (const layer of layers) values.push(layer.call(values.at(-1)!));
      return grad(values.at(-1)!.square().sum(), values.slice(1));
    }).map((g) => owned(g!));
    const told: { module: nn.Module; gradients: (Promise<unknown> | null)[] }[] = [];
    const removals = [model, ...layers].map((one) =>
      one.registerFullBackwardHook((module, gradInput, gradOutput) => {
        told.push({ module, gradients: [gradInput?.tolist() ?? null, gradOutput.tolist()] });
      }),
    );
    const run = () => scope(() => model.call(x).square().sum().backward());
    run();
    expect(told.map(({ module }) => module)).toEqual([model, layers[2], layers[1], layers[0]]);
    const gradients = await Promise.all(told.map(async ({ gradients }) => Promise.all(gradients)));
    const [first, second, third] = await Promise.all(wanted.map((g) => g.tolist()));
    expect(gradients).toEqual([
      [null, third],
      [second, third],
      [first, second],
      [null, first],
    ]);
    for (const remove of removals) remove();
    run();
    expect(told).toHaveLength(4);
  });

  test('leave the gradients of parameters as they are, in compiled functions too, and no memory', async () => {
    setDefaultDevice(devices[kind]);
    const layers = make();
    const model = owned(new nn.Sequential(...layers));
    const x = owned(randn([5, 4]));
    const gradients = () => [...model.parameters()].map((parameter) => parameter.grad!);
    const read = (tensors: Tensor[]) => Promise.all(tensors.map((tensor) => tensor.tolist()));
    const step = () => {
      model.zeroGrad();
      let ratio: Tensor | null = null;
      const remove = layers[1].registerFullBackwardHook((_, gradInput, gradOutput) => {
        ratio = keep(gradInput!.div(gradOutput).max());
      });
      model.call(x).square().sum().backward();
      remove();
      return { ratio: ratio as unknown as Tensor, gradients: gradients() };
    };
    scope(() => model.call(x).square().sum().backward());
    const wanted = await read(gradients());
    model.zeroGrad();
    const outputs = owned(scope(() => layers[1].call(layers[0].call(x)).abs()));
    const slope = 1 - Math.min(...(await outputs.data())) ** 2;
    const { bytes } = memory();
    const compiled = compile(step);
    for (const run of [() => scope(step), compiled]) {
      for (let i = 0; i < 2; i++) {
        const result = run();
        expect(await result.ratio.item()).toBeCloseTo(slope, 4);
        expect(await read(result.gradients)).toEqual(wanted);
        for (const tensor of [result.ratio, ...result.gradients]) tensor.dispose();
      }
      model.zeroGrad();
      if (run === compiled) compiled.dispose();
      expect(memory().bytes).toBe(bytes);
    }
  });
});

test('may return another gradient for the input, one after the other', async () => {
  setDefaultDevice(devices.cpu);
  const layers = make();
  const model = owned(new nn.Sequential(...layers));
  const x = owned(randn([5, 4]));
  const backward = () => {
    model.zeroGrad();
    scope(() => model.call(x).sum().backward());
    return Promise.all(layers.flatMap((layer) => [...layer.parameters()].map(({ grad }) => grad!.tolist())));
  };
  const [weight, bias, ...rest] = await backward();
  layers[1].registerFullBackwardHook((_, gradInput) => gradInput!.mul(2));
  layers[1].registerFullBackwardHook((_, gradInput) => gradInput!.mul(3));
  const times = (values: number[]) => values.map((v) => expect.closeTo(6 * v, 10));
  expect(await backward()).toEqual([weight.map(times), times(bias), ...rest]);
});

test('are told gradients with their graph where the backward pass is recorded', async () => {
  setDefaultDevice(devices.cpu);
  const square = owned(new nn.Lambda((x) => x.square()));
  const told: Tensor[] = [];
  square.registerFullBackwardHook((_, gradInput, gradOutput) => void told.push(gradInput!, gradOutput));
  const x = owned(randn([3]));
  x.requiresGrad = true;
  // Of x^4, by way of u = x^2: 4 x^3 and 2 u, whose own derivatives by x are 12 x^2 and 4 x.
  const again = scope(() => {
    grad(square.call(x).square().sum(), [x], { createGraph: true });
    const [gradInput, gradOutput] = told;
    return [gradInput, gradOutput].map((g) => grad(g.sum(), [x])[0]!);
  });
  const [values, first, second] = await Promise.all([x, ...again.map((g) => owned(g))].map((one) => one.data()));
  for (const [i, value] of Array.from(values).entries()) {
    expect(first[i]).toBeCloseTo(12 * value ** 2, 8);
    expect(second[i]).toBeCloseTo(4 * value, 8);
  }
});

test('see an input that is given twice as one, and nothing where no gradient is taken', async () => {
  setDefaultDevice(devices.cpu);
  manualSeed(1);
  const attention = owned(new nn.MultiheadAttention(4, 2));
  const x = owned(randn([3, 1, 4]));
  x.requiresGrad = true;
  const told: Promise<unknown>[] = [];
  attention.registerFullBackwardHook((_, gradInput) => void told.push(gradInput!.tolist()));
  scope(() => attention.call(x, x, x).square().sum().backward());
  expect(await told[0]).toEqual(await x.grad!.tolist());
  noGrad(() => scope(() => void attention.call(x)));
  expect(told).toHaveLength(1);
});
