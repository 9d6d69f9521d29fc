// Cases of losses of numbers against numbers, and of penalties.
import { l1Penalty, l2Penalty } from '../../ops/penalty.ts';
import { huberLoss, l1Loss, mseLoss, smoothL1Loss } from '../../ops/regression.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { between, coins, given, type Input, normal, SPECIAL, whole } from '../values.ts';
import { pairs, sweep } from './families.ts';

type Loss = (x: Tensor, y: Tensor, options?: { reduction?: 'mean' | 'sum' | 'none' }) => Tensor;

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

const each =
  (run: Loss): Run =>
  (x, y) =>
    run(x, y, { reduction: 'none' });

/** What every such loss has. */
const common = losses.flatMap(([op, name, run]): Case[] => {
  const inputs = [between(-2, 2, [5, 7]), between(-2, 2, [5, 7])];
  const plain: Run = (x, y) => run(x, y);
  const words = (message: string) => new RegExp(`^${name.split(' ')[0]}: ${message}`);
  return [
    { op, title: `${name}, no options`, inputs, run: plain },
    ...(['mean', 'sum', 'none'] as const).map(
      (reduction): Case => ({ op, title: `${name}, ${reduction}`, inputs, run: (x, y) => run(x, y, { reduction }) }),
    ),
    { op, title: `${name}, rank 0`, inputs: [normal([]), normal([])], run: plain },
    {
      ...{ op, title: `${name}, nothing`, inputs: [normal([0, 3]), normal([0, 3])], gradients: 'none' },
      run: (x, y) => [run(x, y), run(x, y, { reduction: 'sum' }), each(run)(x, y) as Tensor],
    },
    {
      ...{ op, title: `${name}, NaN, infinities and zeros`, gradients: 'compare', run: each(run) },
      inputs: pairs(SPECIAL).map((values) => given(values)),
    },
    refusal(
      op,
      `${name}, shapes`,
      [normal([3, 1]), normal([3])],
      plain,
      words('.* one shape, got \\[3,1\\] and \\[3\\]'),
    ),
    refusal(op, `${name}, bool`, [normal([2]), coins([2])], plain, words('.* a float32 target, got float32 and bool')),
    refusal(op, `${name}, int32`, [whole(0, 2, [2]), normal([2])], plain, words('.* float32 input .*, got int32 and')),
    refusal(
      op,
      `${name}, reduction`,
      [normal([2]), normal([2])],
      (x, y) => run(x, y, { reduction: 'all' as never }),
      words('expected reduction mean, sum or none, got all'),
    ),
  ];
});

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
