// Cases of NaN and infinities in gradients: they reach what depends on them and nothing else, as in the forward passes.
import { grad } from '../../autograd/backward.ts';
import { noGrad } from '../../autograd/tape.ts';
import { gelu } from '../../ops/activation.ts';
import { maximum, minimum } from '../../ops/arithmetic.ts';
import { avgPool2d } from '../../ops/average-pool.ts';
import { conv2d } from '../../ops/conv.ts';
import { crossEntropy, nllLoss } from '../../ops/cross-entropy.ts';
import { cast, contiguous } from '../../ops/elementwise.ts';
import { max, min } from '../../ops/extrema.ts';
import { maxPool2d } from '../../ops/max-pool.ts';
import { transpose } from '../../ops/movement.ts';
import { batchNorm } from '../../ops/norm.ts';
import { layerNorm, rmsNorm } from '../../ops/normalize.ts';
import { alphaDropout, dropout, dropout2d } from '../../ops/random.ts';
import { leakyRelu } from '../../ops/rectifier.ts';
import { cumprod, recurrence } from '../../ops/scan.ts';
import { place } from '../../ops/slice.ts';
import { logSoftmax, softmax } from '../../ops/softmax.ts';
import { updateRunning } from '../../ops/update.ts';
import { fromHost } from '../../tensor/creation.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, type Run } from '../case.ts';
import { between, given, givenWhole, type Input, normal, SPECIAL } from '../values.ts';
import { half, halves } from './families.ts';

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

const without = (op: string, title: string, inputs: Input[], run: Run): Case => ({
  ...{ op, title, inputs, run, gradients: 'none' },
});

/** The gradient of x as a function of x, of what else the function takes, and of the gradient that comes in. */
const slope =
  (run: (...inputs: Tensor[]) => Tensor): Run =>
  (...all) =>
    grad(run(...all.slice(0, -1)), [all[0]], { gradients: [all.at(-1)!], createGraph: true }) as Tensor[];

/** Four rows of six, or an image of them; and the same without. */
const WILD = [1, nan, 2, 3, -1, 2, 4, 5, inf, 6, 7, 1, 1, 2, 3, 4, -inf, 5, 2, 1, 3, 2, 1, 4];
const TAME = WILD.map((v) => (Number.isFinite(v) ? v : 2));

const rows: Case[] = (
  [
    ['softmaxGrad', 'softmax', (x: Tensor) => softmax(x)],
    ['softmaxGrad', 'logSoftmax', (x: Tensor) => logSoftmax(x)],
    ['normalizeGrad', 'layerNorm', (x: Tensor) => layerNorm(x, [6])],
    ['normalizeGrad', 'rmsNorm', (x: Tensor) => rmsNorm(x, [6])],
    ['batchNormGrad', 'batchNorm', (x: Tensor) => batchNorm(transpose(x), { training: true })],
  ] as const
).flatMap(([op, name, run]) => {
  const loss = (x: Tensor) => (op === 'batchNormGrad' ? transpose(run(x)) : run(x));
  return [
    without(op, `${name}, NaN and infinities in the gradient`, [normal([4, 6]), given(WILD, [4, 6])], slope(loss)),
    without(op, `${name}, NaN and infinities in x`, [given(WILD, [4, 6]), normal([4, 6])], slope(loss)),
  ];
});

const labels = givenWhole([0, 1, 2, 0]);
const incoming = [given([nan, 1, -inf, 2]), given([3, 1, 2, 4])];
const classes: Case[] = [
  without(
    'crossEntropyGrad',
    'NaN and infinities in the gradient',
    [normal([4, 3]), labels, incoming[0]],
    slope((x, y) => crossEntropy(x, y, { reduction: 'none' })),
  ),
  without(
    'crossEntropyGrad',
    'NaN and infinities in the logits',
    [given([1, nan, 2, inf, 3, 4, -inf, 5, 6, 7, 8, 9], [4, 3]), labels, incoming[1]],
    slope((x, y) => crossEntropy(x, y, { reduction: 'none' })),
  ),
  without(
    'placeClass',
    'NaN and infinities in the gradient',
    [normal([4, 3]), labels, incoming[0]],
    slope((x, y) => nllLoss(x, y, { reduction: 'none' })),
  ),
];

const image = (values: number[]) => given(values, [1, 1, 4, 6]);
const taps = (x: Tensor, weight: Tensor) => conv2d(x, weight);
/** The gradient of the weights. */
const ofWeight: Run = (x, weight, g) => slope((weight) => taps(x, weight))(weight, g);

