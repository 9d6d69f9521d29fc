// What cases of several files have in common: generators per family of elementwise ops, inputs of many magnitudes, halves.
import { grad } from '../../autograd/backward.ts';
import { cast, neg, onesLike } from '../../ops/elementwise.ts';
import { amax } from '../../ops/extrema.ts';
import { permute } from '../../ops/movement.ts';
import { fromHost } from '../../tensor/creation.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, refusal, type Tolerance } from '../case.ts';
import { coins, given, givenWhole, type Input, normal, SPECIAL, whole } from '../values.ts';

/** A size that fills no quad of elements. */
export const TAIL: Shape = [3, 7];

/** Sizes at the edge: one element in several ranks, dims of size 1, and none. */
export const EDGES: Shape[] = [[], [1], [1, 1, 1], [1, 5], [5, 1], [2, 1, 3, 1, 2, 1], [0], [3, 0], [1, 0, 2]];

export type Unary = (x: Tensor) => Tensor;
export type Binary = (x: Tensor | number, y: Tensor | number) => Tensor;
export type Domain = (shape: Shape) => Input;

/** Both bounds and n - 2 numbers between them, evenly. */
export const spread = (low: number, high: number, n = 203): number[] =>
  Array.from({ length: n }, (_, i) => low + ((high - low) * i) / (n - 1));

/** Positive numbers of all magnitudes between two. */
export const magnitudes = (low: number, high: number, n = 203): number[] =>
  spread(Math.log(low), Math.log(high), n).map(Math.exp);

/** Numbers of both signs of all magnitudes between two. */
export const sweep = (low: number, high: number): number[] => magnitudes(low, high).flatMap((x) => [x, -x]);

/** Each of some numbers with each of others. */
export const pairs = (xs: readonly number[], ys: readonly number[] = xs): [number[], number[]] => [
  xs.flatMap((x) => ys.map(() => x)),
  xs.flatMap(() => ys),
];

/** The largest and the smallest of each over the first dim: of many that are alike, one that is left out shows. */
export const extremes = (xs: Tensor[]): Tensor[] => xs.flatMap((x) => [amax(x, 0), neg(amax(neg(x), 0))]);

/** An op's values at the numbers given, to so many units of the last place, and no gradients. */
export const exact = (op: string, title: string, run: Unary, values: readonly number[], ulp = 4): Case => ({
  ...{ op, title, inputs: [given(values)], run, gradients: 'none' },
  tolerance: { ulp },
});

/** The slope of a function of x. */
const slope = (run: Unary, x: Tensor): Tensor =>
  grad(run(x), [x], { gradients: [onesLike(x)], createGraph: true })[0] as Tensor;

/** The slopes at kinks, which are nobody's to find but PyTorch's to choose: expected as given. */
export const slopes = (
  op: string,
  title: string,
  run: Unary,
  x: readonly number[],
  expected: readonly number[],
): Case => ({
  ...{ op, title, inputs: [given(x)], gradients: 'none' },
  run: (x) => slope(run, x),
  reference: (x) => fromHost('case', expected, x.shape, { device: x.device }),
});

/** First and second derivatives where numbers are large: nothing overflows that need not. Those of 1 are the yardstick. */
export const curves = (
  op: string,
  run: Unary,
  values = [-1e4, -100, -45, -35, -21, -9, -1, 1, 9, 21, 35, 45, 100, 1e4],
): Case => ({
  ...{ op, title: 'first and second derivatives of large numbers', inputs: [given(values)], gradients: 'none' },
  run: (x) => [slope(run, x), slope((x) => slope(run, x), x)],
});

/** A call of one tensor at all these sizes. */
export const edges = (op: string, run: Unary, domain: (shape: Shape) => Input = normal): Case => ({
  ...{ op, title: 'rank 0, sizes of 1 and of 0', inputs: EDGES.map(domain) },
  run: (...xs) => xs.map((x) => run(x)),
});

export const unary = (op: string, run: Unary, domain: Domain = normal): Case[] => [
  { op, title: 'numbers', inputs: [domain(TAIL)], run },
  edges(op, run, domain),
  { op, title: 'NaN, infinities and zeros', inputs: [given(SPECIAL)], run, gradients: 'none' },
  refusal(op, 'bool', [coins([2])], run, new RegExp(`${op}: expected x of dtype float32.*, got bool`)),
  refusal(op, 'a number', [], () => run(2 as never), new RegExp(`${op}: expected at least one tensor`)),
  refusal(op, 'no tensor', [], () => run('2' as never), new RegExp(`${op}: expected tensors or numbers, got string`)),
];

