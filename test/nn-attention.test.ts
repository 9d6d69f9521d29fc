// Multi-head attention against a loop in float64 and its own parts, its masks, and the encoder layer.
import {
  compile,
  gradcheckModule,
  init,
  manualSeed,
  nn,
  randn,
  type Shape,
  setDefaultDevice,
  type Tensor,
  tensor,
} from 'downhill';
import { beforeAll, describe, expect, test } from 'vitest';
import { openDevices, owned } from './training.ts';

const devices = openDevices();
beforeAll(() => init({ device: 'cpu' }));

const close = async (found: Tensor, wanted: ArrayLike<number>, digits = 10) => {
  const values = await found.data();
  expect(values.length).toBe(wanted.length);
  values.forEach((v, i) => {
    expect(v).toBeCloseTo(wanted[i], digits);
  });
};

const noise = (shape: Shape) => owned(randn(shape));
const mask = (rows: number[][]) => owned(tensor(rows.map((row) => row.map(Boolean))));

/** A layer whose biases are not zero. */
function attention(...args: ConstructorParameters<typeof nn.MultiheadAttention>) {
  const layer = owned(new nn.MultiheadAttention(...args));
  for (const parameter of layer.parameters()) nn.init.normal(parameter, { std: 0.7 });
  return layer;
}

/** x [n, in] times weight^T [out, in], plus bias, from row `from` of both on. */
function project(x: number[][], weight: number[][], bias: number[], from: number, out: number): number[][] {
  return x.map((row) =>
    Array.from({ length: out }, (_, o) => row.reduce((sum, v, i) => sum + v * weight[from + o][i], bias[from + o])),
  );
}

/** Attention of one sequence in plain numbers: output [L, E] and weights [heads, L, S]. */
async function reference(layer: nn.MultiheadAttention, query: number[][], key: number[][], value: number[][]) {
  const { embedDim: E, numHeads } = layer;
  const [weight, bias] = [await layer.inProjWeight!.tolist(), await layer.inProjBias!.tolist()];
  const [q, k, v] = [query, key, value].map((x, i) => project(x, weight, bias, i * E, E));
  const D = E / numHeads;
  const weights = Array.from({ length: numHeads }, (_, h) =>
    q.map((row) => {
      const scores = k.map((other) => {
        let dot = 0;
        for (let d = h * D; d < (h + 1) * D; d++) dot += row[d] * other[d];
        return Math.exp(dot / Math.sqrt(D));
      });
      const total = scores.reduce((a, b) => a + b);
      return scores.map((score) => score / total);
    }),
  );
  const heads = q.map((_, l) =>
    Array.from({ length: E }, (_, e) => v.reduce((sum, row, s) => sum + weights[Math.floor(e / D)][l][s] * row[e], 0)),
  );
  const output = project(heads, await layer.outProj.weight.tolist(), await layer.outProj.bias!.tolist(), 0, E);
  return { output, weights };
}

