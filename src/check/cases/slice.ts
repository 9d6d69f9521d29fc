// Cases of views on parts of a tensor and of place, their gradient; and of ops that read such views, at odd offsets.
import { expand, sum } from '../../ops/broadcast.ts';
import { conv2d } from '../../ops/conv.ts';
import { crossEntropy } from '../../ops/cross-entropy.ts';
import { add, contiguous, mul, where } from '../../ops/elementwise.ts';
import { matmul } from '../../ops/matmul.ts';
import { maxPool2d } from '../../ops/max-pool.ts';
import { transpose } from '../../ops/movement.ts';
import { batchNorm } from '../../ops/norm.ts';
import { dropout } from '../../ops/random.ts';
import { mean } from '../../ops/reduction.ts';
import { narrow, place, select, slice } from '../../ops/slice.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { apart, coins, given, type Input, normal, SPECIAL, whole } from '../values.ts';
import { dtypes, EXACT, known } from './movement.ts';

const ten = [given([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])];
const sliced = (title: string, inputs: Input[], run: Run): Case => ({ op: 'slice', title, inputs, run });

const slices: Case[] = [
  known('slice', 'from the front', ten, (x) => slice(x, 0, 2, 5), [2, 3, 4]),
  known('slice', 'from the end', ten, (x) => slice(x, 0, -4, -1), [6, 7, 8]),
  known('slice', 'to the end', ten, (x) => slice(x, 0, 7), [7, 8, 9]),
  known('slice', 'steps', ten, (x) => slice(x, -1, 1, 8, 3), [1, 4, 7]),
  known('slice', 'steps up to the end', ten, (x) => slice(x, 0, 0, 10, 3), [0, 3, 6, 9]),
  known('slice', 'a step beyond the end', ten, (x) => slice(x, 0, 8, 10, 99), [8]),
  known('slice', 'places beyond the ends', ten, (x) => slice(x, 0, -12, 12, 5), [0, 5]),
  known('slice', 'an end before the start', ten, (x) => slice(x, 0, 5, 3), []),
  known('slice', 'a start behind the end', ten, (x) => slice(x, 0, 12), []),
  known('slice', 'narrow', ten, (x) => narrow(x, 0, 3, 4), [3, 4, 5, 6]),
  known('slice', 'narrow from the end', ten, (x) => narrow(x, -1, -3, 2), [7, 8]),
  known('slice', 'narrow to nothing at the end', ten, (x) => narrow(x, 0, 10, 0), []),
  known('slice', 'select', ten, (x) => select(x, 0, 6), [6], []),
  known('slice', 'select from the end', ten, (x) => select(x, -1, -3), [7], []),
  sliced('narrow in each of 3 dims', [normal([3, 5, 4])], (x) => [0, 1, 2].map((d) => narrow(x, d, 1, 2))),
  sliced('select in each of 3 dims', [normal([3, 5, 4])], (x) => [0, 1, -1].map((d) => select(x, d, -2))),
  sliced('steps in two dims', [normal([7, 9])], (x) => slice(slice(x, 0, 1, 7, 2), 1, 2, 9, 3)),
  sliced('a slice of a transposed slice', [normal([6, 7])], (x) => slice(transpose(slice(x, 1, 1, 6, 2)), 1, 1, -1, 3)),
  sliced('rank 6', [normal([2, 3, 2, 3, 2, 4])], (x) => slice(slice(slice(x, 1, 1), 3, 0, 3, 2), 5, 1, 4, 2)),
  {
    ...sliced('parts that overlap', [normal([9])], (x) => mul(slice(x, 0, 0, 7), slice(x, 0, 2))),
    tolerance: { forward: 1e-7 },
  },
  sliced('no elements', [normal([3, 0, 2])], (x) => [slice(x, 1, 1, 2), slice(x, 0, 1), select(x, 2, 1)]),
  sliced('no elements, far off', [normal([0, 999])], (x) => [sum(slice(x, 1, 500, 703), 0), sum(slice(x, 0, 0), 0)]),
  sliced('an expanded row', [normal([1, 5])], (x) => slice(slice(expand(x, [4, 5]), 0, 1, 3), 1, 1, 4, 2)),
  { ...sliced('NaN and infinities', [given(SPECIAL)], (x) => slice(x, 0, 1, 9, 3)), gradients: 'none' },
  ...dtypes('slice', [5, 6], (x) => slice(slice(x, 1, 1, 6, 3), 0, 1)),
  refusal('slice', 'a dim that is not there', [normal([3])], (x) => slice(x, 1, 0), /slice: dim 1 is out of range/),
  refusal('slice', 'rank 0', [normal([])], (x) => slice(x, 0, 0), /slice: dim 0 is out of range for rank 0/),
  refusal('slice', 'step 0', ten, (x) => slice(x, 0, 0, 3, 0), /slice: expected a step of at least 1, got 0/),
  refusal('slice', 'a step back', ten, (x) => slice(x, 0, 0, 3, -1), /slice: expected a step of at least 1, got -1/),
  refusal(
    'slice',
    'half a step',
    ten,
    (x) => slice(x, 0, 0, 3, 1.5),
    /slice: expected step as a whole number, got 1.5/,
  ),
  refusal('slice', 'a start between places', ten, (x) => slice(x, 0, 0.5), /slice: expected start as a whole number/),
  refusal(
    'slice',
    'an end that is no number',
    ten,
    (x) => slice(x, 0, 0, Number.NaN),
    /expected end as a whole number/,
  ),
  refusal(
    'slice',
    'narrow behind the end',
    ten,
    (x) => narrow(x, 0, 7, 4),
    /narrow: 4 elements from 7 are not in dim 0/,
  ),
  refusal('slice', 'narrow before the start', ten, (x) => narrow(x, 0, -11, 2), /narrow: 2 elements from -11 are not/),
  refusal('slice', 'narrow to less than nothing', ten, (x) => narrow(x, 0, 3, -1), /narrow: -1 elements from 3/),
  refusal(
    'slice',
    'narrow by fractions',
    ten,
    (x) => narrow(x, 0, 3, 0.5),
    /narrow: expected length as a whole number/,
  ),
  refusal('slice', 'select behind the end', ten, (x) => select(x, 0, 10), /select: index 10 is out of range for dim 0/),
  refusal('slice', 'select before the start', ten, (x) => select(x, 0, -11), /select: index -11 is out of range/),
  refusal('slice', 'select between', ten, (x) => select(x, 0, 0.5), /select: index 0.5 is out of range/),
];

