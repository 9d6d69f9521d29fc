// Cases of losses of numbers against numbers, and of penalties.
import { l1Penalty, l2Penalty } from '../../ops/penalty.ts';
import { huberLoss, l1Loss, mseLoss, smoothL1Loss } from '../../ops/regression.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, given, type Input, normal, SPECIAL, whole } from '../values.ts';
import { type Domain, pairs, sweep } from './families.ts';
import { each, type Loss, loss } from './loss-forms.ts';

/** The losses, by a name, with the op that each is about. */
const losses: [op: string, name: string, run: Loss][] = [
  ['square', 'mseLoss', mseLoss],
  ['abs', 'l1Loss', l1Loss],
  ['abs', 'smoothL1Loss with beta 0', (x, y, options) => smoothL1Loss(x, y, { ...options, beta: 0 })],
  ['huber', 'smoothL1Loss', smoothL1Loss],
  ['huber', 'smoothL1Loss with beta 0.3', (x, y, options) => smoothL1Loss(x, y, { ...options, beta: 0.3 })],
  ['huber', 'huberLoss', huberLoss],
  ['huber', 'huberLoss with delta 0.7', (x, y, options) => huberLoss(x, y, { ...options, delta: 0.7 })],
];

const some: Domain = (shape) => between(-2, 2, shape);
const special = { inputs: pairs(SPECIAL).map((values) => given(values)), gradients: 'compare' } as const;

const common = losses.flatMap(([op, name, run]) => loss({ op, name, run, input: some, target: some, special }));

const huber = (title: string, x: number[], y: number[], run: Loss, more: Partial<Case> = {}): Case => ({
  ...{ op: 'huber', title, inputs: [given(x), given(y)], run: each(run), gradients: 'compare' },
  ...more,
});
const zeros = (n: number) => Array<number>(n).fill(0);
const wide = sweep(1e-15, 1e15);
const edges = [0.5, -0.5, 0.25, -0.25, 0.75, -0.75, 0];

const values: Case[] = [
  // At the edges the gradient has a kink, but one value.
  huber('at the edge', edges, zeros(7), (x, y, options) => smoothL1Loss(x, y, { ...options, beta: 0.5 })),
  huber('at the edge of delta', zeros(7), edges, (x, y, options) => huberLoss(x, y, { ...options, delta: 0.5 })),
  huber('all magnitudes', wide, zeros(wide.length), huberLoss, { tolerance: { ulp: 2 } }),
  huber('nothing but squares', wide, zeros(wide.length), (x, y, options) =>
    huberLoss(x, y, { ...options, delta: Number.POSITIVE_INFINITY }),
  ),
  huber('a narrow edge', [1e-3, -1e-7, 1e-6, 2, -3], zeros(5), (x, y, options) =>
    smoothL1Loss(x, y, { ...options, beta: 1e-6 }),
  ),
  ...[-1, Number.NaN].map((beta) =>
    refusal(
      'huber',
      `beta ${beta}`,
      [normal([2]), normal([2])],
      (x, y) => smoothL1Loss(x, y, { beta }),
      /smoothL1Loss: expected beta of at least 0, got/,
    ),
  ),
  ...[0, -1, Number.NaN].map((delta) =>
    refusal(
      'huber',
      `delta ${delta}`,
      [normal([2]), normal([2])],
      (x, y) => huberLoss(x, y, { delta }),
      /huberLoss: expected delta above 0, got/,
    ),
  ),
];

const tensors: Input[] = [normal([3, 4]), normal([5]), normal([]), normal([0, 2]), normal([2, 1, 3])];

const penalties = (
  [
    ['abs', 'l1Penalty', l1Penalty],
    ['square', 'l2Penalty', l2Penalty],
  ] as const
).flatMap(([op, name, run]): Case[] => [
  { op, title: `${name} of several`, inputs: tensors, run: (...list) => run(list) },
  { op, title: `${name} of one`, inputs: [normal([7])], run: (x) => run(new Set([x])) },
  refusal(op, `${name} of none`, [], () => run([]), new RegExp(`^${name}: expected at least one tensor, got none`)),
  refusal(
    op,
    `${name} of int32`,
    [normal([2]), whole(0, 9, [2])],
    (...list) => run(list),
    new RegExp(`^${name}: expected float32 tensors, got int32`),
  ),
]);

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [...common, ...values, ...penalties]);
