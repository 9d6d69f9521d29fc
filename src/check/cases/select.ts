// Cases of what is made of gather and scatterAdd, and of where: indexSelect, embedding, oneHot, takeAlongDim, maskedFill; of
// indices out of range, and of what all of them refuse.
import { grad } from '../../autograd/backward.ts';
import { expand, sum } from '../../ops/broadcast.ts';
import { eq, maximum, where } from '../../ops/elementwise.ts';
import { embedding, gather, indexSelect, maskedFill, oneHot, scatterAdd, takeAlongDim } from '../../ops/indexing.ts';
import { permute, transpose } from '../../ops/movement.ts';
import { argsort } from '../../ops/sort.ts';
import { tensor } from '../../tensor/creation.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { coins, given, givenWhole, type Input, normal, whole } from '../values.ts';

/** The gradient of the weight as a function of that of the embedding. */
const weightGrad =
  (paddingIdx?: number): Run =>
  (weight, index, g) =>
    grad(embedding(index, weight, { paddingIdx }), [weight], { gradients: [g], createGraph: true }) as Tensor[];

/** The same without indexing: one-hot rows times g. */
const weightGradByProducts: Run = (weight, index, g) => {
  const classes = tensor(Int32Array.from({ length: weight.shape[0] }, (_, i) => i).fill(-1, 2, 3), {
    device: weight.device,
  });
  const hits = where(
    eq(index.reshape([-1, 1, 1]), classes.reshape([1, -1, 1])),
    g.reshape([-1, 1, g.shape.at(-1)!]),
    0,
  );
  return sum(hits, 0);
};

const made: Case[] = [
  {
    op: 'gather',
    title: 'indexSelect: rows and columns',
    inputs: [normal([4, 5]), givenWhole([3, 0, 3])],
    run: (x, index) => [indexSelect(x, 0, index), indexSelect(x, -1, index)],
  },
  {
    op: 'gather',
    title: 'indexSelect: the middle of a permuted tensor',
    inputs: [normal([3, 4, 5]), givenWhole([1, 1, 3, 0, 2, 1])],
    run: (x, index) => indexSelect(permute(x, [2, 1, 0]), 1, index),
  },
  {
    op: 'gather',
    title: 'indexSelect: nothing',
    inputs: [normal([4, 5]), givenWhole([])],
    run: (x, index) => indexSelect(x, 0, index),
  },
  {
    op: 'gather',
    title: 'embedding',
    inputs: [whole(0, 7, [2, 3]), normal([7, 5])],
    run: (index, weight) => embedding(index, weight),
  },
  {
    op: 'gather',
    title: 'embedding: one index, and none',
    inputs: [givenWhole([6], []), givenWhole([], [2, 0]), normal([7, 5])],
    run: (index, none, weight) => [embedding(index, weight), embedding(none, weight)],
  },
  {
    op: 'gather',
    title: 'embedding: 5000 indices into 1000 rows',
    inputs: [whole(0, 1000, [50, 100]), normal([1000, 16])],
    run: (index, weight) => embedding(index, weight),
    gradients: 'compare',
  },
  {
    op: 'scatterAdd',
    title: 'embedding: a row without gradient',
    inputs: [normal([4, 3]), givenWhole([1, 2, 0, 2, 1, 1]), normal([6, 3])],
    run: (...all) => [weightGrad(2)(...all), weightGrad(-2)(...all)].flat(),
    reference: (...all) => [weightGradByProducts(...all), weightGradByProducts(...all)].flat(),
    gradients: 'compare',
  },
  {
    op: 'gather',
    title: 'takeAlongDim: rank 0',
    inputs: [normal([]), whole(0, 1, [])],
    run: (x, index) => [takeAlongDim(x, index, 0), takeAlongDim(x, index, -1)],
  },
  {
    op: 'gather',
    title: 'takeAlongDim: by the order of argsort',
    inputs: [given([5, 1, 4, 2, 8, 7], [2, 3])],
    run: (x) => takeAlongDim(x, argsort(x), -1),
  },
  {
    op: 'gather',
    title: 'takeAlongDim: broadcast',
    inputs: [normal([3, 1, 4]), whole(0, 3, [2, 5, 1])],
    run: (x, index) => takeAlongDim(x, index, 0),
  },
  {
    op: 'scatterAdd',
    title: 'oneHot',
    inputs: [whole(0, 5, [3, 4]), givenWhole([4], []), givenWhole([], [0])],
    run: (index, one, none) => [oneHot(index, 5), oneHot(transpose(index), 7), oneHot(one, 5), oneHot(none, 2)],
    gradients: 'none',
  },
  {
    op: 'where',
    title: 'maskedFill',
    inputs: [normal([3, 4]), coins([3, 4]), coins([4]), normal([])],
    run: (x, mask, row, value) => [maskedFill(x, mask, -2.5), maskedFill(x, row, value)],
  },
  {
    op: 'where',
    title: 'maskedFill: int32',
    inputs: [whole(-9, 9, [3, 1]), coins([4])],
    run: (x, mask) => maskedFill(x, mask, 7),
    gradients: 'none',
  },
];

