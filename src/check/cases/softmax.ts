// Cases of softmax and logSoftmax, of their fused gradient, and of attention, which is made of them.
import { grad } from '../../autograd/backward.ts';
import { type AttentionOptions, scaledDotProductAttention as attention } from '../../ops/attention.ts';
import { expand, sum } from '../../ops/broadcast.ts';
import { transpose } from '../../ops/movement.ts';
import { mean } from '../../ops/reduction.ts';
import { logSoftmax, softmax } from '../../ops/softmax.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, coins, given, normal, SPECIAL, whole } from '../values.ts';

type Softmax = (x: Tensor, dim?: number) => Tensor;

/** The gradient of x as a function of x and of the gradient that comes in. */
const slope = (run: Softmax) => (x: Tensor, g: Tensor) =>
  grad(run(x), [x], { gradients: [g], createGraph: true }) as Tensor[];

/** More than a workgroup of either kind has threads, and more than a block of each of its threads. */
const sizes: [title: string, shape: Shape][] = [
  ['one class', [3, 1]],
  ['two classes', [5, 2]],
  ['ten classes', [7, 10]],
  ['a vector', [17]],
  ['a row over all threads', [3, 67]],
  ['a row over all blocks', [2, 131]],
  ['many classes', [2, 1301]],
  ['four dims', [2, 3, 2, 5]],
];

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const BIG = 1e4;

const both = (run: Softmax, name: string): Case[] => [
  ...sizes.flatMap(([title, shape]): Case[] => [
    { op: 'softmax', title: `${name}, ${title}`, inputs: [normal(shape)], run: (x) => run(x) },
    { op: 'softmaxGrad', title: `${name}, ${title}`, inputs: [normal(shape), normal(shape)], run: slope(run) },
  ]),
  { op: 'softmax', title: `${name}, rank 0`, inputs: [normal([])], run: (x) => [run(x), run(x, 0)] },
  { op: 'softmax', title: `${name}, along dim 0`, inputs: [normal([5, 3])], run: (x) => run(x, 0) },
  { op: 'softmax', title: `${name}, along the middle`, inputs: [normal([2, 5, 3])], run: (x) => run(x, -2) },
  {
    ...{ op: 'softmax', title: `${name}, rank 6, along dim 2`, inputs: [normal([2, 1, 3, 2, 1, 2])] },
    run: (x) => run(x, 2),
  },
  { op: 'softmax', title: `${name}, transposed`, inputs: [normal([5, 3])], run: (x) => run(transpose(x)) },
  { op: 'softmax', title: `${name}, no rows`, inputs: [normal([0, 3])], run: (x) => run(x) },
  { op: 'softmax', title: `${name}, no classes`, inputs: [normal([3, 0])], run: (x) => run(x) },
  {
    ...{ op: 'softmax', title: `${name}, logits of +-1e4`, gradients: 'compare' },
    inputs: [given([BIG, -BIG, BIG, -BIG, BIG, -BIG, -BIG, -BIG, BIG], [3, 3])],
    run: (x) => run(x),
  },
  {
    ...{ op: 'softmax', title: `${name}, logits around 1e4`, gradients: 'compare' },
    inputs: [between(BIG, BIG + 4, [3, 7])],
    run: (x) => run(x),
  },
  ...[97, 63].map(
    (place): Case => ({
      ...{ op: 'softmax', title: `${name}, large logits far behind, at ${place}`, gradients: 'none' },
      inputs: [
        given(
          Array.from({ length: 262 }, (_, i) => (i % 131 === place ? 300 : i / 131)),
          [2, 131],
        ),
      ],
      run: (x) => run(x),
    }),
  ),
  {
    ...{ op: 'softmaxGrad', title: `${name}, a class ruled out by -Infinity`, gradients: 'none' },
    inputs: [given([1, -inf, 2, 3], [1, 4]), normal([1, 4])],
    run: slope(run),
  },
  {
    ...{ op: 'softmax', title: `${name}, classes ruled out by -Infinity, and NaN`, gradients: 'none' },
    inputs: [given([1, -inf, 2, nan, 1, 2, 0.5, -inf, -inf, -inf, -inf, -inf, 1, inf, 2], [5, 3])],
    run: (x) => run(x),
  },
  {
    ...{ op: 'softmax', title: `${name}, special values`, gradients: 'none' },
    inputs: [given(SPECIAL)],
    run: (x) => run(x),
  },
  {
    ...{ op: 'softmax', title: `${name}, more rows than one dimension of workgroups holds`, large: true },
    inputs: [normal([1, 3])],
    run: (x) => mean(run(expand(x, [65_537, 3])), 0),
    reference: (x) => mean(run(x), 0),
    gradients: 'none',
  },
  {
    ...{ op: 'softmaxGrad', title: `${name}, more rows than one dimension of workgroups holds`, large: true },
    inputs: [normal([1, 3]), normal([1, 3])],
    run: (x, g) => mean(slope(run)(expand(x, [65_537, 3]), expand(g, [65_537, 3]))[0], 0),
    reference: (x, g) => mean(slope(run)(x, g)[0], 0),
    gradients: 'none',
  },
  refusal(
    'softmax',
    `${name}, int32`,
    [whole(0, 9, [3])],
    (x) => run(x),
    new RegExp(`${name}: expected dtype float32, got int32`),
  ),
  refusal(
    'softmax',
    `${name}, rank 0 along dim 1`,
    [normal([])],
    (x) => run(x, 1),
    new RegExp(`${name}: dim 1 is out of range for rank 1`),
  ),
  refusal('softmax', `${name}, a dim that is not there`, [normal([3])], (x) => run(x, 1), /dim 1 is out of range/),
];

