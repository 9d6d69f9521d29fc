// Every op with a kink or a jump tells gradcheck where it is: there, and nowhere else, gradients are not compared.
import {
  abs,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  amax,
  amin,
  atan2,
  ceil,
  celu,
  clamp,
  elu,
  floor,
  hardsigmoid,
  hardswish,
  hardtanh,
  hingeEmbeddingLoss,
  hingeLoss,
  init,
  l1Loss,
  leakyRelu,
  max,
  maximum,
  maxout,
  maxPool1d,
  maxPool2d,
  min,
  minimum,
  multiMarginLoss,
  norm,
  prelu,
  relu,
  relu6,
  remainder,
  reshape,
  round,
  selu,
  sign,
  smoothL1Loss,
  sort,
  std,
  svmLoss,
  type Tensor,
  tensor,
  topk,
  trunc,
  where,
} from 'downhill';
import { gradcheck } from 'downhill/check';
import { beforeAll, describe, expect, test } from 'vitest';

beforeAll(async () => {
  await init({ device: 'cpu' });
});

type Row = [name: string, run: (x: Tensor) => Tensor, at: number[], kinks: number[], smooth: number[]];

const PLAIN = [-1, 0.5, 2, 7];
const labels = () => tensor(Int32Array.of(0));
const image = (x: Tensor) => reshape(x, [1, 1, 2, x.size / 2]);
const rows = (x: Tensor) => reshape(x, [1, 1, x.size]);

