// Cases of losses of margins: those of classes, on a kernel of their own, and the binary hinge, made of other ops.
import { grad } from '../../autograd/backward.ts';
import { expand } from '../../ops/broadcast.ts';
import { hingeEmbeddingLoss, hingeLoss, type MultiMarginOptions, multiMarginLoss, svmLoss } from '../../ops/margin.ts';
import { permute, transpose } from '../../ops/movement.ts';
import { fromHost } from '../../tensor/creation.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { coins, given, givenWhole, type Input, normal, whole } from '../values.ts';

type Options = Omit<MultiMarginOptions, 'weight'>;

const svm =
  (options: Options = {}): Run =>
  (x, y) =>
    svmLoss(x, y, { reduction: 'none', ...options });
const multi =
  (options: Options = {}): Run =>
  (x, y, weight) =>
    multiMarginLoss(x, y, { weight, reduction: 'none', ...options });

const scored = (shape: Shape): Input[] =>
  shape.length === 1
    ? [normal(shape), whole(0, shape[0], [])]
    : [normal(shape), whole(0, shape[1], [shape[0], ...shape.slice(2)])];

const sizes: [title: string, shape: Shape][] = [
  ['one class', [3, 1]],
  ['two classes', [5, 2]],
  ['ten classes', [7, 10]],
  ['one row without its dim', [5]],
  ['many classes', [2, 1301]],
  ['one dim behind the classes', [2, 5, 3]],
  ['two dims behind the classes', [3, 4, 2, 5]],
  ['no rows', [0, 3]],
];
const ways = ['mean', 'sum', 'none'] as const;
const weight = given([0.5, 0, 2, 1]);
const op = 'margins';

const plain: Case[] = [
  ...sizes.map(([title, shape]): Case => ({ op, title, inputs: scored(shape), run: svm() })),
  ...ways.flatMap((reduction): Case[] => [
    { op, title: `svm, ${reduction}`, inputs: scored([5, 3]), run: svm({ reduction, margin: 0.6 }) },
    ...[1, 2].flatMap((p): Case[] => [
      { op, title: `multi, p ${p}, ${reduction}`, inputs: scored([5, 4]), run: multi({ p, reduction }) },
      {
        ...{ op, title: `multi, p ${p}, ${reduction}, with weights and a margin` },
        inputs: [...scored([3, 4, 2]), weight],
        run: multi({ p, margin: 1.7, reduction }),
      },
    ]),
  ]),
  { op, title: 'svm, no options', inputs: scored([5, 3]), run: (x, y) => svmLoss(x, y) },
  { op, title: 'multi, no options', inputs: scored([5, 3]), run: (x, y) => multiMarginLoss(x, y) },
];

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const BIG = 1e4;
const compare = { op, gradients: 'compare' } as const;

const values: Case[] = [
  // On a kink: x[c] lies just the margin below x[label], where the gradient is 0, as in PyTorch.
  {
    ...{ ...compare, title: 'just the margin', inputs: [given([2, 1, 0, 3], [1, 4]), givenWhole([0])] },
    run: svm(),
  },
  {
    ...{ ...compare, title: 'all equal', inputs: [given(Array(20).fill(0), [2, 10]), givenWhole([0, 9])] },
    run: (x, y) => [svmLoss(x, y), multiMarginLoss(x, y)],
  },
  {
    ...{ ...compare, title: 'scores of +-1e4', inputs: [given([BIG, -BIG, 0, BIG], [2, 2]), givenWhole([0, 0])] },
    run: svm(),
  },
  {
    ...{ ...compare, title: 'infinities and NaN' },
    inputs: [given([inf, 1, -inf, 1, inf, 2, nan, 1, 2, 1, nan, 2, -inf, 1, 2], [5, 3]), givenWhole([0, 0, 1, 2, 0])],
    run: svm(),
  },
  {
    ...{ op, title: 'multiMarginLoss, NaN and infinities: what is not above 0 adds nothing', gradients: 'none' },
    inputs: [given([1, nan, 0.5, nan, 1, 2, inf, 1, 2, 1, inf, 2, -inf, 1, 2], [5, 3]), givenWhole([0, 0, 0, 0, 1])],
    run: multi({ reduction: 'none' }),
    // (0.5 + 0) / 3, all NaN, all far below, one infinite, (0 + 2) / 3 beside minus infinity.
    reference: ({ device }) => fromHost('case', [0.5 / 3, 0, 0, inf, 2 / 3], [5], { device }),
  },
  {
    ...{ op, title: 'multiMarginLoss, the gradients where a margin is NaN', gradients: 'none' },
    inputs: [given([1, nan, 0.5], [1, 3]), givenWhole([0])],
    run: (x, y) => grad(multiMarginLoss(x, y), [x]) as Tensor[],
    reference: ({ device }) => fromHost('case', [-1 / 3, 0, 1 / 3], [1, 3], { device }),
  },
  { op, title: 'a margin below 0', inputs: scored([5, 3]), run: svm({ margin: -0.4 }) },
  { op, title: 'transposed scores', inputs: [normal([3, 4]), whole(0, 3, [4])], run: (x, y) => svm()(transpose(x), y) },
  {
    ...{ op, title: 'permuted scores and labels', inputs: [normal([2, 3, 4]), whole(0, 4, [3, 2])] },
    run: (x, y) => svm()(permute(x, [0, 2, 1]), transpose(y)),
  },
  ...(
    [
      ['svmLoss', svm()],
      ['multiMarginLoss', multi()],
    ] as const
  ).flatMap(([name, run]) =>
    [3, -1, -100].map(
      (label): Case => ({
        ...{ op, title: `${name}, label ${label}`, run },
        inputs: [normal([4, 3, 1]), givenWhole([0, 1, label, 0], [4, 1]), given([1, 2, 3])],
        faults: new RegExp(`^${name}: expected labels from 0 to 2, got ${label}$`),
      }),
    ),
  ),
  {
    ...{ op, title: 'more elements than one dimension of workgroups holds', large: true, gradients: 'none' },
    inputs: [normal([1, 65]), whole(0, 65, [1])],
    run: (x, y) => svmLoss(expand(x, [65_537, 65]), expand(y, [65_537])),
    reference: (x, y) => svmLoss(x, y),
  },
];

