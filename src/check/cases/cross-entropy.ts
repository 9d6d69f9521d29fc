// Cases of cross entropy and its fused gradient, and of nllLoss, whose kernels pick a score per row and put one back.
import { grad } from '../../autograd/backward.ts';
import { expand } from '../../ops/broadcast.ts';
import { type CrossEntropyOptions, crossEntropy, type NllOptions, nllLoss } from '../../ops/cross-entropy.ts';
import { permute, transpose } from '../../ops/movement.ts';
import { mean } from '../../ops/reduction.ts';
import { logSoftmax } from '../../ops/softmax.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { between, coins, given, givenWhole, type Input, normal, whole } from '../values.ts';

type Options = Omit<CrossEntropyOptions, 'weight'>;

/** The loss of each row, with class weights where they are given. */
const each =
  (options: Options = {}): Run =>
  (x, y, weight) =>
    crossEntropy(x, y, { weight, reduction: 'none', ...options });
const nll =
  (options: Omit<NllOptions, 'weight'> = {}): Run =>
  (x, y, weight) =>
    nllLoss(x, y, { weight, reduction: 'none', ...options });

/** The gradient of the scores as a function of them and of the gradient of each row that comes in. */
const slopes =
  (run: Run): Run =>
  (x, y, g) =>
    grad(run(x, y) as Tensor, [x], { gradients: [g], createGraph: true }) as Tensor[];

const classesOf = (shape: Shape) => shape[Math.min(1, shape.length - 1)];
const rowsOf = (shape: Shape) => (shape.length === 1 ? [] : [shape[0], ...shape.slice(2)]);

/** Scores, and labels of which some may be `from`. */
const scored = (shape: Shape, from = 0): Input[] => [normal(shape), whole(from, classesOf(shape), rowsOf(shape))];
const incoming = (shape: Shape): Input => normal(rowsOf(shape));
const weights = (shape: Shape): Input => between(0.5, 2, [classesOf(shape)]);

const sizes: [title: string, shape: Shape][] = [
  ['one class', [3, 1]],
  ['two classes', [5, 2]],
  ['ten classes', [7, 10]],
  ['one row without its dim', [6]],
  ['more classes than a workgroup has threads', [3, 67]],
  ['more classes than a block of all threads', [2, 131]],
  ['many classes', [2, 1301]],
  ['one dim behind the classes', [2, 5, 3]],
  ['two dims behind the classes', [3, 2, 5, 2]],
  ['four dims behind the classes', [2, 3, 1, 2, 2, 3]],
];

/** The gradient of what comes in to a single row is one number, a sum of terms that cancel. */
const cancelling = (shape: Shape) => (shape.length === 1 ? { tolerance: { gradient: 1e-5 } } : {});

const shapes = sizes.flatMap(([title, shape]): Case[] => [
  { op: 'crossEntropyRows', title, inputs: scored(shape), run: each() },
  {
    ...{ op: 'crossEntropyGrad', title, inputs: [...scored(shape), incoming(shape)], run: slopes(each()) },
    ...cancelling(shape),
  },
  { op: 'pickClass', title, inputs: scored(shape), run: nll() },
  { op: 'placeClass', title, inputs: [...scored(shape), incoming(shape)], run: slopes(nll()) },
]);
shapes.push({ op: 'pickClass', title: 'rows of six workgroups', inputs: scored([370, 3]), run: nll() });

/** Options taken together, with labels from a number that may be ignored. */
const settings: [title: string, options: Options, from: number][] = [
  ['labels ignored', { ignoreIndex: -1 }, -1],
  ['a class ignored', { ignoreIndex: 1 }, 0],
  ['smooth labels', { labelSmoothing: 0.3 }, 0],
  ['smooth labels, some ignored', { labelSmoothing: 0.3, ignoreIndex: -1 }, -1],
  ['evenly wanted classes', { labelSmoothing: 1, ignoreIndex: 2 }, 0],
];
const looks: [title: string, shape: Shape][] = [
  ['rows', [11, 4]],
  ['two dims behind the classes', [3, 4, 2, 5]],
];
const ways = ['mean', 'sum', 'none'] as const;

const combinations = looks.flatMap(([look, shape]) =>
  settings.flatMap(([setting, options, from]): Case[] => [
    ...(look === 'rows' ? ways : (['mean'] as const)).flatMap((reduction): Case[] => {
      const title = `${look}, ${setting}, ${reduction}`;
      const inputs = scored(shape, from);
      const run = each({ ...options, reduction });
      return [
        { op: 'crossEntropyRows', title, inputs, run },
        { op: 'crossEntropyRows', title: `${title}, with weights`, inputs: [...inputs, weights(shape)], run },
      ];
    }),
    {
      ...{ op: 'crossEntropyGrad', title: `${look}, ${setting}` },
      inputs: [...scored(shape, from), incoming(shape)],
      run: slopes(each(options)),
    },
  ]),
);

