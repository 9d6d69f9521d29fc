// What the cases of all reductions share: layouts by rows and by columns of memory, on one level and on two.
import { expand } from '../../ops/broadcast.ts';
import { permute, transpose } from '../../ops/movement.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, refusal } from '../case.ts';
import { coins, given, normal, whole } from '../values.ts';
import type { Domain } from './families.ts';

export type Dims = number | readonly number[];
export type Reduce = (x: Tensor, dims?: Dims, keepdim?: boolean) => Tensor | Tensor[];

/** Shapes and dims, from one element to three kept and three reduced dims that do not merge. */
const layouts: [title: string, shape: Shape, dims?: Dims][] = [
  ['rank 0', []],
  ['rank 0 along dim 0', [], 0],
  ['rank 0 along dim -1', [], -1],
  ['an empty list of dims, which is all', [3, 5], []],
  ['an empty list of dims of rank 0', [], []],
  ['one element', [1, 1], 1],
  ['all of a vector', [17]],
  ['all of a matrix', [5, 7]],
  ['rows', [5, 37], 1],
  ['rows of quads', [5, 44], 1],
  ['columns', [37, 5], 0],
  ['many short rows', [67, 3], 1],
  ['many columns', [7, 67], 0],
  ['the middle', [3, 5, 4], 1],
  ['a negative dim', [3, 5], -2],
  ['outer and inner', [3, 5, 4], [0, 2]],
  ['every other of 6 dims', [2, 3, 2, 3, 2, 3], [0, 2, 4]],
  ['the others of 6 dims', [2, 3, 2, 3, 2, 3], [1, 3, 5]],
  ['every other of 8 dims', [2, 2, 3, 2, 2, 2, 2, 3], [1, 3, 5, 7]],
  ['the others of 8 dims', [2, 2, 2, 3, 2, 2, 2, 2], [0, 2, 4, 6]],
  ['many columns of 8 dims', [3, 2, 4, 2, 2, 2, 3, 2], [1, 3, 5, 7]],
  ['outer and inner of many columns', [4, 5, 13, 3], [0, 3]],
];

/** Layouts that are no plain memory. */
const views: [title: string, shape: Shape, view: (x: Tensor) => Tensor, dims?: Dims][] = [
  ['a transposed matrix', [5, 7], (x) => transpose(x), 0],
  ['all of a transposed matrix', [5, 7], (x) => transpose(x)],
  ['all of a transposed matrix of quads', [8, 12], (x) => transpose(x)],
  ['all of 4 dims, reversed', [2, 3, 4, 5], (x) => permute(x, [3, 2, 1, 0])],
  ['all of 6 dims, reversed', [2, 3, 2, 3, 2, 3], (x) => permute(x, [5, 4, 3, 2, 1, 0])],
  ['some of 6 dims, reversed', [2, 3, 2, 3, 2, 3], (x) => permute(x, [5, 4, 3, 2, 1, 0]), [0, 1, 2, 3]],
  ['an expanded row', [1, 7], (x) => expand(x, [5, 7]), 1],
];

/** Cases over any dims, or only those of one dim or of all; `more` goes into each. */
export function reduction(op: string, run: Reduce, domain: Domain, more: Partial<Case> = {}, several = true): Case[] {
  const fits = (dims?: Dims) => several || typeof dims !== 'object';
  const cases: Case[] = [
    ...layouts
      .filter(([, , dims]) => fits(dims))
      .map(([title, shape, dims]): Case => ({ op, title, inputs: [domain(shape)], run: (x) => run(x, dims) })),
    ...views
      .filter(([, , , dims]) => fits(dims))
      .map(
        ([title, shape, view, dims]): Case => ({ op, title, inputs: [domain(shape)], run: (x) => run(view(x), dims) }),
      ),
    { op, title: 'dims kept', inputs: [domain([3, 5, 2])], run: (x) => run(x, several ? [0, 2] : 1, true) },
    {
      op,
      title: 'a window at an offset',
      inputs: [domain([90])],
      run: (x) => run(x.alias('window', { shape: [4, 5], strides: [1, 4], offset: 67 }), 1),
      gradients: 'none',
    },
    {
      op,
      title: 'quads of a window at an offset',
      inputs: [domain([112])],
      run: (x) => run(x.alias('window', { shape: [4, 8], strides: [12, 1], offset: 68 }), 1),
      gradients: 'none',
    },
    {
      op,
      title: 'many columns of a window at an offset',
      inputs: [domain([340])],
      run: (x) => run(x.alias('window', { shape: [4, 65], strides: [65, 1], offset: 77 }), 0),
      gradients: 'none',
    },
    { op, title: 'rows on two levels', inputs: [domain([2, 4099])], run: (x) => run(x, 1), gradients: 'compare' },
    { op, title: 'quads on two levels', inputs: [domain([2, 8204])], run: (x) => run(x, 1), gradients: 'compare' },
    { op, title: 'columns on two levels', inputs: [domain([263, 65])], run: (x) => run(x, 0), gradients: 'compare' },
    refusal(
      op,
      'a dim that is not there',
      [domain([3])],
      (x) => tensors(run(x, 1)),
      /dim 1 is out of range for rank 1/,
    ),
  ];
  if (several) {
    const parts = (title: string, shape: Shape): Case => {
      return { op, title, inputs: [domain(shape)], run: (x) => run(x, [0, 2]), gradients: 'compare' };
    };
    cases.push(
      parts('several runs of several parts, by rows', [4, 2, 2051]),
      parts('several runs of several parts, by quads', [2, 2, 8204]),
      parts('several runs of several parts, by columns', [2, 33, 259, 2]),
      refusal(op, 'a dim twice', [domain([3, 2])], (x) => tensors(run(x, [1, -1])), /dim given twice/),
    );
  }
  return cases.map((item) => (item.refuses ? item : { ...item, ...more }));
}

