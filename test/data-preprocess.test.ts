// Preprocessing against its formulas in float64: on the host, on the CPU device and on the GPU, and from its saved state.
import { compile, type Device, init, manualSeed, memory, randn, type Tensor, tensor } from 'downhill';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { symmetricEigen } from '../src/data/eigen.ts';
import {
  type Dataset,
  fromArrays,
  MinMax,
  Pca,
  type ProjectionState,
  type ScalingState,
  Standardize,
  Whiten,
} from '../src/data/index.ts';

let gpu: Device;
let cpu: Device;
beforeAll(async () => {
  gpu = await init();
  cpu = await init({ device: 'cpu' });
});
afterAll(() => gpu.destroy());

/** Examples [n, D] with correlated features far from 0: a random matrix times normal numbers, plus 5, 6, 7, ... */
async function correlated(n: number, D: number, seed = 1): Promise<Float32Array> {
  manualSeed(seed);
  const mixed = randn([n, D], { device: cpu }).matmul(randn([D, D], { device: cpu }));
  const data = await mixed
    .add(
      tensor(
        Float32Array.from({ length: D }, (_, i) => i + 5),
        { device: cpu },
      ),
    )
    .data();
  return Float32Array.from(data);
}

const allOf = (data: Dataset) => data.batch(Array.from({ length: data.length }, (_, i) => i)).x;

/** Means, and the covariance with n - 1 as divisor, of rows [n, D]. */
function moments(x: ArrayLike<number>, D: number): { mean: number[]; covariance: number[][] } {
  const n = x.length / D;
  const column = (j: number) => Array.from({ length: n }, (_, i) => x[i * D + j]);
  const mean = Array.from({ length: D }, (_, j) => column(j).reduce((a, b) => a + b) / n);
  const covariance = mean.map((_, j) =>
    mean.map((_, k) => column(j).reduce((sum, v, i) => sum + (v - mean[j]) * (x[i * D + k] - mean[k]), 0) / (n - 1)),
  );
  return { mean, covariance };
}

function close(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < actual.length; i++) {
    const off = Math.abs(actual[i] - expected[i]);
    worst = Math.max(worst, off); // NaN stays
  }
  expect(worst).toBeLessThan(tolerance);
}

/** A preprocessing gives the same on the host, on the CPU device and on the GPU, and its inverse takes it back. */
async function consistent(
  fitted: Standardize | MinMax | Pca | Whiten,
  data: Dataset,
  back: ArrayLike<number> | null,
): Promise<void> {
  const shape = [data.length, ...data.shape];
  const x = allOf(data);
  const host = fitted.dataset(data);
  expect(host.shape).toEqual(fitted.outputShape);
  for (const device of [cpu, gpu]) {
    const out = fitted.transform(tensor(x, { shape, device }));
    expect(out.shape).toEqual([data.length, ...fitted.outputShape]);
    close(await out.data(), allOf(host), 1e-3);
    if (back) close(await fitted.inverse(out).data(), back, 1e-3);
  }
  fitted.dispose();
}