/** Unary ops for floats only. */
export const floating = (op: string, run: Unary, domain?: Domain): Case[] => [
  ...unary(op, run, domain),
  refusal(op, 'int32', [whole(0, 9, [2])], run, new RegExp(`${op}: expected x of dtype float32.*, got int32`)),
];

export const binary = (op: string, run: Binary, y: Domain = normal, x: Domain = normal): Case[] => [
  { op, title: 'numbers', inputs: [x(TAIL), y(TAIL)], run },
  { op, title: 'a number on the right', inputs: [x(TAIL)], run: (x) => run(x, 1.5) },
  { op, title: 'a number on the left', inputs: [y(TAIL)], run: (y) => run(1.5, y) },
  { op, title: 'a column and a row', inputs: [x([3, 1]), y([1, 5])], run },
  {
    op,
    title: 'rank 0 and one element',
    inputs: [x([]), y([1])],
    run: (x, y) => [run(x, y), run(x, 1.5), run(1.5, y)],
  },
  {
    ...{ op, title: 'rank 6, permuted, both broadcast', inputs: [x([2, 1, 3, 2, 1, 2]), y([3, 1, 2, 2, 1])] },
    run: (x, y) => run(permute(x, [5, 1, 2, 0, 4, 3]), y),
  },
  { op, title: 'an empty tensor', inputs: [x([0, 3]), y([3])], run },
  {
    op,
    title: 'NaN, infinities and zeros',
    inputs: pairs(SPECIAL).map((values) => given(values)),
    run,
    gradients: 'none',
  },
  refusal(
    op,
    'shapes that do not broadcast',
    [normal([2, 3]), normal([2])],
    run,
    /do not broadcast, \[2,3\] and \[2\]/,
  ),
  refusal(op, 'two dtypes', [whole(0, 9, [2]), normal([2])], run, new RegExp(`^${op}: .*int32`)),
  refusal(op, 'numbers only', [], () => run(1, 2), new RegExp(`${op}: expected at least one tensor`)),
  refusal(
    op,
    'no tensor',
    [],
    () => run([1] as never, 2),
    new RegExp(`${op}: expected tensors or numbers, got object`),
  ),
];

/** What ops that do not take a dtype say of it. */
export const without = (dtype: 'bool' | 'int32', op: string, run: Binary): Case =>
  refusal(
    op,
    dtype,
    dtype === 'bool' ? [coins([2]), coins([2])] : [whole(0, 9, [2]), whole(1, 9, [2])],
    run,
    new RegExp(`${op}: expected x of dtype float32.*, got ${dtype}`),
  );

/** Whole numbers around 0, and around the ends of int32. */
export const ENDS = [0, 1, -1, 2, -3, 7, 46341, -65536, 2 ** 24 + 1, 2 ** 30, 2 ** 31 - 1, -(2 ** 31 - 1), -(2 ** 31)];

/** What ops on int32 have beside their cases on floats. */
export const integers = (op: string, run: Binary): Case[] => [
  { op, title: 'int32', inputs: [whole(-5, 6, TAIL), whole(-5, 6, TAIL)], run, gradients: 'none' },
  {
    op,
    title: 'int32 with wraparound',
    inputs: pairs(ENDS).map((values) => givenWhole(values)),
    run,
    gradients: 'none',
  },
  { op, title: 'int32 and a number', inputs: [whole(-5, 6, TAIL)], run: (x) => run(x, 3), gradients: 'none' },
  {
    op,
    title: 'int32 and a number beyond the whole numbers of float32',
    inputs: [whole(-5, 6, TAIL)],
    run: (x) => run(x, 2 ** 24 + 1),
    gradients: 'none',
  },
  ...[0.5, 2 ** 31].map((v) =>
    refusal(
      op,
      `int32 and ${v}`,
      [whole(0, 9, [2])],
      (x) => run(x, v),
      new RegExp(`${op}: expected a whole number of 32 bits beside int32, got ${v}`),
    ),
  ),
];

/** A unary op on int32. */
export const integer = (op: string, run: Unary): Case => ({
  ...{ op, title: 'int32', inputs: [givenWhole(ENDS)], run, gradients: 'none' },
});

/** Halves are rounded in memory only, by up to 2^-11 of the value: once on the way in and once on the way out. */
const HALF: Tolerance = { forward: 1e-3, gradient: 2e-3 };

export const half: Unary = (x) => cast(x, 'float16');

export const halves = (
  op: string,
  title: string,
  inputs: Input[],
  run: Case['run'],
  more: Partial<Case> = {},
): Case => ({
  ...{ op, title, inputs, run, needs: 'shader-f16', tolerance: HALF },
  ...more,
});
