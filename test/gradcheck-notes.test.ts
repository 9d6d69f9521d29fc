// gradcheck as the CS231n notes teach it: verdicts, kinks, sweeps over h, small gradients, parts; and whole modules.
import {
  abs,
  add,
  crossEntropy,
  gt,
  init,
  manualSeed,
  matmul,
  mean,
  mul,
  nn,
  noGrad,
  randn,
  square,
  sum,
  type Tensor,
  tanh,
  tensor,
  where,
} from 'downhill';
import { gradcheck, gradcheckModule, gradgradcheck } from 'downhill/check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Op } from '../src/autograd/op.ts';
import { apply } from '../src/autograd/tape.ts';
import { verdictOf } from '../src/check/gradcheck-report.ts';

beforeAll(async () => {
  await init({ device: 'cpu' });
});

/** x^2, with a gradient that is `factor` times the right one. */
function squareOf(factor: number) {
  const op: Op<object> = {
    name: 'squareOf',
    outputs: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
    cpu: ([x], [out]) => out.data.set(x.data.map((v) => v * v)),
    plan: () => ({ dispatches: [] }),
    vjp: ([g], { inputs: [x] }) => [mul(mul(g!, x), 2 * factor)],
  };
  return (x: Tensor) => apply(op, [x], {})[0];
}

describe('verdicts', () => {
  test('the thresholds of the notes', () => {
    expect([0, 1e-7, 2e-7, 1e-4, 2e-4, 1e-2, 2e-2, Number.POSITIVE_INFINITY].map(verdictOf)).toEqual([
      ...['happy', 'happy', 'fine with kinks', 'fine with kinks'],
      ...['uncomfortable', 'uncomfortable', 'wrong', 'wrong'],
    ]);
  });

  test('of a gradient that is off by so much', async () => {
    const verdict = async (factor: number, tolerance?: number) =>
      (await gradcheck(squareOf(factor), [tensor([0.5, 2])], { tolerance })).inputs[0].verdict;
    expect(await verdict(1)).toBe('happy');
    expect(await verdict(1 + 1e-5, 1e-4)).toBe('fine with kinks');
    expect(await verdict(1.001)).toBe('uncomfortable');
    expect(await verdict(1.1)).toBe('wrong');
  });
});

describe('kinks', () => {
  const ramp = (x: Tensor) => where(gt(x, 0), mul(x, 3), mul(x, 2));

  test('a coordinate whose winner changes within the step is told, not compared', async () => {
    const report = await gradcheck(ramp, [tensor([1, 1e-6, -1])]);
    expect(report).toMatchObject({ passed: true, inputs: [{ checked: 2, kinks: [{ at: [1], kink: true }] }] });
    expect(report.inputs[0].kinks[0].analytic).not.toBeCloseTo(report.inputs[0].kinks[0].numeric, 2);
    expect(String(report)).toMatch(/kinks, not compared: 1, at \[1\]/);
  });

  test('a smaller step gets by', async () => {
    expect((await gradcheck(ramp, [tensor([1, 1e-6, -1])], { step: 1e-7 })).inputs[0]).toMatchObject({
      checked: 3,
      kinks: [],
    });
  });

  test('a wrong gradient beside a kink is still found', async () => {
    const wrong = (x: Tensor) => add(ramp(x), squareOf(2)(x));
    expect((await gradcheck(wrong, [tensor([1, 1e-6])])).passed).toBe(false);
  });

  test('mostly kinks: a warning', async () => {
    const report = await gradcheck(ramp, [tensor([1e-7, -1e-7, 1])]);
    expect(report.warnings).toEqual([expect.stringMatching(/2 of 3 coordinates lie on kinks .* smaller step/)]);
  });
});

