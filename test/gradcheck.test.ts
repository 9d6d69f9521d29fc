// gradcheck finds wrong gradients, passes right ones, and leaves devices and random numbers as they were.
import {
  add,
  defaultDevice,
  dropout,
  grad,
  init,
  manualSeed,
  matmul,
  mul,
  randn,
  randomState,
  relu,
  square,
  type Tensor,
  tanh,
  tensor,
  where,
} from 'downhill';
import { gradcheck } from 'downhill/check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Op } from '../src/autograd/op.ts';
import { apply } from '../src/autograd/tape.ts';
import { cpuDevice } from '../src/backends/cpu/backend.ts';

/** x^3, with a gradient that is `factor` times the right one; not in the registry. */
function cube(factor: number) {
  const op: Op<object> = {
    name: 'cube',
    outputs: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
    cpu: ([x], [out]) => {
      for (let i = 0; i < out.data.length; i++) out.data[i] = x.data[i] ** 3;
    },
    plan: () => ({ dispatches: [] }),
    vjp: ([g], { inputs: [x] }) => [mul(mul(g!, square(x)), 3 * factor)],
  };
  return (x: Tensor) => apply(op, [x], {})[0];
}

test('without a default device there is none afterwards', async () => {
  const x = tensor([0.5], { device: cpuDevice() });
  expect((await gradcheck(tanh, [x])).passed).toBe(true);
  expect(() => defaultDevice()).toThrow(/call `await init\(\)`/);
});

