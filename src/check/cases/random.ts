// Cases of dropout: the same mask on every device, to the bit.
import { expand } from '../../ops/broadcast.ts';
import { transpose } from '../../ops/movement.ts';
import { dropout } from '../../ops/random.ts';
import { mean } from '../../ops/reduction.ts';
import { type Case, family, refusal } from '../case.ts';
import { given, normal, SPECIAL, whole } from '../values.ts';

const sizes = [1, 2, 3, 4, 5, 257, 4099].map(
  (n): Case => ({ op: 'dropout', title: `${n} elements`, inputs: [normal([n])], run: (x) => dropout(x, 0.3) }),
);

const others: Case[] = [
  { op: 'dropout', title: 'two calls, two masks', inputs: [normal([37])], run: (x) => [dropout(x), dropout(x)] },
  { op: 'dropout', title: 'nothing dropped', inputs: [normal([37])], run: (x) => dropout(x, 0) },
  { op: 'dropout', title: 'all dropped', inputs: [normal([37])], run: (x) => dropout(x, 1) },
  { op: 'dropout', title: 'no elements', inputs: [normal([0])], run: (x) => dropout(x) },
  { op: 'dropout', title: 'transposed', inputs: [normal([5, 7])], run: (x) => dropout(transpose(x)) },
  {
    op: 'dropout',
    title: 'seed and stream beyond 32 bits',
    inputs: [normal([37])],
    run: (x) => dropout(x, 0.5, { seed: 2 ** 52 + 12345, stream: 2 ** 40 + 7 }),
  },
  { op: 'dropout', title: 'NaN and infinities', inputs: [given(SPECIAL)], run: (x) => dropout(x), gradients: 'none' },
  {
    op: 'dropout',
    title: 'more workgroups than one dimension holds',
    large: true,
    inputs: [normal([1, 65_537])],
    // Without drops the rows stay alike, and their mean is theirs.
    run: (x) => mean(dropout(expand(x, [257, 65_537]), 0), 0),
    reference: (x) => mean(x, 0),
    gradients: 'none',
    tolerance: { forward: 1e-6 },
  },
  refusal(
    'dropout',
    'a probability above 1',
    [normal([3])],
    (x) => dropout(x, 1.5),
    /expected a probability from 0 to 1, got 1.5/,
  ),
  refusal(
    'dropout',
    'NaN as probability',
    [normal([3])],
    (x) => dropout(x, Number.NaN),
    /expected a probability from 0 to 1, got NaN/,
  ),
  refusal('dropout', 'int32', [whole(0, 9, [3])], (x) => dropout(x), /dropout: expected dtype float32, got int32/),
];

export const cases = family({ forward: 1e-7, gradient: 1e-7 }, [...sizes, ...others]);
