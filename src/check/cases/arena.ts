// Cases of arenas: packing, the norm and the clipping of gradients, averages of weights.
import { apply } from '../../autograd/tape.ts';
import { clipGradNormOp, clipGradValueOp, emaOp, gradNormOp, packOp, swapOp } from '../../ops/arena.ts';
import { expand } from '../../ops/broadcast.ts';
import { transpose } from '../../ops/movement.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { between, given, type Input, normal, SPECIAL, whole } from '../values.ts';
import { crowded, directly, ends, inPlace, once, refusals, WHOLE } from './in-place.ts';

const pack: Run = (...inputs) => apply(packOp, inputs, {});

/** Elements beyond 65,535 workgroups of 64 threads. */
const MANY = 65_535 * 64 + 1;

const packing: Case[] = [
  once('pack', 'one tensor', [normal([2, 3])], pack),
  once('pack', 'one element', [normal([])], pack),
  once('pack', 'tensors of one workgroup and more', [normal([300]), normal([2]), normal([64]), normal([65])], pack),
  once('pack', 'tensors without elements, the last among them', [normal([0]), normal([5]), normal([0, 3])], pack),
  once('pack', 'a transposed tensor, which is copied', [normal([3, 4]), normal([7])], (x, y) => pack(transpose(x), y)),
  once('pack', 'a tensor at an offset', [normal([90])], (x) =>
    pack(x.alias('window', { shape: [70], strides: [1], offset: 13 })),
  ),
  once('pack', 'as many tensors as one dispatch takes', Array(7).fill(normal([3])), pack),
  once(
    'pack',
    'more tensors than one dispatch takes',
    Array.from({ length: 16 }, (_, i) => normal([1 + 17 * (i % 5)])),
    pack,
  ),
  once('pack', 'NaN and infinities', [given(SPECIAL), given(SPECIAL)], pack),
  {
    ...once('pack', 'more workgroups than one dimension holds', [between(1, 2, [2]), given([3])], (x, y) => {
      const [out] = apply(packOp, [x, expand(y, [MANY])], {});
      return ends(out);
    }),
    large: true,
  },
  refusal('pack', 'int32', [normal([8]), whole(0, 9, [4])], pack, /^pack: expected dtype float32, got int32/),
];

const norms: Run = (g) => [2, Number.POSITIVE_INFINITY].flatMap((normType) => apply(gradNormOp, [g], { normType }));

/** Small whole numbers, and one value among them. */
const at = (n: number, place: number, value: number): Input =>
  given(Array.from({ length: n }, (_, i) => (i === place ? value : (i % 13) - 6)));

const measuring: Case[] = [
  ...[1, 7, 64, 263, 4096].map((n) => once('gradNorm', `${n} elements`, [normal([n])], norms)),
  once('gradNorm', 'no elements', [normal([0])], norms),
  once('gradNorm', 'small numbers', [between(-1e-12, 1e-12, [37])], norms),
  once('gradNorm', 'two levels', [normal([4099])], norms),
  once('gradNorm', 'two levels, the largest first', [at(9001, 0, -50)], norms),
  once('gradNorm', 'two levels, the largest last', [at(9001, 9000, 50)], norms),
  once('gradNorm', 'many chunks', [normal([131_101])], norms),
  ...[0, 5, 8998].map((place) => once('gradNorm', `NaN at ${place}`, [at(9001, place, Number.NaN)], norms)),
  once('gradNorm', 'infinity', [at(100, 70, Number.NEGATIVE_INFINITY)], norms),
  once('gradNorm', 'infinity and NaN', [given(SPECIAL)], norms),
  { ...once('gradNorm', '2^20 elements', [normal([2 ** 20])], norms), large: true },
  {
    ...once('gradNorm', 'more chunks than workgroups', [normal([1])], (x) => norms(expand(x, [1024 * 4096 + 4097]))),
    large: true,
  },
  refusal('gradNorm', 'a matrix', [normal([2, 2])], norms, /^gradNorm: expected flat tensors/),
  refusal('gradNorm', 'int32', [whole(0, 9, [4])], norms, /^gradNorm: expected dtype float32, got int32/),
];

