// Cases of batch normalization in training and evaluation, and of its fused gradient.
import { grad } from '../../autograd/backward.ts';
import { noGrad } from '../../autograd/tape.ts';
import { expand } from '../../ops/broadcast.ts';
import { contiguous } from '../../ops/elementwise.ts';
import { permute } from '../../ops/movement.ts';
import { type BatchNormOptions, batchNorm } from '../../ops/norm.ts';
import { mean } from '../../ops/reduction.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { between, given, type Input, normal, SPECIAL, whole } from '../values.ts';

const shapes: [title: string, x: Shape][] = [
  ['rows', [5, 3]],
  ['sequences', [4, 3, 5]],
  ['images', [2, 3, 4, 5]],
  ['volumes', [2, 2, 3, 2, 2]],
  ['one channel', [7, 1]],
  ['one image', [1, 3, 3, 5]],
  ['as many elements of a channel as a workgroup takes', [4, 1, 16, 16]],
  ['elements of a channel on two levels', [3, 2, 17, 23]],
  ['as many channels as a small workgroup has threads', [3, 8, 5]],
  ['more parts of a channel than a small workgroup has threads', [3, 1, 57, 61]],
];

const parameters = ([, C]: Shape): Input[] => [normal([C]), normal([C])];

const train: Run = (x, weight, bias) => batchNorm(x, { weight, bias, training: true });

/** The gradients of x, weight and bias as functions of all three and of the gradient that comes in. */
const slopes: Run = (x, weight, bias, g) =>
  grad(train(x, weight, bias), [x, weight, bias], { gradients: [g], createGraph: true }) as Tensor[];

const layouts = shapes.flatMap(([title, x]): Case[] => [
  { op: 'batchNorm', title, inputs: [normal(x), ...parameters(x)], run: train },
  { op: 'batchNormGrad', title, inputs: [normal(x), ...parameters(x), normal(x)], run: slopes },
]);

const X = [4, 3, 2];
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

const others: Case[] = [
  { op: 'batchNorm', title: 'no weight and bias', inputs: [normal(X)], run: (x) => batchNorm(x, { training: true }) },
  {
    op: 'batchNorm',
    title: 'another eps',
    inputs: [normal(X), normal([3])],
    run: (x, weight) => batchNorm(x, { weight, training: true, eps: 0.5 }),
  },
  {
    op: 'batchNorm',
    title: 'channels last, which are copied',
    inputs: [normal([4, 2, 3])],
    run: (x) => batchNorm(permute(x, [0, 2, 1]), { training: true }),
  },
  {
    op: 'batchNorm',
    title: 'evaluation',
    inputs: [normal(X), ...parameters(X), normal([3]), between(0.5, 2, [3])],
    run: (x, weight, bias, runningMean, runningVar) =>
      batchNorm(x, { weight, bias, runningMean, runningVar, training: false }),
  },
  {
    op: 'batchNorm',
    title: 'evaluation of no images',
    inputs: [normal([0, 3, 2]), ...parameters(X), normal([3]), between(0.5, 2, [3])],
    run: (x, weight, bias, runningMean, runningVar) =>
      batchNorm(x, { weight, bias, runningMean, runningVar, training: false }),
  },
  {
    op: 'batchNorm',
    title: 'NaN and infinities, which stay in their channels',
    inputs: [given([nan, 1, 2, inf, 3, 4, 5, -inf, 6, 7, 8, 9, 1, 2, 3, 4], [4, 4])],
    run: (x) => batchNorm(x, { training: true }),
    gradients: 'none',
  },
  {
    op: 'batchNorm',
    title: 'NaN and infinities in evaluation',
    inputs: [given(SPECIAL, [9, 1]), given([0.5]), given([2])],
    run: (x, runningMean, runningVar) => batchNorm(x, { runningMean, runningVar, training: false }),
    gradients: 'none',
  },
  {
    op: 'runningStats',
    title: 'running statistics',
    inputs: [normal(X), normal([3]), between(0.5, 2, [3])],
    run: (x, ...running) => {
      const [runningMean, runningVar] = noGrad(() => running.map(contiguous));
      batchNorm(x, { runningMean, runningVar, training: true, momentum: 0.3 });
      return [runningMean, runningVar];
    },
    gradients: 'none',
  },
  {
    op: 'batchNorm',
    title: 'values far from 0',
    inputs: [between(1000, 1001, [64, 3, 5])],
    run: (x) => batchNorm(x, { training: true }),
    gradients: 'compare',
  },
];

/** Images that are all alike, and as many as need more workgroups than one dimension holds: their mean is theirs. */
const MANY = 300_001;
const crowd = (x: Tensor) => expand(x, [MANY, 3, 5]);

const many: Case[] = [
  {
    op: 'batchNorm',
    title: 'more elements than one dimension of workgroups holds',
    large: true,
    inputs: [normal([1, 3, 5]), ...parameters(X)],
    run: (x, weight, bias) => mean(train(crowd(x), weight, bias) as Tensor, 0),
    reference: (x, weight, bias) => mean(train(x, weight, bias) as Tensor, 0),
    gradients: 'none',
  },
  {
    op: 'batchNormGrad',
    title: 'more elements than one dimension of workgroups holds',
    large: true,
    inputs: [normal([1, 3, 5]), ...parameters(X), normal([1, 3, 5])],
    run: (x, weight, bias, g) => mean((slopes(crowd(x), weight, bias, crowd(g)) as Tensor[])[0], 0),
    reference: (x, weight, bias, g) => mean((slopes(x, weight, bias, g) as Tensor[])[0], 0),
    gradients: 'none',
    // It subtracts the means of 1.5 million elements per channel.
    tolerance: { forward: 5e-6 },
  },
];

const refuse = (
  title: string,
  inputs: Input[],
  options: (...rest: Tensor[]) => BatchNormOptions,
  message: RegExp,
): Case => refusal('batchNorm', title, inputs, (x, ...rest) => batchNorm(x, options(...rest)), message);

const training = { training: true };
const refused: Case[] = [
  refuse('a vector', [normal([3])], () => training, /batchNorm: expected input \[N, C, ...\], got \[3\]/),
  refuse('int32', [whole(0, 9, [2, 3])], () => training, /batchNorm: expected dtype float32, got int32/),
  refuse(
    'another weight',
    [normal([2, 3]), normal([2])],
    (weight) => ({ weight, ...training }),
    /expected weight \[3\] for input \[2,3\], got \[2\]/,
  ),
  refuse(
    'one value per channel',
    [normal([1, 3])],
    () => training,
    /more than one value per channel, got input \[1,3\]/,
  ),
  refuse(
    'evaluation without statistics',
    [normal([2, 3])],
    () => ({ training: false }),
    /evaluation needs runningMean and runningVar/,
  ),
];

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [...layouts, ...others, ...many, ...refused]);
