// Cases of flip, roll, tile and repeatInterleave.
import { transpose } from '../../ops/movement.ts';
import { flip, repeatInterleave, roll, tile } from '../../ops/rearrange.ts';
import { slice } from '../../ops/slice.ts';
import type { Shape } from '../../tensor/shape.ts';
import { type Case, family, refusal } from '../case.ts';
import { coins, given, type Input, normal, SPECIAL, whole } from '../values.ts';
import { dtypes, EXACT, known } from './movement.ts';

const six = [given([1, 2, 3, 4, 5, 6], [2, 3])];

const flipped = (title: string, shape: Shape, dims: number | number[]): Case => ({
  ...{ op: 'flip', title, inputs: [normal(shape)], run: (x) => flip(x, dims) },
});

const flips: Case[] = [
  known('flip', 'known values', six, (x) => flip(x, [-1]), [3, 2, 1, 6, 5, 4], [2, 3]),
  known('flip', 'known values in both dims', six, (x) => flip(x, [0, 1]), [6, 5, 4, 3, 2, 1], [2, 3]),
  flipped('one dim', [5, 3], 0),
  flipped('the middle', [3, 5, 4], [1]),
  flipped('outer and inner', [3, 5, 4], [0, -1]),
  flipped('no dims', [3, 5], []),
  flipped('rank 0', [], []),
  flipped('rank 0 along dim 0', [], 0),
  flipped('rank 0 along dim -1', [], [-1]),
  flipped('every other of 6 dims', [2, 3, 2, 3, 2, 3], [0, 2, 4]),
  flipped('every other of 8 dims', [2, 3, 2, 2, 3, 2, 2, 3], [1, 3, 5, 7]),
  flipped('more than a workgroup', [11, 13], 1),
  flipped('no elements', [3, 0], [0, 1]),
  {
    ...flipped('a strided part at an odd offset', [5, 7], [0]),
    run: (x) => flip(slice(slice(transpose(x), 0, 1, undefined, 2), 1, 1), [1]),
  },
  { ...flipped('NaN and infinities', [9], 0), inputs: [given(SPECIAL)], gradients: 'none' },
  ...dtypes('flip', [3, 5], (x) => flip(x, [1])),
  refusal('flip', 'a dim twice', six, (x) => flip(x, [0, -2]), /flip: dim given twice/),
  refusal('flip', 'a dim that is not there', six, (x) => flip(x, 2), /flip: dim 2 is out of range/),
  refusal('flip', 'no word on dims', six, (x) => flip(x, undefined as never), /flip: expected dims such as/),
];

const rolled = (title: string, shape: Shape, shifts: number | number[], dims?: number | number[]): Case => ({
  ...{ op: 'roll', title, inputs: [normal(shape)], run: (x) => roll(x, shifts, dims) },
});

const rolls: Case[] = [
  { op: 'roll', title: 'NaN and infinities', inputs: [given(SPECIAL)], run: (x) => roll(x, 2, 0), gradients: 'none' },
  known('roll', 'known values', six, (x) => roll(x, 1, 1), [3, 1, 2, 6, 4, 5], [2, 3]),
  known('roll', 'known values backwards', six, (x) => roll(x, -1, -1), [2, 3, 1, 5, 6, 4], [2, 3]),
  known('roll', 'known values, flat', six, (x) => roll(x, 2), [5, 6, 1, 2, 3, 4], [2, 3]),
  rolled('beyond the size', [5, 3], [7, -4], [0, 1]),
  rolled('three dims', [3, 5, 4], [1, -2, 3], [2, 0, 1]),
  rolled('one dim twice', [5, 3], [2, 1], [0, 0]),
  rolled('there and back', [5, 3], [0, 5], [1, 0]),
  rolled('rank 0', [], 3),
  rolled('flat, no elements', [0, 2], 3),
  rolled('no elements', [0, 2], [1, 1], [0, 1]),
  rolled('every other of 8 dims', [2, 3, 2, 3, 2, 3, 2, 3], [1, 2, 1, 2], [1, 3, 5, 7]),
  {
    ...rolled('a strided part at an odd offset', [5, 7], 1, 1),
    run: (x) => roll(slice(slice(transpose(x), 0, 1, undefined, 2), 1, 1), [1, 3], [0, 1]),
  },
  { ...rolled('flat, transposed', [5, 7], 3), run: (x) => roll(transpose(x), 3) },
  ...dtypes('roll', [3, 5], (x) => roll(x, 2, 1)),
  refusal(
    'roll',
    'more shifts than dims',
    six,
    (x) => roll(x, [1, 2], [0]),
    /roll: expected a whole number for each dim/,
  ),
  refusal(
    'roll',
    'fewer shifts than dims',
    six,
    (x) => roll(x, 1, [0, 1]),
    /roll: expected a whole number for each dim/,
  ),
  refusal('roll', 'shifts without dims', six, (x) => roll(x, [1, 2]), /roll: expected a whole number for each dim/),
  refusal('roll', 'half a shift', six, (x) => roll(x, 0.5, 0), /roll: expected a whole number.*got shifts \[0.5\]/),
  refusal('roll', 'a dim that is not there', six, (x) => roll(x, 1, 2), /roll: dim 2 is out of range/),
];