const placed = (title: string, inputs: Input[], run: Run): Case => ({ op: 'place', title, inputs, run });

const places: Case[] = [
  known('place', 'known steps', [given([1, 2, 3])], (x) => place(x, [8], [1], [3]), [0, 1, 0, 0, 2, 0, 0, 3]),
  placed('in the middle', [normal([2, 3])], (x) => place(x, [5, 7], [1, 2], undefined, 1.5)),
  placed('steps in two dims', [normal([3, 2])], (x) => place(x, [9, 7], [2, 1], [3, 4], 1.5)),
  placed('rank 6', [normal([2, 1, 3, 1, 2, 2])], (x) =>
    place(x, [3, 2, 3, 2, 4, 5], [1, 0, 0, 1, 0, 1], [1, 1, 1, 1, 3, 2], 1.5),
  ),
  placed('rank 8, no neighbours merged', [normal([2, 1, 1, 2, 1, 2, 1, 3])], (x) =>
    place(x, [3, 2, 2, 3, 3, 4, 2, 5], [1, 0, 1, 0, 2, 0, 0, 1], [1, 1, 1, 2, 1, 3, 1, 1], 1.5),
  ),
  placed('rank 0', [normal([])], (x) => place(x, [], [], undefined, 1.5)),
  placed('as it is', [normal([2, 3])], (x) => place(x, [2, 3], [0, 0])),
  placed('nothing', [normal([0, 3])], (x) => place(x, [2, 5], [7, 1], undefined, 1.5)),
  placed('into nothing', [normal([2, 0])], (x) => place(x, [3, 0], [1, 0])),
  placed('a strided part at an odd offset', [normal([7, 9])], (x) =>
    place(slice(slice(transpose(x), 0, 1, 9, 3), 1, 2), [4, 7], [1, 1], undefined, 1.5),
  ),
  placed('more than a workgroup', [normal([11, 13])], (x) => place(x, [13, 27], [1, 1], [1, 2])),
  ...dtypes('place', [3, 2], (x) => place(x, [5, 6], [1, 1], [1, 3], 1)),
  {
    ...placed('more workgroups than one dimension holds', [normal([1, 65_537])], (x) =>
      // The mean of rows that are all alike is theirs, and little is read back.
      mean(place(expand(x, [65, 65_537]), [65, 65_538], [0, 1]), 0),
    ),
    large: true,
    reference: (x) => mean(place(x, [1, 65_538], [0, 1]), 0),
    gradients: 'none',
    tolerance: { forward: 1e-6 },
  },
  refusal(
    'place',
    'beyond the end',
    [normal([3])],
    (x) => place(x, [5], [1], [2]),
    /place: \[3\] at \[1\] by steps \[2\] does not fit into \[5\]/,
  ),
  refusal('place', 'before the start', [normal([3])], (x) => place(x, [5], [-1]), /does not fit into \[5\]/),
  refusal('place', 'another rank', [normal([3])], (x) => place(x, [5, 5], [1, 1]), /does not fit into \[5,5\]/),
  refusal('place', 'a size below 0', [normal([0])], (x) => place(x, [-1], [0]), /place: sizes must be whole numbers/),
];

