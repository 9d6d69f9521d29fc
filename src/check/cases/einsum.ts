// Cases of einsum and outer, which are chains of matrix products; they are counted with matmul, which does the work.

import { einsum, outer } from '../../ops/einsum.ts';
import { add } from '../../ops/elementwise.ts';
import { matmul } from '../../ops/matmul.ts';
import type { Shape } from '../../tensor/shape.ts';
import { type Case, family, refusal } from '../case.ts';
import { normal, whole } from '../values.ts';

const equations: [equation: string, ...shapes: Shape[]][] = [
  ['ij,jk->ik', [3, 5], [5, 2]],
  ['ij,jk', [3, 5], [5, 2]],
  ['ij,kj->ki', [3, 5], [2, 5]],
  ['ji,jk->ik', [5, 3], [5, 2]],
  ['bij,bjk->bik', [4, 3, 5], [4, 5, 2]],
  ['bij,jk->bik', [4, 3, 5], [5, 2]],
  ['i,i->', [7], [7]],
  ['i,j->ij', [3], [5]],
  ['i,i->i', [5], [5]],
  ['bhid,bhjd->bhij', [2, 3, 4, 5], [2, 3, 6, 5]],
  ['bhij,bhjd->bihd', [2, 3, 4, 5], [2, 3, 5, 2]],
  ['ijkl,jl->ik', [2, 3, 4, 5], [3, 5]],
  ['ab,bc,cd->ad', [2, 3], [3, 4], [4, 5]],
  ['ab,cb,ca->', [2, 3], [4, 3], [4, 2]],
  ['ij,ik,il->jkl', [5, 2], [5, 3], [5, 4]],
  ['...ij,...jk->...ik', [2, 3, 4, 5], [3, 5, 2]],
  ['...i,i->...', [2, 3, 5], [5]],
  ['b...,b...->b...', [2, 3, 5], [2, 3, 5]],
  ['ij,jk->ik', [3, 1], [5, 2]],
  ['ij,ij->ij', [3, 1], [1, 5]],
  ['i j , j k -> i k', [2, 3], [3, 2]],
  ['ij,jk->ik', [0, 5], [5, 2]],
  ['ij,jk->ik', [3, 0], [0, 2]],
  ['iij,ji->ij', [3, 3, 2], [2, 3]],
  ['ii,jj->ij', [3, 3], [2, 2]],
  ['kK,Kk->K', [2, 3], [3, 2]],
];

const products = equations.map(
  ([equation, ...shapes]): Case => ({
    ...{ op: 'matmul', title: `einsum ${equation} of ${shapes.map((shape) => `[${shape}]`).join(' ')}` },
    inputs: shapes.map(normal),
    run: (...all) => einsum(equation, ...all),
    // Products that become one column by one row are matrix products, too.
  }),
);

/** Equations of one operand need no product; one stands beside them, since that is what the case is counted with. */
const alone: Case[] = ['ij->ji', 'ij->', 'ij->j', 'ii->i', 'ii', 'iji->j', '...j->j...', 'i...->...'].map(
  (equation) => ({
    ...{
      op: 'matmul',
      title: `einsum ${equation} of one operand`,
      inputs: [normal(equation.startsWith('iji') ? [3, 2, 3] : [3, 3])],
    },
    run: (x) => [
      einsum(equation, x),
      einsum('...,j->...j', x, einsum(equation.startsWith('iji') ? 'jij->j' : 'ij->j', x)),
    ],
  }),
);

/** Against what they stand for, in other ops. */
const known: Case[] = [
  {
    ...{ op: 'matmul', title: 'einsum against matmul', inputs: [normal([3, 5]), normal([5, 2])] },
    run: (x, y) => [einsum('ij,jk->ik', x, y), matmul(x, y)],
    reference: (x, y) => [matmul(x, y), einsum('ij,jk->ik', x, y)],
  },
  { op: 'matmul', title: 'outer', inputs: [normal([3]), normal([5])], run: (x, y) => outer(x, y) },
  { op: 'matmul', title: 'outer of nothing', inputs: [normal([0]), normal([5])], run: (x, y) => add(outer(x, y), 1) },
];

const X: Shape = [2, 3];
const refusals: [title: string, equation: string, shapes: Shape[], message: RegExp][] = [
  ['too few tensors', 'ij,jk->ik', [X], /einsum: 'ij,jk->ik' has 2 operands, got 1 tensors/],
  ['no operands', '->', [], /has 0 operands, got 0 tensors/],
  ['two sizes of a label', 'ij,jk->ik', [X, [4, 5]], /gives j two sizes, 3 and 4/],
  ['two sizes on a diagonal', 'ii->i', [X], /i two sizes, 2 and 3|i stands for two sizes/],
  ['labels that are missing', 'i->i', [X], /gives operand 0 1 labels, got \[2,3\]/],
  ['labels too many', 'ijk->i', [X], /gives operand 0 3 labels, got \[2,3\]/],
  ['an output label from nowhere', 'ij->ik', [X], /has the output label k in no operand/],
  ['an output label twice', 'ij->ii', [X], /has the output label i twice/],
  ['odd characters', 'i1->i', [X], /has '1', expected letters/],
  ['two arrows', 'ij->i->j', [X], /has more than one ->/],
  ['... twice', '......->', [X], /has ... twice in one operand/],
];

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [
  ...products,
  ...alone,
  ...known,
  ...refusals.map(([title, equation, shapes, message]) =>
    refusal('matmul', `einsum, ${title}`, shapes.map(normal), (...all) => einsum(equation, ...all), message),
  ),
  refusal(
    'matmul',
    'einsum, int32',
    [whole(0, 9, X), whole(0, 9, X)],
    (x, y) => einsum('ij,ij->ij', x, y),
    /expected dtype float32 or float16, got int32/,
  ),
  refusal(
    'matmul',
    'einsum without an equation',
    [normal(X)],
    (x) => einsum(x as never),
    /expected an equation such as/,
  ),
  refusal('matmul', 'einsum of a number', [], () => einsum('i', 3 as never), /einsum: expected a tensor, got number/),
  refusal(
    'matmul',
    'outer of a matrix',
    [normal(X), normal([3])],
    (x, y) => outer(x, y),
    /outer: expected two vectors, got \[2,3\] and \[3\]/,
  ),
]);
