// Cases of views: the same elements in another shape, another order, or repeated; and what cases of movement share.
import { expand } from '../../ops/broadcast.ts';
import { cast } from '../../ops/elementwise.ts';
import { flatten, permute, reshape, squeeze, transpose, unsqueeze } from '../../ops/movement.ts';
import { slice } from '../../ops/slice.ts';
import { fromHost } from '../../tensor/creation.ts';
import type { Shape } from '../../tensor/shape.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { coins, type Input, normal, whole } from '../values.ts';

/** Copies are exact; gradients add up what overlaps. */
export const EXACT = { forward: 0, gradient: 1e-6 };

/** A call whose result is known, as PyTorch gives it. */
export const known = (
  op: string,
  title: string,
  inputs: Input[],
  run: Run,
  values: readonly number[],
  shape: Shape = [values.length],
): Case => ({
  ...{ op, title, inputs, run, gradients: 'none' },
  reference: ({ device, dtype }) => fromHost('expected', values, shape, { device, dtype }),
});

/** The dtypes beside float32. Halves are rounded on their way in and, as gradients, on their way out. */
export const dtypes = (op: string, shape: Shape, run: Run): Case[] => [
  { op, title: 'int32', inputs: [whole(-(2 ** 31), 2 ** 31, shape)], run, gradients: 'none' },
  { op, title: 'bool', inputs: [coins(shape)], run, gradients: 'none' },
  {
    ...{ op, title: 'float16', inputs: [normal(shape)], run: (x) => run(cast(x, 'float16')), needs: 'shader-f16' },
    tolerance: { forward: 1e-3, gradient: 2e-3 },
  },
];

const same: Case[] = [
  { op: 'reshape', title: 'a matrix', inputs: [normal([2, 6])], run: (x) => reshape(x, [3, -1]) },
  { op: 'reshape', title: 'to rank 0', inputs: [normal([1, 1])], run: (x) => reshape(x, []) },
  { op: 'reshape', title: 'to rank 6', inputs: [normal([12])], run: (x) => reshape(x, [1, 2, 1, 3, 2, 1]) },
  { op: 'reshape', title: 'no elements', inputs: [normal([3, 0])], run: (x) => reshape(x, [0, 5]) },
  {
    op: 'reshape',
    title: 'a transposed matrix, which copies',
    inputs: [normal([3, 5])],
    run: (x) => reshape(transpose(x), [15]),
  },
  {
    op: 'reshape',
    title: 'an expanded row, which copies',
    inputs: [normal([1, 5])],
    run: (x) => reshape(expand(x, [3, 5]), [5, 3]),
  },
  {
    op: 'reshape',
    title: 'strided dims cut up and dims of size 1 between them',
    inputs: [normal([4, 6, 6])],
    run: (x) => reshape(slice(slice(x, 1, 0, 6, 2), 2, 1, 5), [2, 1, 2, 3, 1, 2, 2, 1]),
  },
  {
    op: 'reshape',
    title: 'strided dims joined, and a part of no elements',
    inputs: [normal([3, 4, 5])],
    run: (x) => [reshape(slice(x, 2, 1, 4, 2), [12, 2]), reshape(slice(x, 0, 3), [2, 0])],
  },
  {
    op: 'reshape',
    title: 'a permuted tensor whose dims do not join, which copies',
    inputs: [normal([2, 3, 4])],
    run: (x) => [reshape(permute(x, [1, 0, 2]), [3, 8]), reshape(permute(x, [1, 0, 2]), [6, 2, 2])],
  },
  {
    op: 'reshape',
    title: 'squeeze',
    inputs: [normal([1, 3, 1, 2, 1])],
    run: (x) => [squeeze(x), squeeze(x, 0), squeeze(x, [-1, 1, 2]), squeeze(transpose(x, 1, 3), 2)],
  },
  {
    op: 'reshape',
    title: 'squeeze to rank 0',
    inputs: [normal([1, 1])],
    run: (x) => [squeeze(x), squeeze(squeeze(x))],
  },
  {
    op: 'reshape',
    title: 'unsqueeze',
    inputs: [normal([2, 3])],
    run: (x) => [0, 1, 2, -1, -2, -3].map((dim) => unsqueeze(transpose(x), dim)),
  },
  {
    op: 'reshape',
    title: 'unsqueeze of rank 0',
    inputs: [normal([])],
    run: (x) => [unsqueeze(x, 0), unsqueeze(x, -1)],
  },
  { op: 'reshape', title: 'squeeze of rank 0', inputs: [normal([])], run: (x) => [squeeze(x, 0), squeeze(x, -1)] },
  { op: 'reshape', title: 'squeeze of no dims', inputs: [normal([1, 2])], run: (x) => squeeze(x, []) },
  {
    op: 'reshape',
    title: 'flatten',
    inputs: [normal([2, 3, 5])],
    run: (x) => [flatten(x), flatten(x, 1), flatten(x, 0, 1)],
  },
  { op: 'reshape', title: 'int32', inputs: [whole(0, 9, [6])], run: (x) => reshape(x, [2, 3]), gradients: 'none' },
  refusal(
    'reshape',
    'another count',
    [normal([5])],
    (x) => reshape(x, [2, 3]),
    /reshape: \[5\] has 5 elements, \[2,3\] 6/,
  ),
  refusal('reshape', 'a size that does not come out', [normal([5])], (x) => reshape(x, [2, -1]), /does not divide/),
  refusal(
    'reshape',
    'more than 8 dims',
    [normal([1])],
    (x) => reshape(x, [1, 1, 1, 1, 1, 1, 1, 1, 1]),
    /reshape: a tensor has at most 8 dims, got 9/,
  ),
  refusal(
    'reshape',
    'an unknown size beside 0',
    [normal([0])],
    (x) => reshape(x, [0, -1]),
    /\[0\] does not divide into \[0,-1\]/,
  ),
  refusal(
    'reshape',
    'squeeze of a dim that is not there',
    [normal([1])],
    (x) => squeeze(x, 1),
    /squeeze: dim 1 is out/,
  ),
  refusal('reshape', 'squeeze of a dim twice', [normal([1])], (x) => squeeze(x, [0, -1]), /squeeze: dim given twice/),
  refusal('reshape', 'unsqueeze beyond the end', [normal([2])], (x) => unsqueeze(x, 2), /unsqueeze: dim 2 is out/),
  refusal('reshape', 'unsqueeze before the start', [normal([2])], (x) => unsqueeze(x, -3), /unsqueeze: dim -3 is out/),
  refusal('reshape', 'flatten backwards', [normal([2, 3])], (x) => flatten(x, 1, 0), /startDim 1 lies behind endDim 0/),
  refusal('reshape', 'two unknown sizes', [normal([4])], (x) => reshape(x, [-1, -1]), /sizes must be whole numbers/),
];

