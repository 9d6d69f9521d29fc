// Losses and penalties against numbers worked out by hand, and against their formulas in a few lines of float64.
import {
  bceLoss,
  bceWithLogitsLoss,
  crossEntropy,
  type Device,
  grad,
  hingeEmbeddingLoss,
  hingeLoss,
  huberLoss,
  init,
  klDivLoss,
  l1Loss,
  l1Penalty,
  l2Penalty,
  mseLoss,
  multiMarginLoss,
  nllLoss,
  smoothL1Loss,
  svmLoss,
  type Tensor,
  tensor,
  zeros,
} from 'downhill';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

let device: Device;
beforeAll(async () => {
  device = await init();
});
afterAll(() => device.destroy());

const labelsOf = (...labels: number[]) => tensor(Int32Array.from(labels));

async function expectClose(actual: Tensor, expected: number[]): Promise<void> {
  const values = [...(await actual.data())];
  expect(values.length).toBe(expected.length);
  for (const [i, v] of expected.entries()) {
    if (Number.isFinite(v)) expect(Math.abs(values[i] - v)).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(v)));
    else expect(values[i]).toBe(v);
  }
}

const total = (list: number[]) => list.reduce((a, b) => a + b, 0);

type Options = { reduction?: 'mean' | 'sum' | 'none' };

/** A loss with every reduction; `weight` is what the mean divides by. */
async function expectReductions(run: (o: Options) => Tensor, each: number[], weight = each.length): Promise<void> {
  await expectClose(run({ reduction: 'none' }), each);
  await expectClose(run({ reduction: 'sum' }), [total(each)]);
  await expectClose(run({ reduction: 'mean' }), [total(each) / weight]);
  await expectClose(run({}), [total(each) / weight]);
}

const LOGITS = [
  [0.5, -1.25, 2],
  [1.5, 0.25, -0.75],
  [-2, 0, 1],
  [3, 3, -1],
];
const LABELS = [2, 0, 1, 1];
const WEIGHTS = [0.5, 2, 1.25];

/** log softmax of a row. */
const logs = (row: number[]) => row.map((v) => v - Math.log(total(row.map(Math.exp))));

/** -sum of target times weight times log softmax, row by row. */
const against = (targets: number[][], weights = [1, 1, 1]) =>
  LOGITS.map((row, i) => -total(logs(row).map((v, c) => targets[i][c] * weights[c] * v)));
const onehot = LABELS.map((label) => [0, 1, 2].map((c) => Number(c === label)));
const smooth = (targets: number[][], e: number) => targets.map((row) => row.map((t) => t * (1 - e) + e / 3));

describe('crossEntropy', () => {
  const run = (options: Parameters<typeof crossEntropy>[2]) =>
    crossEntropy(tensor(LOGITS), labelsOf(...LABELS), options);
  const weight = () => tensor(WEIGHTS);
  const mass = total(LABELS.map((label) => WEIGHTS[label]));

  test('by hand', async () => {
    await expectClose(crossEntropy(zeros([4, 10]), labelsOf(0, 3, 5, 9)), [Math.log(10)]);
    await expectClose(crossEntropy(tensor([[Math.log(3), 0]]), labelsOf(1)), [Math.log(4)]);
    await expectClose(crossEntropy(tensor([[1e4, -1e4]]), labelsOf(1)), [2e4]);
  });

  test('labels', () => expectReductions(run, against(onehot)));
  test('weights', () => expectReductions((o) => run({ ...o, weight: weight() }), against(onehot, WEIGHTS), mass));
  test('smooth labels', () =>
    expectReductions((o) => run({ ...o, labelSmoothing: 0.2 }), against(smooth(onehot, 0.2))));
  test('smooth labels and weights', () =>
    expectReductions(
      (o) => run({ ...o, labelSmoothing: 0.2, weight: weight() }),
      against(smooth(onehot, 0.2), WEIGHTS),
      mass,
    ));

  test('labels ignored', async () => {
    const keep = (each: number[]) => each.map((v, i) => (LABELS[i] === 1 ? 0 : v));
    await expectReductions((o) => run({ ...o, ignoreIndex: 1 }), keep(against(onehot)), 2);
    await expectReductions(
      (o) => run({ ...o, ignoreIndex: 1, labelSmoothing: 0.2 }),
      keep(against(smooth(onehot, 0.2))),
      2,
    );
    await expectReductions(
      (o) => run({ ...o, ignoreIndex: 1, labelSmoothing: 0.2, weight: weight() }),
      keep(against(smooth(onehot, 0.2), WEIGHTS)),
      WEIGHTS[2] + WEIGHTS[0],
    );
    await expectClose(crossEntropy(tensor(LOGITS), labelsOf(-100, -100, -100, -100)), [Number.NaN]);
  });

  test('ignored rows get no gradient', async () => {
    const x = tensor(LOGITS, { requiresGrad: true });
    const [g] = grad(crossEntropy(x, labelsOf(-100, 0, -100, 1)), [x]);
    const row = (i: number) => logs(LOGITS[i]).map((v, c) => (Math.exp(v) - onehot[i][c]) / 2);
    await expectClose(g!, [0, 0, 0, ...row(1), 0, 0, 0, ...row(3)]);
  });

  test('probabilities', async () => {
    const targets = [
      [0.2, 0.3, 0.5],
      [1, 0, 0],
      [0, 0.5, 0.5],
      [0.1, 0.1, 0.1],
    ];
    const soft = (options: Parameters<typeof crossEntropy>[2]) =>
      crossEntropy(tensor(LOGITS), tensor(targets), options);
    await expectReductions(soft, against(targets));
    await expectReductions((o) => soft({ ...o, weight: weight() }), against(targets, WEIGHTS));
    await expectReductions(
      (o) => soft({ ...o, labelSmoothing: 0.2, weight: weight() }),
      against(smooth(targets, 0.2), WEIGHTS),
    );
  });

  test('one row, and rows in space', async () => {
    const each = against(onehot);
    const label = tensor(Int32Array.of(LABELS[3]), { shape: [] });
    await expectReductions((o) => crossEntropy(tensor(LOGITS[3]), label, o), [each[3]]);
    // Logits [2, 3, 2] with the rows of n at [n, :, 0] and [n, :, 1].
    const spatial = tensor(LOGITS).reshape([2, 2, 3]).transpose();
    const labels = tensor(Int32Array.from(LABELS), { shape: [2, 2] });
    await expectReductions((o) => crossEntropy(spatial, labels, o), each);
  });
});

