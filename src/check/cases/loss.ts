// Cases of cross entropy and of its fused gradient.
import { grad } from '../../autograd/tape.ts';
import { expand } from '../../ops/broadcast.ts';
import { crossEntropy } from '../../ops/loss.ts';
import { transpose } from '../../ops/movement.ts';
import { mean } from '../../ops/reduction.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { between, given, givenWhole, type Input, normal, whole } from '../values.ts';

const rows: Run = (logits, labels) => crossEntropy(logits, labels, { reduction: 'none' });

/** The gradient of the logits as a function of them and of the gradient of each row that comes in. */
const slopes: Run = (logits, labels, g) =>
  grad(rows(logits, labels) as Tensor, [logits], { gradients: [g], createGraph: true }) as Tensor[];

const sizes: [title: string, N: number, C: number][] = [
  ['one class', 3, 1],
  ['two classes', 5, 2],
  ['ten classes', 7, 10],
  ['more classes than a workgroup has threads', 3, 67],
  ['many classes', 2, 301],
];

const shapes = sizes.flatMap(([title, N, C]): Case[] => [
  { op: 'crossEntropyRows', title, inputs: [normal([N, C]), whole(0, C, [N])], run: rows },
  { op: 'crossEntropyGrad', title, inputs: [normal([N, C]), whole(0, C, [N]), normal([N])], run: slopes },
]);

/** Labels 2, 1 and 0 of three classes. */
const labels = givenWhole([2, 1, 0]);
const BIG = 1e4;
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

const values: Case[] = [
  { op: 'crossEntropyRows', title: 'mean', inputs: [normal([3, 3]), labels], run: (x, y) => crossEntropy(x, y) },
  {
    op: 'crossEntropyRows',
    title: 'sum',
    inputs: [normal([3, 3]), labels],
    run: (x, y) => crossEntropy(x, y, { reduction: 'sum' }),
  },
  { op: 'crossEntropyRows', title: 'no rows', inputs: [normal([0, 3]), givenWhole([])], run: rows },
  {
    op: 'crossEntropyRows',
    title: 'transposed logits, which are copied',
    inputs: [normal([4, 3]), labels],
    run: (x, y) => rows(transpose(x), y),
  },
  {
    op: 'crossEntropyRows',
    title: 'logits of +-1e4',
    inputs: [given([BIG, -BIG, BIG, -BIG, BIG, -BIG, -BIG, -BIG, BIG], [3, 3]), labels],
    run: rows,
    gradients: 'compare',
  },
  {
    op: 'crossEntropyRows',
    title: 'logits around 1e4',
    inputs: [between(BIG, BIG + 4, [3, 3]), labels],
    run: rows,
    gradients: 'compare',
  },
  {
    op: 'crossEntropyRows',
    title: 'classes ruled out by -Infinity, and NaN',
    inputs: [given([1, -inf, 2, nan, 1, 2, 0.5, -inf, -inf], [3, 3]), labels],
    run: rows,
    gradients: 'compare',
  },
  {
    op: 'crossEntropyRows',
    title: 'a label too large',
    inputs: [normal([4, 3]), givenWhole([0, 1, 3, 0])],
    run: rows,
    faults: /crossEntropy: expected labels from 0 to 2, got 3/,
  },
  {
    op: 'crossEntropyRows',
    title: 'a label below 0',
    inputs: [normal([4, 3]), givenWhole([0, -1, 2, 0])],
    run: rows,
    faults: /crossEntropy: expected labels from 0 to 2, got -1/,
  },
];

const MANY = 65_537;
const crowd = ([logits, labels, ...g]: Tensor[]): Tensor[] => [
  expand(logits, [MANY, 65]),
  expand(labels, [MANY]),
  ...g.map((x) => expand(x, [MANY])),
];
const inputs: Input[] = [normal([1, 65]), whole(0, 65, [1])];

/** Rows that are all alike: their mean is theirs. */
const many: Case[] = [
  {
    op: 'crossEntropyRows',
    title: 'more rows than workgroups in one dimension',
    large: true,
    inputs,
    run: (...all) => mean(rows(...crowd(all)) as Tensor),
    reference: (...all) => mean(rows(...all) as Tensor),
    gradients: 'none',
  },
  {
    op: 'crossEntropyGrad',
    title: 'more elements than one dimension of workgroups holds',
    large: true,
    inputs: [...inputs, normal([1])],
    run: (...all) => mean((slopes(...crowd(all)) as Tensor[])[0], 0),
    reference: (...all) => mean((slopes(...all) as Tensor[])[0], 0),
    gradients: 'none',
  },
];

const refuse = (title: string, inputs: Input[], message: RegExp) =>
  refusal('crossEntropyRows', title, inputs, rows, message);

const refused: Case[] = [
  refuse(
    'other rows',
    [normal([3, 2]), givenWhole([0, 1])],
    /expected logits \[N, C\] and labels \[N\], got \[3,2\] and \[2\]/,
  ),
  refuse(
    'one row without its dim',
    [normal([2]), givenWhole([0])],
    /expected logits \[N, C\] and labels \[N\], got \[2\] and \[1\]/,
  ),
  refuse('no classes', [normal([1, 0]), givenWhole([0])], /expected logits \[N, C\] and labels \[N\], got \[1,0\]/),
  refuse(
    'labels in float32',
    [normal([2, 3]), given([0, 1])],
    /expected float32 logits and int32 labels, got float32 and float32/,
  ),
];

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [...shapes, ...values, ...many, ...refused]);