const fault = (op: string, title: string, inputs: Input[], run: Run, faults: RegExp): Case => ({
  op,
  title,
  inputs,
  run,
  faults,
});
const three: Run = (x, index) => gather(x, 1, index);
const added: Run = (x, index) => scatterAdd(x, 1, index, expand(maximum(x, 1), index.shape));
const rows = (i: number) => givenWhole([0, 2, 1, 0, i, 2], [2, 3]);
const matrix = normal([2, 3]);

const faults: Case[] = [
  fault('gather', 'an index too large', [matrix, rows(3)], three, /gather: expected indices from 0 to 2, got 3/),
  fault('gather', 'an index below 0', [matrix, rows(-1)], three, /gather: expected indices from 0 to 2, got -1/),
  fault(
    'scatterAdd',
    'an index too large',
    [matrix, rows(3)],
    added,
    /scatterAdd: expected indices from 0 to 2, got 3/,
  ),
  fault(
    'scatterAdd',
    'an index below 0',
    [matrix, rows(-1)],
    added,
    /scatterAdd: expected indices from 0 to 2, got -1/,
  ),
  fault(
    'gather',
    'indexSelect: an index too large',
    [matrix, givenWhole([2])],
    (x, index) => indexSelect(x, 0, index),
    /indexSelect: expected indices from 0 to 1, got 2/,
  ),
  fault(
    'gather',
    'embedding: an index below 0',
    [givenWhole([0, 1, -7]), matrix],
    (index, weight) => embedding(index, weight),
    /embedding: expected indices from 0 to 1, got -7/,
  ),
  fault(
    'scatterAdd',
    'oneHot: an index too large',
    [givenWhole([0, 5, 4])],
    (index) => oneHot(index, 5),
    /oneHot: expected indices from 0 to 4, got 5/,
  ),
  fault(
    'gather',
    'takeAlongDim: an index too large',
    [matrix, givenWhole([0, 3], [1, 2])],
    (x, index) => takeAlongDim(x, index, 1),
    /takeAlongDim: expected indices from 0 to 2, got 3/,
  ),
];

const refuse = (title: string, inputs: Input[], run: Run, message: RegExp) =>
  refusal('gather', title, inputs, run, message);
const refuseSum = (title: string, x: Input, index: Input, source: Input, message: RegExp) =>
  refusal('scatterAdd', title, [x, index, source], (x, index, source) => scatterAdd(x, 0, index, source), message);
const some = whole(0, 2, [2]);

