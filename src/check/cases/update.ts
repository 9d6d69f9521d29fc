// Cases of updates in place, run on copies: optimizers, running statistics, and the arena that gradients are packed into.
import type { Op } from '../../autograd/op.ts';
import { apply, noGrad } from '../../autograd/tape.ts';
import { expand } from '../../ops/broadcast.ts';
import { contiguous } from '../../ops/elementwise.ts';
import { transpose } from '../../ops/movement.ts';
import { adamOp, packOp, rmspropOp, sgdOp, updateRunning } from '../../ops/update.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { between, type Input, normal, whole } from '../values.ts';

/** What an update makes of copies of the tensors that it works on. */
const updated =
  (count: number, update: (...tensors: Tensor[]) => void): Run =>
  (...inputs) =>
    noGrad(() => {
      const states = inputs.slice(0, count).map(contiguous);
      update(...states, ...inputs.slice(count));
      return states;
    });

const inPlace = <A>(op: Op<A>, attrs: A): Run => updated(op.mutates!, (...tensors) => void apply(op, tensors, attrs));

const once = (op: string, title: string, inputs: Input[], run: Run): Case => ({
  op,
  title,
  inputs,
  run,
  gradients: 'none',
});

const N = [263];
const squares = between(0, 2, N);

const sgd = { lr: 0.1, momentum: 0.9, nesterov: false, weightDecay: 0 };
const rmsprop = { lr: 0.01, alpha: 0.95, eps: 1e-8, weightDecay: 0 };
const adam = { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, step: 1 };

/** Parameters, velocity, gradient. */
const two = [normal(N), normal(N), normal(N)];

const optimizers: Case[] = [
  once('sgd', 'momentum', two, inPlace(sgdOp, sgd)),
  once('sgd', 'no momentum', two, inPlace(sgdOp, { ...sgd, momentum: 0 })),
  once('sgd', 'Nesterov and weight decay', two, inPlace(sgdOp, { ...sgd, nesterov: true, weightDecay: 0.02 })),
  once('sgd', 'one element', [normal([1]), normal([1]), normal([1])], inPlace(sgdOp, sgd)),
  once('sgd', 'no elements', [normal([0]), normal([0]), normal([0])], inPlace(sgdOp, sgd)),
  once('rmsprop', 'plain', [normal(N), squares, normal(N)], inPlace(rmspropOp, rmsprop)),
  once(
    'rmsprop',
    'weight decay, a large eps',
    [normal(N), squares, normal(N)],
    inPlace(rmspropOp, { ...rmsprop, eps: 0.1, weightDecay: 0.02 }),
  ),
  once('adam', 'first step', [normal(N), normal(N), squares, normal(N)], inPlace(adamOp, adam)),
  once('adam', 'thousandth step', [normal(N), normal(N), squares, normal(N)], inPlace(adamOp, { ...adam, step: 1000 })),
  once(
    'adam',
    'weight decay, a large eps',
    [normal(N), normal(N), squares, normal(N)],
    inPlace(adamOp, { ...adam, step: 7, eps: 0.1, weightDecay: 0.02 }),
  ),
];

const channels = (n: number) => [normal([n]), between(0.5, 2, [n]), normal([n]), between(0.5, 2, [n])];
const running = updated(2, (mean, variance, ...batch) =>
  updateRunning([mean, variance], batch as [Tensor, Tensor], 0.1, 1.25),
);

const statistics: Case[] = [
  once('runningStats', 'one channel', channels(1), running),
  once('runningStats', 'a tail', channels(67), running),
];

const at = (...offsets: number[]) => inPlace(packOp, { offsets });

/** Threads beyond 65,535 workgroups. */
const MANY = 65_535 * 64 + 1;

const packing: Case[] = [
  once('pack', 'one tensor', [normal([7]), normal([2, 3])], at(0)),
  once('pack', 'gaps, which keep their values', [normal([41]), normal([5]), normal([3, 3]), normal([])], at(4, 12, 36)),
  once('pack', 'out of order', [normal([16]), normal([3]), normal([5])], at(12, 4)),
  once('pack', 'a tensor without elements', [normal([16]), normal([0]), normal([5])], at(4, 4)),
  once('pack', 'a transposed tensor, which is copied', [normal([16]), normal([3, 4])], (out, x) =>
    at(4)(out, transpose(x)),
  ),
  once(
    'pack',
    'more tensors than one dispatch takes',
    [normal([150]), ...Array.from({ length: 16 }, (_, i) => normal([1 + (i % 5)]))],
    at(...Array.from({ length: 16 }, (_, i) => (i < 8 ? 8 * i : 4 + 8 * i))),
  ),
  once(
    'pack',
    'tensors of one workgroup and more',
    [normal([600]), normal([300]), normal([2]), normal([64])],
    at(4, 304, 308),
  ),
  {
    ...once('pack', 'more workgroups than one dimension holds', [normal([1]), normal([1])], (start, x) =>
      at(4)(expand(start, [MANY + 7]), expand(x, [MANY])),
    ),
    large: true,
  },
];

/** Without copies, which would take memory before the call. */
const directly =
  <A>(op: Op<A>, attrs: A): Run =>
  (...inputs) =>
    noGrad(() => apply(op, inputs, attrs));
const pair = [normal([4]), normal([4])];
const refused: Case[] = [
  ...[sgdOp, rmspropOp].map((op) =>
    refusal(
      op.name,
      'lengths that differ',
      [...pair, normal([5])],
      directly(op as Op, {}),
      new RegExp(`${op.name}: expected flat tensors of one length`),
    ),
  ),
  refusal(
    'adam',
    'a matrix',
    [normal([2, 2]), normal([2, 2]), normal([2, 2]), normal([2, 2])],
    directly(adamOp, adam),
    /adam: expected flat tensors/,
  ),
  refusal('sgd', 'int32', [...pair, whole(0, 9, [4])], directly(sgdOp, sgd), /sgd: expected dtype float32, got int32/),
  refusal(
    'pack',
    'beyond the end',
    [normal([8]), normal([5])],
    directly(packOp, { offsets: [4] }),
    /pack: \[5\] at 4 does not fit \[8\]/,
  ),
  refusal(
    'pack',
    'between quads',
    [normal([8]), normal([5])],
    directly(packOp, { offsets: [2] }),
    /at a multiple of 4/,
  ),
  refusal(
    'pack',
    'int32',
    [normal([8]), whole(0, 9, [4])],
    directly(packOp, { offsets: [0] }),
    /pack: expected dtype float32, got int32/,
  ),
];

export const cases = family({ forward: 1e-6, gradient: 0 }, [...optimizers, ...statistics, ...packing, ...refused]);
