// The numerics bar: what float32 kernels promise against float64.
import {
  add,
  batchNorm,
  type Device,
  elu,
  expm1,
  grad,
  groupNorm,
  init,
  instanceNorm,
  layerNorm,
  log1p,
  logSigmoid,
  logsumexp,
  manualSeed,
  matmul,
  mean,
  mul,
  rand,
  randn,
  reshape,
  scope,
  softmax,
  softplus,
  std,
  sum,
  type Tensor,
  tensor,
  var as variance,
} from 'downhill';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

let device: Device;
beforeAll(async () => {
  device = await init();
  manualSeed(1);
});
afterAll(() => device.destroy());

/** Values of what is made in a scope, which is released at once. */
async function values(make: () => Tensor): Promise<Float32Array> {
  const x = scope(make);
  const data = await x.data();
  x.dispose();
  return data as Float32Array;
}

/** Pairwise in float64. */
function exactSum(data: Float32Array, from = 0, to = data.length): number {
  if (to - from < 64) return data.subarray(from, to).reduce((a, b) => a + b, 0);
  const middle = (from + to) >> 1;
  return exactSum(data, from, middle) + exactSum(data, middle, to);
}

const relative = (got: number, wanted: number) => Math.abs(got - wanted) / Math.abs(wanted);

/** Distance in units of float32's last place at the right value. */
const ulps = (got: number, wanted: number) =>
  Math.abs(got - wanted) / 2 ** Math.max(Math.floor(Math.log2(Math.abs(wanted))) - 23, -149);

describe('reductions', () => {
  test('sum and mean of 2^24 floats within 1e-6', async () => {
    const x = rand([2 ** 24]);
    const exact = exactSum((await x.data()) as Float32Array);
    expect(relative(await sum(x).item(), exact)).toBeLessThan(1e-6);
    expect(relative(await mean(x).item(), exact / 2 ** 24)).toBeLessThan(1e-6);
    // The same along each dim of a matrix, against sums of its own sums.
    for (const dim of [0, 1]) {
      const parts = await values(() => sum(reshape(x, [2 ** 10, 2 ** 14]), dim));
      expect(relative(exactSum(parts), exact)).toBeLessThan(1e-6);
    }
    x.dispose();
  });

  test('variance of 1000 + U(0, 1) within 1e-5', async () => {
    const x = scope(() => add(rand([1_000_003]), 1000));
    const data = Float64Array.from(await x.data());
    const middle = data.reduce((a, b) => a + b) / data.length;
    const exact = data.reduce((total, v) => total + (v - middle) ** 2, 0) / (data.length - 1);
    expect(relative(await variance(x).item(), exact)).toBeLessThan(1e-5);
    expect(relative(await std(x).item(), Math.sqrt(exact))).toBeLessThan(1e-5);
    x.dispose();
  });

  test('softmax rows sum to 1 within 1e-6, with logits of +-1e4', async () => {
    const rows = await values(() => softmax(mul(add(rand([257, 1001]), -0.5), 2e4)));
    for (let i = 0; i < 257; i++) {
      expect(Math.abs(exactSum(rows, i * 1001, (i + 1) * 1001) - 1)).toBeLessThan(1e-6);
    }
    const [first] = await values(() => softmax(tensor([1e4, -1e4, 1e4])));
    expect(first).toBe(0.5);
  });

  test('matmul 1024^3 of N(0, 1) within 1e-5 in the Frobenius norm', async () => {
    const [x, y] = [randn([1024, 1024]), randn([1024, 1024])];
    const [a, b] = [Float64Array.from(await x.data()), Float64Array.from(await y.data())];
    const out = await values(() => matmul(x, y));
    let [error, size] = [0, 0];
    const row = new Float64Array(1024);
    for (let m = 0; m < 1024; m++) {
      row.fill(0);
      for (let k = 0; k < 1024; k++) {
        const v = a[m * 1024 + k];
        for (let n = 0; n < 1024; n++) row[n] += v * b[k * 1024 + n];
      }
      for (let n = 0; n < 1024; n++) {
        error += (out[m * 1024 + n] - row[n]) ** 2;
        size += row[n] ** 2;
      }
    }
    expect(Math.sqrt(error / size)).toBeLessThan(1e-5);
    x.dispose();
    y.dispose();
  });
});

