// Cases of comparisons, logic, choices, casts and copies.
import {
  cast,
  contiguous,
  eq,
  exp,
  ge,
  gt,
  isFinite,
  isNan,
  le,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  lt,
  ne,
  onesLike,
  where,
} from '../../ops/elementwise.ts';
import { permute, transpose } from '../../ops/movement.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, coins, given, givenWhole, normal, SPECIAL, whole } from '../values.ts';
import { type Binary, binary, ENDS, edges, half, halves, integer, integers, pairs, TAIL, unary } from './families.ts';

/** What is true or false has no gradient. */
const plain = (items: Case[]): Case[] => items.map((item) => ({ ...item, gradients: 'none' }));

const comparison = (op: string, run: Binary): Case[] => [
  ...plain([...binary(op, run), ...integers(op, run)]),
  {
    ...halves(op, 'float16', [whole(-3, 4, TAIL), whole(-3, 4, TAIL)], (x, y) => run(half(x), half(y))),
    gradients: 'none',
  },
  { op, title: 'bool', inputs: [coins(TAIL), coins(TAIL)], run, gradients: 'none' },
  { op, title: 'bool and a number', inputs: [coins(TAIL)], run: (x) => [run(x, 1), run(0, x)], gradients: 'none' },
  refusal(op, 'bool and 2', [coins([2])], (x) => run(x, 2), new RegExp(`${op}: expected 0 or 1 beside bool, got 2`)),
];

const logic = (op: string, run: Binary): Case[] =>
  plain([
    { op, title: 'bool', inputs: [coins([5, 7]), coins([5, 7])], run },
    { op, title: 'bool and a number', inputs: [coins(TAIL)], run: (x) => [run(x, 2.5), run(0, x)] },
    { op, title: 'both broadcast', inputs: [coins([3, 1]), coins([5])], run },
    edges(op, (x) => run(x, 1), coins),
    { op, title: 'an empty tensor, broadcast', inputs: [coins([0, 3]), coins([1, 1])], run },
    { op, title: 'int32 and float32', inputs: [whole(-1, 2, [9]), given(SPECIAL)], run },
    refusal(op, 'shapes that do not broadcast', [coins([2, 3]), coins([2])], run, /do not broadcast/),
    refusal(op, 'numbers only', [], () => run(1, 2), new RegExp(`${op}: expected at least one tensor`)),
  ]);

const tests: Case[] = plain([
  ...unary('isNan', isNan),
  integer('isNan', isNan),
  ...unary('isFinite', isFinite),
  integer('isFinite', isFinite),
  { op: 'isFinite', title: 'the largest', inputs: [given([3.4028234e38, -3.4028234e38])], run: isFinite },
  { op: 'logicalNot', title: 'float32', inputs: [given(SPECIAL)], run: logicalNot },
  { op: 'logicalNot', title: 'int32', inputs: [givenWhole(ENDS)], run: logicalNot },
  { op: 'logicalNot', title: 'bool', inputs: [coins(TAIL)], run: logicalNot },
  edges('logicalNot', logicalNot, coins),
  refusal('logicalNot', 'a number', [], () => logicalNot(1 as never), /logicalNot: expected at least one tensor/),
]);

/** Around the ends of int32, and beyond. */
const BEYOND = [2147483520, 2147483648, 3e9, 1e30, -2147483520, -2147483648, -2147483904, -3e9, -1e30];

