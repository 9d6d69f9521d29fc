// Cases of losses of probabilities: binary cross entropy, by probabilities and by logits, and divergence.
import { grad } from '../../autograd/backward.ts';
import { onesLike } from '../../ops/elementwise.ts';
import {
  type BceWithLogitsOptions,
  bceLoss,
  bceWithLogitsLoss,
  type KlDivOptions,
  klDivLoss,
} from '../../ops/probability.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { between, given, type Input, normal, SPECIAL, whole } from '../values.ts';
import { magnitudes, pairs, sweep } from './families.ts';
import { each, type Loss, loss } from './loss-forms.ts';

const logTarget: Loss = (x, y, options) => klDivLoss(x, y, { ...options, logTarget: true });
const probabilities = (shape: Shape) => between(0.05, 0.95, shape);

/** NaN and what lies beyond 0 and 1 is no probability, see `faults`. */
const bounded = { inputs: pairs([0, -0, 1, 0.5], SPECIAL).map((values) => given(values)), gradients: 'none' } as const;
const special = { inputs: pairs([...SPECIAL, 0.5, 1.5]).map((values) => given(values)), gradients: 'none' } as const;
const divergence = { op: 'klDiv', input: normal, special, reductions: 'mean, sum, none or batchmean' };

const common = [
  ...loss({ op: 'bce', name: 'bceLoss', run: bceLoss, input: probabilities, target: probabilities, special: bounded }),
  ...loss({
    ...{ op: 'bceWithLogits', name: 'bceWithLogitsLoss', run: bceWithLogitsLoss },
    ...{ input: normal, target: probabilities, special },
  }),
  ...loss({ ...divergence, name: 'klDivLoss', run: klDivLoss, target: probabilities }),
  ...loss({ ...divergence, op: 'exp', name: 'klDivLoss of logarithms', run: logTarget, target: normal }),
];

type Weighing = (x: Tensor, y: Tensor, options: BceWithLogitsOptions) => Tensor;

/** Weights of the losses, in all shapes that broadcast to them. */
const weighed = (
  [
    ['bce', 'bceLoss', bceLoss, probabilities],
    ['bceWithLogits', 'bceWithLogitsLoss', bceWithLogitsLoss, normal],
  ] satisfies [string, string, Weighing, typeof normal][]
).flatMap(([op, name, run, input]): Case[] => {
  const inputs = (weight: Input): Input[] => [input([4, 3]), probabilities([4, 3]), weight];
  const reject = (title: string, weight: Input, message: string) =>
    refusal(
      op,
      `${name}, ${title}`,
      inputs(weight),
      (x, y, weight) => run(x, y, { weight }),
      new RegExp(`^${name}: ${message}`),
    );
  return [
    ...([[4, 3], [3], [4, 1], []] as Shape[]).map(
      (shape): Case => ({
        ...{ op, title: `${name}, a weight [${shape}]`, inputs: inputs(between(0.5, 2, shape)) },
        run: (x, y, weight) => run(x, y, { weight }),
      }),
    ),
    reject('a weight that does not broadcast', normal([4]), 'shapes do not broadcast, \\[4\\] and \\[4,3\\]'),
    reject('a weight too large', normal([2, 4, 3]), 'expected weight that broadcasts to \\[4,3\\], got \\[2,4,3\\]'),
    reject('a weight of int32', whole(1, 3, [3]), 'expected float32 weight, got int32'),
  ];
});

const faults = [-1e-7, 1.0000001, Number.NaN, Number.POSITIVE_INFINITY].map(
  (v): Case => ({
    ...{ op: 'within', title: `bceLoss of ${v}`, inputs: [given([0.5, 0, v, 1]), given([0, 1, 1, 0])] },
    run: (x, y) => bceLoss(x, y),
    faults: new RegExp(`^bceLoss: expected inputs from 0 to 1, got ${Math.fround(v)}`),
  }),
);