const order: Case[] = [
  { op: 'permute', title: 'three dims', inputs: [normal([2, 3, 5])], run: (x) => permute(x, [2, 0, 1]) },
  { op: 'permute', title: 'rank 6', inputs: [normal([2, 1, 3, 2, 1, 2])], run: (x) => permute(x, [3, -1, 0, 2, 4, 1]) },
  { op: 'permute', title: 'rank 0', inputs: [normal([])], run: (x) => [permute(x, []), transpose(x, 0, -1)] },
  { op: 'permute', title: 'no elements', inputs: [normal([3, 0, 2])], run: (x) => permute(x, [1, 2, 0]) },
  {
    op: 'permute',
    title: 'sizes of 1',
    inputs: [normal([1, 3, 1])],
    run: (x) => [permute(x, [2, 0, 1]), transpose(x)],
  },
  { op: 'permute', title: 'transpose', inputs: [normal([2, 3, 5])], run: (x) => [transpose(x), transpose(x, 0, 2)] },
  { op: 'permute', title: 'bool', inputs: [coins([2, 3])], run: (x) => permute(x, [1, 0]), gradients: 'none' },
  refusal('permute', 'a dim twice', [normal([2, 3])], (x) => permute(x, [0, 0]), /each of the 2 dims of \[2,3\] once/),
  refusal('permute', 'a dim that is not there', [normal([2])], (x) => permute(x, [1]), /dim 1 is out of range/),
  refusal('permute', 'transpose of a vector', [normal([2])], (x) => transpose(x), /dim -2 is out of range/),
];

const repeated: Case[] = [
  { op: 'expand', title: 'a column', inputs: [normal([3, 1])], run: (x) => expand(x, [3, 5]) },
  { op: 'expand', title: 'new dims', inputs: [normal([3])], run: (x) => expand(x, [2, 5, 3]) },
  { op: 'expand', title: 'rank 0', inputs: [normal([])], run: (x) => expand(x, [2, 3]) },
  { op: 'expand', title: 'sizes that stay', inputs: [normal([1, 3, 1])], run: (x) => expand(x, [4, -1, -1, 2]) },
  { op: 'expand', title: 'to no elements', inputs: [normal([1])], run: (x) => expand(x, [0]) },
  { op: 'expand', title: 'a transposed matrix', inputs: [normal([1, 3])], run: (x) => expand(transpose(x), [2, 3, 5]) },
  refusal('expand', 'a size other than 1', [normal([2])], (x) => expand(x, [4]), /expand: /),
  refusal(
    'expand',
    'more than 8 dims',
    [normal([1])],
    (x) => expand(x, [1, 1, 1, 1, 1, 1, 1, 1, 2]),
    /expand: a tensor has at most 8 dims, got 9/,
  ),
  refusal('expand', 'to fewer dims', [normal([2, 3])], (x) => expand(x, [3]), /\[2,3\] does not expand to \[3\]/),
  refusal(
    'expand',
    'a new dim of unknown size',
    [normal([3])],
    (x) => expand(x, [-1, 3]),
    /sizes must be whole numbers/,
  ),
];

export const cases = family(EXACT, [...same, ...order, ...repeated]);