/** Parts that begin at odd places: of a matrix, apart from each other, or of images. */
const inner = (x: Parameters<Run>[0]) => slice(slice(x, -2, 1, undefined, 2), -1, 3);
const lower = (x: Parameters<Run>[0]) => narrow(x, 0, 1, x.shape[0] - 1);

const reads = (op: string, inputs: Input[], run: Run, tolerance: Case['tolerance'] = { forward: 1e-6 }): Case => ({
  ...{ op, title: 'parts at odd offsets', inputs, run, tolerance },
});

const readers: Case[] = [
  reads('add', [normal([7, 8]), normal([4, 5])], (x, y) => [add(inner(x), lower(y)), add(lower(y), 1)]),
  reads('mul', [normal([5, 8]), normal([3, 12])], (x, y) => mul(lower(slice(x, 0, 0, 4)), slice(y, 1, 4))),
  reads('where', [coins([5, 7]), normal([5, 7]), normal([4])], (c, x, y) => where(lower(c), lower(x), slice(y, 0, 3))),
  reads('contiguous', [normal([7, 8])], (x) => [contiguous(inner(x)), contiguous(lower(x))]),
  reads('sum', [normal([7, 8])], (x) => [sum(inner(x), 0), sum(lower(x), 1), sum(slice(x, 0, 7))]),
  reads('mean', [normal([7, 8])], (x) => [mean(inner(x), 0), mean(lower(x), 1), mean(inner(x))]),
  reads('matmul', [normal([7, 8]), normal([6, 3])], (x, y) => [
    matmul(inner(x), lower(y)),
    matmul(transpose(lower(y)), transpose(inner(x))),
    matmul(slice(x, 1, 0, 0), slice(y, 0, 6)),
  ]),
  reads('conv2d', [normal([2, 3, 7, 8]), normal([3, 2, 2, 2])], (x, weight) =>
    conv2d(inner(slice(x, 1, 1)), lower(weight), null),
  ),
  reads('maxPool2d', [apart([2, 3, 7, 8])], (x) => maxPool2d(inner(lower(x)), 2, { stride: 1 })),
  reads(
    'batchNorm',
    [normal([6, 4, 3]), normal([4])],
    (x, weight) => batchNorm(slice(lower(x), 1, 1), { weight: lower(weight), training: true }),
    { forward: 1e-6, gradient: 1e-5 },
  ),
  reads('crossEntropyRows', [normal([5, 7]), whole(0, 3, [5])], (x, labels) =>
    crossEntropy(lower(slice(x, 1, 1, 7, 2)), lower(labels)),
  ),
  reads('dropout', [normal([7, 8])], (x) => [dropout(inner(x), 0.3), dropout(lower(x), 0.3)]),
];

export const cases = family(EXACT, [...slices, ...places, ...readers]);