const nlls = looks.flatMap(([look, shape]) =>
  ways.flatMap((reduction): Case[] => {
    const title = `${look}, ${reduction}`;
    const inputs = scored(shape, -1);
    return [
      { op: 'pickClass', title, inputs: scored(shape), run: nll({ reduction }) },
      { op: 'pickClass', title: `${title}, labels ignored`, inputs, run: nll({ reduction, ignoreIndex: -1 }) },
      {
        ...{ op: 'pickClass', title: `${title}, labels ignored, with weights` },
        inputs: [...inputs, weights(shape)],
        run: nll({ reduction, ignoreIndex: -1 }),
      },
      {
        ...{ op: 'placeClass', title: `${title}, a class ignored` },
        inputs: scored(shape),
        run: (x, y) => slopes(nll({ ignoreIndex: 2 }))(x, y, expand(mean(x), y.shape)),
      },
    ];
  }),
);

const soft = [
  ['rows', [7, 4]],
  ['one row without its dim', [5]],
  ['two dims behind the classes', [3, 4, 2, 5]],
] satisfies [string, Shape][];

const probabilities = soft.flatMap(([look, shape]) =>
  ways.flatMap((reduction): Case[] => {
    const title = `crossEntropy of probabilities, ${look}, ${reduction}`;
    const inputs = [normal(shape), between(0.1, 0.9, shape)];
    return [
      { op: 'softmax', title, inputs, run: each({ reduction }) },
      { op: 'softmax', title: `${title}, smooth`, inputs, run: each({ reduction, labelSmoothing: 0.3 }) },
      {
        ...{ op: 'softmax', title: `${title}, smooth, with weights` },
        inputs: [...inputs, weights(shape)],
        run: each({ reduction, labelSmoothing: 0.3 }),
      },
    ];
  }),
);

/** Labels 2, 1 and 0 of three classes. */
const labels = givenWhole([2, 1, 0]);
const BIG = 1e4;
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const EXTREMES = [1, -inf, 2, nan, 1, 2, 0.5, -inf, -inf, -inf, -inf, -inf, 1, inf, 2];

const value = (title: string, inputs: Input[], run: Run, more: Partial<Case> = {}): Case => ({
  ...{ op: 'crossEntropyRows', title, inputs, run },
  ...more,
});
const compare: Partial<Case> = { gradients: 'compare' };

/** Small logits of 131 classes, and a large one of the class at `place`. */
const far = (place: number, shape: Shape): Input => {
  const classOf = (i: number) => Math.floor(i / (shape[2] ?? 1)) % 131;
  return given(
    Array.from({ length: 262 }, (_, i) => (classOf(i) === place ? 300 : i / 131)),
    shape,
  );
};