describe('scaling', () => {
  test('Standardize: mean 0 and variance 1 for each feature; constants are shifted only', async () => {
    const x = await correlated(50, 4);
    for (let i = 0; i < 50; i++) x[i * 4 + 2] = 0.1;
    const data = fromArrays(x, [50, 4]);
    const standardize = new Standardize().fit(data);
    const out = allOf(standardize.dataset(data));
    const { mean, covariance } = moments(out, 4);
    close(mean, [0, 0, 0, 0], 1e-6);
    close(
      covariance.map((row, i) => (row[i] * 49) / 50),
      [1, 1, 0, 1],
      1e-6,
    );
    close(standardize.center, moments(x, 4).mean, 1e-12);
    await consistent(standardize, data, x);
  });

  test('Standardize: by channel, the mean alone, the deviation alone', async () => {
    const data = fromArrays([1, 2, 3, 10, 20, 30, 5, 6, 7, 10, 20, 60], [2, 2, 3]);
    const both = new Standardize({ per: 'channel' }).fit(data);
    close(both.center, [4, 25], 1e-12);
    close(both.factor, [1 / Math.sqrt(28 / 6), 1 / Math.sqrt(1750 / 6)], 1e-12);
    await consistent(both, data, allOf(data));
    const centered = new Standardize({ per: 'channel', std: false }).fit(data);
    expect(Array.from(allOf(centered.dataset(data)))).toEqual([-3, -2, -1, -15, -5, 5, 1, 2, 3, -15, -5, 35]);
    const scaled = new Standardize({ per: 'channel', mean: false }).fit(data);
    close([scaled.center[0], scaled.factor[0]], [0, both.factor[0]], 1e-12);
  });

  test('MinMax: to a range, by feature and by channel; constants become its low end', async () => {
    const data = fromArrays([1, 7, -4, 3, 7, 0, 2, 7, 4], [3, 3]);
    const unit = new MinMax().fit(data);
    close(allOf(unit.dataset(data)), [0, 0, 0, 1, 0, 0.5, 0.5, 0, 1], 1e-7);
    await consistent(unit, data, allOf(data));
    const sides = new MinMax({ range: [-1, 1] }).fit(data);
    close(allOf(sides.dataset(data)), [-1, -1, -1, 1, -1, 0, 0, -1, 1], 1e-7);
    const channels = new MinMax({ per: 'channel' }).fit(fromArrays([0, 4, 1, 2, 8, 4, 1, 3], [2, 2, 2]));
    close([...channels.center, ...channels.factor], [0, 1, 1 / 8, 1 / 2], 1e-12);
  });

  test('other data is changed by what training data gave', () => {
    const standardize = new Standardize().fit(fromArrays([0, 2], [2, 1]));
    expect(Array.from(allOf(standardize.dataset(fromArrays([5, 7, 9], [3, 1], [1, 2, 3]))))).toEqual([4, 6, 8]);
    expect(standardize.dataset(fromArrays([5], [1, 1], [2.5])).batch([0]).y).toEqual(new Float32Array([2.5]));
  });
});

describe('eigenvectors of symmetric matrices', () => {
  test.each([1, 2, 3, 7, 40])('A v = lambda v, with orthonormal v, for %i by itself', async (n) => {
    manualSeed(n);
    const half = randn([n, n], { device: cpu });
    const a = (await half.add(half.transpose()).data()) as Float64Array;
    const { values, vectors } = symmetricEigen(a, n);
    const v = tensor(vectors, { shape: [n, n], device: cpu });
    const lambda = tensor(values, { device: cpu });
    close(
      await v.matmul(tensor(a, { shape: [n, n], device: cpu })).data(),
      await v.mul(lambda.reshape([n, 1])).data(),
      1e-12 * n,
    );
    const identity = Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
    close(await v.matmul(v.transpose()).data(), identity, 1e-13 * n);
    expect([...values].sort((x, y) => y - x)).toEqual([...values]);
  });

  // As covariances of images are: fewer examples than features, features that are constant, and of very different sizes.
  test.each<[string, number, number, (i: number) => number]>([
    ['of growing sizes', 80, 100, (i) => 10 ** (-9 + (9 * i) / 80)],
    ['of low rank, with rows of zeros', 150, 20, (i) => (i % 3 ? 1 : 0)],
    ['of low rank, half of it tiny', 150, 20, (i) => (i < 75 ? 1e-10 : 1)],
  ])('of matrices %s', async (_, n, rank, sizeOf) => {
    manualSeed(8);
    const sizes = Float64Array.from({ length: n }, (__, i) => sizeOf(i));
    const few = randn([rank, n], { device: cpu }).mul(tensor(sizes, { device: cpu }));
    const a = (await few.transpose().matmul(few).data()) as Float64Array;
    const { values, vectors } = symmetricEigen(a, n);
    const v = tensor(vectors, { shape: [n, n], device: cpu });
    const lambda = tensor(values, { shape: [n, 1], device: cpu });
    const product = await v.matmul(tensor(a, { shape: [n, n], device: cpu })).data();
    close(product, await v.mul(lambda).data(), 1e-13 * values[0]);
    close(values.subarray(rank), new Float64Array(Math.max(n - rank, 0)), 1e-14 * values[0]);
  });

  test('known ones: diagonal, repeated, singular, all zeros, of very different sizes', () => {
    const eigenvalues = (matrix: number[], n: number) => symmetricEigen(Float64Array.from(matrix), n).values;
    expect(Array.from(eigenvalues([2, 0, 0, 0, 5, 0, 0, 0, -1], 3))).toEqual([5, 2, -1]);
    close(eigenvalues([2, 1, 1, 1, 2, 1, 1, 1, 2], 3), [4, 1, 1], 1e-14);
    close(eigenvalues(new Array(16).fill(1), 4), [4, 0, 0, 0], 1e-14);
    expect(Array.from(eigenvalues(new Array(9).fill(0), 3))).toEqual([0, 0, 0]);
    close(eigenvalues([1e200, 0, 0, 1e-200], 2).map(Math.log10), [200, -200], 1e-12);
    // -2 on the diagonal and 1 beside it: -2 + 2 cos(k pi / (n + 1)).
    const n = 25;
    const chain = Array.from({ length: n * n }, (_, i) => [-2, 1][Math.abs(Math.floor(i / n) - (i % n))] ?? 0);
    close(
      eigenvalues(chain, n),
      Array.from({ length: n }, (_, k) => -2 + 2 * Math.cos(((k + 1) * Math.PI) / (n + 1))),
      1e-13,
    );
  });
});