describe('with a default device', () => {
  beforeAll(async () => {
    await init({ device: 'cpu' });
    manualSeed(1);
  });

  test('right gradients pass, for each input', async () => {
    const report = await gradcheck((a, b) => tanh(matmul(a, b)), [randn([3, 4]), randn([4, 2])], { tolerance: 1e-7 });
    expect(report.passed).toBe(true);
    expect(report.inputs.map(({ index, shape, checked, passed }) => ({ index, shape, checked, passed }))).toEqual([
      { index: 0, shape: [3, 4], checked: 12, passed: true },
      { index: 1, shape: [4, 2], checked: 8, passed: true },
    ]);
    expect(Math.max(...report.inputs.map((input) => input.error))).toBeLessThan(1e-7);
    expect(String(report)).toMatch(
      /gradcheck passed, tolerance 1e-7, step 0.00001\n {2}ok {3}input 0 \[3,4\]: 12 checked/,
    );
  });

  test('a wrong gradient is found, with its place and both values', async () => {
    const report = await gradcheck((x) => cube(2)(x).sum(), [tensor([[0, 2]])]);
    expect(report.passed).toBe(false);
    const [{ error, worst }] = report.inputs;
    expect(error).toBeCloseTo(0.5, 6);
    expect(worst).toMatchObject({ at: [0, 1], analytic: 24 });
    expect(worst!.numeric).toBeCloseTo(12, 6);
    expect(String(report)).toMatch(/FAILED[\s\S]*FAIL input 0 \[1,2\].*at \[0,1\]: analytic 24, numeric 12\.?/);
  });

  test('a gradient that is off by 2e-6 is found, the right one is not', async () => {
    const x = randn([5]);
    expect((await gradcheck(cube(1 + 2e-6), [x])).passed).toBe(false);
    expect((await gradcheck(cube(1), [x], { tolerance: 1e-7 })).passed).toBe(true);
  });

  test('a gradient that is missing is found', async () => {
    const report = await gradcheck((x, y) => mul(x.detach(), y), [tensor([2]), tensor([3])]);
    expect(report.inputs.map((input) => input.passed)).toEqual([false, true]);
    expect(report.inputs[0].worst).toMatchObject({ analytic: 0 });
    expect((await gradcheck((x) => x.detach(), [tensor([2])])).passed).toBe(false);
  });

  test('second derivatives', async () => {
    const slope = (run: (x: Tensor) => Tensor) => (x: Tensor) =>
      grad(run(x).sum(), [x], { createGraph: true }) as Tensor[];
    expect((await gradcheck(slope(tanh), [randn([3])])).passed).toBe(true);
    expect((await gradcheck(slope(cube(1)), [randn([3])])).passed).toBe(true);
  });

  test('two zeros agree, and so does roundoff on a large value with a slope of zero', async () => {
    expect((await gradcheck((x) => mul(x, 0), [randn([3])])).passed).toBe(true);
    expect((await gradcheck((x) => add(square(x), 1e6), [tensor([0])])).passed).toBe(true);
  });

  test('a kink is seen', async () => {
    expect((await gradcheck(relu, [tensor([0, 1])])).inputs[0]).toMatchObject({ checked: 1, kinks: [{ at: [0] }] });
    expect((await gradcheck(relu, [tensor([1e-3, -1e-3])])).inputs[0]).toMatchObject({ checked: 2, passed: true });
  });

  test('NaN fails', async () => {
    const report = await gradcheck((x) => x.log(), [tensor([-1])]);
    expect(report.passed).toBe(false);
    expect(report.inputs[0].error).toBe(Number.POSITIVE_INFINITY);
  });

  test('only inputs that require gradients are checked where some do, and never those that are not float32', async () => {
    const [a, b] = [randn([2], { requiresGrad: true }), randn([2])];
    expect((await gradcheck(mul, [a, b])).inputs.map((input) => input.index)).toEqual([0]);
    const mask = tensor([true, false]);
    expect((await gradcheck((mask, x) => where(mask, x, 0), [mask, b])).inputs.map((input) => input.index)).toEqual([
      1,
    ]);
  });

  test('several outputs', async () => {
    const both = (x: Tensor) => [square(x), x.gt(0), x.sum()];
    expect((await gradcheck(both, [randn([3])])).passed).toBe(true);
    const wrong = (x: Tensor) => [square(x), cube(2)(x)];
    expect((await gradcheck(wrong, [randn([3])])).passed).toBe(false);
  });

  test('samples: some coordinates of a large input', async () => {
    const report = await gradcheck(square, [randn([1000])], { samples: 10 });
    expect(report).toMatchObject({ passed: true, inputs: [{ checked: 10 }] });
  });

  test('an empty input has nothing to check', async () => {
    expect((await gradcheck((x) => x.sum(), [randn([0])])).inputs[0]).toMatchObject({
      checked: 0,
      passed: true,
      worst: null,
      verdict: 'happy',
    });
  });

  test('dropout drops the same elements each time, and the random state is left alone', async () => {
    manualSeed(5);
    dropout(randn([3]));
    const before = randomState();
    expect((await gradcheck((x) => dropout(x, 0.5), [randn([64], { device: defaultDevice() })])).passed).toBe(true);
    expect(randomState()).toEqual({ ...before, stream: before.stream + 1 });
  });

  test('the default device is what it was, after an error too; inputs and their grads are not touched', async () => {
    const device = defaultDevice();
    const x = tensor([1, 2], { requiresGrad: true });
    await gradcheck((x) => mul(x, tensor([3, 4])), [x]);
    await expect(gradcheck(() => tensor('no' as never), [x])).rejects.toThrow();
    expect(defaultDevice()).toBe(device);
    expect(x.grad).toBe(null);
    expect(await x.tolist()).toEqual([1, 2]);
  });

  test('inputs that cannot be checked, and functions that give no tensor, are errors', async () => {
    await expect(gradcheck(() => tensor([1]), [])).rejects.toThrow(/expected at least one input of floats, got none/);
    const whole = tensor(Int32Array.of(1, 2));
    await expect(gradcheck((x) => x, [whole])).rejects.toThrow(/at least one input of floats, got int32 \[2\]/);
    await expect(gradcheck(() => 3 as never, [tensor([1])])).rejects.toThrow(/return a tensor, got number/);
    await expect(gradcheck((x) => x.gt(0), [tensor([1])])).rejects.toThrow(/return a tensor of floats/);
  });
});