const values: Case[] = [
  value('no options', [normal([3, 3]), labels], (x, y) => crossEntropy(x, y)),
  value('no rows', [normal([0, 3]), givenWhole([])], each()),
  value('the mean of no rows', [normal([0, 3]), givenWhole([])], each({ reduction: 'mean' }), compare),
  value('no dims behind the classes', [normal([2, 3, 0]), givenWhole([], [2, 0])], each()),
  value('all equal', [given(Array(20).fill(3), [2, 10]), givenWhole([0, 9])], each()),
  value('transposed logits', [normal([4, 3]), labels], (x, y) => each()(transpose(x), y)),
  ...[97, 63].map((place) =>
    value(`large logits far behind, at ${place}`, [far(place, [2, 131]), whole(0, 131, [2])], each(), compare),
  ),
  value('large logits far behind, before another dim', [far(63, [1, 131, 2]), whole(0, 131, [1, 2])], each(), compare),
  value('permuted logits and labels', [normal([2, 3, 4]), whole(0, 4, [3, 2])], (x, y) =>
    each()(permute(x, [0, 2, 1]), transpose(y)),
  ),
  ...[each(), each({ labelSmoothing: 0.5 })].flatMap((run, smooth): Case[] => {
    const title = (words: string) => (smooth ? `${words}, smooth` : words);
    const apart = given([BIG, -BIG, BIG, -BIG, BIG, -BIG, -BIG, -BIG, BIG], [3, 3]);
    const extremes = [given(EXTREMES, [5, 3]), givenWhole([2, 1, 0, 1, 2])];
    return [
      value(title('logits of +-1e4'), [apart, labels], run, compare),
      value(title('logits around 1e4'), [between(BIG, BIG + 4, [3, 3]), labels], run, compare),
      value(title('classes ruled out by -Infinity, NaN and Infinity'), extremes, run, compare),
    ];
  }),
  value('all labels ignored', [normal([2, 3]), givenWhole([-100, -100])], each({ reduction: 'mean' }), compare),
  value('all labels ignored, sum', [normal([2, 3]), givenWhole([7, 7])], each({ reduction: 'sum', ignoreIndex: 7 })),
  value(
    'NaN and infinities in rows that are ignored',
    [given(EXTREMES, [5, 3]), givenWhole([2, -100, -100, -100, -100])],
    each({ reduction: 'mean' }),
    compare,
  ),
  value(
    'weights with zeros',
    [normal([3, 3]), givenWhole([2, 1, 1]), given([0, 1.5, 0])],
    each({ reduction: 'mean', labelSmoothing: 0.25 }),
  ),
  value(
    'a mean over no weight',
    [normal([2, 3]), givenWhole([2, 0]), given([0, 1.5, 0])],
    each({ reduction: 'mean' }),
    compare,
  ),
  {
    ...{ op: 'softmax', title: 'crossEntropy of probabilities, logits around 1e4', gradients: 'compare' },
    inputs: [between(BIG, BIG + 4, [3, 3]), between(0, 1, [3, 3])],
    run: each(),
  },
  {
    ...{ op: 'softmax', title: 'crossEntropy of probabilities, no rows', gradients: 'none' },
    inputs: [normal([0, 3]), normal([0, 3])],
    run: (x, y) => [crossEntropy(x, y), crossEntropy(x, y, { reduction: 'sum' })],
  },
  {
    ...{ op: 'pickClass', title: 'NaN and infinities in classes that are not picked', gradients: 'compare' },
    inputs: [given([nan, inf, -1, -2, nan, -inf], [2, 3]), givenWhole([2, 0])],
    run: nll(),
  },
  {
    ...{ op: 'pickClass', title: 'NaN and infinities in rows that are ignored', gradients: 'compare' },
    inputs: [given([nan, inf, -inf, -1, -2, -3], [2, 3]), givenWhole([-100, 0])],
    run: nll({ reduction: 'mean' }),
  },
  { op: 'pickClass', title: 'no options', inputs: [normal([3, 3]), labels], run: (x, y) => nllLoss(x, y) },
  { op: 'pickClass', title: 'no rows', inputs: [normal([0, 3]), givenWhole([])], run: nll() },
  { op: 'pickClass', title: 'as cross entropy', inputs: scored([5, 3]), run: (x, y) => nllLoss(logSoftmax(x), y) },
  {
    ...{ op: 'pickClass', title: 'permuted scores and labels', inputs: [normal([2, 3, 4]), whole(0, 4, [3, 2])] },
    run: (x, y) => nll()(permute(x, [0, 2, 1]), transpose(y)),
  },
];

const fault = (op: string, title: string, run: Run, list: number[], faults: RegExp): Case => ({
  ...{ op, title, inputs: [normal([4, 3, 1]), givenWhole(list, [4, 1]), given([1, 2, 3])], run, faults },
});

/** The same with and without class weights. */
const faults = (['crossEntropyRows', 'pickClass'] as const).flatMap((op): Case[] => {
  const [name, make] = op === 'pickClass' ? (['nllLoss', nll] as const) : (['crossEntropy', each] as const);
  const words = (got: number) => new RegExp(`^${name}: expected labels from 0 to 2, got ${got}$`);
  return [
    fault(op, 'a label too large', (x, y) => make()(x, y), [0, 1, 3, 0], words(3)),
    fault(op, 'a label below 0', (x, y) => make()(x, y), [0, -1, 2, 0], words(-1)),
    fault(op, 'a label too large, with weights', make(), [0, 1, 3, 0], words(3)),
    fault(op, 'a label that others ignore', make({ ignoreIndex: 9 }), [9, 9, 2, -100], words(-100)),
  ];
});

const MANY = 65_537;
const crowd = ([logits, labels, ...g]: Tensor[]): Tensor[] => [
  expand(logits, [MANY, 65]),
  expand(labels, [MANY]),
  ...g.map((x) => expand(x, [MANY])),
];
const single: Input[] = [normal([1, 65]), whole(0, 65, [1])];
const throng = (x: Tensor, y: Tensor) => nllLoss(expand(x, [4_300_007, 2]), expand(y, [4_300_007]));