describe('principal components', () => {
  test('Pca: components are uncorrelated, variances descend, and all of them give the examples again', async () => {
    const D = 6;
    const x = await correlated(80, D);
    const data = fromArrays(x, [80, 2, 3]);
    const pca = new Pca().fit(data);
    const { mean, covariance } = moments(allOf(pca.dataset(data)), D);
    close(mean, new Array(D).fill(0), 1e-5);
    const expected = covariance.flatMap((row, i) => row.map((_, j) => (i === j ? pca.variances[i] : 0)));
    close(covariance.flat(), expected, 1e-4);
    expect([...pca.variances].sort((a, b) => b - a)).toEqual([...pca.variances]);
    const trace = moments(x, D).covariance.reduce((sum, row, i) => sum + row[i], 0);
    expect(pca.totalVariance).toBeCloseTo(trace, 8);
    expect(pca.varianceShares.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    await consistent(pca, data, x);
  });

  test('Pca: what is left out is what varies least', async () => {
    // Two directions of 5 dims, and noise of 0.01.
    manualSeed(4);
    const plane = randn([60, 2], { device: cpu }).matmul(randn([2, 5], { device: cpu }));
    const x = await plane.add(randn([60, 5], { device: cpu }).mul(0.01)).data();
    const data = fromArrays(x, [60, 5]);
    const pca = new Pca({ components: 2 }).fit(data);
    expect(pca.outputShape).toEqual([2]);
    const all = new Pca().fit(data);
    const restored = await pca.inverse(pca.transform(tensor(x, { shape: [60, 5], device: cpu }))).data();
    const lost = Array.from(restored).reduce((sum, v, i) => sum + (v - x[i]) ** 2, 0) / 59;
    expect(lost).toBeCloseTo(
      all.variances.slice(2).reduce((a, b) => a + b),
      9,
    );
    expect(new Pca({ components: 0.99 }).fit(data).outputShape).toEqual([2]);
    await consistent(pca, data, null);
  });

  test('Whiten: the covariance is the identity, as components and as images', async () => {
    const D = 5;
    const x = await correlated(70, D);
    const data = fromArrays(x, [70, D]);
    const identity = Array.from({ length: D * D }, (_, i) => (i % (D + 1) === 0 ? 1 : 0));
    for (const zca of [false, true]) {
      const whiten = new Whiten({ eps: 0, zca }).fit(data);
      const { mean, covariance } = moments(allOf(whiten.dataset(data)), D);
      close(mean, new Array(D).fill(0), 1e-5);
      close(covariance.flat(), identity, 1e-5);
      await consistent(whiten, data, x);
    }
    // ZCA is the symmetric one: its matrix, applied to unit vectors, is its own transpose.
    const zca = new Whiten({ eps: 0, zca: true }).fit(data);
    const origin = tensor(zca.mean, { device: cpu });
    const matrix = zca.transform(tensor(identity, { shape: [D, D], device: cpu }).add(origin));
    close(await matrix.data(), await matrix.transpose().data(), 1e-9);
    zca.dispose();
  });

  test('Whiten: fewer examples than features, without eps: the identity where anything varies, nothing else', async () => {
    const [n, D] = [5, 12];
    const data = fromArrays(await correlated(n, D), [n, D]);
    const whiten = new Whiten({ eps: 0 }).fit(data);
    expect(Array.from(whiten.variances.subarray(n - 1))).toEqual(new Array(D - n + 1).fill(0));
    const { covariance } = moments(allOf(whiten.dataset(data)), D);
    const expected = covariance.flatMap((row, i) => row.map((_, j) => (i === j && i < n - 1 ? 1 : 0)));
    close(covariance.flat(), expected, 1e-5);
  });

  test('Whiten: eps tames directions in which little or nothing varies', () => {
    const data = fromArrays([1, 0, 3, -1, 0, 3, 1, 0, 3, -1, 0, 3], [4, 3]);
    const variance = 4 / 3;
    const whiten = new Whiten({ eps: 0.5 }).fit(data);
    close(
      Array.from(allOf(whiten.dataset(data)))
        .filter((_, i) => i % 3 === 0)
        .map(Math.abs),
      new Array(4).fill(1 / Math.sqrt(variance + 0.5)),
      1e-6,
    );
    const bare = allOf(new Whiten({ eps: 0, zca: true }).fit(data).dataset(data));
    close(
      bare,
      [1, 0, 0, -1, 0, 0, 1, 0, 0, -1, 0, 0].map((v) => v / Math.sqrt(variance)),
      1e-6,
    );
  });
});

describe('all of them', () => {
  const image = [2, 3];
  const make = async () => fromArrays(await correlated(30, 6), [30, ...image]);

  test('go through JSON', async () => {
    const data = await make();
    const [scaled, ranged] = [new Standardize({ per: 'channel' }).fit(data), new MinMax({ range: [-2, 2] }).fit(data)];
    const [pca, whiten] = [new Pca({ components: 3 }).fit(data), new Whiten({ zca: true, eps: 0.1 }).fit(data)];
    const json = <S>(state: S): S => JSON.parse(JSON.stringify(state));
    const again = [
      [scaled, Standardize.from(json(scaled.state()))],
      [ranged, MinMax.from(json(ranged.state()))],
      [pca, Pca.from(json(pca.state()))],
      [whiten, Whiten.from(json(whiten.state()))],
    ];
    for (const [before, after] of again) {
      expect(after.outputShape).toEqual(before.outputShape);
      expect(allOf(after.dataset(data))).toEqual(allOf(before.dataset(data)));
    }
    expect(() => MinMax.from(scaled.state() as ScalingState)).toThrow(
      'expected the state of one, got one of Standardize',
    );
    expect(() => Pca.from(whiten.state() as ProjectionState)).toThrow('expected the state of one, got one of Whiten');
  });

  test('work inside compile, and leave nothing on the device', async () => {
    const data = await make();
    // A device of its own: the garbage of other tests may go at any time.
    const own = await init();
    const pca = new Pca({ components: 2 }).fit(data);
    const before = memory(own).bytes;
    const x = tensor(allOf(data), { shape: [30, ...image], device: own });
    for (const warm of [false, true]) {
      const eager = warm ? pca.transform(x) : null;
      const compiled = compile((batch: Tensor) => pca.transform(batch));
      for (let i = 0; i < 2; i++) {
        const out = compiled(x);
        close(await out.data(), allOf(pca.dataset(data)), 1e-3);
        out.dispose();
      }
      compiled.dispose();
      eager?.dispose();
    }
    pca.dispose();
    x.dispose();
    expect(memory(own).bytes).toBe(before);
    own.destroy();
  });

  test('refuse NaN with its row, other shapes, and use before fit', async () => {
    const values = [1, 2, 3, Number.NaN, 5, 6];
    const hole: Dataset = {
      length: 3,
      shape: [2],
      where: (row) => `x.npy, row ${row}`,
      batch: () => ({ x: Float32Array.from(values), y: new Int32Array(3), shape: [3, 2] }),
    };
    for (const each of [new Standardize(), new MinMax(), new Pca(), new Whiten()]) {
      expect(() => each.fit(hole)).toThrow(`${each.kind}.fit: x.npy, row 1: x is NaN at element 1`);
      expect(() => each.transform(tensor([[1, 2]], { device: cpu }))).toThrow(`${each.kind}.transform: call fit(`);
      expect(() => each.state()).toThrow('call fit(');
      const data = await make();
      each.fit(data);
      expect(() => each.transform(tensor([[1, 2]], { device: cpu }))).toThrow('examples [N,2,3], got [1,2]');
      expect(() => each.dataset(fromArrays([1], [1, 1]))).toThrow('expected examples of [2,3], got [1]');
    }
    const wide = {
      length: 2,
      shape: [4097],
      batch: () => ({ x: new Float32Array(8194), y: new Int32Array(2), shape: [2, 4097] }),
    };
    expect(() => new Pca().fit(wide)).toThrow('expected 1 to 4096 features, got 4097');
    expect(() => new Pca().fit(fromArrays([1, 2], [1, 2]))).toThrow('at least 2 examples');
    expect(() => new Pca({ components: 9 }).fit(fromArrays([1, 2, 3, 4], [2, 2]))).toThrow('1 to 2 components');
    expect(() => new MinMax({ range: [1, 1] })).toThrow('expected a range');
    expect(() => new Whiten({ eps: -1 })).toThrow('eps of at least 0');
  });
});