test('nllLoss', async () => {
  const run = (options: Parameters<typeof nllLoss>[2]) => nllLoss(tensor(LOGITS), labelsOf(...LABELS), options);
  const each = LABELS.map((label, i) => -LOGITS[i][label]);
  await expectReductions(run, each);
  const weighted = each.map((v, i) => v * WEIGHTS[LABELS[i]]);
  const mass = LABELS.map((label) => WEIGHTS[label]);
  await expectReductions((o) => run({ ...o, weight: tensor(WEIGHTS) }), weighted, total(mass));
  await expectReductions(
    (o) => run({ ...o, weight: tensor(WEIGHTS), ignoreIndex: 2 }),
    [0, ...weighted.slice(1)],
    total(mass.slice(1)),
  );
});

describe('margins', () => {
  const over = (p: number, margin: number) =>
    LABELS.map((label, i) =>
      total(LOGITS[i].map((v, c) => (c === label ? 0 : Math.max(0, margin - LOGITS[i][label] + v) ** p))),
    );
  const scores = () => tensor(LOGITS);
  const labels = () => labelsOf(...LABELS);

  test('by hand', async () => {
    await expectClose(svmLoss(zeros([4, 10]), labelsOf(0, 3, 5, 9)), [9]);
    await expectClose(multiMarginLoss(zeros([4, 10]), labelsOf(0, 3, 5, 9)), [0.9]);
    // The example of the CS231n notes: scores of cat, car, frog.
    await expectClose(
      svmLoss(
        tensor([
          [3.2, 5.1, -1.7],
          [1.3, 4.9, 2],
          [2.2, 2.5, -3.1],
        ]),
        labelsOf(0, 1, 2),
        { reduction: 'none' },
      ),
      [2.9, 0, 12.9],
    );
  });

  test('svmLoss', async () => {
    await expectReductions((o) => svmLoss(scores(), labels(), o), over(1, 1));
    await expectReductions((o) => svmLoss(scores(), labels(), { ...o, margin: 2.5 }), over(1, 2.5));
  });

  test.each([1, 2])('multiMarginLoss, p = %i', async (p) => {
    const each = over(p, 1).map((v) => v / 3);
    await expectReductions((o) => multiMarginLoss(scores(), labels(), { ...o, p }), each);
    await expectReductions(
      (o) => multiMarginLoss(scores(), labels(), { ...o, p, margin: 0.5, weight: tensor(WEIGHTS) }),
      over(p, 0.5).map((v, i) => (v / 3) * WEIGHTS[LABELS[i]]),
    );
  });

  test('hinges', async () => {
    const x = () => tensor([0.25, 0.25, -2, -2, 3, 3]);
    const signs = () => labelsOf(1, -1, 1, -1, 1, -1);
    await expectReductions((o) => hingeLoss(x(), signs(), o), [0.75, 1.25, 3, 0, 0, 4]);
    await expectReductions((o) => hingeEmbeddingLoss(x(), signs(), o), [0.25, 0.75, -2, 3, 3, 0]);
    await expectReductions(
      (o) => hingeEmbeddingLoss(x(), signs().cast('float32'), { ...o, margin: 4 }),
      [0.25, 3.75, -2, 6, 3, 1],
    );
  });
});