/** First and second derivatives by the input and by the target. */
const derivatives =
  (run: Run): Run =>
  (x, y) => {
    const slopes = (f: Tensor) => grad(f, [x, y], { gradients: [onesLike(f)], createGraph: true }) as Tensor[];
    const first = slopes(run(x, y) as Tensor);
    return [...first, ...slopes(first[0])];
  };

/** As far out as float32 goes: logits of all sizes, and probabilities down to the bounds of the logarithm. */
const tails = [...sweep(1e-6, 80), 1e4, -1e4, 3e38, -3e38];
const chances = [...magnitudes(1e-37, 0.5), ...magnitudes(6e-8, 0.5).map((v) => 1 - v)];
const far = (values: number[], target: number): Input[] => [given(values), given(values.map(() => target))];
const whether = [0, 1];

const values: Case[] = [
  ...whether.flatMap((target): Case[] => [
    {
      ...{ op: 'bceWithLogits', title: `tails of target ${target}`, inputs: far(tails, target), gradients: 'none' },
      ...{ run: each(bceWithLogitsLoss), tolerance: { ulp: 6 } },
    },
    {
      ...{ op: 'bceWithLogits', title: `derivatives in the tails of target ${target}`, gradients: 'none' },
      ...{ inputs: far([-1e4, -100, -20, -1, 1, 20, 100, 1e4], target), run: derivatives(each(bceWithLogitsLoss)) },
    },
    {
      ...{ op: 'bce', title: `tails of target ${target}`, inputs: far(chances, target), gradients: 'none' },
      ...{ run: each(bceLoss), tolerance: { ulp: 6 } },
    },
    // The gradient is bounded here by the smallest variance.
    {
      ...{ op: 'bce', title: `derivatives next to certainty of target ${target}`, gradients: 'none' },
      ...{ inputs: far([0, 1, 1e-13, 1e-11, 0.5], target), run: derivatives(each(bceLoss)) },
    },
  ]),
  ...([[4, 3], [3], [4, 1], []] as Shape[]).map(
    (shape): Case => ({
      ...{ op: 'bceWithLogits', title: `posWeight [${shape}]` },
      inputs: [normal([4, 3]), probabilities([4, 3]), between(0.5, 2, shape), between(0.5, 2, [3])],
      run: (x, y, posWeight, weight) => bceWithLogitsLoss(x, y, { posWeight, weight, reduction: 'none' }),
    }),
  ),
  refusal(
    'bceWithLogits',
    'a posWeight that does not broadcast',
    [normal([4, 3]), normal([4, 3]), normal([4])],
    (x, y, posWeight) => bceWithLogitsLoss(x, y, { posWeight }),
    /bceWithLogitsLoss: shapes do not broadcast, \[4\] and \[4,3\]/,
  ),
  refusal(
    'bceWithLogits',
    'a posWeight too large',
    [normal([3]), normal([3]), normal([4, 3])],
    (x, y, posWeight) => bceWithLogitsLoss(x, y, { posWeight }),
    /bceWithLogitsLoss: expected posWeight that broadcasts to \[3\], got \[4,3\]/,
  ),
  {
    ...{ op: 'klDiv', title: 'targets of all magnitudes', gradients: 'none' },
    ...{ inputs: far(magnitudes(1e-37, 1), -2), run: (x, y) => klDivLoss(y, x, { reduction: 'none' }) },
  },
];

const batchmeans = (
  [
    ['klDiv', {}],
    ['exp', { logTarget: true }],
  ] satisfies [string, KlDivOptions][]
).flatMap(([op, options]) =>
  ([[4, 3], [5], [2, 3, 2], []] as Shape[]).map(
    (shape): Case => ({
      ...{ op, title: `klDivLoss, batchmean over [${shape}]`, inputs: [normal(shape), probabilities(shape)] },
      run: (x, y) => klDivLoss(x, y, { ...options, reduction: 'batchmean' }),
    }),
  ),
);

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [
  ...common,
  ...weighed,
  ...values,
  ...faults,
  ...batchmeans,
]);