const casts: Case[] = [
  ...plain([
    { op: 'toFloat32', title: 'int32', inputs: [givenWhole(ENDS)], run: (x) => cast(x, 'float32') },
    edges(
      'toFloat32',
      (x) => cast(x, 'float32'),
      (shape) => whole(-5, 6, shape),
    ),
    edges('toInt32', (x) => cast(x, 'int32'), coins),
    edges('toBool', (x) => cast(x, 'bool')),
    { ...edges('toFloat16', half), needs: 'shader-f16', tolerance: { forward: 1e-3, gradient: 2e-3 } },
    { op: 'toFloat32', title: 'bool', inputs: [coins(TAIL)], run: (x) => cast(x, 'float32') },
    {
      op: 'toInt32',
      title: 'float32, towards zero',
      inputs: [given([0, -0, 0.9, -0.9, 1.5, -1.5, 2 ** 24, -(2 ** 31)])],
      run: (x) => cast(x, 'int32'),
    },
    {
      op: 'toInt32',
      title: 'NaN, infinities and what int32 does not hold',
      inputs: [given([...SPECIAL, ...BEYOND])],
      run: (x) => cast(x, 'int32'),
    },
    { op: 'toInt32', title: 'bool', inputs: [coins(TAIL)], run: (x) => cast(x, 'int32') },
    { op: 'toBool', title: 'float32', inputs: [given(SPECIAL)], run: (x) => cast(x, 'bool') },
    { op: 'toBool', title: 'int32', inputs: [whole(-1, 2, TAIL)], run: (x) => cast(x, 'bool') },
    halves('toFloat16', 'from int32 and bool', [whole(-9, 10, TAIL), coins(TAIL)], (x, y) => [half(x), half(y)]),
    halves('toFloat16', 'NaN and infinities', [given(SPECIAL)], half),
    halves('toInt32', 'float16', [between(-20, 20, TAIL)], (x) => cast(half(x), 'int32')),
    halves('toBool', 'float16', [given(SPECIAL)], (x) => cast(half(x), 'bool')),
  ]),
  halves('toFloat16', 'there and back', [normal(TAIL)], (x) => cast(half(x), 'float32')),
  halves('toFloat16', 'odd counts, quads and steps', [normal([8, 6])], (x) => [half(x), transpose(half(x))]),
  halves('exp', 'float16', [normal([8])], (x) => exp(half(x))),
];

const choices: Case[] = [
  { op: 'where', title: 'numbers', inputs: [coins(TAIL), normal(TAIL), normal(TAIL)], run: where },
  { op: 'where', title: 'a column', inputs: [coins([5, 8]), normal([5, 8]), normal([5, 1])], run: where },
  { op: 'where', title: 'all three broadcast', inputs: [coins([3, 1, 2]), normal([5, 1]), normal([])], run: where },
  {
    ...edges('where', (x) => where(gt(x, 0), x, 2)),
    gradients: 'compare',
  },
  {
    op: 'where',
    title: 'an empty tensor, broadcast',
    inputs: [coins([0, 3]), normal([1, 3]), normal([1])],
    run: where,
  },
  { op: 'where', title: 'a number', inputs: [coins(TAIL), normal(TAIL)], run: (c, y) => where(c, y, -1.5) },
  ...plain([
    { op: 'where', title: 'two numbers', inputs: [coins(TAIL)], run: (c) => where(c, 0.5, -1.5) },
    { op: 'where', title: 'int32', inputs: [coins(TAIL), whole(-5, 6, TAIL)], run: (c, y) => where(c, 7, y) },
    { op: 'where', title: 'bool', inputs: [coins([5, 7]), coins([5, 7]), coins([5, 7])], run: where },
    { op: 'where', title: 'bool and a number', inputs: [coins(TAIL), coins(TAIL)], run: (c, y) => where(c, 1, y) },
  ]),
  {
    op: 'where',
    title: 'NaN and infinities that are not chosen',
    inputs: [coins([9]), given(SPECIAL), normal([9])],
    run: where,
    gradients: 'compare',
  },
  halves('where', 'float16', [coins(TAIL), normal(TAIL)], (c, y) => where(c, half(y), 0.25)),
  refusal('where', 'a condition of floats', [normal([2]), normal([2])], (c, y) => where(c, y, 0), /bool, got float32/),
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
  edges('contiguous', contiguous),
  ...plain([
    edges('onesLike', onesLike),
    { op: 'contiguous', title: 'int32', inputs: [whole(-5, 6, TAIL)], run: (x) => contiguous(transpose(x)) },
    { op: 'contiguous', title: 'bool', inputs: [coins(TAIL)], run: (x) => contiguous(transpose(x)) },
    { op: 'onesLike', title: 'numbers', inputs: [normal(TAIL)], run: onesLike },
  ]),
  halves('contiguous', 'float16', [normal([3, 5])], (x) => contiguous(transpose(half(x)))),
];

/** Numbers next to each other, for each pair of which some comparison differs from another. */
const close = pairs([1, 1.0000001, -1, -1.0000001]).map((values) => given(values));

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [
  ...comparison('eq', eq),
  ...comparison('ne', ne),
  ...comparison('lt', lt),
  ...comparison('le', le),
  ...comparison('gt', gt),
  ...comparison('ge', ge),
  ...plain([{ op: 'eq', title: 'neighbours', inputs: close, run: (x, y) => [eq(x, y), ne(x, y), lt(x, y)] }]),
  ...logic('logicalAnd', logicalAnd),
  ...logic('logicalOr', logicalOr),
  ...logic('logicalXor', logicalXor),
  ...tests,
  ...choices,
  ...casts,
  ...copies,
]);
