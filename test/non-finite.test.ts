// NaN and infinities as PyTorch has them: values and gradients, worked out from its formulas.
import {
  abs,
  amax,
  amin,
  avgPool2d,
  clamp,
  conv2d,
  crossEntropy,
  cumprod,
  cumsum,
  type Device,
  div,
  dropout,
  dropout2d,
  exp,
  grad,
  init,
  layerNorm,
  leakyRelu,
  log,
  logSoftmax,
  logsumexp,
  matmul,
  max,
  maximum,
  maxPool2d,
  mean,
  min,
  minimum,
  mul,
  norm,
  relu,
  reshape,
  scope,
  sigmoid,
  softmax,
  sort,
  sqrt,
  sum,
  type Tensor,
  tanh,
  tensor,
  topk,
  var as variance,
  where,
} from 'downhill';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

let device: Device;
beforeAll(async () => {
  device = await init();
});
afterAll(() => device.destroy());

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

/** Elements in row-major order; -0 counts as 0. */
const flat = async (x: Tensor) => Array.from(await x.data(), (v) => Number(v) + 0);

/** The function's values at x, and the gradient of x where gradients of 1, 2, 3, ... come in. */
async function both(run: (x: Tensor) => Tensor, values: number[], shape: number[]) {
  const [out, slope] = scope(() => {
    const x = tensor(Float32Array.from(values), { shape, requiresGrad: true });
    const out = run(x);
    const g = tensor(
      Float32Array.from({ length: out.size }, (_, i) => i + 1),
      { shape: out.shape },
    );
    return [out, grad(out, [x], { gradients: [g] })[0] as Tensor];
  });
  const result = { out: await flat(out), slope: await flat(slope) };
  out.dispose();
  slope.dispose();
  return result;
}

type Row = [name: string, run: (x: Tensor) => Tensor, x: number[], out: number[], slope: number[], shape?: number[]];

