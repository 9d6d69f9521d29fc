// Cases of the forms of convolution: transposed, one-dimensional, unbatched, padding by name, groups; and what they refuse.
import { type ConvTransposeOptions, conv1d, conv2d, convTranspose1d, convTranspose2d } from '../../ops/conv.ts';
import { permute } from '../../ops/movement.ts';
import { tensor } from '../../tensor/creation.ts';
import { contiguousStrides, type Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { given, normal, whole } from '../values.ts';

const CONV = 'conv2d';
const TRANSPOSED = 'conv2dInputGrad';

/** x [1, 1, L] and weight [1, 1, K] whose result was worked out by hand. */
const known = (op: string, title: string, x: number[], weight: number[], run: Case['run'], out: number[]): Case => ({
  op,
  title: `${title}, by hand`,
  inputs: [given(x, [1, 1, x.length]), given(weight, [1, 1, weight.length])],
  run,
  reference: ({ device }) => tensor([[out]], { device }),
  gradients: 'none',
});

const byHand: Case[] = [
  known(CONV, 'one dim', [1, 2, 3], [1, 10], (x, w) => conv1d(x, w), [21, 32]),
  known(CONV, "'valid'", [1, 2, 3], [1, 10], (x, w) => conv1d(x, w, null, { padding: 'valid' }), [21, 32]),
  known(
    CONV,
    "'same', odd taps",
    [1, 2, 3],
    [1, 10, 100],
    (x, w) => conv1d(x, w, null, { padding: 'same' }),
    [210, 321, 32],
  ),
  known(CONV, "'same', even taps", [1, 2, 3], [1, 10], (x, w) => conv1d(x, w, null, { padding: 'same' }), [21, 32, 3]),
  known(
    CONV,
    "'same', even reach by dilation",
    [1, 2, 3],
    [1, 10],
    (x, w) => conv1d(x, w, null, { padding: 'same', dilation: 3 }),
    [30, 1, 2],
  ),
  known(
    TRANSPOSED,
    'stride',
    [1, 2],
    [1, 10, 100],
    (x, w) => convTranspose1d(x, w, null, { stride: 2 }),
    [1, 10, 102, 20, 200],
  ),
  known(
    TRANSPOSED,
    'padding and outputPadding',
    [1, 2],
    [1, 10, 100],
    (x, w) => convTranspose1d(x, w, null, { stride: 2, padding: 1, outputPadding: 1 }),
    [10, 102, 20, 200],
  ),
  known(
    TRANSPOSED,
    'outputPadding beyond the taps, and dilation',
    [1, 2],
    [1, 10],
    (x, w) => convTranspose1d(x, w, null, { dilation: 3, outputPadding: 2 }),
    [1, 2, 0, 10, 20, 0, 0],
  ),
];

/** Channels [from, from + count) of a contiguous x [N, C, H, W]; carries no gradient. */
const channels = (x: Tensor, from: number, count: number): Tensor => {
  const strides = contiguousStrides(x.shape);
  const shape = [x.shape[0], count, ...x.shape.slice(2)];
  return x.alias('channels', { shape, strides, offset: from * strides[1] });
};

/** Groups are what single convolutions of their channels are. */
const groups: Case = {
  op: CONV,
  title: 'groups against a convolution for each',
  inputs: [normal([2, 10, 4, 5]), normal([6, 5, 2, 2])],
  run: (x, weight) => {
    const out = conv2d(x, weight, null, { groups: 2 });
    return [channels(out, 0, 3), channels(out, 3, 3)];
  },
  reference: (x, weight) =>
    [0, 1].map((group) => {
      const own = weight.alias('own', { shape: [3, 5, 2, 2], strides: [20, 4, 2, 1], offset: group * 60 });
      return conv2d(channels(x, 5 * group, 5), own);
    }),
  gradients: 'none',
};

const forward: Case[] = [
  groups,
  {
    op: CONV,
    title: "'same', with bias",
    inputs: [normal([2, 2, 5, 6]), normal([3, 2, 4, 3]), normal([3])],
    run: (x, w, b) => conv2d(x, w, b, { padding: 'same' }),
  },
  {
    op: CONV,
    title: "'same', dilation and groups",
    inputs: [normal([2, 4, 7, 6]), normal([6, 2, 2, 4])],
    run: (x, w) => conv2d(x, w, null, { padding: 'same', dilation: [3, 1], groups: 2 }),
  },
  {
    op: CONV,
    title: "'same', more zeros than the image is wide",
    inputs: [normal([1, 1, 2, 3]), normal([2, 1, 5, 6])],
    run: (x, w) => conv2d(x, w, null, { padding: 'same', dilation: 2 }),
  },
  {
    op: CONV,
    title: 'unbatched',
    inputs: [normal([2, 5, 6]), normal([3, 2, 2, 2]), normal([3])],
    run: (x, w, b) => conv2d(x, w, b),
  },
  {
    op: CONV,
    title: 'one dim',
    inputs: [normal([2, 3, 13]), normal([5, 3, 4]), normal([5])],
    run: (x, w, b) => conv1d(x, w, b, { stride: 2, padding: 3, dilation: 2 }),
  },
  {
    op: CONV,
    title: 'one dim, groups and unbatched, channels last',
    inputs: [normal([13, 4]), normal([6, 2, 4]), normal([6])],
    run: (x, w, b) => conv1d(permute(x, [1, 0]), w, b, { groups: 2 }),
  },
];

/** Shapes of x [N, I, H, W] and weight [I, O / groups, KH, KW], with options. */
const transposed: [title: string, x: Shape, weight: Shape, options?: ConvTransposeOptions][] = [
  ['plain', [2, 3, 4, 5], [3, 2, 2, 3]],
  ['stride', [2, 3, 4, 5], [3, 9, 3, 2], { stride: 2 }],
  ['stride beyond the taps, in rows only', [1, 2, 3, 4], [2, 3, 2, 3], { stride: [3, 1] }],
  ['padding and outputPadding', [2, 2, 4, 3], [2, 4, 3, 3], { stride: [2, 3], padding: [1, 2], outputPadding: [1, 2] }],
  ['outputPadding beyond the stride', [1, 2, 4, 3], [2, 2, 2, 2], { dilation: 3, outputPadding: [2, 1], padding: 1 }],
  ['groups', [2, 4, 3, 4], [4, 5, 3, 2], { stride: 2, groups: 2 }],
  ['depthwise', [2, 3, 4, 5], [3, 1, 4, 4], { stride: 2, padding: 1, groups: 3 }],
  ['padding that cuts all but one', [1, 2, 2, 3], [2, 2, 2, 3], { padding: [1, 2] }],
  ['no images', [0, 2, 3, 3], [2, 3, 2, 2]],
  ['unbatched', [3, 4, 5], [3, 2, 2, 3], { stride: 2 }],
];

const backward: Case[] = [
  ...transposed.map(
    ([title, x, weight, options]): Case => ({
      op: TRANSPOSED,
      title: `transposed: ${title}`,
      inputs: [normal(x), normal(weight), normal([weight[1] * (options?.groups ?? 1)])],
      run: (x, w, b) => convTranspose2d(x, w, b, options),
    }),
  ),
  {
    op: TRANSPOSED,
    title: 'transposed: one dim',
    inputs: [normal([2, 4, 7]), normal([4, 3, 4]), normal([6])],
    run: (x, w, b) => convTranspose1d(x, w, b, { stride: 3, padding: 1, outputPadding: 2, groups: 2 }),
  },
  {
    op: TRANSPOSED,
    title: 'transposed: one dim, unbatched',
    inputs: [normal([2, 7]), normal([2, 3, 4])],
    run: (x, w) => convTranspose1d(x, w, null, { dilation: 2 }),
  },
];

const image = normal([1, 2, 4, 4]);
const taps = normal([3, 2, 2, 2]);
const grouped = normal([4, 1, 2, 2]);
const line = normal([1, 2, 5]);
const stretch = normal([2, 3, 2]);

/** Inputs, a call, and its error. */
const wrong: [title: string, inputs: Case['inputs'], run: Case['run'], error: RegExp][] = [
  [
    'two dims',
    [normal([4, 4]), taps],
    (x, w) => conv2d(x, w),
    /conv2d: expected input \[N, C, H, W\] or \[C, H, W\] and weight \[O, C \/ groups, KH, KW\]; input \[4,4\]/,
  ],
  ['five dims', [normal([1, 1, 2, 4, 4]), taps], (x, w) => conv2d(x, w), /conv2d: expected input \[N, C, H, W\]/],
  ['a weight of three dims', [image, normal([3, 2, 2])], (x, w) => conv2d(x, w), /and weight \[O, C \/ groups/],
  ['other channels', [image, normal([3, 5, 2, 2])], (x, w) => conv2d(x, w), /expects 5 input channels, input has 2;/],
  ['no taps', [image, normal([3, 2, 0, 2])], (x, w) => conv2d(x, w), /expected a weight that is not empty/],
  ['no rows', [normal([1, 2, 0, 4]), taps], (x, w) => conv2d(x, w), /expected an image that is not empty/],
  ['another bias', [image, taps, normal([2])], (x, w, b) => conv2d(x, w, b), /conv2d: expected bias \[3\], got \[2\]/],
  [
    'a bias of two dims',
    [image, taps, normal([3, 1])],
    (x, w, b) => conv2d(x, w, b),
    /expected bias \[3\], got \[3,1\]/,
  ],
  [
    'taps beyond the image',
    [image, normal([3, 2, 5, 2])],
    (x, w) => conv2d(x, w),
    /a window of 5 does not fit an image of 4 with padding 0/,
  ],
  [
    'stride 0',
    [image, taps],
    (x, w) => conv2d(x, w, null, { stride: 0 }),
    /stride as one or two whole numbers of at least 1, got 0/,
  ],
  [
    'half a stride',
    [image, taps],
    (x, w) => conv2d(x, w, null, { stride: [1, 1.5] }),
    /expected stride .*, got 1,1\.5/,
  ],
  ['dilation 0', [image, taps], (x, w) => conv2d(x, w, null, { dilation: [1, 0] }), /expected dilation .*, got 1,0/],
  [
    'padding below 0',
    [image, taps],
    (x, w) => conv2d(x, w, null, { padding: -1 }),
    /expected padding .* of at least 0, got -1/,
  ],
  [
    'three paddings',
    [image, taps],
    (x, w) => conv2d(x, w, null, { padding: [1, 1, 1] as never }),
    /expected padding as one or two/,
  ],
  [
    'an unknown padding',
    [image, taps],
    (x, w) => conv2d(x, w, null, { padding: 'full' as never }),
    /expected padding .*, got full/,
  ],
  [
    "'same' and stride",
    [image, taps],
    (x, w) => conv2d(x, w, null, { padding: 'same', stride: [1, 2] }),
    /padding 'same' needs stride 1, got 1,2/,
  ],
  [
    'no groups',
    [image, taps],
    (x, w) => conv2d(x, w, null, { groups: 0 }),
    /expected groups as a whole number of at least 1, got 0/,
  ],
  ['half a group', [image, taps], (x, w) => conv2d(x, w, null, { groups: 0.5 }), /expected groups .*, got 0\.5/],
  [
    'groups that do not divide the input',
    [image, grouped],
    (x, w) => conv2d(x, w, null, { groups: 4 }),
    /input channels must be divisible by groups, got 2 and 4/,
  ],
  [
    'groups that do not divide the weight',
    [image, normal([3, 1, 2, 2])],
    (x, w) => conv2d(x, w, null, { groups: 2 }),
    /dim of weight must be divisible by groups, got 3 and 2/,
  ],
  [
    'a weight for other groups',
    [image, normal([4, 2, 2, 2])],
    (x, w) => conv2d(x, w, null, { groups: 2 }),
    /expects 4 input channels in 2 groups, input has 2/,
  ],
  ['int32', [whole(0, 9, [1, 2, 4, 4]), taps], (x, w) => conv2d(x, w), /conv2d: expected dtype float32.*, got int32/],
  ['int32 weight', [image, whole(0, 9, [3, 2, 2, 2])], (x, w) => conv2d(x, w), /expected dtype float32.*, got int32/],
  ['int32 bias', [image, taps, whole(0, 9, [3])], (x, w, b) => conv2d(x, w, b), /expected dtype float32.*, got int32/],
  [
    'one dim: an image',
    [image, taps],
    (x, w) => conv1d(x, w),
    /conv1d: expected input \[N, C, L\] or \[C, L\] and weight \[O, C \/ groups, K\]/,
  ],
  [
    'one dim: two strides',
    [line, normal([3, 2, 2])],
    (x, w) => conv1d(x, w, null, { stride: [1, 1] as never }),
    /conv1d: expected stride as a whole number of at least 1, got 1,1/,
  ],
  [
    'one dim: copied too late',
    [normal([5, 2]), normal([3, 2, 9])],
    (x, w) => conv1d(permute(x, [1, 0]), w),
    /conv1d: a window of 9 does not fit an image of 5/,
  ],
];

const wrongTransposed: typeof wrong = [
  [
    'two dims',
    [line, stretch],
    (x, w) => convTranspose2d(x, w),
    /convTranspose2d: expected input .* and weight \[C, O \/ groups, KH, KW\]/,
  ],
  [
    'other channels',
    [normal([1, 3, 5]), stretch],
    (x, w) => convTranspose1d(x, w),
    /convTranspose1d: weight expects 2 input channels, input has 3/,
  ],
  [
    'groups that do not divide',
    [line, stretch],
    (x, w) => convTranspose1d(x, w, null, { groups: 3 }),
    /divisible by groups, got 2 and 3/,
  ],
  [
    'bias of one group',
    [line, stretch, normal([3])],
    (x, w, b) => convTranspose1d(x, w, b, { groups: 2 }),
    /expected bias \[6\], got \[3\]/,
  ],
  [
    'outputPadding as large as stride and dilation',
    [line, stretch],
    (x, w) => convTranspose1d(x, w, null, { stride: 2, dilation: 2, outputPadding: 2 }),
    /expected outputPadding smaller than stride or dilation, got 2, 2 and 2/,
  ],
  [
    'outputPadding below 0',
    [line, stretch],
    (x, w) => convTranspose1d(x, w, null, { outputPadding: -1 }),
    /expected outputPadding .* at least 0, got -1/,
  ],
  [
    'nothing left',
    [line, stretch],
    (x, w) => convTranspose1d(x, w, null, { padding: 3 }),
    /nothing is left of the result with padding 3/,
  ],
  [
    "'same'",
    [line, stretch],
    (x, w) => convTranspose1d(x, w, null, { padding: 'same' as never }),
    /expected padding as a whole number .*, got same/,
  ],
  ['no columns', [normal([1, 2, 0]), stretch], (x, w) => convTranspose1d(x, w), /expected an image that is not empty/],
];

export const cases = family({ forward: 1e-6, gradient: 1e-6 }, [
  ...byHand,
  ...forward,
  ...backward,
  ...wrong.map(([title, ...rest]) => refusal(CONV, title, ...rest)),
  ...wrongTransposed.map(([title, ...rest]) => refusal(TRANSPOSED, `transposed: ${title}`, ...rest)),
]);
