// Cases of argsort, and of sort and topk, which gather by it: within a workgroup, and by merges.
import { expand } from '../../ops/broadcast.ts';
import { abs, cast, neg, sub } from '../../ops/elementwise.ts';
import { permute, transpose } from '../../ops/movement.ts';
import { mean } from '../../ops/reduction.ts';
import { argsort, sort, topk } from '../../ops/sort.ts';
import { tensor } from '../../tensor/creation.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { apart, coins, crowd, given, givenWhole, type Input, normal, SPECIAL, whole } from '../values.ts';

const op = 'argsort';
const both = (x: Tensor, dim?: number): Tensor[] => [...sort(x, dim), ...sort(x, dim, { descending: true })];

/** Rows that one workgroup sorts, and rows whose blocks are merged, whatever the adapter. */
const layouts: [title: string, shape: Shape, dim?: number][] = [
  ...[1, 2, 3, 7, 64, 65, 128, 129].map((n): [string, Shape] => [`${n} elements`, [n]]),
  ['rows', [5, 37]],
  ['columns', [37, 5], 0],
  ['eight rows of a quad', [8, 4]],
  ['the middle', [3, 5, 4], 1],
  ['the middle of 6 dims', [2, 3, 1, 5, 2, 2], -3],
  ['no elements', [0]],
  ['rows of no elements', [3, 0]],
  ['no rows', [0, 3]],
];

const long: [title: string, shape: Shape, dim?: number][] = [
  ['512 elements', [512]],
  ['513 elements', [513]],
  ['1000 elements', [1000]],
  ['4099 elements', [4099]],
  ['rows of 1025', [3, 1025]],
  ['columns of 1025', [1025, 3], 0],
  ['the middle, of 1030', [2, 1030, 3], 1],
];

const shapes: Case[] = [
  ...layouts.map(([title, shape, dim]): Case => ({ op, title, inputs: [apart(shape)], run: (x) => both(x, dim) })),
  ...long.map(
    ([title, shape, dim]): Case => ({
      op,
      title,
      inputs: [apart(shape)],
      run: (x) => both(x, dim),
      gradients: 'compare',
    }),
  ),
  { op, title: 'a transposed matrix', inputs: [apart([7, 5])], run: (x) => both(transpose(x)) },
  {
    op,
    title: 'rank 6, reversed',
    inputs: [apart([2, 3, 2, 1, 3, 2])],
    run: (x) => both(permute(x, [5, 4, 3, 2, 1, 0]), 1),
  },
  { op, title: 'expanded rows', inputs: [apart([1, 7])], run: (x) => both(expand(x, [3, 7])) },
  {
    op,
    title: 'a window at an offset',
    inputs: [apart([90])],
    run: (x) => both(x.alias('window', { shape: [4, 5], strides: [1, 4], offset: 67 })),
    gradients: 'none',
  },
  {
    op,
    title: 'NaN of either sign',
    inputs: [given([1, Number.NaN, -2, Number.NaN, Number.POSITIVE_INFINITY, 0])],
    // Processors disagree on the sign of the NaN that they make of infinities.
    run: (x) => [argsort(x), argsort(neg(x)), argsort(sub(x, abs(x)))],
    gradients: 'none',
  },
  { op, title: 'argsort', inputs: [apart([4, 9])], run: (x) => [argsort(x), argsort(x, 0)], gradients: 'none' },
  {
    op,
    title: 'argsort, largest first',
    inputs: [whole(0, 5, [4, 9])],
    run: (x) => argsort(x, -1, { descending: true }),
    gradients: 'none',
  },
];

/** Ties, whose order tells whether a sort is stable, leave no difference to take. */
const ties = (title: string, input: Input): Case => ({
  op,
  title,
  inputs: [input],
  run: (x) => both(x),
  gradients: 'none',
});
const count = (n: number, value: (i: number) => number) => Array.from({ length: n }, (_, i) => value(i));
const [LEAST, MOST] = [-(2 ** 31), 2 ** 31 - 1];

const values: Case[] = [
  ties('NaN, infinities and both zeros', given([...SPECIAL, ...SPECIAL, ...[...SPECIAL].reverse()])),
  ties('NaN, infinities and both zeros in many blocks', given(count(1100, (i) => SPECIAL[(i * 5) % 9]))),
  ties('numbers next to 0', given([1e-40, -1e-45, 0, 1e-45, -0, -1e-40, 1e-39, -1e-39])),
  ties('the largest numbers', given([3.4e38, -3.4e38, Infinity, 3.3e38, -Infinity, -3.3e38])),
  ties('all equal', given(count(1100, () => 2))),
  ties('sorted', given(count(1100, (i) => i / 4))),
  ties('reversed', given(count(1100, (i) => -i / 4))),
  ties('two values', given(count(1100, (i) => (i * 7) % 2))),
  ties('int32', whole(-9, 9, [1100])),
  ties('int32 in rows', whole(-3, 4, [6, 41])),
  ties('int32 extremes', givenWhole([0, MOST, LEAST, -1, 1, MOST - 1, LEAST + 1, LEAST, MOST, 0x7f800001, -0x800000])),
  ties('bool', coins([3, 70])),
];