const X = [nan, inf, -inf, 1];
const SQUARE = [2, 2];
const rows: Row[] = [
  // threshold_backward: 0 where the result <= 0, else g.
  ['relu', relu, X, [nan, inf, 0, 1], [1, 2, 0, 4]],
  // x > 0 ? g : slope * g.
  ['leakyRelu', (x) => leakyRelu(x, 0.5), X, [nan, inf, -inf, 1], [0.5, 2, 1.5, 4]],
  // g where min <= x and x <= max, else 0.
  ['clamp', (x) => clamp(x, -2, 2), X, [nan, 2, -2, 1], [0, 0, 0, 4]],
  ['abs', abs, X, [nan, inf, inf, 1], [0, 2, -3, 4]],
  // g, half of it where they are equal, 0 to the one that is less.
  ['maximum', (x) => maximum(x, 1), X, [nan, inf, 1, 1], [1, 2, 0, 2]],
  ['maximum with NaN', (x) => maximum(nan, x), X, [nan, nan, nan, nan], [1, 2, 3, 4]],
  ['minimum', (x) => minimum(1, x), X, [nan, 1, -inf, 1], [1, 0, 3, 2]],
  // The gradient is shared by those equal to the result, or, where it is NaN, by all NaN.
  ['max', (x) => max(x), X, [nan], [1, 0, 0, 0]],
  ['max of two NaN', (x) => max(x), [nan, 1, nan, inf], [nan], [0.5, 0, 0.5, 0]],
  ['max of infinities', (x) => max(x), [inf, 1, inf, -inf], [inf], [0.5, 0, 0.5, 0]],
  ['min', (x) => min(x), X, [nan], [1, 0, 0, 0]],
  // By those equal to the result alone, of which there are none beside NaN: g * 0 / 0.
  ['amax', (x) => amax(x, 1), X, [nan, 1], [nan, nan, 0, 2], SQUARE],
  ['amin', (x) => amin(x, 1), X, [nan, -inf], [nan, nan, 2, 0], SQUARE],
  ['max along a dim', (x) => max(x, 1)[0], X, [nan, 1], [1, 0, 0, 2], SQUARE],
  ['min along a dim', (x) => min(x, 1)[0], X, [nan, -inf], [1, 0, 2, 0], SQUARE],
  ['sum', (x) => sum(x, 1), [inf, -inf, inf, 1], [nan, inf], [1, 1, 2, 2], SQUARE],
  ['mean', (x) => mean(x, 1), [nan, 1, -inf, 1], [nan, -inf], [0.5, 0.5, 1, 1], SQUARE],
  // 2 / (n - 1) (x - mean).
  ['var', (x) => variance(x, 1), [inf, 1, nan, 1], [nan, nan], [nan, -inf, nan, nan], SQUARE],
  // g x / norm.
  ['norm', (x) => norm(x, 2, 1), [inf, 1, nan, 1], [inf, nan], [nan, 0, nan, nan], SQUARE],
  // g exp(x - logsumexp x).
  ['logsumexp', (x) => logsumexp(x, 1), [inf, 1, -inf, -inf], [inf, -inf], [nan, 0, nan, nan], SQUARE],
  ['softmax', (x) => softmax(x), [inf, 1, -inf, 0], [nan, nan, 0, 1], [nan, nan, 0, 0], SQUARE],
  ['logSoftmax', (x) => logSoftmax(x), [nan, 1, -inf, 0], [nan, nan, -inf, 0], [nan, nan, 3, -3], SQUARE],
  ['cumsum', (x) => cumsum(x, 0), [1, nan, 2, inf], [1, nan, nan, nan], [10, 9, 7, 4]],
  // What lies behind a 0 does not reach what lies before it.
  ['cumprod', (x) => cumprod(x, 0), [2, 0, nan], [2, 0, nan], [1, nan, 0], [3]],
  ['sort', (x) => sort(x)[0], [nan, 2, inf, 1], [1, 2, inf, nan], [4, 2, 3, 1]],
  ['topk', (x) => topk(x, 2)[0], [-inf, 2, nan, 1], [nan, 2], [0, 2, 1, 0]],
  ['where', (x) => where(x.gt(0), x, 0), X, [0, inf, 0, 1], [0, 2, 0, 4]],
  ['exp', exp, [nan, inf, -inf, 0], [nan, inf, 0, 1], [nan, inf, 0, 4]],
  ['log', log, [nan, inf, 0, -1], [nan, inf, -inf, nan], [nan, 0, inf, -4]],
  ['sqrt', sqrt, [nan, inf, 0, 4], [nan, inf, 0, 2], [nan, 0, inf, 1]],
  ['div', (x) => div(1, x), [nan, inf, 0, 2], [nan, 0, inf, 0.5], [nan, 0, -inf, -1]],
  ['sigmoid', sigmoid, [nan, inf, -inf, 0], [nan, 1, 0, 0.5], [nan, 0, 0, 1]],
  ['tanh', tanh, [nan, inf, -inf, 0], [nan, 1, -1, 0], [nan, 0, 0, 4]],
  // x times a mask of 0 and 1 / (1 - p).
  ['dropout of all', (x) => dropout(x, 1), X, [nan, nan, nan, 0], [0, 0, 0, 0]],
  ['dropout of none', (x) => dropout(x, 0), X, X, [1, 2, 3, 4]],
  ['dropout2d of all', (x) => dropout2d(x, 1), X, [nan, nan, nan, 0], [0, 0, 0, 0], [1, 4, 1]],
  // The last NaN of a window wins; nothing wins over the first of all -Infinity.
  [
    'maxPool2d',
    (x) => maxPool2d(x, 2),
    [1, nan, -inf, -inf, nan, 4, -inf, -inf],
    [nan, -inf],
    [0, 0, 2, 0, 1, 0, 0, 0],
    [1, 1, 2, 4],
  ],
  [
    'avgPool2d',
    (x) => avgPool2d(x, 2),
    [nan, 1, inf, 1, 1, 1, 1, 1],
    [nan, inf],
    [1, 1, 2, 2, 1, 1, 2, 2].map((v) => v / 4),
    [1, 1, 2, 4],
  ],
  [
    'avgPool2d, padded',
    (x) => avgPool2d(x, 2, { padding: 1 }),
    [nan, inf, -inf, 4],
    [nan, inf, -inf, 1],
    [0.25, 0.5, 0.75, 1],
    [1, 1, 2, 2],
  ],
  ['matmul', (x) => matmul(x, tensor([[0], [1]])), [inf, 1, 1, nan], [nan, nan], [0, 1, 0, 2], SQUARE],
  ['conv2d', (x) => conv2d(x, tensor([[[[1, 2]]]])), [nan, 1, inf, 1], [nan, inf, inf], [1, 4, 7, 6], [1, 1, 1, 4]],
  ['layerNorm', (x) => layerNorm(x, [2]), [inf, 1, nan, 1], [nan, nan, nan, nan], [nan, nan, nan, nan], SQUARE],
  // softmax - one-hot.
  [
    'crossEntropy',
    (x) => crossEntropy(x, tensor(Int32Array.of(0, 1)), { reduction: 'none' }),
    [0, -inf, 0, -inf],
    [0, inf],
    [0, 0, 2, -2],
    SQUARE,
  ],
];

describe('NaN and infinities as in PyTorch', () => {
  test.each(rows)('%s', async (_, run, x, out, slope, shape = [4]) => {
    expect(await both(run, x, shape)).toEqual({ out, slope });
  });

  test('what is dropped is multiplied by 0', async () => {
    const out = await flat(scope(() => dropout(mul(tensor(Float32Array.from({ length: 99 }, () => 1)), inf), 0.5)));
    expect(new Set(out)).toEqual(new Set([nan, inf]));
    const rows = await flat(
      scope(() =>
        reshape(
          dropout2d(
            tensor([
              [
                [inf, 1],
                [nan, 2],
              ],
            ]),
            1,
          ),
          [4],
        ),
      ),
    );
    expect(rows).toEqual([nan, 0, nan, 0]);
  });
});
