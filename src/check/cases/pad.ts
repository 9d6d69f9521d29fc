// Cases of pad: constants, which place puts down, and the three ways to go on with x itself.

import { add, mul } from '../../ops/elementwise.ts';
import { concat } from '../../ops/join.ts';
import { transpose } from '../../ops/movement.ts';
import { type PadOptions, pad } from '../../ops/pad.ts';
import { flip } from '../../ops/rearrange.ts';
import { narrow, slice } from '../../ops/slice.ts';
import type { Shape } from '../../tensor/shape.ts';
import { type Case, family, refusal } from '../case.ts';
import { coins, given, normal, SPECIAL, whole } from '../values.ts';
import { dtypes, EXACT, known } from './movement.ts';

const six = [given([1, 2, 3, 4, 5, 6], [2, 3])];
const five = [given([1, 2, 3, 4, 5])];

const constant = (title: string, shape: Shape, padding: number[], value?: number): Case => ({
  ...{ op: 'place', title: `pad, ${title}`, inputs: [normal(shape)], run: (x) => pad(x, padding, { value }) },
});

const constants: Case[] = [
  known(
    'place',
    'pad, known values',
    six,
    (x) => pad(x, [1, 2, 0, 1], { value: 9 }),
    [9, 1, 2, 3, 9, 9, 9, 4, 5, 6, 9, 9, 9, 9, 9, 9, 9, 9],
    [3, 6],
  ),
  known('place', 'pad, less on one side', six, (x) => pad(x, [-1, 1]), [2, 3, 0, 5, 6, 0], [2, 3]),
  constant('zeros', [3, 4], [2, 1, 1, 0]),
  constant('rank 1', [3], [1, 2], 1.5),
  constant('rank 3', [2, 1, 3], [1, 2, 0, 1, 2, 0], 1.5),
  constant('rank 4, the last two dims', [2, 3, 4, 3], [1, 2, 2, 1], 1.5),
  constant('rank 6', [2, 1, 3, 2, 1, 2], [0, 1, 2, 0, 1, 1, 0, 2, 1, 0, 0, 1], 1.5),
  constant('less and more', [4, 5, 3], [1, -1, -2, 3, -1, -1], 1.5),
  constant('no elements', [2, 0], [1, 2, 0, 1], 1.5),
  constant('to no elements', [2, 3], [-1, -2, 1, 0], 1.5),
  constant('nothing', [2, 3], []),
  constant('rank 0', [], []),
  { ...constant('-Infinity', [2, 3], [1, 1], Number.NEGATIVE_INFINITY), gradients: 'none' },
  { ...constant('NaN', [2, 3], [1, 1], Number.NaN), gradients: 'none' },
  {
    // What is only taken away is a view.
    ...{ op: 'slice', title: 'pad, less', inputs: [normal([4, 5])], run: (x) => pad(x, [-1, -2, 0, -1]) },
  },
  {
    ...{ op: 'place', title: 'pad, int32', inputs: [whole(-9, 9, [2, 3])], run: (x) => pad(x, [1, 2], { value: -7 }) },
    gradients: 'none',
  },
  {
    ...{ op: 'place', title: 'pad, bool', inputs: [coins([2, 3])], run: (x) => pad(x, [1, 2], { value: 1 }) },
    gradients: 'none',
  },
];

type Mode = 'reflect' | 'replicate' | 'circular';

/** One dim padded by ops on its parts. */
const byParts: Record<Mode, NonNullable<Case['reference']>> = {
  reflect: (x) => concat([flip(narrow(x, 1, 1, 3), 1), x, flip(narrow(x, 1, 1, 2), 1)], 1),
  replicate: (x) => concat([...Array(3).fill(narrow(x, 1, 0, 1)), x, ...Array(2).fill(narrow(x, 1, 3, 1))], 1),
  circular: (x) => concat([narrow(x, 1, 1, 3), x, narrow(x, 1, 0, 2)], 1),
};

const results: Record<Mode, number[]> = {
  reflect: [4, 3, 2, 1, 2, 3, 4, 5, 4, 3],
  replicate: [1, 1, 1, 1, 2, 3, 4, 5, 5, 5],
  circular: [3, 4, 5, 1, 2, 3, 4, 5, 1, 2],
};

