// Activations made of several ops: values by their formulas, slopes on both sides of kinks and on them, NaN and infinities.
import { init, nn, tensor } from 'downhill';
import { beforeAll, expect, test } from 'vitest';

beforeAll(async () => {
  await init({ device: 'cpu' });
});

const INPUTS = [-3, -0.5, -0.25, 0, 0.25, 0.5, 3];

test.each([
  ['Hardshrink', new nn.Hardshrink(), [-3, 0, 0, 0, 0, 0, 3], [1, 0, 0, 0, 0, 0, 1]],
  ['Softshrink', new nn.Softshrink(), [-2.5, 0, 0, 0, 0, 0, 2.5], [1, 0, 0, 0, 0, 0, 1]],
  ['Threshold', new nn.Threshold(0.25, 20), [20, 20, 20, 20, 20, 0.5, 3], [0, 0, 0, 0, 0, 1, 1]],
  ['Tanhshrink', new nn.Tanhshrink(), INPUTS.map((x) => x - Math.tanh(x)), INPUTS.map((x) => Math.tanh(x) ** 2)],
] as const)('%s', async (_, layer, outputs, slopes) => {
  const x = tensor(INPUTS, { requiresGrad: true });
  const y = layer.call(x);
  for (const [i, value] of ((await y.tolist()) as number[]).entries()) expect(value).toBeCloseTo(outputs[i], 6);
  y.sum().backward();
  for (const [i, value] of ((await x.grad!.tolist()) as number[]).entries()) expect(value).toBeCloseTo(slopes[i], 6);
  expect(await layer.call(tensor([Number.NaN])).tolist()).toEqual([Number.NaN]);
});

test('infinities stay what they are where the formula keeps x', async () => {
  const ends = tensor([-Infinity, Infinity]);
  for (const layer of [new nn.Hardshrink(), new nn.Softshrink(), new nn.Tanhshrink()]) {
    expect(await layer.call(ends).tolist()).toEqual([-Infinity, Infinity]);
  }
});

test('GLU halves a dim, Softmin favours the least; what does not fit is refused', async () => {
  const x = tensor([
    [1, 2, 0, -1],
    [3, 4, 100, 0],
  ]);
  const half = 1 / (1 + Math.E);
  const glu = (await new nn.GLU().call(x).tolist()) as number[][];
  for (const [i, row] of [
    [0.5, 2 * half],
    [3, 2],
  ].entries()) {
    for (const [k, value] of row.entries()) expect(glu[i][k]).toBeCloseTo(value, 6);
  }
  expect(new nn.GLU(0).call(x).shape).toEqual([1, 4]);
  const [low, high] = (await new nn.Softmin().call(tensor([0, Math.log(3)])).tolist()) as number[];
  expect([low, high]).toEqual([expect.closeTo(0.75, 6), expect.closeTo(0.25, 6)]);
  expect(() => new nn.GLU().call(tensor([1, 2, 3]))).toThrow('GLU: expected an even size of dim -1, got [3]');
  expect(() => new nn.GLU(2).call(x)).toThrow(/GLU: .*dim.* 2/);
  expect(() => new nn.Softshrink(-1)).toThrow('Softshrink: expected lambd of at least 0, got -1');
});
