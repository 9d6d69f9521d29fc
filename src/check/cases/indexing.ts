// Cases of gather and scatterAdd: layouts, dtypes, runs of one index, and many workgroups. What is made of them is in select.ts.
import { expand, sum } from '../../ops/broadcast.ts';
import { mul } from '../../ops/elementwise.ts';
import { gather, indexSelect, scatterAdd } from '../../ops/indexing.ts';
import { permute, transpose } from '../../ops/movement.ts';
import { mean } from '../../ops/reduction.ts';
import { tensor } from '../../tensor/creation.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family } from '../case.ts';
import { between, coins, crowd, given, givenWhole, normal, SPECIAL, whole } from '../values.ts';

/** Shapes of x and of the indices. Gradients of the one are the other: each layout is of both. */
const layouts: [title: string, x: Shape, index: Shape, dim: number][] = [
  ['rank 0', [], [], 0],
  ['rank 0, by a negative dim', [], [], -1],
  ['a vector', [7], [5], 0],
  ['one element', [1], [1], 0],
  ['more indices than elements', [3], [40], 0],
  ['rows', [3, 5], [3, 4], 1],
  ['columns', [5, 3], [7, 3], 0],
  ['the middle, by a negative dim', [2, 5, 3], [2, 6, 3], -2],
  ['fewer rows', [5, 6], [2, 9], 1],
  ['fewer columns, and rows that have none', [4, 5], [3, 2], 0],
  ['fewer of all other dims', [3, 4, 5], [2, 7, 3], 1],
  ['rank 4', [2, 3, 4, 2], [2, 2, 5, 1], 2],
  ['rank 6', [2, 1, 3, 2, 2, 2], [1, 1, 3, 4, 2, 2], 3],
  ['rank 8', [2, 1, 2, 1, 2, 3, 1, 2], [2, 1, 2, 1, 2, 5, 1, 2], 5],
  ['no indices', [3, 4], [3, 0], 1],
  ['no indices in a row', [3], [0], 0],
  ['no rows of indices', [3, 4], [0, 2], 1],
  ['nothing to choose from, and no indices', [3, 0], [3, 0], 1],
];

const shapes = layouts.flatMap(([title, x, index, dim]): Case[] => {
  const size = x.at(dim) ?? 1;
  return [
    { op: 'gather', title, inputs: [normal(x), whole(0, size, index)], run: (x, index) => gather(x, dim, index) },
    {
      op: 'scatterAdd',
      title,
      inputs: [normal(x), whole(0, size, index), normal(index)],
      run: (x, index, source) => scatterAdd(x, dim, index, source),
    },
    // Whole numbers are exact: each is added where it belongs, once.
    {
      op: 'scatterAdd',
      title: `${title}, int32`,
      inputs: [whole(-99, 99, x), whole(0, size, index), whole(-999, 999, index)],
      run: (x, index, source) => scatterAdd(x, dim, index, source),
      gradients: 'none',
    },
  ];
});

/** A window on a tensor's memory, as an optimizer's arena makes them. */
const windowOn = (x: Tensor, shape: Shape, strides: number[], offset: number) =>
  x.alias('window', { shape, strides, offset });

const strided: Case[] = [
  {
    op: 'scatterAdd',
    title: 'a source larger than the indices',
    inputs: [normal([4, 5]), whole(0, 4, [3, 2]), normal([4, 7])],
    run: (x, index, source) => scatterAdd(x, 0, index, source),
  },
  {
    op: 'gather',
    title: 'transposed operands',
    inputs: [normal([5, 3]), whole(0, 5, [4, 3])],
    run: (x, index) => gather(transpose(x), 1, transpose(index)),
  },
  {
    op: 'gather',
    title: 'reversed and expanded operands',
    inputs: [normal([4, 2, 3]), whole(0, 3, [1, 5, 1])],
    run: (x, index) => gather(permute(x, [2, 1, 0]), 0, expand(permute(index, [1, 2, 0]), [5, 2, 4])),
  },
  {
    op: 'gather',
    title: 'windows at an offset',
    inputs: [normal([150]), whole(0, 3, [150])],
    run: (x, index) => gather(windowOn(x, [3, 5], [1, 4], 71), 0, windowOn(index, [4, 5], [7, 1], 5)),
    gradients: 'none',
  },
  {
    op: 'scatterAdd',
    title: 'transposed operands',
    inputs: [normal([4, 3]), whole(0, 4, [6, 3]), normal([3, 6])],
    run: (x, index, source) => scatterAdd(transpose(x), 1, transpose(index), source),
  },
  {
    op: 'scatterAdd',
    title: 'a transposed source',
    inputs: [normal([4, 3]), whole(0, 4, [6, 3]), normal([3, 6])],
    run: (x, index, source) => scatterAdd(x, 0, index, transpose(source)),
  },
  {
    op: 'scatterAdd',
    title: 'windows at an offset, in blocks',
    inputs: [normal([3, 2]), whole(0, 3, [300]), normal([300])],
    run: (x, index, source) =>
      scatterAdd(x, 0, windowOn(index, [40, 2], [1, 43], 67), windowOn(source, [40, 2], [3, 1], 5)),
    gradients: 'none',
  },
  {
    op: 'scatterAdd',
    title: 'expanded operands, in blocks',
    inputs: [normal([2, 3, 4]), whole(0, 3, [2, 70, 1]), normal([1, 70, 4])],
    run: (x, index, source) => scatterAdd(x, 1, expand(index, [2, 70, 4]), expand(source, [2, 70, 4])),
  },
];