const table: Row[] = [
  ['relu', relu, [-1, 0, 1], [1], PLAIN],
  ['relu6', relu6, [0, 3, 6], [0, 2], PLAIN],
  ['leakyRelu', leakyRelu, [-1, 0, 1], [1], PLAIN],
  ['prelu', (x) => prelu(x, tensor([0.25])), [-1, 0, 1], [1], PLAIN],
  ['elu', (x) => elu(x, 2), [-1, 0, 1], [1], PLAIN],
  ['selu', selu, [-1, 0, 1], [1], PLAIN],
  ['celu', (x) => celu(x, 2), [-1, 1, 2], [], PLAIN],
  ['hardtanh', hardtanh, [-1, 0, 1], [0, 2], PLAIN.map((v) => v / 4)],
  ['hardsigmoid', hardsigmoid, [-3, 0, 3], [0, 2], PLAIN],
  ['hardswish', hardswish, [-3, 0, 3], [0, 2], PLAIN],
  ['abs', abs, [-1, 0, 1], [1], PLAIN],
  ['max', (x) => max(x), [1, 2, 2], [1, 2], PLAIN],
  ['min', (x) => min(x), [1, 1, 2], [0, 1], PLAIN],
  ['max along a dim', (x) => max(x, 0)[0], [1, 2, 2], [1, 2], PLAIN],
  ['min along a dim', (x) => min(x, 0)[0], [1, 1, 2], [0, 1], PLAIN],
  ['amax', (x) => amax(x), [1, 2, 2], [1, 2], PLAIN],
  ['amin', (x) => amin(x), [1, 1, 2], [0, 1], PLAIN],
  ['maximum', (x) => maximum(x, 1), [0, 1, 2], [1], PLAIN],
  ['minimum', (x) => minimum(1, x), [0, 1, 2], [1], PLAIN],
  ['clamp', (x) => clamp(x, -1, 1), [-1, 0, 1], [0, 2], [-2, 0.5, 2]],
  ['where', (x) => where(x.gt(0), x, 0), [-1, 0, 1], [1], PLAIN],
  ['sign', sign, [-1, 0, 1], [1], PLAIN],
  ['floor', floor, [0.5, 1, -2], [1, 2], [-0.5, 0.5, 2.25]],
  ['ceil', ceil, [0.5, 1, -2], [1, 2], [-0.5, 0.5, 2.25]],
  ['trunc', trunc, [0.5, 1, -2], [1, 2], [-0.5, 0.5, 2.25]],
  ['round', round, [0.5, 1, -1.5], [0, 2], PLAIN.map((v) => v + 0.25)],
  ['remainder', (x) => remainder(x, 2), [1, 2, 3], [1], PLAIN.map((v) => v + 0.25)],
  ['maxPool1d', (x) => maxPool1d(rows(x), 2), [1, 1, 2, 3], [0, 1], PLAIN],
  ['maxPool2d', (x) => maxPool2d(image(x), 2), [1, 3, 2, 3], [1, 3], PLAIN],
  ['adaptiveMaxPool1d', (x) => adaptiveMaxPool1d(rows(x), 1), [1, 3, 2, 3], [1, 3], PLAIN],
  ['adaptiveMaxPool2d', (x) => adaptiveMaxPool2d(image(x), 1), [1, 3, 2, 3], [1, 3], PLAIN],
  ['maxout', (x) => maxout(x, 2), [1, 1, 2, 3], [0, 1], PLAIN],
  ['sort', (x) => sort(x)[0], [1, 2, 1], [0, 2], PLAIN],
  ['topk', (x) => topk(x, 1)[0], [1, 2, 2], [1, 2], PLAIN],
  ['norm at 0', (x) => norm(x), [0, 0, 0], [0, 1, 2], PLAIN],
  ['norm of one at 0', (x) => norm(reshape(x, [3, 1]), 2, 1), [0, 1, -1], [0], PLAIN.slice(1)],
  ['norm of sizes', (x) => norm(x, 1), [0, 1, -1], [0], PLAIN],
  ['norm of the largest', (x) => norm(x, Number.POSITIVE_INFINITY), [1, -2, 2], [1, 2], PLAIN],
  ['std at 0', (x) => std(x), [3, 3, 3, 3], [0, 1, 2, 3], PLAIN],
  ['std of two at 0', (x) => std(x), [3, 3], [0, 1], [3, 5]],
  ['std of three at 0', (x) => std(x), [-2, -2, -2], [0, 1, 2], [1, 1, 3]],
  ['atan2, its cut', (x) => atan2(x, -1), [-1, 0, 1], [1], PLAIN],
  ['atan2, elsewhere', (x) => atan2(x, 1), [-1, 0, 1], [], PLAIN],
  ['atan2, an axis that is none', (x) => atan2(2, x), [-1, 0, 1], [], PLAIN],
  ['hingeLoss', (x) => hingeLoss(x, tensor([1, 1, -1])), [0, 1, -1], [1, 2], [0, 2, 3]],
  ['hingeEmbeddingLoss', (x) => hingeEmbeddingLoss(x, tensor([-1, -1, 1])), [0, 1, 2], [1], [0, 2, 3]],
  ['svmLoss', (x) => svmLoss(reshape(x, [1, 3]), labels()), [2, 1, 0], [0, 1], [2, 1.5, 0]],
  ['multiMarginLoss', (x) => multiMarginLoss(reshape(x, [1, 3]), labels()), [2, 1, 0], [0, 1], [2, 1.5, 0]],
  ['l1Loss', (x) => l1Loss(x, tensor([1, 2, 3])), [1, 0, 3], [0, 2], [0, 1, 2]],
  ['smoothL1Loss of beta 0', (x) => smoothL1Loss(x, tensor([1, 2, 3]), { beta: 0 }), [1, 0, 3], [0, 2], [0, 1, 2]],
];

describe('kinks', () => {
  test.each(table)('%s', async (_, run, at, kinks, smooth) => {
    const report = await gradcheck(run, [tensor(at)]);
    expect(report.inputs[0].kinks.map(({ at: [i] }) => i)).toEqual(kinks);
    expect(report.passed).toBe(true);
    expect((await gradcheck(run, [tensor(smooth)])).inputs[0]).toMatchObject({ kinks: [], passed: true });
  });

  test.each([
    ['norm', (x: Tensor) => norm(x)],
    ['std', (x: Tensor) => std(x)],
  ])('%s within a step of its tip', async (_, run) => {
    const { inputs, passed } = await gradcheck(run, [tensor([1e-9, -1e-9, 0])]);
    expect(passed).toBe(true);
    expect(inputs[0].kinks.map(({ at }) => at)).toEqual([[0], [1], [2]]);
    expect(inputs[0].kinks.some(({ analytic, numeric }) => Math.abs(analytic - numeric) > 0.1)).toBe(true);
  });

  test('the jump of atan2 is no slope', async () => {
    const [kink] = (await gradcheck((x) => atan2(x, -1), [tensor([0])])).inputs[0].kinks;
    expect(Math.abs(kink.analytic)).toBeLessThanOrEqual(1);
    expect(Math.abs(kink.numeric)).toBeGreaterThan(1000);
  });
});