const modes = (['reflect', 'replicate', 'circular'] as const).flatMap((mode): Case[] => {
  const title = (text: string) => `${mode}, ${text}`;
  const padded = (text: string, shape: Shape, padding: number[], rest?: Partial<Case>): Case => ({
    ...{ op: 'pad', title: title(text), inputs: [normal(shape)], run: (x) => pad(x, padding, { mode }), ...rest },
  });
  return [
    known('pad', title('known values'), five, (x) => pad(x, [3, 2], { mode }), results[mode]),
    padded('one of two dims', [3, 4], [3, 2], { reference: byParts[mode] }),
    padded('as much as it takes', [5, 2, 3], mode === 'circular' ? [3, 3, 2, 2] : [2, 2, 1, 1]),
    padded('one side', [2, 4, 3], [0, 2, 1, 0]),
    padded('all of 3 dims', [3, 4, 2], [1, 1, 2, 0, 0, 2]),
    padded('rank 6', [2, 3, 2, 2, 3, 2], [1, 0, 2, 1, 0, 1, 1, 1, 0, 2, 1, 0]),
    padded('rank 8, the last three dims', [1, 2, 1, 2, 2, 3, 2, 3], [1, 2, 1, 0, 0, 2]),
    padded('less and more', [5, 6], [-2, 2, 1, -3]),
    padded('less', [5, 6], [-2, -1, 0, -3]),
    padded('nothing', [2, 3], []),
    padded('rank 0', [], []),
    padded('no elements beside it', [0, 3], [1, 2]),
    padded('a strided part at an odd offset', [9, 7], [1, 2, 1, 1], {
      run: (x) => pad(slice(slice(transpose(x), 0, 1, undefined, 2), 1, 3), [1, 2, 1, 1], { mode }),
    }),
    padded('twice', [3, 4], [1, 1], {
      run: (x) => mul(pad(x, [1, 2], { mode }), add(pad(x, [2, 1], { mode }), 1)),
      tolerance: { forward: 1e-6 },
    }),
    padded('NaN and infinities', [9], [1, 3], { inputs: [given(SPECIAL)], gradients: 'none' }),
    ...dtypes('pad', [2, 3], (x) => pad(x, [1, 2], { mode })).map((item) => ({ ...item, title: title(item.title) })),
    refusal('pad', title('a value'), five, (x) => pad(x, [1, 1], { mode, value: 0 }), /a value for mode constant only/),
    refusal(
      'pad',
      title('more away than there is'),
      five,
      (x) => pad(x, [-3, -3], { mode }),
      /pad: \[-3,-3\] takes more away than there is in \[5\]/,
    ),
  ];
});

const most = (mode: Mode, shape: Shape, padding: number[], message: RegExp): Case[] =>
  [padding, [...padding].reverse()].map((pair) =>
    refusal(
      'pad',
      `${mode}, [${pair}] more of ${shape} than it takes`,
      [normal(shape)],
      (x) => pad(x, pair, { mode }),
      message,
    ),
  );

/** What is cropped does not come round again; mirrors stand where x ends. */
const cropped: Case[] = (
  [
    ['circular', [-2, 2], [3, 4, 5, 3, 4]],
    ['circular', [2, -1], [3, 4, 1, 2, 3, 4]],
    ['reflect', [-2, 2], [3, 4, 5, 4, 3]],
    ['replicate', [2, -3], [1, 1, 1, 2]],
  ] satisfies [Mode, number[], number[]][]
).map(([mode, padding, result]) =>
  known('pad', `${mode}, [${padding}] of five`, five, (x) => pad(x, padding, { mode }), result),
);

const refused = (title: string, padding: unknown, message: RegExp, options: object = {}): Case =>
  refusal('place', `pad, ${title}`, six, (x) => pad(x, padding as number[], options as PadOptions), message);

const refusals: Case[] = [
  ...most('reflect', [3], [3, 0], /pad: expected at most 2 for reflect in dim 0 of \[3\], got/),
  ...most('reflect', [2, 0], [0, 1], /pad: expected at most 0 for reflect in dim 1 of \[2,0\]/),
  ...most('circular', [3], [4, 0], /pad: expected at most 3 for circular in dim 0 of \[3\], got/),
  ...most('circular', [3], [2, -2], /pad: expected at most 1 for circular in dim 0 of \[1\], got/),
  ...most('replicate', [0], [1, 0], /pad: expected at most 0 for replicate in dim 0 of \[0\]/),
  refused('a number', 1, /pad: expected pairs of whole numbers such as \[left, right\], got \[1\]/),
  refused('half a pair', [1, 2, 3], /pad: expected pairs of whole numbers.*got \[1,2,3\]/),
  refused('fractions', [1, 0.5], /pad: expected pairs of whole numbers.*got \[1,0.5\]/),
  refused('more dims than there are', [1, 1, 1, 1, 1, 1], /pad: expected at most 2 pairs for \[2,3\]/),
  refused('more away than there is', [-4, 2], /pad: \[-4,2\] takes more away than there is in \[2,3\]/),
  refused('another mode', [1, 1], /expected mode constant, reflect, replicate or circular, got mirror/, {
    mode: 'mirror',
  }),
  refused('a value that is no number', [1, 1], /pad: expected a number that float32 can hold, got 1/, { value: '1' }),
  refusal(
    'place',
    'pad, a fraction beside int32',
    [whole(0, 9, [3])],
    (x) => pad(x, [1, 1], { value: 0.5 }),
    /pad: expected a number that int32 can hold, got 0.5/,
  ),
];

export const cases = family(EXACT, [...constants, ...modes, ...cropped, ...refusals]);