const top = (title: string, shape: Shape, run: Run): Case => ({
  op,
  title: `topk: ${title}`,
  inputs: [apart(shape)],
  run,
});

const tops: Case[] = [
  top('3 of 7', [7], (x) => topk(x, 3)),
  top('all', [7], (x) => topk(x, 7)),
  top('none', [7], (x) => topk(x, 0)),
  top('the smallest', [4, 9], (x) => topk(x, 2, -1, { largest: false })),
  top('of columns', [9, 4], (x) => topk(x, 2, 0)),
  top('of the middle, not sorted', [3, 6, 4], (x) => topk(x, 5, 1, { sorted: false })),
  {
    ...top('5 of 1030, in the middle', [2, 1030, 3], (x) => topk(x, 5, 1)),
    gradients: 'compare',
  },
  {
    op,
    title: 'topk: ties and NaN',
    inputs: [given([1, 3, Number.NaN, 3, 2, 3])],
    run: (x) => [...topk(x, 3), ...topk(x, 3, 0, { largest: false })],
    gradients: 'none',
  },
];

/** Whole numbers in a wild order, each about 8 times. The reference takes them in order by counting. */
const SIZE = 2 ** 20;
const scrambled = (n: number) => count(n, (i) => ((i * 387_413) % SIZE) >> 3);

function counted(x: Tensor): Tensor[] {
  const places: number[][] = count(SIZE >> 3, () => 0).map(() => []);
  scrambled(x.size).forEach((v, i) => {
    places[v].push(i);
  });
  const sorted = places.flatMap((list, v) => list.map(() => v));
  return [
    tensor(Float32Array.from(sorted), { device: x.device }),
    tensor(Int32Array.from(places.flat()), { device: x.device }),
  ];
}

const ROW = 515;
const alike = (x: Tensor): Tensor[] => {
  const [sorted, order] = sort(x);
  return [mean(sorted, 0), mean(cast(order, 'float32'), 0)];
};
/** Rows that are all alike: their mean is theirs. */
const crowded = (title: string, shape: Shape, rows: (x: Tensor) => number): Case => ({
  op,
  title,
  large: true,
  inputs: [apart(shape)],
  run: (x) => alike(expand(x, [rows(x), shape[1]])),
  reference: alike,
  gradients: 'none',
  tolerance: { forward: 1e-6 },
});

const large: Case[] = [
  ...[2 ** 17 + 1, SIZE].map(
    (n): Case => ({
      op,
      title: `${n} elements`,
      large: true,
      inputs: [(stream) => given(scrambled(n))(stream)],
      run: (x) => sort(x),
      reference: counted,
      gradients: 'none',
    }),
  ),
  crowded('more blocks than workgroups in one dimension', [1, 3], () => 65_537),
  crowded('merges by more workgroups than one dimension holds', [1, ROW], (x) =>
    Math.ceil(crowd(x) / Math.ceil(ROW / 8)),
  ),
];

const refuse = (title: string, input: Input, run: Run, message: RegExp) => refusal(op, title, [input], run, message);

/** As one element along a dim. */
const scalars: Case[] = [
  {
    op,
    title: 'sort and argsort of rank 0',
    inputs: [normal([])],
    run: (x) => [...sort(x), ...sort(x, 0), argsort(x)],
  },
  { op, title: 'topk of rank 0', inputs: [normal([])], run: (x) => [...topk(x, 1), ...topk(x, 1, 0)] },
];

const refused: Case[] = [
  refuse('rank 0 along dim 1', normal([]), (x) => sort(x, 1), /sort: dim 1 is out of range for rank 1/),
  refuse('topk: none of rank 0', normal([]), (x) => topk(x, 0), /topk: expected k from 1 to 1, dim 0 of \[1\], got 0/),
  refuse('a dim that is not there', normal([2, 3]), (x) => argsort(x, 2), /argsort: dim 2 is out of range for rank 2/),
  refuse('topk: a dim that is not there', normal([3]), (x) => topk(x, 1, 1), /topk: dim 1 is out of range for rank 1/),
  refuse(
    'topk: more than all',
    normal([2, 5]),
    (x) => topk(x, 6),
    /topk: expected k from 0 to 5, dim 1 of \[2,5\], got 6/,
  ),
  refuse(
    'topk: less than none',
    normal([5]),
    (x) => topk(x, -1),
    /topk: expected k from 0 to 5, dim 0 of \[5\], got -1/,
  ),
  refuse('topk: a half', normal([5]), (x) => topk(x, 1.5), /topk: expected k from 0 to 5, .*got 1.5/),
];

export const cases = family({ forward: 0, gradient: 1e-6 }, [
  ...shapes,
  ...values,
  ...tops,
  ...large,
  ...scalars,
  ...refused,
]);
