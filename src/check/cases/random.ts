// Cases of random tensors and of dropout: the same words on every device, to the bit.
import { expand } from '../../ops/broadcast.ts';
import { transpose } from '../../ops/movement.ts';
import { alphaDropout, dropout, dropout2d } from '../../ops/random.ts';
import { mean } from '../../ops/reduction.ts';
import {
  bernoulli,
  multinomial,
  permutation,
  type RandomOptions,
  rand,
  randint,
  randn,
  type TruncatedNormalOptions,
  truncatedNormal,
} from '../../ops/sampling.ts';
import { tensor } from '../../tensor/creation.ts';
import { philox, type Stream } from '../../tensor/random.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, given, normal, SPECIAL, whole } from '../values.ts';

const sizes = [1, 2, 3, 4, 5, 257, 4099].map(
  (n): Case => ({ op: 'dropout', title: `${n} elements`, inputs: [normal([n])], run: (x) => dropout(x, 0.3) }),
);

const others: Case[] = [
  { op: 'dropout', title: 'two calls, two masks', inputs: [normal([37])], run: (x) => [dropout(x), dropout(x)] },
  { op: 'dropout', title: 'nothing dropped', inputs: [normal([37])], run: (x) => dropout(x, 0) },
  { op: 'dropout', title: 'all dropped', inputs: [normal([37])], run: (x) => dropout(x, 1) },
  { op: 'dropout', title: 'no elements', inputs: [normal([0])], run: (x) => dropout(x) },
  { op: 'dropout', title: 'transposed', inputs: [normal([5, 7])], run: (x) => dropout(transpose(x)) },
  {
    op: 'dropout',
    title: 'seed and stream beyond 32 bits',
    inputs: [normal([37])],
    run: (x) => dropout(x, 0.5, { seed: 2 ** 52 + 12345, stream: 2 ** 40 + 7 }),
  },
  { op: 'dropout', title: 'NaN and infinities', inputs: [given(SPECIAL)], run: (x) => dropout(x), gradients: 'none' },
  {
    op: 'dropout',
    title: 'more workgroups than one dimension holds',
    large: true,
    inputs: [normal([1, 65_537])],
    // Without drops the rows stay alike, and their mean is theirs.
    run: (x) => mean(dropout(expand(x, [257, 65_537]), 0), 0),
    reference: (x) => mean(x, 0),
    gradients: 'none',
    tolerance: { forward: 1e-6 },
  },
  refusal(
    'dropout',
    'a probability above 1',
    [normal([3])],
    (x) => dropout(x, 1.5),
    /expected a probability from 0 to 1, got 1.5/,
  ),
  refusal(
    'dropout',
    'NaN as probability',
    [normal([3])],
    (x) => dropout(x, Number.NaN),
    /expected a probability from 0 to 1, got NaN/,
  ),
  refusal(
    'dropout',
    'int32',
    [whole(0, 9, [3])],
    (x) => dropout(x),
    /dropout: expected dtype float32 or float16, got int32/,
  ),
];

const streams: [title: string, stream: Stream][] = [
  ['the first stream', { seed: 0, stream: 0 }],
  ['a seed and a stream', { seed: 5, stream: 7 }],
  ['seed and stream beyond 32 bits', { seed: 2 ** 52 + 12345, stream: 2 ** 40 + 7 }],
];

/** A random tensor has no inputs: one that is not used brings the device. */
const DEVICE = [given([0])];

const made = (op: string, run: (shape: Shape, options: RandomOptions) => Tensor): Case[] => [
  ...streams.map(
    ([title, stream]): Case => ({
      ...{ op, title, inputs: DEVICE, inputless: true, gradients: 'none' },
      run: ({ device }) => run([37], { device, stream }),
    }),
  ),
  ...[[], [1], [2], [3], [2, 3, 5], [0, 3], [4099]].map(
    (shape): Case => ({
      ...{ op, title: `shape [${shape}]`, inputs: DEVICE, inputless: true, gradients: 'none' },
      run: ({ device }) => [run(shape, { device }), run(shape, { device })],
    }),
  ),
  refusal(op, 'half an element', DEVICE, ({ device }) => run([1.5], { device }), /sizes must be whole numbers/),
  refusal(
    op,
    'more than 8 dims',
    DEVICE,
    ({ device }) => run([1, 1, 1, 1, 1, 1, 1, 1, 1], { device }),
    /at most 8 dims/,
  ),
];