/** Rows that are all alike: their mean is theirs. */
const many: Case[] = [
  {
    ...{ op: 'crossEntropyRows', title: 'more rows than workgroups in one dimension', large: true, inputs: single },
    run: (...all) => mean(each()(...crowd(all)) as Tensor),
    reference: (...all) => mean(each()(...all) as Tensor),
    gradients: 'none',
  },
  ...(
    [
      ['crossEntropyGrad', slopes(each())],
      ['placeClass', slopes(nll())],
    ] as const
  ).map(
    ([op, run]): Case => ({
      ...{ op, title: 'more elements than one dimension of workgroups holds', large: true },
      inputs: [...single, normal([1])],
      run: (...all) => mean((run(...crowd(all)) as Tensor[])[0], 0),
      reference: (...all) => mean((run(...all) as Tensor[])[0], 0),
      gradients: 'none',
    }),
  ),
  {
    ...{ op: 'pickClass', title: 'more rows than one dimension of workgroups holds', large: true, gradients: 'none' },
    inputs: [normal([1, 2]), givenWhole([1])],
    run: throng,
    reference: (x, y) => nllLoss(x, y),
  },
];

const refuse = (title: string, inputs: Input[], message: RegExp, options: object = {}): Case[] => [
  refusal('crossEntropyRows', title, inputs, each(options), new RegExp(`^crossEntropy: ${message.source}`)),
  refusal('pickClass', title, inputs, nll(options), new RegExp(`^nllLoss: ${message.source}`)),
];
const fine = scored([2, 3]);

const refused: Case[] = [
  ...refuse('other rows', [normal([3, 2]), givenWhole([0, 1])], /expected scores .*, got \[3,2\] and \[2\]/),
  ...refuse('a row too many', [normal([2]), givenWhole([0])], /expected scores .*, got \[2\] and \[1\]/),
  ...refuse('a dim too few', [normal([2, 3, 4]), givenWhole([0, 0])], /expected scores .*, got \[2,3,4\] and \[2\]/),
  ...refuse('other dims', [normal([2, 3, 4]), whole(0, 1, [2, 3])], /expected scores .*, got \[2,3,4\] and \[2,3\]/),
  ...refuse('no classes', [normal([1, 0]), givenWhole([0])], /expected scores .* of at least one class, got \[1,0\]/),
  ...refuse('rank 0', [normal([]), givenWhole([0], [])], /expected scores .* of at least one class, got \[\]/),
  ...refuse('scores of int32', [whole(0, 2, [2, 3]), givenWhole([0, 1])], /expected float32 scores, got int32/),
  ...refuse('labels of bool', [normal([2, 3]), coins([2])], /expected int32 labels, got bool/),
  ...refuse('other weights', [...fine, normal([2])], /expected one .* weight per class, \[3\], got float32 \[2\]/),
  ...refuse('weights of int32', [...fine, whole(1, 2, [3])], /expected one float32 weight .*, got int32 \[3\]/),
  ...refuse('half an ignoreIndex', fine, /expected a whole number as ignoreIndex, got 1.5/, { ignoreIndex: 1.5 }),
  ...refuse('a reduction', fine, /expected reduction mean, sum or none, got max/, { reduction: 'max' }),
  ...[-0.1, 1.1, nan].map((labelSmoothing) =>
    refusal(
      'crossEntropyRows',
      `labelSmoothing ${labelSmoothing}`,
      fine,
      each({ labelSmoothing }),
      /crossEntropy: expected labelSmoothing from 0 to 1, got/,
    ),
  ),
  refusal(
    'pickClass',
    'labels of float32',
    [normal([2, 3]), normal([2])],
    nll(),
    /nllLoss: expected int32 labels, got float32/,
  ),
  ...(
    [
      ['other shapes', [normal([2, 3]), normal([2])], {}, /input and target of one shape, got \[2,3\] and \[2\]/],
      ['no classes', [normal([2, 0]), normal([2, 0])], {}, /of at least one class, got \[2,0\]/],
      [
        'other weights',
        [normal([2, 3]), normal([2, 3]), normal([2])],
        {},
        /weight per class, \[3\], got float32 \[2\]/,
      ],
      ['an ignoreIndex', [normal([2, 3]), normal([2, 3])], { ignoreIndex: 0 }, /expected labels beside ignoreIndex/],
    ] satisfies [string, Input[], object, RegExp][]
  ).map(([title, inputs, options, message]) =>
    refusal('softmax', `crossEntropy of probabilities, ${title}`, inputs, each(options), message),
  ),
];

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [
  ...[...shapes, ...combinations, ...nlls, ...probabilities],
  ...[...values, ...faults, ...many, ...refused],
]);