const images: Case[] = [
  without(
    'conv2dInputGrad',
    'NaN and infinities, which reach their own windows only',
    [normal([1, 1, 5, 7]), normal([1, 1, 2, 2]), image(WILD)],
    slope(taps),
  ),
  without(
    'conv2dWeightGrad',
    'NaN and infinities in the image, which reach their own taps only',
    [given([1, 2, 3, 4, 5, 6, nan, 1, 2, 3, 4, inf], [1, 1, 3, 4]), normal([1, 1, 2, 2]), normal([1, 1, 2, 3])],
    ofWeight,
  ),
  without(
    'conv2dWeightGrad',
    'NaN and infinities in the gradient, which reach their own channels only',
    [normal([1, 2, 3, 3]), normal([3, 2, 2, 2]), given([1, nan, 2, 3, 1, 2, 3, 4, 5, inf, 6, 7], [1, 3, 2, 2])],
    ofWeight,
  ),
  without(
    'avgPool2dGrad',
    'NaN and infinities, which reach their own windows only',
    [normal([1, 1, 8, 12]), image(WILD)],
    slope((x) => avgPool2d(x, 2)),
  ),
  without(
    'maxPool2dGrad',
    'NaN and infinities, which reach the winners only',
    [normal([1, 1, 5, 7]), image(WILD)],
    slope((x) => maxPool2d(x, 2, { stride: 1 })),
  ),
  without(
    'maxPool2dGather',
    'NaN and infinities, of which only winners are taken',
    [normal([1, 1, 2, 3]), image(TAME), image(WILD)],
    (g, x, gg) => grad(slope((x) => maxPool2d(x, 2))(x, g) as Tensor[], [g], { gradients: [gg] }) as Tensor[],
  ),
];

const scans: Case[] = [
  without(
    'recurrence',
    'NaN and infinities, from which nothing comes where nothing came before',
    [given([2, inf, 1, 0.5, nan, 1, 2, 0, inf, 1, 3, 2], [2, 6]), given([1, 2, 0, 1, 3, 2, 0, 0, 1, 2, 1, 1], [2, 6])],
    (a, b) => [recurrence(a, b, 1), recurrence(a, b, 1, true)],
  ),
  without(
    'cumprod',
    'the slope beside NaN and infinities',
    [
      given([1, 2, nan, 3, 1, inf, 2, 3, 4, inf, 1, 0.5, 2, inf, 0, 5, 2, 0, nan, 3], [5, 4]),
      between(0.5, 1.5, [5, 4]),
    ],
    slope((x) => cumprod(x, 1)),
  ),
];

/** Enough for each of them to be both dropped and kept. */
const many = given(Array.from({ length: 90 }, (_, i) => SPECIAL[i % 9]));
const dropped: Case[] = [
  without('dropout', 'NaN and infinities, dropped and kept', [many], (x) => [dropout(x, 0.4), dropout(x, 1)]),
  without(
    'dropout',
    'NaN and infinities in the gradient',
    [normal([90]), many],
    slope((x) => dropout(x, 0.4)),
  ),
  without('uniform', 'dropout2d, NaN and infinities', [given(SPECIAL, [1, 9, 1])], (x) =>
    [0, 1, 2].map(() => dropout2d(x)),
  ),
  without('uniform', 'alphaDropout, NaN and infinities', [many], (x) => [alphaDropout(x, 0.4), alphaDropout(x, 1)]),
];

/** The slopes at NaN are PyTorch's to choose: expected as given, for incoming gradients of 1, 2, ... */
const chosen = (op: string, title: string, run: (x: Tensor) => Tensor, x: number[], expected: number[]): Case => ({
  ...without(op, title, [given(x)], (x) => {
    const y = run(x);
    const g = fromHost(
      'case',
      Float32Array.from({ length: y.size }, (_, i) => i + 1),
      y.shape,
      { device: x.device },
    );
    return grad(y, [x], { gradients: [g] }) as Tensor[];
  }),
  reference: (x) => fromHost('case', Float32Array.from(expected), x.shape, { device: x.device }),
});
const SLOPES: Case[] = [
  chosen('leakyReluGrad', 'the slope of NaN', (x) => leakyRelu(x, 0.5), [nan, inf, -inf, 0], [0.5, 2, 1.5, 2]),
  chosen('maximum', 'the slope of NaN', (x) => maximum(x, 1), [nan, inf, -inf, 1], [1, 2, 0, 2]),
  chosen('maximum', 'the slope beside NaN', (x) => maximum(x, nan), [nan, inf, -inf, 1], [1, 2, 3, 4]),
  chosen('minimum', 'the slope of NaN', (x) => minimum(1, x), [nan, inf, -inf, 1], [1, 0, 3, 2]),
  chosen('amax', 'max, the slope is shared among NaN', max, [1, nan, inf, nan], [0, 0.5, 0, 0.5]),
  chosen('amin', 'min, the slope is shared among NaN', min, [1, nan, -inf, 0], [0, 1, 0, 0]),
];

const others: Case[] = [
  halves('toFloat32', 'NaN and infinities of float16', [given(SPECIAL)], (x) => cast(half(x), 'float32'), {
    gradients: 'none',
  }),
  without('contiguous', 'NaN and infinities', [given(SPECIAL, [3, 3])], (x) => contiguous(transpose(x))),
  without('place', 'NaN and infinities', [given(SPECIAL)], (x) => place(x, [20], [1], [2], 1)),
  without(
    'normalCdf',
    'NaN and infinities',
    [given(SPECIAL), given(TAME.slice(0, 9))],
    slope((x) => gelu(x)),
  ),
  without('runningStats', 'NaN and infinities', [given(SPECIAL), given([...SPECIAL].reverse())], (mean, variance) => {
    const running = noGrad(() => [variance, mean].map(contiguous));
    noGrad(() => updateRunning(running as [Tensor, Tensor], [mean, variance], 0.1, 1.5));
    return running;
  }),
];

export const cases = family({ forward: 1e-6, gradient: 1e-6 }, [
  ...rows,
  ...classes,
  ...images,
  ...scans,
  ...dropped,
  ...SLOPES,
  ...others,
]);