/** The first and the last four of more elements than one dimension of workgroups makes, on two rows of them. */
const BLOCKS = [0, 65_535 * 64 - 1, 65_535 * 64, 65_536 * 64 - 1];
const STREAM: Stream = { seed: 6, stream: 8 };
const far: Case = {
  ...{
    op: 'uniform',
    title: 'more workgroups than one dimension holds',
    large: true,
    inputs: DEVICE,
    gradients: 'none',
  },
  run: ({ device }) => {
    const x = rand([65_536 * 256], { device, stream: STREAM });
    return BLOCKS.map((block) => x.alias('part', { shape: [4], strides: [1], offset: block * 4 }));
  },
  reference: ({ device }) =>
    BLOCKS.map((block) => {
      const words = philox([block, 0, STREAM.stream, 0], [STREAM.seed, 0]);
      return tensor(
        Float64Array.from(words, (word) => (word >>> 8) / 2 ** 24),
        { device },
      );
    }),
};

const integer = (low: number, high: number) => (shape: Shape, options: RandomOptions) =>
  randint(low, high, shape, options);

const ranges: [low: number, high: number][] = [
  [0, 1],
  [-3, 4],
  [0, 65_537],
  [-(2 ** 31), 2 ** 31 - 1],
  [2 ** 31 - 5, 2 ** 31],
];

const integers: Case[] = [
  ...made('integers', integer(-10, 1000)),
  ...ranges.map(
    ([low, high]): Case => ({
      ...{ op: 'integers', title: `from ${low} to ${high}`, inputs: DEVICE, inputless: true, gradients: 'none' },
      run: ({ device }) => randint(low, high, [67], { device }),
    }),
  ),
  refusal(
    'integers',
    'an empty range',
    DEVICE,
    ({ device }) => randint(3, 3, [2], { device }),
    /low < high .*got 3 and 3/,
  ),
  refusal(
    'integers',
    'all of int32',
    DEVICE,
    ({ device }) => randint(-(2 ** 31), 2 ** 31, [2], { device }),
    /less than 2\^32 apart/,
  ),
  refusal('integers', 'beyond int32', DEVICE, ({ device }) => randint(0, 2 ** 32, [2], { device }), /range of int32/),
];

const tosses: Case[] = [
  {
    ...{ op: 'uniform', title: 'bernoulli', inputs: [between(0, 1, [5, 7])], gradients: 'none' },
    run: (p) => bernoulli(p),
  },
  {
    ...{ op: 'uniform', title: 'bernoulli, certainties', inputs: [given([0, 1, 0, 1])], gradients: 'none' },
    run: (p) => bernoulli(p),
  },
  refusal(
    'uniform',
    'bernoulli of int32',
    [whole(0, 2, [3])],
    (p) => bernoulli(p),
    /expected probabilities of dtype float32/,
  ),
];

const OPTIONS: TruncatedNormalOptions[] = [
  {},
  { mean: 3, std: 0.5, low: 2.8, high: 4.5 },
  { low: 1, high: 5 },
  { low: -40, high: -1.5 },
  { low: -9, high: -6.5 },
  { low: -12, high: -9 },
  { mean: -1, std: 2, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY },
];

const truncated: Case[] = [
  ...made('truncatedNormal', truncatedNormal),
  ...OPTIONS.map(
    (options, i): Case => ({
      ...{ op: 'truncatedNormal', title: `other bounds ${i}`, inputs: DEVICE, inputless: true, gradients: 'none' },
      run: ({ device }) => truncatedNormal([331], { ...options, device }),
    }),
  ),
  refusal(
    'truncatedNormal',
    'bounds the other way',
    DEVICE,
    ({ device }) => truncatedNormal([2], { low: 1, high: 1, device }),
    /low < high, got 0, 1, 1 and 1/,
  ),
  refusal(
    'truncatedNormal',
    'no std',
    DEVICE,
    ({ device }) => truncatedNormal([2], { std: 0, device }),
    /a std above 0/,
  ),
];