describe('MultiheadAttention', () => {
  test('is what a loop gives, for one sequence and for a batch either way round', async () => {
    manualSeed(0);
    const layer = attention(6, 2);
    const [query, key, value] = [noise([3, 6]), noise([4, 6]), noise([4, 6])];
    const wanted = await reference(layer, await query.tolist(), await key.tolist(), await value.tolist());
    await close(owned(layer.call(query, key, value)), wanted.output.flat());
    const { output, weights } = layer.attend(query, key, value, { averageAttnWeights: false });
    await close(owned(output), wanted.output.flat());
    expect(owned(weights).shape).toEqual([2, 3, 4]);
    await close(weights, wanted.weights.flat(2));
    const averaged = layer.attend(query, key, value);
    owned(averaged.output);
    expect(owned(averaged.weights).shape).toEqual([3, 4]);

    const batch = [query, key, value].map((x) => owned(x.reshape([x.shape[0], 1, 6]).tile([1, 2, 1])));
    const out = owned(layer.call(batch[0], batch[1], batch[2]));
    expect(out.shape).toEqual([3, 2, 6]);
    await close(owned(out.select(1, 1)), wanted.output.flat());
    const first = owned(new nn.MultiheadAttention(6, 2, { batchFirst: true }));
    first.loadStateDict(layer.stateDict());
    const [a, b, c] = batch.map((x) => owned(x.transpose(0, 1)));
    await close(owned(first.call(a, b, c)), await owned(out.transpose(0, 1)).data());
  });

  test('of a sequence with itself is the same in one product', async () => {
    const layer = attention(4, 2);
    const x = noise([5, 3, 4]);
    const apart = owned(layer.call(x, owned(x.mul(1)), owned(x.mul(1))));
    await close(owned(layer.call(x)), await apart.data());
  });

  test('masks hide, add, and go together', async () => {
    manualSeed(1);
    const layer = attention(4, 2, { batchFirst: true });
    const x = noise([2, 3, 4]);
    const weightsOf = async (masks: nn.AttentionMasks): Promise<number[][][]> => {
      const { output, weights } = layer.attend(x, x, x, masks);
      const same = owned(layer.call(x, x, x, masks));
      await close(same, await owned(output).data());
      return owned(weights).tolist();
    };
    const hidden = (weights: number[][][]) => weights.map((rows) => rows.map((row) => row.map((v) => Number(v === 0))));
    const triangle = [
      [0, 1, 1],
      [0, 0, 1],
      [0, 0, 0],
    ];
    expect(hidden(await weightsOf({ isCausal: true }))).toEqual([triangle, triangle]);
    expect(hidden(await weightsOf({ attnMask: mask(triangle) }))).toEqual([triangle, triangle]);
    expect(await weightsOf({ attnMask: mask(triangle) })).toEqual(await weightsOf({ isCausal: true }));
    const padding = mask([
      [0, 0, 1],
      [0, 0, 0],
    ]);
    const last = [
      [0, 0, 1],
      [0, 0, 1],
      [0, 0, 1],
    ];
    const none = [
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ];
    expect(hidden(await weightsOf({ keyPaddingMask: padding }))).toEqual([last, none]);
    const both = [
      [0, 1, 1],
      [0, 0, 1],
      [0, 0, 1],
    ];
    expect(hidden(await weightsOf({ keyPaddingMask: padding, isCausal: true }))).toEqual([both, triangle]);
    const low = Number.NEGATIVE_INFINITY;
    const bias = owned(
      tensor([
        [0, low, low],
        [0, 0, low],
        [0, 0, 0],
      ]),
    );
    expect(await weightsOf({ attnMask: bias, keyPaddingMask: padding })).toEqual(
      await weightsOf({ keyPaddingMask: padding, isCausal: true }),
    );
    // One mask per head of each sequence; a shift of all scores changes nothing.
    const shifts = owned(
      tensor([1, 2, 3, 4])
        .reshape([4, 1, 1])
        .mul(owned(tensor(none)).add(1)),
    );
    const plain = await weightsOf({});
    (await weightsOf({ attnMask: shifts })).flat(2).forEach((v, i) => {
      expect(v).toBeCloseTo(plain.flat(2)[i], 10);
    });
    const perHead = owned(
      tensor([[none, none, triangle, triangle]].flat().map((rows) => rows.map((row) => row.map(Boolean)))),
    );
    expect(hidden(await weightsOf({ attnMask: perHead }))).toEqual([none, triangle]);
  });

  test('a query that may look at nothing gets the bias of outProj', async () => {
    const layer = attention(2, 1);
    const x = noise([2, 2]);
    const out = owned(
      layer.call(x, x, x, {
        attnMask: mask([
          [1, 1],
          [0, 0],
        ]),
      }),
    );
    await close(owned(out.select(0, 0)), await layer.outProj.bias!.data());
  });

  test('has the state of PyTorch, with keys and values of other sizes, too', () => {
    const shapes = (layer: nn.Module) =>
      Object.fromEntries(Object.entries(layer.stateDict()).map(([k, t]) => [k, t.shape]));
    expect(shapes(attention(4, 2))).toEqual({
      inProjWeight: [12, 4],
      inProjBias: [12],
      'outProj.weight': [4, 4],
      'outProj.bias': [4],
    });
    const other = attention(4, 2, { kdim: 3, vdim: 5, bias: false });
    expect(shapes(other)).toEqual({
      qProjWeight: [4, 4],
      kProjWeight: [4, 3],
      vProjWeight: [4, 5],
      'outProj.weight': [4, 4],
    });
    expect(owned(other.call(noise([6, 2, 4]), noise([7, 2, 3]), noise([7, 2, 5]))).shape).toEqual([6, 2, 4]);
  });

  test('drops weights while training only, and samples by Monte Carlo', async () => {
    const layer = attention(4, 2, { dropout: 0.5 });
    const x = noise([8, 4]);
    const run = async () => owned(layer.call(x)).tolist();
    expect(await run()).not.toEqual(await run());
    const { std } = nn.monteCarlo(layer, x);
    expect(Math.max(...(await owned(std).data()))).toBeGreaterThan(0);
    layer.eval();
    expect(await run()).toEqual(await run());
  });

  test.each<[string, () => unknown]>([
    ['MultiheadAttention: expected numHeads that divide embedDim, got 3 and 4', () => new nn.MultiheadAttention(4, 3)],
    [
      'MultiheadAttention: expected query [L, N, 4], key [S, N, 4], value [S, N, 4], or none with N, got [2,3,5], [2,3,5], [2,3,5]',
      () => attention(4, 2).call(noise([2, 3, 5])),
    ],
    ['got [2,3,4], [5,2,4], [5,2,4]', () => attention(4, 2).call(noise([2, 3, 4]), noise([5, 2, 4]))],
    ['got [2,4], [5,4], [6,4]', () => attention(4, 2).call(noise([2, 4]), noise([5, 4]), noise([6, 4]))],
    [
      'MultiheadAttention: expected attnMask [2,2] or [6,2,2], got [2,3]',
      () => attention(4, 2).call(noise([2, 3, 4]), undefined, undefined, { attnMask: noise([2, 3]) }),
    ],
    [
      'MultiheadAttention: expected a bool keyPaddingMask [3,2], got float32 [3,2]',
      () => attention(4, 2).call(noise([2, 3, 4]), undefined, undefined, { keyPaddingMask: noise([3, 2]) }),
    ],
  ])('%s', (message, call) => {
    expect(call).toThrow(message);
  });
});

