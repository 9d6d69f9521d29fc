// What gradcheck calls by no good name: gradients that roundoff may excuse, inputs on kinks alone, and errors near the tolerance.
import { abs, add, init, mean, mul, nn, randn, relu, square, sum, type Tensor, tensor } from 'downhill';
import { type Case, gradcheck, gradcheckModule, kernelCheck } from 'downhill/check';
import { beforeAll, describe, expect, test } from 'vitest';
import { cpuDevice } from '../src/backends/cpu/backend.ts';
import { verdictOf } from '../src/check/gradcheck-report.ts';
import { given } from '../src/check/values.ts';

beforeAll(async () => {
  await init({ device: 'cpu' });
});

/** x^2, with a gradient that is `factor` times the right one: the rest of it is hidden from the tape. */
const squareOf = (factor: number) => (x: Tensor) => add(mul(square(x), factor), mul(square(x.detach()), 1 - factor));

describe('what fails does not read well', () => {
  test('between the tolerance and 1e-4: a verdict of its own, and why', async () => {
    const report = await gradcheck(squareOf(1 + 5e-6), [tensor([0.5, 2])]);
    expect(report).toMatchObject({ passed: false, inputs: [{ passed: false, verdict: 'above tolerance' }] });
    expect(report.warnings).toEqual([
      expect.stringMatching(/^input 0: error 5\.0e-6 is above the tolerance 0\.000001; .* fine only where .* kinks/),
    ]);
    expect(String(report)).toMatch(/FAIL input 0 \[2\]: 2 checked, worst 5\.0e-6 \(above tolerance\)/);
  });

  test('below 1e-7 as well, where less is asked for', async () => {
    const report = await gradcheck(squareOf(1 + 5e-8), [tensor([0.5, 2])], { tolerance: 1e-8 });
    expect(report.inputs[0]).toMatchObject({ passed: false, verdict: 'above tolerance' });
  });
});

describe('what is not proven', () => {
  /** A loss near `constant`, whose true slope is `slope` at every coordinate and 0 by the tape. */
  const hidden = (slope: number, constant: number) => (x: Tensor) =>
    add(add(sum(mul(x.detach(), slope)), constant), sum(mul(x, 0)));

  test.each([
    [1e-8, 100],
    [1e-9, 10],
  ])('a wrong slope of %d beside a loss of %d: told by place and raw error, with advice', async (slope, constant) => {
    const report = await gradcheck(hidden(slope, constant), [tensor([1, 1])]);
    expect(report).toMatchObject({ unproven: 2, kinks: 0, inputs: [{ error: 0, verdict: 'unproven' }] });
    expect(report.inputs[0].unproven.map(({ at, raw }) => [at, raw])).toEqual([
      [[0], 1],
      [[1], 1],
    ]);
    expect(report.inputs[0].unproven[0].noise).toBeGreaterThan(slope);
    expect(report.warnings[0]).toMatch(
      /^input 0: 2 of 2 coordinates are unproven, the worst at \[0\] with error 1\.0e\+0: analytic 0 and .* larger step/,
    );
    const text = String(report);
    expect(text).toMatch(/^gradcheck passed, .*, but unproven: input 0\n/);
    expect(text).toMatch(/\? {4}input 0 \[2\]: 2 checked, worst 1\.0e\+0 \(unproven\) at \[0\]: analytic 0, numeric /);
    expect(text).toMatch(/warning: input 0: 2 of 2/);
  });

  test('without the constant, or with a larger step, the same slope is wrong', async () => {
    expect((await gradcheck(hidden(1e-8, 0), [tensor([1, 1])])).inputs[0].verdict).toBe('wrong');
    expect((await gradcheck(hidden(1e-8, 100), [tensor([1, 1])], { step: 1e-3 })).inputs[0].verdict).toBe('wrong');
  });

  test('one that is wrong for sure beside one that is not proven fails, and both are told', async () => {
    const report = await gradcheck(
      (x, y) => add(hidden(1e-8, 100)(x), sum(squareOf(2)(y))),
      [tensor([1]), tensor([1])],
    );
    expect(report).toMatchObject({ passed: false, unproven: 1 });
    expect(report.inputs.map(({ verdict }) => verdict)).toEqual(['unproven', 'wrong']);
  });

  test('roundoff that leaves four digits is no doubt, and the verdict is that of the raw error', async () => {
    const report = await gradcheck((x) => add(sum(square(x)), 1e6), [tensor([0.3, 0.7])]);
    const [{ worst, verdict, error }] = report.inputs;
    expect(error).toBe(0);
    expect(worst!.raw).toBeGreaterThan(1e-7);
    expect(verdict).toBe(verdictOf(worst!.raw));
    expect(report).toMatchObject({ passed: true, unproven: 0, warnings: [] });
    expect(String(report)).toMatch(/ok {3}.* \(fine with kinks, may be roundoff\) at/);
  });

  test('an input that lies on kinks alone', async () => {
    const report = await gradcheck(relu, [tensor([0, 0])]);
    expect(report).toMatchObject({ kinks: 2, unproven: 0, inputs: [{ checked: 0, verdict: 'unproven' }] });
    expect(report.warnings).toEqual([expect.stringMatching(/^input 0: 2 of 2 .* kinks .*, which proves nothing;/)]);
    expect(String(report)).toMatch(/\? {4}input 0 \[2\]: 0 checked \(unproven\)/);
  });

  test('a parameter of a module that does is listed by name', async () => {
    const model = new nn.Sequential(new nn.Linear(2, 2), new nn.ReLU(), new nn.Linear(2, 1));
    nn.init.zeros((model.layers[0] as nn.Linear).weight);
    nn.init.zeros((model.layers[0] as nn.Linear).bias!);
    const report = await gradcheckModule(model, (y) => mean(square(y)), [randn([3, 2])]);
    const names = [...model.namedParameters()].map(([name]) => name).slice(0, 2);
    expect(report.inputs.filter(({ verdict }) => verdict === 'unproven').map(({ name }) => name)).toEqual(names);
    expect(String(report).split('\n')[0]).toMatch(new RegExp(`but unproven: ${names.join('; ')}$`));
    for (const name of names)
      expect(report.warnings).toContainEqual(expect.stringMatching(`^${name}: .*proves nothing`));
  });

  test('the kernel check takes no case whose inputs prove nothing', async () => {
    const check = async (run: Case['run'], values: number[]) => {
      const item: Case = { op: 'mul', title: 'a case', inputs: [given(values)], run };
      return (await kernelCheck(cpuDevice(), { ops: ['mul'], cases: [item] })).ops[0].failures;
    };
    expect(await check((x) => mul(x, x), [1, 2])).toEqual([]);
    const [{ title, detail }] = await check(hidden(1e-8, 100), [1, 0.5]);
    expect([title, detail]).toEqual(['a case', expect.stringMatching(/^first derivative .* but unproven: input 0\n/)]);
    expect((await check((x) => mul(abs(x), 2), [0, 2]))[0].detail).toMatch(/kinks, not compared: 1/);
  });

  test('samples below 1 are refused, since they compare nothing', async () => {
    for (const samples of [0, -1, Number.NaN]) {
      await expect(gradcheck(square, [tensor([1])], { samples })).rejects.toThrow(/samples of at least 1, got/);
    }
  });
});