const dtypes: Case[] = [
  {
    op: 'gather',
    title: 'NaN, infinities and both zeros',
    inputs: [given(SPECIAL), whole(0, 9, [40])],
    run: (x, index) => gather(x, 0, index),
    gradients: 'none',
  },
  {
    op: 'gather',
    title: 'int32 and bool',
    inputs: [whole(-9e8, 9e8, [4, 5]), coins([4, 5]), whole(0, 4, [6, 5])],
    run: (x, y, index) => [gather(x, 0, index), gather(y, 0, index)],
    gradients: 'none',
  },
  {
    op: 'scatterAdd',
    title: 'nothing is added',
    inputs: [normal([5, 4]), whole(0, 5, [0, 4]), normal([0, 4])],
    run: (x, index, source) => scatterAdd(x, 0, index, source),
  },
  {
    op: 'scatterAdd',
    title: 'NaN and infinities stay where they belong',
    inputs: [normal([40]), whole(0, 40, [300]), (stream) => ({ ...normal([300])(stream), data: wild })],
    run: (x, index, source) => scatterAdd(x, 0, index, source),
    gradients: 'none',
  },
];
const wild = Float32Array.from({ length: 300 }, (_, i) => (i % 50 === 3 ? SPECIAL[4 + (i % 3)] : i % 7));

/** Each index so often: runs that begin and end within blocks, at their ends, and cover blocks of blocks. */
const LENGTHS = [1, 15, 16, 0, 17, 31, 1, 32, 33, 256, 0, 300, 1, 4096, 3, 16, 4400];
const TOTAL = LENGTHS.reduce((a, b) => a + b, 0);
/** In a wild order: 5 and TOTAL have no common factor. */
const lengths = () => {
  const sorted = LENGTHS.flatMap((n, j) => Array<number>(n).fill(j));
  return sorted.map((_, i) => sorted[(i * 5) % TOTAL]);
};

const REPEATS = 100_000;
const blocks: Case[] = [
  {
    op: 'scatterAdd',
    title: 'runs of many lengths',
    inputs: [whole(-9, 9, [LENGTHS.length]), givenWhole(lengths()), whole(-999, 999, [TOTAL])],
    run: (x, index, source) => scatterAdd(x, 0, index, source),
    gradients: 'none',
  },
  {
    op: 'scatterAdd',
    title: 'runs of many lengths in three lanes',
    inputs: [whole(-9, 9, [3, LENGTHS.length]), givenWhole(lengths(), [1, TOTAL]), whole(-999, 999, [3, TOTAL])],
    run: (x, index, source) => scatterAdd(x, 1, expand(index, [3, TOTAL]), source),
    gradients: 'none',
  },
  {
    op: 'scatterAdd',
    title: 'lanes with rows of their own, of blocks',
    inputs: [whole(-9, 9, [3, 5, 4]), whole(0, 5, [2, 700, 3]), whole(-999, 999, [2, 700, 3])],
    run: (x, index, source) => scatterAdd(x, 1, index, source),
    gradients: 'none',
  },
  {
    op: 'scatterAdd',
    title: 'two indices, 100 times each',
    inputs: [normal([2]), whole(0, 2, [200]), normal([200])],
    run: (x, index, source) => scatterAdd(x, 0, index, source),
  },
  {
    op: 'scatterAdd',
    title: `an index repeated ${REPEATS} times`,
    large: true,
    inputs: [normal([3, 2]), givenWhole([1]), between(0, 1, [REPEATS, 2])],
    run: (x, index, source) => scatterAdd(x, 0, expand(index, [REPEATS, 2]), source),
    gradients: 'none',
  },
  {
    op: 'scatterAdd',
    title: `an index repeated ${REPEATS} times, all alike`,
    inputs: [normal([3]), givenWhole([2]), given([0.1])],
    run: (x, index, source) => scatterAdd(x, 0, expand(index, [REPEATS]), expand(source, [REPEATS])),
    gradients: 'none',
  },
];

const many: Case[] = [
  {
    op: 'gather',
    title: 'more workgroups than one dimension holds',
    large: true,
    inputs: [normal([5, 1]), givenWhole([4, 1])],
    run: (x, index) => mean(indexSelect(expand(x, [5, crowd(x)]), 0, index), 1),
    reference: (x, index) => mean(indexSelect(x, 0, index), 1),
    gradients: 'none',
  },
  {
    op: 'scatterAdd',
    title: 'more elements than one dimension of workgroups holds',
    large: true,
    inputs: [between(1, 2, [4]), normal([1])],
    run: (source, x) => {
      const size = crowd(x);
      const index = tensor(Int32Array.of(size - 1, 0, size - 1, 9), { device: x.device });
      const out = scatterAdd(expand(mul(x, 0), [size]), 0, index, source);
      return [gather(out, 0, index), sum(out)];
    },
    reference: (source, x) => {
      const index = tensor(Int32Array.of(2, 0, 2, 1), { device: x.device });
      const out = scatterAdd(expand(mul(x, 0), [3]), 0, index, source);
      return [gather(out, 0, index), sum(out)];
    },
    gradients: 'none',
  },
  {
    op: 'scatterAdd',
    title: 'more blocks than one dimension of workgroups holds',
    large: true,
    inputs: [normal([2, 1]), givenWhole(Array(16).fill(1), [16, 1]), between(0, 1, [16, 1])],
    run: (x, index, source) => {
      const size = crowd(x);
      const out = scatterAdd(expand(x, [2, size]), 0, expand(index, [16, size]), expand(source, [16, size]));
      return mean(out, 1);
    },
    reference: (x, index, source) => mean(scatterAdd(x, 0, index, source), 1),
    gradients: 'none',
  },
];

export const cases = family({ forward: 1e-6, gradient: 1e-6 }, [...shapes, ...strided, ...dtypes, ...blocks, ...many]);