const byNorm = (maxNorm: number) => inPlace(clipGradNormOp, { maxNorm });
const norm = (value: number): Input => given([value], []);
const byValue = (limit: number) => inPlace(clipGradValueOp, { limit });
const N = [263];
const FLAT = /: expected flat tensors of one length, got \[2,2\]/;

const clipping: Case[] = [
  once('clipGradNorm', 'above', [normal(N), norm(3)], byNorm(0.7)),
  once('clipGradNorm', 'below', [normal(N), norm(0.5)], byNorm(0.7)),
  // The 1e-6 beside the norm counts.
  once('clipGradNorm', 'a tiny norm', [normal(N), norm(2e-6)], byNorm(1e-6)),
  once('clipGradNorm', 'to nothing', [normal(N), norm(3)], byNorm(0)),
  once('clipGradNorm', 'without a limit', [normal(N), norm(3)], byNorm(Number.POSITIVE_INFINITY)),
  once('clipGradNorm', 'one element', [normal([1]), norm(3)], byNorm(1)),
  once('clipGradNorm', 'no elements', [normal([0]), norm(3)], byNorm(1)),
  once('clipGradNorm', 'more than one workgroup', [normal([517]), norm(3)], byNorm(1)),
  once('clipGradNorm', 'whole workgroups', [normal([WHOLE]), norm(3)], byNorm(1)),
  once('clipGradNorm', 'a norm of NaN', [normal([7]), norm(Number.NaN)], byNorm(1)),
  once('clipGradNorm', 'an infinite norm', [given(SPECIAL), norm(Number.POSITIVE_INFINITY)], byNorm(1)),
  once('clipGradNorm', 'NaN and infinities', [given(SPECIAL), norm(2)], byNorm(1)),
  crowded(clipGradNormOp, { maxNorm: 0.3 }, [given([2]), norm(3)]),
  refusal('clipGradNorm', 'a matrix', [normal([2, 2]), norm(1)], directly(clipGradNormOp, { maxNorm: 1 }), FLAT),
  refusal(
    'clipGradNorm',
    'int32',
    [whole(0, 9, [4]), norm(1)],
    directly(clipGradNormOp, { maxNorm: 1 }),
    /^clipGradNorm: expected dtype float32, got int32/,
  ),
  ...[normal([1]), whole(0, 9, [])].map((wrong, i) =>
    refusal(
      'clipGradNorm',
      `a norm that is none, ${i}`,
      [normal([4]), wrong],
      directly(clipGradNormOp, { maxNorm: 1 }),
      /^clipGradNorm: expected a norm float32 \[\], got (float32 \[1\]|int32 \[\])/,
    ),
  ),
  ...[1, 263, 517, 0].map((n) => once('clipGradValue', `${n} elements`, [normal([n])], byValue(0.4))),
  once('clipGradValue', 'to nothing', [normal(N)], byValue(0)),
  once('clipGradValue', 'at the limit', [given([0.5, -0.5, 0.25, -0.25, 1])], byValue(0.5)),
  once('clipGradValue', 'NaN and infinities', [given(SPECIAL)], byValue(1.5)),
  crowded(clipGradValueOp, { limit: 0.3 }, [given([-2])]),
  ...refusals(clipGradValueOp, { limit: 1 }, 0),
];

const averaging = (decay: number) => inPlace(emaOp, { decay });
const trade = inPlace(swapOp, {});

const averages: Case[] = [
  ...[1, 263, 517, WHOLE, 0].map((n) => once('ema', `${n} elements`, [normal([n]), normal([n])], averaging(0.9))),
  once('ema', 'the latest only', [normal(N), normal(N)], averaging(0)),
  once('ema', 'NaN and infinities', [normal([9]), given(SPECIAL)], averaging(0.9)),
  crowded(emaOp, { decay: 0.6 }, [given([1]), given([2])]),
  ...refusals(emaOp, { decay: 0.9 }),
  ...[1, 263, 517, WHOLE, 0].map((n) => once('swap', `${n} elements`, [normal([n]), normal([n])], trade)),
  once('swap', 'NaN and infinities', [normal([9]), given(SPECIAL)], trade),
  crowded(swapOp, {}, [given([1]), given([2])]),
  ...refusals(swapOp, {}, 0),
];

export const cases = family({ forward: 1e-6, gradient: 0 }, [...packing, ...measuring, ...clipping, ...averages]);