const draws: Case[] = [
  {
    ...{ op: 'integers', title: 'permutation', inputs: DEVICE, inputless: true, gradients: 'none' },
    run: ({ device }) => [0, 1, 2, 37].map((n) => permutation(n, { device })),
  },
  refusal(
    'integers',
    'permutation of half a number',
    DEVICE,
    ({ device }) => permutation(1.5, { device }),
    /sizes must be whole numbers/,
  ),
  {
    ...{ op: 'uniform', title: 'multinomial', inputs: [between(0, 1, [3, 7]), between(0, 1, [5])], gradients: 'none' },
    run: (x, y) => [multinomial(x, 3), multinomial(x, 7), multinomial(y, 2)],
  },
  {
    ...{
      op: 'uniform',
      title: 'multinomial with replacement',
      inputs: [between(0, 1, [3, 7]), given([0, 1, 0, 2])],
      gradients: 'none',
    },
    run: (x, y) => [multinomial(x, 9, { replacement: true }), multinomial(y, 33, { replacement: true })],
  },
  {
    ...{ op: 'uniform', title: 'multinomial of no rows', inputs: [given([], [0, 3])], gradients: 'none' },
    run: (x) => [multinomial(x, 2), multinomial(x, 5, { replacement: true })],
  },
  refusal(
    'uniform',
    'multinomial of no classes',
    [given([], [2, 0])],
    (x) => multinomial(x, 1),
    /expected weights \[C\]/,
  ),
  refusal(
    'uniform',
    'multinomial, more than there are',
    [between(0, 1, [3])],
    (x) => multinomial(x, 4),
    /multinomial: expected a count from 1 to 3, got 4/,
  ),
  refusal(
    'uniform',
    'multinomial, none',
    [between(0, 1, [3])],
    (x) => multinomial(x, 0, { replacement: true }),
    /a count from 1, got 0/,
  ),
  refusal(
    'uniform',
    'multinomial of int32',
    [whole(0, 9, [3])],
    (x) => multinomial(x, 1),
    /expected weights \[C\] or \[N, C\]/,
  ),
];

const IMAGE: Shape = [3, 5, 2, 3];
const channels: Case[] = [
  { op: 'dropout', title: 'dropout2d', inputs: [normal(IMAGE)], run: (x) => [dropout(x, 0.1), dropout2d(x, 0.4)] },
  { op: 'dropout', title: 'dropout2d, all', inputs: [normal(IMAGE)], run: (x) => [dropout(x, 0), dropout2d(x, 1)] },
  {
    op: 'dropout',
    title: 'dropout2d of a vector per channel',
    inputs: [normal([3, 5, 4])],
    run: (x) => [dropout2d(x), dropout(x)],
  },
  { op: 'dropout', title: 'alphaDropout', inputs: [normal(IMAGE)], run: (x) => [dropout(x), alphaDropout(x, 0.3)] },
  {
    op: 'dropout',
    title: 'alphaDropout, none and all',
    inputs: [normal([7])],
    run: (x) => [alphaDropout(x, 0), alphaDropout(x, 1), dropout(x)],
  },
  refusal('dropout', 'dropout2d of a matrix', [normal([3, 2])], (x) => dropout2d(x), /expected input \[N, C, ...\]/),
  refusal(
    'dropout',
    'dropout2d beyond 1',
    [normal(IMAGE)],
    (x) => dropout2d(x, 2),
    /dropout2d: expected a probability/,
  ),
  refusal(
    'dropout',
    'dropout2d of int32',
    [whole(0, 2, IMAGE)],
    (x) => dropout2d(x),
    /expected dtype float32 or float16, got int32/,
  ),
  refusal('dropout', 'alphaDropout below 0', [normal([3])], (x) => alphaDropout(x, -0.1), /expected a probability/),
  refusal(
    'dropout',
    'alphaDropout of int32',
    [whole(0, 2, [3])],
    (x) => alphaDropout(x),
    /expected dtype float32 or float16, got int32/,
  ),
];

export const cases = family({ forward: 1e-7, gradient: 1e-7 }, [
  ...sizes,
  ...others,
  ...channels,
  ...made('uniform', rand).map((item) => ({ ...item, tolerance: { forward: 0 } })),
  far,
  ...tosses,
  // Of the logarithm and the series; the uniform numbers that they are made of are the same.
  ...made('normal', randn).map((item) => ({ ...item, tolerance: { forward: 3e-7 } })),
  // Of the logarithm and the quotients, which are 1e-7 themselves.
  ...truncated.map((item) => ({ ...item, tolerance: { forward: 2e-6 } })),
  ...integers,
  ...draws,
]);
