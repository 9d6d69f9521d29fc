// Cases of concat and stack.
import { expand } from '../../ops/broadcast.ts';
import { cast, neg } from '../../ops/elementwise.ts';
import { concat, stack } from '../../ops/join.ts';
import { reshape, transpose } from '../../ops/movement.ts';
import { slice } from '../../ops/slice.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { coins, given, type Input, normal, SPECIAL, whole } from '../values.ts';
import { EXACT, known } from './movement.ts';

/** A part of a matrix that is neither contiguous nor begins at an even place. */
const part = (x: Tensor) => slice(slice(transpose(x), 0, 1, undefined, 2), 1, 1);

const joined = (title: string, inputs: Input[], run: Run): Case => ({ op: 'concat', title, inputs, run });
const along =
  (dim?: number): Run =>
  (...tensors) =>
    concat(tensors, dim);

const joins: Case[] = [
  known(
    'concat',
    'known columns',
    [given([1, 2, 3, 4, 5, 6], [2, 3]), given([7, 8], [2, 1])],
    along(1),
    [1, 2, 3, 7, 4, 5, 6, 8],
    [2, 4],
  ),
  known(
    'concat',
    'a known stack of columns',
    [given([1, 2, 3])],
    (x) => stack([x, neg(x)], 1),
    [1, -1, 2, -2, 3, -3],
    [3, 2],
  ),
  joined('vectors', [normal([3]), normal([1]), normal([5])], along()),
  joined('one tensor', [normal([2, 3])], along(1)),
  joined('one tensor twice', [normal([2, 3])], (x) => concat([x, x], -1)),
  joined('the middle of 3 dims', [normal([3, 2, 5]), normal([3, 4, 5]), normal([3, 1, 5])], along(1)),
  joined('the last of 6 dims', [normal([2, 1, 3, 1, 2, 3]), normal([2, 1, 3, 1, 2, 2])], along(-1)),
  joined('the first of 8 dims', [normal([1, 2, 1, 2, 1, 2, 1, 3]), normal([2, 2, 1, 2, 1, 2, 1, 3])], along(-8)),
  joined('strided parts', [normal([5, 7]), normal([2, 3])], (x, y) => concat([part(x), transpose(y), part(x)], 1)),
  joined('parts and expanded rows', [normal([5, 7]), normal([1, 4])], (x, row) =>
    concat([part(x), expand(row, [2, 4]), part(x)]),
  ),
  joined('inputs without elements', [normal([2, 0]), normal([2, 3]), normal([2, 0])], along(1)),
  joined('nothing but inputs without elements', [normal([0, 3]), normal([0, 3])], along()),
  joined('a [0] among matrices', [normal([2, 3]), normal([1, 3])], (x, y) =>
    concat([reshape(slice(x, 0, 0, 0), [0]), x, y]),
  ),
  joined('nothing but [0]', [normal([0]), normal([0])], along()),
  joined(
    'more inputs than a dispatch has buffers',
    Array.from({ length: 19 }, (_, i) => normal([3, 1 + (i % 4)])),
    along(1),
  ),
  joined('more than a workgroup', [normal([7, 13]), normal([7, 11])], along(1)),
  { ...joined('int32', [whole(-9, 9, [2, 3]), whole(-9, 9, [2, 2])], along(1)), gradients: 'none' },
  { ...joined('bool', [coins([2, 3]), coins([2, 2])], along(1)), gradients: 'none' },
  {
    ...joined('float16', [normal([3, 3]), normal([3, 2])], (...tensors) =>
      along(1)(...tensors.map((x) => cast(x, 'float16'))),
    ),
    needs: 'shader-f16',
    tolerance: { forward: 1e-3, gradient: 2e-3 },
  },
  { ...joined('NaN and infinities', [given(SPECIAL), given(SPECIAL)], along()), gradients: 'none' },
  joined('stack', [normal([2, 3]), normal([2, 3])], (...tensors) =>
    [0, 1, 2, -1, -3].map((dim) => stack(tensors, dim)),
  ),
  joined('stack of scalars', [normal([]), normal([]), normal([])], (...tensors) => stack(tensors)),
  joined('stack of strided parts', [normal([5, 7])], (x) => stack([part(x), neg(part(x))], 1)),
  joined('stack of no elements', [normal([2, 0]), normal([2, 0])], (...tensors) => stack(tensors, 1)),
  refusal('concat', 'no tensors', [], () => concat([]), /concat: expected a list of at least one tensor/),
  refusal(
    'concat',
    'a tensor',
    [normal([2])],
    (x) => concat(x as never),
    /concat: expected a list of at least one tensor/,
  ),
  refusal('concat', 'numbers', [], () => concat([1 as never]), /concat: expected a list of at least one tensor/),
  refusal('concat', 'two dtypes', [normal([2]), whole(0, 9, [2])], along(), /concat: dtypes differ, float32 and int32/),
  refusal(
    'concat',
    'other sizes',
    [normal([2, 3]), normal([2, 4])],
    along(),
    /shapes differ elsewhere than in dim 0, \[2,3\] and \[2,4\]/,
  ),
  refusal('concat', 'other ranks', [normal([2, 3]), normal([2])], along(1), /shapes differ elsewhere than in dim 1/),
  refusal('concat', 'rank 0', [normal([]), normal([])], along(), /concat: dim 0 is out of range for rank 0/),
  refusal('concat', 'a dim that is not there', [normal([2]), normal([2])], along(1), /concat: dim 1 is out of range/),
  refusal('concat', 'a stack of no tensors', [], () => stack([]), /stack: expected a list of at least one tensor/),
  refusal(
    'concat',
    'a stack of two shapes',
    [normal([2]), normal([3])],
    (...xs) => stack(xs),
    /stack: expected tensors of one shape, got \[2\] and \[3\]/,
  ),
  refusal('concat', 'a stack beyond the end', [normal([2])], (x) => stack([x], 2), /stack: dim 2 is out of range/),
  refusal(
    'concat',
    'a stack of 9 dims',
    [normal([1, 1, 1, 1, 1, 1, 1, 1])],
    (x) => stack([x]),
    /at most 8 dims, got 9/,
  ),
];

export const cases = family(EXACT, joins);