describe('functions that cancel', () => {
  test('softplus, logSigmoid and logsumexp far out', async () => {
    expect(await softplus(tensor([100, 88])).tolist()).toEqual([100, 88]);
    expect(await logSigmoid(tensor([-100, -88])).tolist()).toEqual([-100, -88]);
    const [small] = await softplus(tensor([-80])).data();
    expect(ulps(small, Math.log1p(Math.exp(-80)))).toBeLessThanOrEqual(4);
    expect(await logsumexp(tensor([1000, 1000]), 0).item()).toBeCloseTo(1000 + Math.log(2), 3);
  });

  /** From the smallest normal number up, thirteen in each decade. */
  const sizesTo = (top: number) =>
    Array.from({ length: 1 + Math.floor(13 * (Math.log10(top) + 37.9)) }, (_, i) => 10 ** (i / 13 - 37.9));
  const both = (below: number, above: number) => [...sizesTo(below).map((v) => -v), ...sizesTo(above)];
  /** Next to 0 and to -1 from above. */
  const ends = [1e-7, -5e-7, -1 + 2 ** -24, -1 + 2 ** -20, -0.999, -0.99];

  test.each([
    ['elu', (x: Tensor) => elu(x), (x: number) => (x < 0 ? Math.expm1(x) : x), both(3e38, 3e38)],
    ['expm1', expm1, Math.expm1, both(3e38, 88.7)],
    ['log1p', log1p, Math.log1p, both(0.99, 3e38)],
  ] as const)('%s within 4 ulp over all magnitudes', async (_, run, exact, sizes) => {
    const inputs = Float32Array.from([...ends, ...sizes]);
    const out = await values(() => run(tensor(inputs)));
    inputs.forEach((x, i) => {
      expect(ulps(out[i], exact(x)), `at ${x}: ${out[i]}, expected ${exact(x)}`).toBeLessThanOrEqual(4);
    });
    expect(inputs.length).toBeGreaterThan(900);
  });
});

describe('normalization of 1000 + U(0, 1)', () => {
  /** Rows of x normalized, and the gradient of x where g comes in: rstd (g - mean g - y mean(g y)). */
  function exactly(x: Float32Array, g: Float32Array, rowOf: (i: number) => number, rows: number) {
    const average = (term: (i: number) => number) => {
      const totals = new Float64Array(rows);
      for (let i = 0; i < x.length; i++) totals[rowOf(i)] += term(i);
      return totals.map((v) => v / (x.length / rows));
    };
    const middle = average((i) => x[i]);
    const rstd = average((i) => (x[i] - middle[rowOf(i)]) ** 2).map((v) => 1 / Math.sqrt(v + 1e-5));
    const y = Float64Array.from(x, (v, i) => (v - middle[rowOf(i)]) * rstd[rowOf(i)]);
    const [first, second] = [average((i) => g[i]), average((i) => g[i] * y[i])];
    const slope = y.map((v, i) => rstd[rowOf(i)] * (g[i] - first[rowOf(i)] - v * second[rowOf(i)]));
    return { y, slope };
  }

  const furthest = (got: Float32Array, wanted: Float64Array) =>
    wanted.reduce((most, v, i) => Math.max(most, Math.abs(got[i] - v)), 0) /
    wanted.reduce((a, v) => Math.max(a, Math.abs(v)), 0);

  const LENGTH = 70_001;
  const ROWS = 2;
  const layouts: [name: string, shape: number[], run: (x: Tensor) => Tensor, rowOf: (i: number) => number][] = [
    ['layerNorm, short rows', [ROWS, 1001], (x) => layerNorm(x, [1001]), (i) => Math.floor(i / 1001)],
    ['layerNorm', [ROWS, LENGTH], (x) => layerNorm(x, [LENGTH]), (i) => Math.floor(i / LENGTH)],
    ['groupNorm', [1, 4, LENGTH], (x) => groupNorm(x, ROWS), (i) => Math.floor(i / (2 * LENGTH))],
    ['instanceNorm', [1, ROWS, LENGTH], (x) => instanceNorm(x), (i) => Math.floor(i / LENGTH)],
    ['batchNorm, short', [9, ROWS, 31], (x) => batchNorm(x, { training: true }), (i) => Math.floor(i / 31) % ROWS],
    ['batchNorm', [3, ROWS, LENGTH], (x) => batchNorm(x, { training: true }), (i) => Math.floor(i / LENGTH) % ROWS],
  ];

  test.each(layouts)('%s within 2e-6, forward and gradient', async (_, shape, run, rowOf) => {
    const x = scope(() => add(rand(shape), 1000));
    x.requiresGrad = true;
    const g = rand(shape);
    const [out, slope] = scope(() => {
      const out = run(x);
      return [out.detach(), grad(out, [x], { gradients: [g] })[0] as Tensor];
    });
    const read = async (tensor: Tensor) => (await tensor.data()) as Float32Array;
    const exact = exactly(await read(x), await read(g), rowOf, ROWS);
    expect(furthest(await read(out), exact.y)).toBeLessThan(2e-6);
    expect(furthest(await read(slope), exact.slope)).toBeLessThan(2e-6);
    for (const tensor of [x, g, out, slope]) tensor.dispose();
  });
});
