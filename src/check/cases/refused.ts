// Cases of what functions refuse in their own name though other ops do their work, and of options that make no sense.
import { celu, hardtanh, leakyRelu, relu6, selu, softplus } from '../../ops/activation.ts';
import { type AttentionOptions, scaledDotProductAttention } from '../../ops/attention.ts';
import { expand } from '../../ops/broadcast.ts';
import { einsum, outer } from '../../ops/einsum.ts';
import {
  cast,
  contiguous,
  div,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  onesLike,
  where,
} from '../../ops/elementwise.ts';
import { maskedFill } from '../../ops/indexing.ts';
import { concat, stack } from '../../ops/join.ts';
import { multiMarginLoss, svmLoss } from '../../ops/margin.ts';
import { reshape } from '../../ops/movement.ts';
import { type BatchNormOptions, batchNorm } from '../../ops/norm.ts';
import { pad } from '../../ops/pad.ts';
import { dropout } from '../../ops/random.ts';
import { localResponseNorm } from '../../ops/response-norm.ts';
import { rand, randint, randn, truncatedNormal } from '../../ops/sampling.ts';
import { norm } from '../../ops/statistics.ts';
import { full, ones, zeros } from '../../tensor/creation.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { coins, givenWhole, type Input, normal, whole } from '../values.ts';

const two = [normal([2])];
const int = whole(0, 9, [2]);
/** Arguments that TypeScript refuses, too. */
const wrong = (value: unknown) => value as never;

/** Functions that are written as another row: their errors name them. */
const activations = Object.entries({ elu: { selu, celu }, hardtanh: { relu6 } }).flatMap(([op, functions]) =>
  Object.entries(functions).flatMap(([name, run]): Case[] => [
    refusal(op, `${name} of int32`, [int], (x) => run(x), new RegExp(`^${name}: expected x of dtype float32.*int32`)),
    refusal(op, `${name} of bool`, [coins([2])], (x) => run(x), new RegExp(`^${name}: expected x .*, got bool`)),
    refusal(op, `${name} of a number`, [], () => run(wrong(1)), new RegExp(`^${name}: expected at least one tensor`)),
    refusal(op, `${name} of no tensor`, [], () => run(wrong('x')), new RegExp(`^${name}: expected tensors .*string`)),
  ]),
);

const slopes: Case[] = [
  refusal(
    'leakyRelu',
    'a slope that is no number',
    two,
    (x) => leakyRelu(x, wrong('a')),
    /leakyRelu: expected numbers/,
  ),
  refusal('elu', 'celu, an alpha that is no number', two, (x) => celu(x, wrong('a')), /celu: expected numbers/),
  refusal('hardtanh', 'a bound that is no number', two, (x) => hardtanh(x, wrong('a')), /hardtanh: expected numbers/),
  refusal('softplus', 'beta 0', two, (x) => softplus(x, 0), /softplus: expected a beta other than 0, got 0/),
  refusal('softplus', 'a beta that is no number', two, (x) => softplus(x, wrong('a')), /softplus: expected numbers/),
];

const copies: Case[] = [
  ...(['float32', 'float16', 'int32', 'bool'] as const).flatMap((dtype): Case[] => {
    const op = `to${dtype[0].toUpperCase()}${dtype.slice(1)}`;
    return [
      refusal(op, 'a number', [], () => cast(wrong(1), dtype), /^cast: expected a tensor, got number/),
      refusal(op, 'no tensor', [], () => cast(wrong(null), dtype), /^cast: expected a tensor, got null/),
    ];
  }),
  refusal(
    'toFloat32',
    'a dtype that there is not',
    two,
    (x) => cast(x, wrong('float64')),
    /^cast: expected dtype float32, .*got float64/,
  ),
  refusal('contiguous', 'a number', [], () => contiguous(wrong(1)), /^contiguous: expected at least one tensor/),
  refusal('contiguous', 'no tensor', [], () => contiguous(wrong('x')), /^contiguous: expected tensors or numbers/),
  refusal('onesLike', 'a number', [], () => onesLike(wrong(1)), /^onesLike: expected at least one tensor/),
  refusal('onesLike', 'int32', [int], onesLike, /^onesLike: expected x of dtype float32.*, got int32/),
  refusal('onesLike', 'bool', [coins([2])], onesLike, /^onesLike: expected x of dtype float32.*, got bool/),
  refusal('concat', 'stack of two dtypes', [normal([2]), int], (x, y) => stack([x, y]), /^stack: dtypes differ/),
  refusal('concat', 'no tensor in the list', two, (x) => concat([x, wrong(1)]), /^concat: expected a list/),
  refusal('reshape', 'an array', [], () => reshape(wrong([1]), [1]), /^reshape: expected a tensor, got an array/),
  refusal(
    'expand',
    'a negative size',
    two,
    (x) => expand(x, [-2, 2]),
    /^expand: sizes must be whole numbers of at least 0/,
  ),
];

