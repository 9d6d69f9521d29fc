// The numerics bar: what float32 kernels promise against float64.
import {
  add,
  type Device,
  elu,
  expm1,
  init,
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

  test.each([
    ['elu', (x: Tensor) => elu(x), Math.expm1, -5e-7],
    ['expm1', expm1, Math.expm1, 1e-7],
    ['log1p', log1p, Math.log1p, 1e-7],
  ] as const)('%s within 4 ulp from 1e-30 to 1', async (_, run, exact, near) => {
    const sizes = Array.from({ length: 121 }, (_, i) => 10 ** (-30 + i / 4));
    const inputs = Float32Array.from([near, ...sizes.map((v) => -v * 0.9), ...sizes]);
    const out = await values(() => run(tensor(inputs)));
    inputs.forEach((x, i) => {
      const wanted = run === expm1 || run === log1p || x < 0 ? exact(x) : x;
      expect(ulps(out[i], wanted), `at ${x}: ${out[i]}, expected ${wanted}`).toBeLessThanOrEqual(4);
    });
  });
});