describe('regression', () => {
  const x = () => tensor([1, 2, -1, 0.5]);
  const y = () => tensor([1, 4, 2, 0.25]);
  const distances = [0, 2, 3, 0.25];

  test('mseLoss', () => expectReductions((o) => mseLoss(x(), y(), o), [0, 4, 9, 0.0625]));
  test('l1Loss', () => expectReductions((o) => l1Loss(x(), y(), o), distances));
  test('smoothL1Loss', async () => {
    await expectReductions((o) => smoothL1Loss(x(), y(), o), [0, 1.5, 2.5, 0.03125]);
    await expectReductions((o) => smoothL1Loss(x(), y(), { ...o, beta: 2.5 }), [0, 0.8, 1.75, 0.0125]);
    await expectReductions((o) => smoothL1Loss(x(), y(), { ...o, beta: 0 }), distances);
  });
  test('huberLoss', async () => {
    await expectReductions((o) => huberLoss(x(), y(), o), [0, 1.5, 2.5, 0.03125]);
    await expectReductions((o) => huberLoss(x(), y(), { ...o, delta: 2.5 }), [0, 2, 4.375, 0.03125]);
  });
  test('shapes do not broadcast', () => {
    expect(() => mseLoss(zeros([3, 1]), zeros([3]))).toThrow(/input and target of one shape, got \[3,1\] and \[3\]/);
  });
});

describe('probabilities', () => {
  const P = [0.25, 0.9, 0.5, 0.01];
  const T = [0, 1, 0.3, 1];
  const W = [2, 0.5, 1, 3];
  const cross = (p: number, t: number, positive = 1) => -(positive * t * Math.log(p) + (1 - t) * Math.log(1 - p));

  test('bceLoss', async () => {
    const each = P.map((p, i) => cross(p, T[i]));
    await expectReductions((o) => bceLoss(tensor(P), tensor(T), o), each);
    await expectReductions(
      (o) => bceLoss(tensor(P), tensor(T), { ...o, weight: tensor(W) }),
      each.map((v, i) => v * W[i]),
    );
    await expectClose(bceLoss(tensor([0, 1, 0, 1]), tensor([0, 1, 1, 0]), { reduction: 'none' }), [0, 0, 100, 100]);
  });

  test('bceWithLogitsLoss', async () => {
    const logits = () => tensor(P.map((p) => Math.log(p / (1 - p))));
    await expectReductions(
      (o) => bceWithLogitsLoss(logits(), tensor(T), o),
      P.map((p, i) => cross(p, T[i])),
    );
    await expectReductions(
      (o) => bceWithLogitsLoss(logits(), tensor(T), { ...o, weight: tensor(W), posWeight: tensor([3]) }),
      P.map((p, i) => W[i] * cross(p, T[i], 3)),
    );
    await expectClose(
      bceWithLogitsLoss(tensor([1e4, -1e4, 1e4, -1e4]), tensor([1, 0, 0, 1]), { reduction: 'none' }),
      [0, 0, 1e4, 1e4],
    );
  });

  test('klDivLoss', async () => {
    const input = [
      [0.1, 0.2, 0.7],
      [0.6, 0.3, 0.1],
    ];
    const target = [
      [0.5, 0.5, 0],
      [0.2, 0.3, 0.5],
    ];
    const each = input.flatMap((row, i) =>
      row.map((q, c) => (target[i][c] === 0 ? 0 : target[i][c] * Math.log(target[i][c] / q))),
    );
    const logInput = () => tensor(input.map((row) => row.map(Math.log)));
    await expectReductions((o) => klDivLoss(logInput(), tensor(target), o), each);
    await expectClose(klDivLoss(logInput(), tensor(target), { reduction: 'batchmean' }), [total(each) / 2]);
    const logTarget = () => tensor([target[1].map(Math.log)]);
    const one = () => tensor([input[1].map(Math.log)]);
    await expectReductions((o) => klDivLoss(one(), logTarget(), { ...o, logTarget: true }), each.slice(3));
  });
});

test('penalties', async () => {
  const list = [tensor([[1, -2]], { requiresGrad: true }), tensor([-0.5], { requiresGrad: true })];
  await expectClose(l1Penalty(list), [3.5]);
  await expectClose(l2Penalty(list), [5.25]);
  const [a, b] = grad(l2Penalty(list).mul(0.5 * 0.1), list);
  await expectClose(a!, [0.1, -0.2]);
  await expectClose(b!, [-0.05]);
});

test('losses are methods, penalties are not', async () => {
  await expectClose(tensor([[0, 0]]).svmLoss(labelsOf(1)), [1]);
  expect('l1Penalty' in tensor([1])).toBe(false);
});