const logic: Case[] = [
  ...Object.entries({ logicalAnd, logicalOr, logicalXor }).map(([op, run]) =>
    refusal(
      op,
      'no tensor',
      two,
      (x) => run(x, wrong('x')),
      new RegExp(`^${op}: expected tensors or numbers, got string`),
    ),
  ),
  refusal('logicalNot', 'no tensor', [], () => logicalNot(wrong('x')), /^logicalNot: expected tensors or numbers/),
  refusal(
    'where',
    'shapes that do not broadcast',
    [coins([2]), normal([3]), normal([2])],
    where,
    /^where: shapes do not broadcast/,
  ),
  refusal(
    'where',
    'a condition that does not broadcast',
    [coins([3]), normal([2])],
    (c, x) => where(c, x, 0),
    /^where: shapes do not/,
  ),
  refusal('where', 'maskedFill, two dtypes', [int, coins([2]), normal([])], maskedFill, /^maskedFill: dtypes differ/),
  refusal(
    'where',
    'maskedFill of int32 with a fraction',
    [int, coins([2])],
    (x, mask) => maskedFill(x, mask, 0.5),
    /^maskedFill: expected a whole/,
  ),
  refusal(
    'div',
    'int32, shapes that do not broadcast',
    [whole(1, 9, [2]), whole(1, 9, [3])],
    div,
    /^div: shapes do not broadcast/,
  ),
];

const attention = (title: string, shapes: Input[], message: RegExp, options: AttentionOptions = {}): Case =>
  refusal(
    'matmul',
    `attention, ${title}`,
    shapes,
    (query, key, value, mask) => scaledDotProductAttention(query, key, value, { attnMask: mask, ...options }),
    new RegExp(`^scaledDotProductAttention: ${message.source}`),
  );
const [query, key, value] = [normal([2, 3, 4]), normal([2, 5, 4]), normal([2, 5, 6])];

const products: Case[] = [
  attention('a query of int32', [whole(0, 9, [2, 3, 4]), key, value], /expected dtype float32 or float16, got int32/),
  attention('a key of int32', [query, whole(0, 9, [2, 5, 4]), value], /expected dtype float32 or float16, got int32/),
  attention('a value of bool', [query, key, coins([2, 5, 6])], /expected dtype float32 or float16, got bool/),
  attention('keys of another batch', [query, normal([3, 5, 4]), value], /shapes do not broadcast/),
  attention('values of another batch', [query, key, normal([3, 5, 6])], /shapes do not broadcast/),
  attention('a mask of another shape', [query, key, value, coins([4, 5])], /shapes do not broadcast/),
  attention(
    'a mask of more dims',
    [query, key, value, coins([2, 2, 3, 5])],
    /expected an attnMask that broadcasts to \[2,3,5\]/,
  ),
  attention('dropout above 1', [query, key, value], /expected a probability from 0 to 1, got 2/, { dropoutP: 2 }),
  attention('dropout below 0', [query, key, value], /expected a probability from 0 to 1, got -1/, { dropoutP: -1 }),
  attention('a scale that is no number', [query, key, value], /expected a number as scale/, { scale: wrong('x') }),
  attention(
    'a mask by another name',
    [query, key, value],
    /there is no option mask, expected attnMask/,
    wrong({ mask: null }),
  ),
  attention('an option that there is not', [query, key, value], /there is no option causal/, wrong({ causal: true })),
  refusal('matmul', 'outer of int32', [int, int], outer, /^outer: expected dtype float32 or float16, got int32/),
  refusal('matmul', 'einsum of int32', [int, int], (x, y) => einsum('i,i', x, y), /^einsum: expected dtype float32/),
  refusal(
    'matmul',
    'einsum, sums of int32',
    [whole(0, 9, [2, 3]), int],
    (x, y) => einsum('ij,k->ik', x, y),
    /^einsum: expected dtype/,
  ),
  refusal('norm', 'p 1 of bool', [coins([2])], (x) => norm(x, 1), /^norm: expected dtype float32 or float16, got bool/),
  refusal('norm', 'p 1 of int32', [int], (x) => norm(x, 1), /^norm: expected dtype float32 or float16, got int32/),
];