const long: Case[] = [
  {
    ...{ op: 'softmax', title: 'the sum of a long row', large: true, gradients: 'compare' },
    inputs: [between(-4, 4, [300_007])],
    run: (x) => [softmax(x), sum(softmax(x)), logSoftmax(x)],
  },
];

const Q: Shape = [2, 3, 5, 4];
const K: Shape = [2, 3, 7, 4];
const V: Shape = [2, 3, 7, 6];

const look = (title: string, options: AttentionOptions, shapes: [Shape, Shape, Shape] = [Q, K, V]): Case => ({
  ...{ op: 'softmax', title: `attention, ${title}`, inputs: shapes.map(normal) },
  run: (q, k, v) => attention(q, k, v, options),
});

const attentions: Case[] = [
  look('plain', {}),
  look('two dims', {}, [
    [5, 4],
    [7, 4],
    [7, 3],
  ]),
  look('leading dims that broadcast', {}, [
    [2, 1, 5, 4],
    [3, 7, 4],
    [1, 3, 7, 2],
  ]),
  look('a scale', { scale: 0.3 }),
  look('causal', { isCausal: true }),
  look('causal, more queries than keys', { isCausal: true }, [
    [2, 7, 4],
    [2, 3, 4],
    [2, 3, 2],
  ]),
  look('dropout', { dropoutP: 0.4 }),
  {
    ...{ op: 'softmax', title: 'attention, a bool mask', inputs: [normal(Q), normal(K), normal(V), coins([5, 7])] },
    run: (q, k, v, mask) => attention(q, k, v, { attnMask: mask }),
  },
  {
    ...{
      op: 'softmax',
      title: 'attention, a mask of numbers',
      inputs: [normal(Q), normal(K), normal(V), normal([2, 1, 5, 7])],
    },
    run: (q, k, v, mask) => attention(q, k, v, { attnMask: mask }),
  },
  {
    ...{ op: 'softmax', title: 'attention, a query that may look at nothing', gradients: 'compare' },
    inputs: [normal([2, 4]), normal([3, 4]), normal([3, 2]), given([0, 1, -inf, -inf, -inf, -inf], [2, 3])],
    run: (q, k, v, mask) => attention(q, k, v, { attnMask: mask.detach() }),
  },
  refusal(
    'softmax',
    'attention, other keys',
    [normal(Q), normal([2, 3, 7, 5]), normal(V)],
    (q, k, v) => attention(q, k, v),
    /expected query \[..., L, E\]/,
  ),
  refusal(
    'softmax',
    'attention, other values',
    [normal(Q), normal(K), normal([6, 6])],
    (q, k, v) => attention(q, k, v),
    /got \[2,3,5,4\], \[2,3,7,4\], \[6,6\]/,
  ),
  refusal(
    'softmax',
    'attention, vectors',
    [normal([4]), normal([4]), normal([4])],
    (q, k, v) => attention(q, k, v),
    /expected query/,
  ),
  refusal(
    'softmax',
    'attention, a mask and causal',
    [normal(Q), normal(K), normal(V), coins([5, 7])],
    (q, k, v, mask) => attention(q, k, v, { attnMask: mask, isCausal: true }),
    /expected attnMask or isCausal, got both/,
  ),
  refusal(
    'softmax',
    'attention, a mask of int32',
    [normal(Q), normal(K), normal(V), whole(0, 2, [5, 7])],
    (q, k, v, mask) => attention(q, k, v, { attnMask: mask }),
    /an attnMask of bool or float32, got int32/,
  ),
];

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [
  ...both(softmax, 'softmax'),
  ...both(logSoftmax, 'logSoftmax'),
  ...long,
  ...attentions,
]);
