// Cases of arithmetic, comparisons and casts. What all elementwise kernels share, their layouts, is in layout.ts.
import {
  abs,
  add,
  cast,
  contiguous,
  div,
  eq,
  exp,
  ge,
  gt,
  le,
  log,
  lt,
  maximum,
  minimum,
  mul,
  ne,
  neg,
  onesLike,
  rsqrt,
  sign,
  sqrt,
  square,
  sub,
  where,
} from '../../ops/elementwise.ts';
import { permute, transpose } from '../../ops/movement.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, coins, given, type Input, nonzero, normal, SPECIAL, whole } from '../values.ts';

/** A size that fills no quad of elements. */
const TAIL: Shape = [3, 7];

/** Each special value with each. */
const specialPairs = [given(SPECIAL.flatMap((x) => SPECIAL.map(() => x))), given(SPECIAL.flatMap(() => SPECIAL))];

const positive = (shape: Shape): Input => between(0.2, 3, shape);

type Unary = (x: Tensor) => Tensor;
type Binary = (x: Tensor | number, y: Tensor | number) => Tensor;

const unary = (op: string, run: Unary, domain: (shape: Shape) => Input): Case[] => [
  { op, title: 'numbers', inputs: [domain(TAIL)], run },
  { op, title: 'NaN, infinities and zeros', inputs: [given(SPECIAL)], run, gradients: 'none' },
  refusal(op, 'bool', [coins([2])], run, new RegExp(`${op}: expected x of dtype float32.*, got bool`)),
];

const binary = (op: string, run: Binary, y: (shape: Shape) => Input = normal): Case[] => [
  { op, title: 'numbers', inputs: [normal(TAIL), y(TAIL)], run },
  { op, title: 'a number on the right', inputs: [normal(TAIL)], run: (x) => run(x, 1.5) },
  { op, title: 'a number on the left', inputs: [y(TAIL)], run: (y) => run(1.5, y) },
  { op, title: 'NaN, infinities and zeros', inputs: specialPairs, run, gradients: 'none' },
  refusal(
    op,
    'shapes that do not broadcast',
    [normal([2, 3]), normal([2])],
    run,
    /do not broadcast, \[2,3\] and \[2\]/,
  ),
  refusal(op, 'bool', [coins([2]), coins([2])], run, new RegExp(`${op}: expected x of dtype float32.*, got bool`)),
  refusal(op, 'numbers only', [], () => run(1, 2), new RegExp(`${op}: expected at least one tensor`)),
];

/** What ops on int32 have beside their cases on floats. */
const integers = (op: string, run: Binary): Case[] => [
  { op, title: 'int32', inputs: [whole(-5, 6, TAIL), whole(-5, 6, TAIL)], run, gradients: 'none' },
  { op, title: 'int32 and a number', inputs: [whole(-5, 6, TAIL)], run: (x) => run(x, 3), gradients: 'none' },
  {
    op,
    title: 'int32 and a number beyond the whole numbers of float32',
    inputs: [whole(-5, 6, TAIL)],
    run: (x) => run(x, 2 ** 24 + 1),
    gradients: 'none',
  },
  refusal(
    op,
    'int32 and a fraction',
    [whole(0, 9, [2])],
    (x) => run(x, 0.5),
    /expected a whole number beside int32, got 0.5/,
  ),
  refusal(
    op,
    'two dtypes',
    [whole(0, 9, [2]), normal([2])],
    run,
    new RegExp(`${op}: dtypes differ, int32 and float32`),
  ),
];

/** Gradients are shared evenly in a tie, where differences see one side only. */
const tie = (op: string, run: Binary): Case => ({
  op,
  title: 'ties',
  inputs: [given([1, 2, 3, 0, -1]), given([1, 3, 2, 0, -1])],
  run,
  gradients: 'compare',
});

const comparison = (op: string, run: Binary): Case[] =>
  [...binary(op, run), ...integers(op, run)].map((item) => ({ ...item, gradients: 'none' }));

const casts: Case[] = [
  { op: 'toFloat32', title: 'int32', inputs: [whole(-9, 10, TAIL)], run: (x) => cast(x, 'float32'), gradients: 'none' },
  { op: 'toFloat32', title: 'bool', inputs: [coins(TAIL)], run: (x) => cast(x, 'float32'), gradients: 'none' },
  {
    op: 'toInt32',
    title: 'float32, towards zero',
    inputs: [given([0, -0, 0.9, -0.9, 1.5, -1.5, 2 ** 24, -(2 ** 31)])],
    run: (x) => cast(x, 'int32'),
    gradients: 'none',
  },
  { op: 'toInt32', title: 'bool', inputs: [coins(TAIL)], run: (x) => cast(x, 'int32'), gradients: 'none' },
  { op: 'toBool', title: 'float32', inputs: [given(SPECIAL)], run: (x) => cast(x, 'bool'), gradients: 'none' },
  { op: 'toBool', title: 'int32', inputs: [whole(-1, 2, TAIL)], run: (x) => cast(x, 'bool'), gradients: 'none' },
];