const normalized = (title: string, options: (v: Parameters<Run>[0]) => BatchNormOptions, message: RegExp): Case =>
  refusal('batchNorm', title, [normal([4, 2]), normal([2])], (x, v) => batchNorm(x, options(v)), message);
const scored = [normal([2, 3]), givenWhole([0, 1])];
const margin = /expected a finite margin, got/;

const options: Case[] = [
  normalized('eps below 0', () => ({ training: true, eps: -1 }), /batchNorm: expected eps of at least 0, got -1/),
  normalized(
    'momentum NaN',
    () => ({ training: true, momentum: Number.NaN }),
    /expected a momentum from 0 to 1, got NaN/,
  ),
  normalized('a mean alone', (runningMean) => ({ training: true, runningMean }), /both or none .*, got runningMean/),
  normalized('a variance alone', (runningVar) => ({ training: true, runningVar }), /both or none .*, got runningVar/),
  refusal(
    'place',
    'pad of int32 with 2^31',
    [int],
    (x) => pad(x, [1, 1], { value: 2 ** 31 }),
    /pad: expected a number that int32 can hold/,
  ),
  refusal(
    'place',
    'pad of bool with a fraction',
    [coins([2])],
    (x) => pad(x, [1, 1], { value: 0.5 }),
    /pad: expected a number that bool/,
  ),
  refusal(
    'margins',
    'multiMarginLoss, a margin that is no number',
    scored,
    (x, y) => multiMarginLoss(x, y, { margin: wrong('1') }),
    margin,
  ),
  refusal(
    'margins',
    'svmLoss, a margin that is no number',
    scored,
    (x, y) => svmLoss(x, y, { margin: wrong('1') }),
    margin,
  ),
  refusal(
    'avgPool2d',
    'localResponseNorm, a beta that is no number',
    [normal([2, 3, 4])],
    (x) => localResponseNorm(x, 3, { beta: wrong('a') }),
    /localResponseNorm: expected a finite number as beta, got a/,
  ),
  refusal(
    'dropout',
    'a probability that is no number',
    two,
    (x) => dropout(x, wrong('0.5')),
    /dropout: expected a probability/,
  ),
];

/** Rows without inputs, and the functions that make tensors on the host, of a negative size. */
const sizes: Case[] = [
  refusal('uniform', 'a negative size', two, ({ device }) => rand([-1], { device }), /^rand: sizes must be whole/),
  refusal('normal', 'a negative size', two, ({ device }) => randn([-1], { device }), /^randn: sizes must be whole/),
  refusal(
    'integers',
    'a negative size',
    two,
    ({ device }) => randint(0, 2, [-1], { device }),
    /^randint: sizes must be/,
  ),
  refusal(
    'truncatedNormal',
    'a negative size',
    two,
    ({ device }) => truncatedNormal([-1], { device }),
    /^truncatedNormal: sizes must/,
  ),
  ...Object.entries({ zeros, ones }).map(([name, make]) =>
    refusal(
      'add',
      `${name} of a negative size`,
      two,
      ({ device }) => make([-1], { device }),
      new RegExp(`^${name}: sizes must be`),
    ),
  ),
  refusal(
    'add',
    'full of a negative size',
    two,
    ({ device }) => full([2, -1], 1, { device }),
    /^full: sizes must be whole/,
  ),
];

export const cases = family({ forward: 0, gradient: 0 }, [
  ...activations,
  ...slopes,
  ...copies,
  ...logic,
  ...products,
  ...options,
  ...sizes,
]);
