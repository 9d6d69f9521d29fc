// Cases of diagonals and triangles of matrices.
import { expand, sum } from '../../ops/broadcast.ts';
import { diag, diagonal, tril, triu } from '../../ops/diagonal.ts';
import { square } from '../../ops/elementwise.ts';
import { permute, transpose } from '../../ops/movement.ts';
import { mean } from '../../ops/reduction.ts';
import { slice } from '../../ops/slice.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { given, type Input, normal, SPECIAL } from '../values.ts';
import { dtypes, EXACT, known } from './movement.ts';

const nine = [given([1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 3])];
/** From two behind the lower left corner to two behind the upper right one, for the larger of these. */
const offsets = [-6, -4, -2, -1, 0, 1, 2, 3, 5];

const viewed = (title: string, inputs: Input[], run: Run): Case => ({ op: 'diagonal', title, inputs, run });

const diagonals: Case[] = [
  known('diagonal', 'known values', nine, (x) => diagonal(x), [1, 5, 9]),
  known('diagonal', 'known values above', nine, (x) => diag(x, 1), [2, 6]),
  known('diagonal', 'known values below', nine, (x) => diagonal(x, -2), [7]),
  viewed('a wide matrix', [normal([3, 5])], (x) => offsets.map((offset) => diagonal(x, offset))),
  viewed('a tall matrix', [normal([5, 2])], (x) => offsets.map((offset) => diagonal(x, offset))),
  viewed('other dims', [normal([3, 2, 4])], (x) => [
    diagonal(x, 1, 2, 0),
    diagonal(x, -1, 1, 2),
    diagonal(x, 0, -1, -2),
  ]),
  viewed('rank 6', [normal([2, 3, 1, 2, 3, 2])], (x) => diagonal(x, 1, 1, 4)),
  viewed('a strided part at an odd offset', [normal([5, 7])], (x) => diagonal(slice(transpose(x), 0, 1, 7, 2), 1)),
  { ...viewed('its squares', [normal([4, 4])], (x) => square(diagonal(x, -1))), tolerance: { forward: 1e-7 } },
  viewed('no elements', [normal([0, 3]), normal([2, 3, 0])], (x, y) => [diagonal(x), diagonal(y, -1, 0, 2)]),
  viewed('no elements, far off', [normal([300, 300, 0])], (x) => sum(diagonal(x, -200), 1)),
  ...dtypes('diagonal', [3, 4], (x) => diagonal(x, 1)),
  refusal(
    'diagonal',
    'one dim twice',
    nine,
    (x) => diagonal(x, 0, 1, -1),
    /expected two dims of \[3,3\], got 1 and -1/,
  ),
  refusal('diagonal', 'a vector', [normal([3])], (x) => diagonal(x), /diagonal: dim 1 is out of range for rank 1/),
  refusal(
    'diagonal',
    'half a diagonal',
    nine,
    (x) => diagonal(x, 0.5),
    /expected a whole number of diagonals, got 0.5/,
  ),
  refusal('diagonal', 'diag of rank 3', [normal([2, 2, 2])], (x) => diag(x), /diag: expected a vector or a matrix/),
  refusal('diagonal', 'half of diag', nine, (x) => diag(x, 0.5), /diag: expected a whole number of diagonals/),
];

const vectors: Case[] = [
  known('place', 'diag, known values', [given([1, 2])], (x) => diag(x), [1, 0, 0, 2], [2, 2]),
  known('place', 'diag, above', [given([1, 2])], (x) => diag(x, 1), [0, 1, 0, 0, 0, 2, 0, 0, 0], [3, 3]),
  known('place', 'diag, below', [given([1, 2])], (x) => diag(x, -1), [0, 0, 0, 1, 0, 0, 0, 2, 0], [3, 3]),
  {
    ...{ op: 'place', title: 'diag', inputs: [normal([3]), normal([0])] },
    run: (x, y) => [-2, 0, 3].flatMap((offset) => [diag(x, offset), diag(y, offset)]),
  },
];

const bands = (name: string, run: typeof tril): Case[] => {
  const band = (title: string, inputs: Input[], of: Run): Case => ({
    ...{ op: 'band', title: `${name}, ${title}`, inputs, run: of },
  });
  return [
    band('a wide matrix', [normal([3, 5])], (x) => offsets.map((k) => run(x, k))),
    band('a tall matrix', [normal([5, 2])], (x) => offsets.map((k) => run(x, k))),
    band('matrices', [normal([2, 3, 4, 3])], (x) => run(x, -1)),
    band('rank 6', [normal([2, 1, 2, 1, 3, 2])], (x) => run(x)),
    band('a strided part at an odd offset', [normal([5, 7])], (x) => run(slice(transpose(x), 0, 1, 7, 2), 1)),
    band('more than a workgroup', [normal([11, 13])], (x) => run(x, 2)),
    band('no elements', [normal([2, 0, 3])], (x) => run(x)),
    { ...band('NaN and infinities', [given(SPECIAL, [3, 3])], (x) => run(x)), gradients: 'none' },
    ...dtypes('band', [3, 4], (x) => run(x, 1)).map((item) => ({ ...item, title: `${name}, ${item.title}` })),
    refusal(
      'band',
      `${name} of a vector`,
      [normal([3])],
      (x) => run(x),
      /expected matrices \[\.\.\., rows, columns\], got \[3\]/,
    ),
    refusal(
      'band',
      `${name}, half a diagonal`,
      nine,
      (x) => run(x, 0.5),
      /expected a whole number of diagonals, got 0.5/,
    ),
  ];
};

const triangles: Case[] = [
  known('band', 'tril, known values', nine, (x) => tril(x), [1, 0, 0, 4, 5, 0, 7, 8, 9], [3, 3]),
  known('band', 'tril, known values below', nine, (x) => tril(x, -1), [0, 0, 0, 4, 0, 0, 7, 8, 0], [3, 3]),
  known('band', 'triu, known values', nine, (x) => triu(x), [1, 2, 3, 0, 5, 6, 0, 0, 9], [3, 3]),
  known('band', 'triu, known values above', nine, (x) => triu(x, 1), [0, 2, 3, 0, 0, 6, 0, 0, 0], [3, 3]),
  ...bands('tril', tril),
  ...bands('triu', triu),
  {
    ...{ op: 'band', title: 'more workgroups than one dimension holds', large: true, inputs: [normal([1, 65_537])] },
    // All of it is kept, in rows that are alike.
    run: (x) => mean(triu(expand(x, [65, 65_537]), -64), 0),
    reference: (x) => mean(x, 0),
    gradients: 'none',
    tolerance: { forward: 1e-6 },
  },
  { op: 'band', title: 'permuted', inputs: [normal([3, 2, 4])], run: (x) => triu(permute(x, [2, 1, 0]), 1) },
];

export const cases = family(EXACT, [...diagonals, ...vectors, ...triangles]);