describe('steps', () => {
  test('a sweep shows the error of the formula on one side and roundoff on the other', async () => {
    const report = await gradcheck((x) => sum(tanh(x)), [randn([4])], { sweep: true });
    const { sweep } = report.inputs[0];
    expect(sweep.map(({ step }) => step)).toEqual([
      ...[1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11],
    ]);
    const errors = sweep.map(({ error }) => error);
    const best = errors.indexOf(Math.min(...errors));
    expect(best).toBeGreaterThan(2);
    expect(best).toBeLessThan(8);
    // Centered differences: a tenth of the step, a hundredth of the error.
    expect(errors[0] / errors[1]).toBeGreaterThan(30);
    expect(errors[10] / errors[best]).toBeGreaterThan(100);
    expect(String(report)).toMatch(/h 1e-1: [\s\S]*h 1e-11: /);
  });

  test('steps of one’s own, and those that make no sense', async () => {
    const report = await gradcheck(square, [tensor([1])], { sweep: [0.5, 0.25] });
    expect(report.inputs[0].sweep.map(({ step }) => step)).toEqual([0.5, 0.25]);
    await expect(gradcheck(square, [tensor([1])], { step: 0 })).rejects.toThrow(/step above 0 and below 1, got 0/);
    await expect(gradcheck(square, [tensor([1])], { sweep: [-1] })).rejects.toThrow(/got -1/);
  });
});

describe('what is printed', () => {
  test('raw values, of the worst coordinate or of all', async () => {
    const report = await gradcheck((x) => sum(square(x)), [tensor([1, 2])]);
    expect(report.inputs[0].coordinates.map(({ at, analytic }) => [at, analytic])).toEqual([
      [[0], 2],
      [[1], 4],
    ]);
    expect(report.toString(true)).toMatch(/\[0\]: analytic 2, numeric [\s\S]*\[1\]: analytic 4, numeric /);
  });

  test('gradients too small for differences: a warning with advice', async () => {
    const small = await gradcheck((x) => mul(sum(square(x)), 1e-12), [tensor([1, 2])]);
    expect(small.warnings).toEqual([
      expect.stringMatching(/2 of 2 gradients are below 1e-10, the smallest 2\.0e-12.*multiply the loss/),
    ]);
    expect((await gradcheck((x) => sum(square(x)), [tensor([1, 0])])).warnings).toEqual([]);
  });

  test('other coordinates by seed', async () => {
    const at = async (seed: number) =>
      (await gradcheck(square, [randn([1000])], { samples: 4, seed })).inputs[0].coordinates.map((c) => c.at[0]);
    expect(await at(1)).toEqual(await at(1));
    expect(await at(1)).not.toEqual(await at(2));
  });
});

describe('parts', () => {
  test('a wrong data loss is found that a large regularization hides in the sum', async () => {
    const data = (x: Tensor) => mul(sum(squareOf(2)(x)), 1e-9);
    const regularization = (x: Tensor) => mul(sum(square(x)), 1e3);
    const x = tensor([1, 2]);
    expect((await gradcheck((x) => add(data(x), regularization(x)), [x])).passed).toBe(true);
    const report = await gradcheck((x) => ({ data: data(x), regularization: regularization(x) }), [x]);
    expect(report.inputs.map(({ part, passed }) => [part, passed])).toEqual([
      ['data', false],
      ['regularization', true],
    ]);
    expect(String(report)).toMatch(/FAIL data, input 0 [\s\S]*ok {3}regularization, input 0/);
  });
});

describe('gradgradcheck', () => {
  test('passes what is right, finds what is wrong in the second order only', async () => {
    expect((await gradgradcheck(tanh, [randn([3])])).passed).toBe(true);
    expect((await gradgradcheck((a, b) => matmul(a, b), [randn([2, 3]), randn([3, 2])])).passed).toBe(true);
    const wrong = (x: Tensor) => {
      const op: Op<object> = {
        ...{
          name: 'wrongCurve',
          outputs: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
          plan: () => ({ dispatches: [] }),
        },
        cpu: ([x], [out]) => out.data.set(x.data.map((v) => v * v)),
        vjp: ([g], { inputs: [x] }) => [mul(mul(g!, x.detach()), 2)],
      };
      return apply(op, [x], {})[0];
    };
    expect((await gradcheck(wrong, [randn([3])])).passed).toBe(true);
    const report = await gradgradcheck(wrong, [randn([3])]);
    expect(report.inputs.map(({ name, passed }) => [name, passed])).toEqual([
      ['input 0', false],
      ['gradient 0', true],
    ]);
  });
});

