// Cases of tensors cut into parts: sizes of all kinds, and gradients where not every part has one.
import { mul, neg } from '../../ops/elementwise.ts';
import { slice } from '../../ops/slice.ts';
import { chunk, split, unbind } from '../../ops/split.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { given, type Input, normal, SPECIAL } from '../values.ts';
import { dtypes, EXACT } from './movement.ts';

const ten = [given([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])];
const parts = (title: string, inputs: Input[], run: Run): Case => ({ op: 'split', title, inputs, run });

/** PyTorch's uneven rules for 7 elements: 4 3, 3 3 1, 2 2 2 1, and 1 seven times. */
const uneven = [
  [0, 4, 7],
  [0, 3, 6, 7],
  [0, 2, 4, 6, 7],
  [0, 2, 4, 6, 7],
  [0, 1, 2, 3, 4, 5, 6, 7],
];

const lists: Case[] = [
  parts('split into parts of one size', [normal([7, 2])], (x) => split(x, 3)),
  parts('split into parts of given sizes', [normal([2, 7])], (x) => split(x, [1, 0, 4, 2], -1)),
  parts('split into one part', [normal([3])], (x) => split(x, 9)),
  parts('split of no elements', [normal([0, 2])], (x) => [...split(x, 3), ...split(x, 0), ...split(x, [0, 0])]),
  {
    ...parts('chunk', [normal([7])], (x) => [2, 3, 4, 5, 9].flatMap((n) => chunk(x, n))),
    reference: (x) => uneven.flatMap((ends) => ends.slice(1).map((end, i) => slice(x, 0, ends[i], end))),
  },
  parts('chunk along a dim', [normal([3, 8, 2])], (x) => chunk(x, 3, 1)),
  parts('chunk of no elements', [normal([2, 0])], (x) => chunk(x, 3, 1)),
  parts('parts of a part', [normal([3, 12])], (x) => split(slice(x, 1, 1, 12, 2), [1, 3, 2], 1)),
  parts('some of the parts', [normal([9, 2])], (x) => {
    const [a, , b] = split(x, [2, 4, 3]);
    return [a, b];
  }),
  parts('one of the parts', [normal([2, 9, 3])], (x) => split(x, 4, 1)[1]),
  {
    ...parts('a part used twice', [normal([6])], (x) => {
      const [a, b] = chunk(x, 2);
      return [mul(a, a), mul(a, b)];
    }),
    tolerance: { forward: 1e-7, gradient: 1e-7 },
  },
  parts('one of unbind', [normal([2, 5])], (x) => unbind(x, 1)[3]),
  { ...parts('NaN and infinities', [given(SPECIAL)], (x) => split(x, 4)), gradients: 'none' },
  ...dtypes('split', [5, 6], (x) => split(x, 4, 1)[1]),
  parts('unbind', [normal([3, 4, 2])], (x) => [...unbind(x), ...unbind(x, -1)]),
  parts('unbind of nothing', [normal([0, 3]), normal([2])], (x, y) => [...unbind(x), neg(y)]),
  refusal('split', 'split into nothing', ten, (x) => split(x, 0), /split: expected parts of at least 1 element/),
  refusal('split', 'split into parts below 0', ten, (x) => split(x, -1), /split: expected parts of at least 1 element/),
  refusal(
    'split',
    'split into fewer',
    ten,
    (x) => split(x, [4, 5]),
    /split: expected sizes that add up to 10, dim 0 of/,
  ),
  refusal('split', 'split into more', ten, (x) => split(x, [4, 7]), /expected sizes that add up to 10.*got \[4,7\]/),
  refusal('split', 'split there and back', ten, (x) => split(x, [12, -2]), /expected sizes that add up to 10/),
  refusal('split', 'split of rank 0', [normal([])], (x) => split(x, 1), /split: dim 0 is out of range/),
  refusal('split', 'no chunks', ten, (x) => chunk(x, 0), /chunk: expected a count of at least 1, got 0/),
  refusal('split', 'chunk along no dim', ten, (x) => chunk(x, 2, 1), /chunk: dim 1 is out of range/),
  refusal('split', 'unbind of rank 0', [normal([])], (x) => unbind(x), /unbind: dim 0 is out of range/),
];

export const cases = family(EXACT, lists);