describe('TransformerEncoderLayer', () => {
  test.each([false, true])('adds and normalizes, norm first: %s', async (normFirst) => {
    manualSeed(2);
    const options = { dimFeedforward: 5, dropout: 0, normFirst, batchFirst: true };
    const layer = owned(new nn.TransformerEncoderLayer(4, 2, options));
    for (const parameter of layer.parameters()) nn.init.normal(parameter, { std: 0.7 });
    const { selfAttn, linear1, linear2, norm1, norm2 } = layer;
    const x = noise([2, 3, 4]);
    const feed = (v: Tensor) => linear2.forward(linear1.forward(v).relu());
    const attended = (v: Tensor) => selfAttn.forward(v, v, v, { isCausal: true });
    const byParts = () => {
      if (!normFirst) {
        const seen = norm1.forward(x.add(attended(x)));
        return norm2.forward(seen.add(feed(seen)));
      }
      const seen = x.add(attended(norm1.forward(x)));
      return seen.add(feed(norm2.forward(seen)));
    };
    await close(owned(layer.call(x, { isCausal: true })), await owned(byParts()).data());
    const report = await gradcheckModule(layer, (out, w) => out.mul(w).sum(), [x, noise([2, 3, 4])], { samples: 3 });
    expect(report.passed, String(report)).toBe(true);
  });

  test('has the names of PyTorch', () => {
    const layer = owned(new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 5 }));
    const pair = (name: string) => [`${name}.weight`, `${name}.bias`];
    expect(Object.keys(layer.stateDict()).sort()).toEqual(
      [
        'selfAttn.inProjWeight',
        'selfAttn.inProjBias',
        ...['selfAttn.outProj', 'linear1', 'linear2', 'norm1', 'norm2'].flatMap(pair),
      ].sort(),
    );
  });

  test('is the same on WebGPU, compiled or not', async () => {
    manualSeed(3);
    const make = () => owned(new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, dropout: 0 }));
    const exact = make();
    const host = Object.entries(exact.stateDict()).map(async ([k, t]) => [k, { shape: t.shape, data: await t.data() }]);
    const input = noise([5, 2, 8]);
    const wanted = await owned(exact.call(input)).data();
    setDefaultDevice(devices.webgpu);
    const layer = make();
    layer.loadStateDict(Object.fromEntries(await Promise.all(host)));
    const x = owned(tensor(await input.data(), { shape: [5, 2, 8] }));
    await close(owned(layer.call(x)), wanted, 4);
    const run = owned(compile((x: Tensor) => layer.call(x)));
    await close(owned(run(x)), wanted, 4);
    setDefaultDevice(devices.cpu);
  });
});