const repeated = (title: string, inputs: Input[], run: Case['run']): Case => ({ op: 'expand', title, inputs, run });

const repeats: Case[] = [
  known('expand', 'tile, known values', six, (x) => tile(x, [2]), [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6], [2, 6]),
  repeated('tile in two dims', [normal([2, 3])], (x) => tile(x, [3, 2])),
  repeated('tile in new dims', [normal([3])], (x) => tile(x, [2, 1, 2])),
  repeated('tile of 8 dims', [normal([1, 2, 1, 2, 1, 1, 3, 1])], (x) => tile(x, [2, 1, 1, 2, 1, 1, 2, 1])),
  repeated('tile of rank 0', [normal([])], (x) => [tile(x, [3]), tile(x, [])]),
  repeated('tile of a transposed matrix', [normal([2, 3])], (x) => tile(transpose(x), [1, 2])),
  repeated('tile as it is', [normal([2, 3])], (x) => tile(x, [1])),
  repeated('tile no times', [normal([2, 3])], (x) => tile(x, [2, 0])),
  repeated('tile of no elements', [normal([0, 3])], (x) => tile(x, [2, 2])),
  known(
    'expand',
    'repeatInterleave, known values',
    six,
    (x) => repeatInterleave(x, 2, 1),
    [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6],
    [2, 6],
  ),
  known('expand', 'repeatInterleave, flat', six, (x) => repeatInterleave(x, 2), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]),
  repeated('repeatInterleave in the middle', [normal([2, 3, 2])], (x) => repeatInterleave(x, 3, -2)),
  repeated('repeatInterleave no times', [normal([2, 3])], (x) => repeatInterleave(x, 0, 0)),
  { ...repeated('tile, int32', [whole(-9, 9, [2, 3])], (x) => tile(x, [2, 2])), gradients: 'none' },
  { ...repeated('repeatInterleave, bool', [coins([2, 3])], (x) => repeatInterleave(x, 2, 0)), gradients: 'none' },
  refusal('expand', 'tile, a number', six, (x) => tile(x, 2 as never), /tile: expected whole numbers.*got 2/),
  refusal('expand', 'tile, below 0', six, (x) => tile(x, [1, -1]), /tile: expected whole numbers.*got 1,-1/),
  refusal('expand', 'tile to 9 dims', six, (x) => tile(x, [1, 1, 1, 1, 1, 1, 1, 1, 2]), /tile: a tensor has at most 8/),
  refusal(
    'expand',
    'repeatInterleave, below 0',
    six,
    (x) => repeatInterleave(x, -1, 0),
    /repeatInterleave: expected a/,
  ),
  refusal('expand', 'repeatInterleave along no dim', six, (x) => repeatInterleave(x, 2, 2), /dim 2 is out of range/),
];

export const cases = family(EXACT, [...flips, ...rolls, ...repeats]);