const tensors = (result: Tensor | Tensor[]): Tensor[] => [result].flat();

/** NaN first, last and between, infinities, and a row without any. */
export const special = (op: string, run: Reduce): Case => ({
  op,
  title: 'NaN and infinities',
  inputs: [
    given(
      [1, Number.NaN, 3, 2, Number.POSITIVE_INFINITY, 4, Number.NEGATIVE_INFINITY, 5, 6, 7, 9, 8, -1, -1, Number.NaN],
      [5, 3],
    ),
  ],
  run: (x) => [run(x, 1), run(transpose(x), 0), run(x, 0)].flat(),
  gradients: 'none',
});

/** Over no elements there is a value, and a gradient of no elements. */
export const empty = (op: string, run: Reduce, gradients: Case['gradients'] = 'compare'): Case[] => [
  { op, title: 'over no elements', inputs: [normal([3, 0])], run: (x) => [run(x, 1), run(x)].flat(), gradients },
  { op, title: 'no outputs', inputs: [normal([0, 3])], run: (x) => run(x, 1), gradients },
  {
    op,
    title: 'over an empty dim and one that is not',
    inputs: [normal([0, 2, 3])],
    run: (x) => run(x, [0, 2]),
    gradients,
  },
];

/** Whole numbers and bools, by rows and columns, in one dispatch and in two. */
export const wholes = (op: string, run: Reduce, domain: Domain = (shape) => whole(-9, 10, shape)): Case[] =>
  [
    { op, title: 'int32', inputs: [domain([5, 37])], run: (x: Tensor) => [run(x, 1), run(x, 0), run(x)].flat() },
    { op, title: 'many columns of int32', inputs: [domain([7, 67])], run: (x: Tensor) => run(x, 0) },
    { op, title: 'int32 on two levels', inputs: [domain([4099])], run: (x: Tensor) => run(x) },
    { op, title: 'bool', inputs: [coins([5, 3])], run: (x: Tensor) => [run(x, 1), run(x, 0), run(x)].flat() },
    { op, title: 'bool on two levels', inputs: [coins([263, 65])], run: (x: Tensor) => run(x, 0) },
  ].map((item): Case => ({ ...item, gradients: 'none' }));

/** What takes floats only. */
export const floatsOnly = (op: string, run: Reduce): Case[] => [
  refusal(op, 'int32', [whole(0, 9, [3])], (x) => run(x), new RegExp(`${op}: expected dtype float32.*, got int32`)),
  refusal(op, 'bool', [coins([3])], (x) => run(x), new RegExp(`${op}: expected dtype float32.*, got bool`)),
];

/** Of nothing there is no extreme. */
export const refusesEmpty = (op: string, run: (x: Tensor, dim?: number) => Tensor | Tensor[], name = op): Case[] => [
  refusal(op, 'no elements', [normal([3, 0])], (x) => run(x, 1), new RegExp(`${name}: expected at least one element`)),
  refusal(op, 'none at all', [normal([0, 2])], (x) => run(x), new RegExp(`${name}: expected at least one element`)),
  { op, title: 'no outputs', inputs: [normal([0, 3])], run: (x) => run(x, 1), gradients: 'none' },
];