const MARGINS = { svmLoss: svm, multiMarginLoss: multi };
const refuse = (title: string, inputs: Input[], message: RegExp, options: object = {}): Case[] =>
  Object.entries(MARGINS).map(([name, make]) =>
    refusal(op, `${name}, ${title}`, inputs, make(options), new RegExp(`^${name}: ${message.source}`)),
  );

const refused: Case[] = [
  ...refuse('other rows', [normal([3, 2]), givenWhole([0, 1])], /expected scores .*, got \[3,2\] and \[2\]/),
  ...refuse('no classes', [normal([1, 0]), givenWhole([0])], /expected scores .* of at least one class, got \[1,0\]/),
  ...refuse('scores of int32', [whole(0, 2, [2, 3]), givenWhole([0, 1])], /expected float32 scores, got int32/),
  ...refuse('labels of float32', [normal([2, 3]), normal([2])], /expected int32 labels, got float32/),
  ...refuse('a reduction', scored([2, 3]), /expected reduction mean, sum or none, got x/, { reduction: 'x' }),
  refusal(op, 'p 3', scored([2, 3]), multi({ p: 3 }), /multiMarginLoss: expected p 1 or 2, got 3/),
  refusal(
    op,
    'other weights',
    [...scored([2, 3]), weight],
    multi(),
    /multiMarginLoss: .* per class, \[3\], got .*\[4\]/,
  ),
];

/** The binary ones, with the op that each is about. */
const hinge =
  (options: Parameters<typeof hingeLoss>[2] = {}): Run =>
  (x, y) =>
    hingeLoss(x, y, options);
const embedding =
  (options: Parameters<typeof hingeEmbeddingLoss>[2] = {}): Run =>
  (x, y) =>
    hingeEmbeddingLoss(x, y, options);

const signs = givenWhole([1, -1, 1, 1, -1, -1], [2, 3]);
const fractions = given([1, -1, 1, 1, -1, -1], [2, 3]);

const binary: Case[] = ([{}, ...ways.map((reduction) => ({ reduction }))] as const).flatMap((options): Case[] => {
  const way = 'reduction' in options ? options.reduction : 'no options';
  return [
    { op: 'relu', title: `hingeLoss, ${way}`, inputs: [normal([2, 3]), fractions], run: hinge(options) },
    { op: 'relu', title: `hingeLoss, int32, ${way}`, inputs: [normal([2, 3]), signs], run: hinge(options) },
    { op: 'relu', title: `hingeEmbeddingLoss, ${way}`, inputs: [normal([2, 3]), signs], run: embedding(options) },
    {
      ...{ op: 'relu', title: `hingeEmbeddingLoss, float32 and a margin, ${way}` },
      inputs: [normal([2, 3]), fractions],
      run: (x, y) => embedding({ ...options, margin: 0.3 })(x, y.detach()),
    },
  ];
});

const edges: Case[] = (
  [
    ['hingeLoss', hinge({ reduction: 'none' })],
    ['hingeEmbeddingLoss', embedding({ reduction: 'none' })],
  ] as const
).flatMap(([name, run]): Case[] => [
  {
    ...{ op: 'relu', title: `${name}, NaN, infinities and kinks`, gradients: 'compare' },
    inputs: [given([nan, inf, -inf, 1, -1, nan, inf, -inf, 1, -1]), givenWhole([1, 1, 1, 1, 1, -1, -1, -1, -1, -1])],
    run,
  },
  { op: 'relu', title: `${name}, rank 0`, inputs: [normal([]), givenWhole([-1], [])], run },
  {
    op: 'relu',
    title: `${name}, nothing`,
    inputs: [normal([0, 3]), normal([0, 3])],
    run: (x, y) => run(x, y.detach()),
  },
  refusal('relu', `${name}, other shapes`, [normal([2]), normal([2, 1])], run, /of one shape, got \[2\] and \[2,1\]/),
  refusal('relu', `${name}, bool`, [normal([2]), coins([2])], run, /a float32 or int32 target, got float32 and bool/),
  refusal('relu', `${name}, int32 input`, [whole(0, 2, [2]), normal([2])], run, /a float32 input .*, got int32/),
]);

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [...plain, ...values, ...refused, ...binary, ...edges]);