describe('gradcheckModule', () => {
  const batch = () => [randn([4, 3]), tensor(Int32Array.of(0, 1, 1, 0))] as [Tensor, Tensor];
  const model = () => new nn.Sequential(new nn.Linear(3, 8), new nn.Tanh(), new nn.Dropout(0.5), new nn.Linear(8, 2));
  const loss = (logits: Tensor, labels: Tensor) => crossEntropy(logits, labels);

  test('a few coordinates of every parameter, by name; the model is left as it was', async () => {
    const net = model();
    const before = await Promise.all(Object.values(net.stateDict()).map((x) => x.tolist()));
    const tensors = Object.values(net.stateDict());
    const report = await gradcheckModule(net, loss, batch(), { tolerance: 1e-7, samples: 3 });
    expect(report.passed).toBe(true);
    expect(report.inputs.map(({ name, checked }) => [name, checked])).toEqual(
      [...net.namedParameters()].map(([name, { size }]) => [name, Math.min(3, size)]),
    );
    expect(Object.values(net.stateDict())).toEqual(tensors);
    expect(await Promise.all(Object.values(net.stateDict()).map((x) => x.tolist()))).toEqual(before);
    expect(tensors.every((x) => x.grad === null)).toBe(true);
  });

  test('a layer with a wrong gradient is found by its name', async () => {
    class Wrong extends nn.Linear {
      override forward(x: Tensor): Tensor {
        return squareOf(2)(super.forward(x));
      }
    }
    const report = await gradcheckModule(new nn.Sequential(new nn.Linear(3, 3), new Wrong(3, 2)), loss, batch());
    expect(report.passed).toBe(false);
    expect(String(report)).toMatch(/FAIL 1\.weight|FAIL layers\.1\.weight/);
  });

  test('regularization apart, after a burn-in that lowers the loss', async () => {
    manualSeed(0);
    const net = new nn.Sequential(new nn.Linear(3, 8), new nn.Tanh(), new nn.Linear(8, 2));
    const data = batch();
    const seen: number[] = [];
    const watched = (logits: Tensor, labels: Tensor) => {
      const value = loss(logits, labels);
      seen.push(noGrad(() => (value.view('test').storage.handle as Float64Array)[0]));
      return value;
    };
    const regularization = (m: nn.Module) => [...m.parameters()].map((p) => sum(square(p))).reduce((a, b) => add(a, b));
    const report = await gradcheckModule(net, watched, data, { regularization, burnIn: 20, burnInLr: 0.1 });
    expect(report.passed).toBe(true);
    expect(new Set(report.inputs.map(({ part }) => part))).toEqual(new Set(['data loss', 'regularization']));
    expect(seen[20]).toBeLessThan(seen[0]);
  });

  test('relu and max pooling: kinks do not fail a right network', async () => {
    const net = new nn.Sequential(
      new nn.Conv2d(1, 4, 3),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(16, 2),
    );
    const labels = tensor(Int32Array.of(1, 0, 1));
    const report = await gradcheckModule(net, loss, [randn([3, 1, 6, 6]), labels], {
      step: 1e-2,
      tolerance: 1e-2,
      samples: 20,
    });
    expect(report.inputs.some(({ kinks }) => kinks.length > 0)).toBe(true);
    expect(report.passed).toBe(true);
  });

  test('tied weights are one input', async () => {
    class Tied extends nn.Module {
      first = new nn.Linear(3, 3, { bias: false });
      second = new nn.Linear(3, 3, { bias: false });
      constructor() {
        super();
        this.second.weight = this.first.weight;
      }
      forward(x: Tensor): Tensor {
        return this.second.forward(tanh(this.first.forward(x)));
      }
    }
    const report = await gradcheckModule(new Tied(), (y) => mean(square(y)), [randn([4, 3])]);
    expect(report.inputs.map(({ name }) => name)).toEqual(['first.weight']);
    expect(report.passed).toBe(true);
  });
});

test('abs: 0 lies on a kink, and the gradient there is 0', async () => {
  const report = await gradcheck(abs, [tensor([1, 0, -2])]);
  expect(report).toMatchObject({ passed: true, inputs: [{ checked: 2, kinks: [{ at: [1] }] }] });
  expect(Math.abs(report.inputs[0].kinks[0].analytic)).toBe(0);
});