/** Halves are rounded in memory only, by up to 2^-11 of the value: once on the way in and once on the way out. */
const HALF = { forward: 1e-3, gradient: 2e-3 };
const half = (x: Tensor) => cast(x, 'float16');
const halves = (op: string, title: string, inputs: Input[], run: Case['run']): Case => ({
  ...{ op, title, inputs, run, needs: 'shader-f16', tolerance: HALF },
});

const float16: Case[] = [
  halves('toFloat16', 'there and back', [normal(TAIL)], (x) => cast(half(x), 'float32')),
  {
    ...halves('toFloat16', 'from int32 and bool', [whole(-9, 10, TAIL), coins(TAIL)], (x, y) => [half(x), half(y)]),
    gradients: 'none',
  },
  halves('toFloat16', 'odd counts, quads and steps', [normal([8, 6])], (x) => [half(x), transpose(half(x))]),
  { ...halves('toFloat16', 'NaN and infinities', [given(SPECIAL)], half), gradients: 'none' },
  halves('add', 'float16', [normal([4, 6]), normal([4, 6])], (x, y) => add(half(x), half(y))),
  halves('mul', 'float16 and a number', [normal(TAIL)], (x) => mul(half(x), 1.5)),
  halves('exp', 'float16', [normal([8])], (x) => exp(half(x))),
  {
    ...halves('gt', 'float16', [whole(-3, 4, TAIL), whole(-3, 4, TAIL)], (x, y) => gt(half(x), half(y))),
    gradients: 'none',
  },
  halves('contiguous', 'float16', [normal([3, 5])], (x) => contiguous(transpose(half(x)))),
];

const choices: Case[] = [
  { op: 'where', title: 'numbers', inputs: [coins(TAIL), normal(TAIL), normal(TAIL)], run: where },
  {
    op: 'where',
    title: 'all three broadcast',
    inputs: [coins([3, 1, 2]), normal([5, 1]), normal([])],
    run: where,
  },
  { op: 'where', title: 'a number', inputs: [coins(TAIL), normal(TAIL)], run: (c, y) => where(c, y, -1.5) },
  { op: 'where', title: 'two numbers', inputs: [coins(TAIL)], run: (c) => where(c, 0.5, -1.5), gradients: 'none' },
  {
    op: 'where',
    title: 'int32',
    inputs: [coins(TAIL), whole(-5, 6, TAIL)],
    run: (c, y) => where(c, 7, y),
    gradients: 'none',
  },
  {
    op: 'where',
    title: 'NaN and infinities that are not chosen',
    inputs: [coins([9]), given(SPECIAL), normal([9])],
    run: where,
    gradients: 'compare',
  },
  refusal(
    'where',
    'a condition that is not bool',
    [normal([2]), normal([2])],
    (c, y) => where(c, y, 0),
    /dtype bool, got float32/,
  ),
  refusal(
    'where',
    'two dtypes',
    [coins([2]), normal([2]), whole(0, 2, [2])],
    where,
    /dtypes differ, float32 and int32/,
  ),
];

const copies: Case[] = [
  { op: 'contiguous', title: 'permuted', inputs: [normal([2, 3, 5])], run: (x) => contiguous(permute(x, [2, 0, 1])) },
  {
    op: 'contiguous',
    title: 'int32',
    inputs: [whole(-5, 6, TAIL)],
    run: (x) => contiguous(transpose(x)),
    gradients: 'none',
  },
  { op: 'contiguous', title: 'bool', inputs: [coins(TAIL)], run: (x) => contiguous(transpose(x)), gradients: 'none' },
  { op: 'onesLike', title: 'numbers', inputs: [normal(TAIL)], run: onesLike, gradients: 'none' },
];

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [
  ...binary('add', add),
  ...integers('add', add),
  ...binary('sub', sub),
  ...integers('sub', sub),
  ...binary('mul', mul),
  ...integers('mul', mul),
  ...binary('div', div, nonzero),
  ...binary('maximum', maximum),
  ...integers('maximum', maximum),
  tie('maximum', maximum),
  ...binary('minimum', minimum),
  ...integers('minimum', minimum),
  tie('minimum', minimum),
  ...unary('neg', neg, normal),
  ...unary('abs', abs, nonzero),
  ...unary('sign', sign, nonzero).map((item) => ({ ...item, gradients: 'none' as const })),
  ...unary('exp', exp, normal),
  ...unary('log', log, positive),
  ...unary('sqrt', sqrt, positive),
  ...unary('rsqrt', rsqrt, positive),
  ...unary('square', square, normal),
  ...comparison('eq', eq),
  ...comparison('ne', ne),
  ...comparison('lt', lt),
  ...comparison('le', le),
  ...comparison('gt', gt),
  ...comparison('ge', ge),
  ...choices,
  ...casts,
  ...float16,
  ...copies,
]);