const refused: Case[] = [
  refuse('indices in float32', [matrix, matrix], three, /gather: expected int32 indices, got float32/),
  refuse('other ranks', [matrix, some], three, /gather: expected indices of rank 2 for \[2,3\], got \[2\]/),
  refuse(
    'more rows of indices',
    [matrix, whole(0, 2, [3, 3])],
    three,
    /gather: expected indices no larger than \[2,3\] but in dim 1, got \[3,3\]/,
  ),
  refuse(
    'nothing to choose from',
    [normal([2, 0]), whole(0, 1, [2, 1])],
    three,
    /gather: expected no indices into dim 1 of \[2,0\], got \[2,1\]/,
  ),
  refuse('a dim that is not there', [normal([2]), some], three, /gather: dim 1 is out of range for rank 1/),
  refuse(
    'indexSelect: a matrix of indices',
    [matrix, whole(0, 2, [2, 2])],
    (x, index) => indexSelect(x, 0, index),
    /indexSelect: expected indices \[n\], got \[2,2\]/,
  ),
  refuse(
    'indexSelect: bool indices',
    [matrix, coins([2])],
    (x, index) => indexSelect(x, 0, index),
    /indexSelect: expected int32 indices, got bool/,
  ),
  refuse(
    'embedding: a weight of one dim',
    [some, normal([3])],
    (index, weight) => embedding(index, weight),
    /embedding: expected weight \[V, D\], got \[3\]/,
  ),
  refuse(
    'embedding: indices in float32',
    [normal([3]), matrix],
    (index, weight) => embedding(index, weight),
    /embedding: expected int32 indices, got float32/,
  ),
  refuse(
    'embedding: indices of 8 dims',
    [whole(0, 2, [1, 1, 1, 1, 1, 1, 1, 2]), matrix],
    (index, weight) => embedding(index, weight),
    /embedding: .*at most 8 dims, got 9/,
  ),
  ...[-3, 2, 0.5].map((paddingIdx) =>
    refuse(
      `embedding: paddingIdx ${paddingIdx}`,
      [some, matrix],
      (index, weight) => embedding(index, weight, { paddingIdx }),
      new RegExp(`embedding: expected paddingIdx from -2 to 1, got ${paddingIdx}`),
    ),
  ),
  refuse(
    'takeAlongDim: other ranks',
    [matrix, some],
    (x, index) => takeAlongDim(x, index, 0),
    /takeAlongDim: expected indices of rank 2, got \[2\]/,
  ),
  refuse(
    'takeAlongDim: other sizes',
    [matrix, whole(0, 2, [2, 2])],
    (x, index) => takeAlongDim(x, index, 0),
    /takeAlongDim: shapes do not broadcast/,
  ),
  refuseSum(
    'a source smaller than the indices',
    matrix,
    whole(0, 2, [2, 3]),
    normal([2, 2]),
    /at least as large as the indices, \[2,3\], got \[2,2\]/,
  ),
  refuseSum('a source of another dtype', normal([3]), some, some, /a source of dtype float32 as x has, got int32/),
  refuseSum('bool', coins([3]), some, coins([2]), /scatterAdd: expected dtype float32 or int32, got bool/),
  refuseSum(
    'indices in float32',
    normal([3]),
    normal([2]),
    normal([2]),
    /scatterAdd: expected int32 indices, got float32/,
  ),
  refuseSum(
    'more columns of indices',
    normal([3, 1]),
    whole(0, 3, [1, 2]),
    normal([1, 2]),
    /no larger than \[3,1\] but in dim 0/,
  ),
  refuseSum(
    'nothing to add to',
    normal([0]),
    whole(0, 1, [1]),
    normal([1]),
    /expected no indices into dim 0 of \[0\], got \[1\]/,
  ),
  ...[0, -1, 2.5].map((classes) =>
    refusal(
      'scatterAdd',
      `oneHot: ${classes} classes`,
      [some],
      (index) => oneHot(index, classes),
      new RegExp(`oneHot: expected classes as a whole number of at least 1, got ${classes}`),
    ),
  ),
  refusal('scatterAdd', 'oneHot: bool', [coins([2])], (x) => oneHot(x, 2), /oneHot: expected int32 indices, got bool/),
  refusal(
    'where',
    'maskedFill: a mask of int32',
    [matrix, some],
    (x, y) => maskedFill(x, y, 0),
    /expected a bool mask, got int32/,
  ),
];

export const cases = family({ forward: 1e-6, gradient: 1e-6 }, [...made, ...faults, ...refused]);
