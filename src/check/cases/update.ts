// Cases of updates in place, run on copies: every variant of every optimizer, and running statistics.
import type { Op } from '../../autograd/op.ts';
import { apply, noGrad } from '../../autograd/tape.ts';
import * as update from '../../ops/update.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, type Run, refusal } from '../case.ts';
import { between, given, type Input, normal, SPECIAL } from '../values.ts';
import { crowded, directly, inPlace, once, refusals, updated, WHOLE } from './in-place.ts';

type Make = (shape: Shape) => Input;

/** A row, the attributes of its cases, its states as they may be, and what changes from case to case. */
interface Subject {
  op: Op;
  attrs: object;
  states: Make[];
  variants?: Record<string, object>;
}

const positive: Make = (shape) => between(0, 2, shape);
/** Squares and means of which squares - mean^2 is well above 0. */
const wide: Make = (shape) => between(1, 2, shape);
const narrow: Make = (shape) => between(-0.7, 0.7, shape);

const sgd = { lr: 0.1, momentum: 0.9, dampening: 0, nesterov: false, weightDecay: 0, step: 3 };
const adagrad = { lr: 0.1, lrDecay: 0, eps: 1e-10, weightDecay: 0, step: 1 };
const adadelta = { lr: 0.7, rho: 0.9, eps: 1e-6, weightDecay: 0, step: 1 };
const rmsprop = { lr: 0.01, alpha: 0.95, eps: 1e-8, momentum: 0.8, weightDecay: 0, step: 1 };
const adam = { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, decoupled: false, step: 1 };

const decay = { 'weight decay': { weightDecay: 0.3 } };
const decayAndEps = { ...decay, 'a large eps': { eps: 0.1 } };
const adamVariants = {
  ...decayAndEps,
  'decoupled weight decay, a large rate': { decoupled: true, weightDecay: 0.3, lr: 0.5 },
  'thousandth step': { step: 1000 },
};

const subjects: Subject[] = [
  { op: update.sgdOp, attrs: sgd, states: [normal], variants: decay },
  {
    op: update.sgdMomentumOp,
    attrs: sgd,
    states: [normal, normal],
    variants: {
      ...decay,
      'Nesterov and weight decay': { nesterov: true, weightDecay: 0.02 },
      'dampening, first step': { dampening: 0.3, step: 1 },
      'dampening, second step': { dampening: 0.3, step: 2 },
    },
  },
  {
    op: update.adagradOp,
    attrs: adagrad,
    states: [normal, positive],
    variants: {
      ...decayAndEps,
      'a rate that decays, first step': { lrDecay: 0.2 },
      'a rate that decays, tenth step': { lrDecay: 0.2, step: 10 },
    },
  },
  { op: update.adadeltaOp, attrs: adadelta, states: [normal, positive, positive], variants: decayAndEps },
  { op: update.rmspropOp, attrs: rmsprop, states: [normal, positive], variants: decayAndEps },
  { op: update.rmspropMomentumOp, attrs: rmsprop, states: [normal, positive, normal], variants: decayAndEps },
  { op: update.rmspropCenteredOp, attrs: rmsprop, states: [normal, wide, narrow], variants: decayAndEps },
  {
    op: update.rmspropCenteredMomentumOp,
    attrs: rmsprop,
    states: [normal, wide, narrow, normal],
    variants: decayAndEps,
  },
  { op: update.adamOp, attrs: adam, states: [normal, normal, positive], variants: adamVariants },
  { op: update.adamAmsgradOp, attrs: adam, states: [normal, normal, positive, positive], variants: adamVariants },
];

/** An update for each of the gradients behind the states. */
const steps = (op: Op, attrs: object): Run =>
  updated(op.mutates!, (...tensors) => {
    const [states, gradients] = [tensors.slice(0, op.mutates), tensors.slice(op.mutates)];
    gradients.forEach((g, i) => {
      apply(op, [...states, g], { ...attrs, step: i + 1 });
    });
  });

/** Special values, each beside every lane of a quad. */
const special: Input = (stream) => ({ ...normal([36])(stream), data: Float32Array.from({ length: 36 }, oneOf) });
const oneOf = (_: unknown, i: number) => SPECIAL[i % 9];

function casesOf({ op, attrs, states, variants = {} }: Subject): Case[] {
  const { name } = op;
  const inputs = (n: number, gradients = 1) => [...states, ...Array<Make>(gradients).fill(normal)].map((m) => m([n]));
  const run = inPlace(op, attrs);
  return [
    once(name, 'plain', inputs(263), run),
    once(name, 'one element', inputs(1), run),
    once(name, 'more than one workgroup', inputs(517), run),
    once(name, 'whole workgroups', inputs(WHOLE), run),
    once(name, 'no elements', inputs(0), run),
    ...[0, -1e-30, Number.NaN].map((v) => once(name, `unless ${v}`, [...inputs(517), given([v], [])], run)),
    once(name, 'unless 0, whole workgroups', [...inputs(WHOLE), given([0], [])], run),
    refusal(
      name,
      'unless one of two',
      [...inputs(4), given([0, 0])],
      directly(op, attrs),
      /expected a number, float32 \[\], got float32 \[2\]/,
    ),
    once(name, 'three steps', inputs(37, 3), steps(op, { ...attrs, weightDecay: 0.01 })),
    once(name, 'NaN and infinities in the gradient', [...states.map((make) => make([36])), special], run),
    ...Object.entries(variants).map(([title, change]) =>
      once(name, title, inputs(263), inPlace(op, { ...attrs, ...change })),
    ),
    ...refusals(op, attrs),
  ];
}

const optimizers: Case[] = [
  ...subjects.flatMap(casesOf),
  once(
    'adamAmsgrad',
    'NaN in the states',
    [normal([8]), normal([8]), ...[0, 1].map((at) => withNaN(at)), normal([8])],
    inPlace(update.adamAmsgradOp, adam),
  ),
  once(
    'rmspropCentered',
    'a variance that rounding left below 0',
    [normal([37]), between(0, 0.1, [37]), between(2, 3, [37]), normal([37])],
    inPlace(update.rmspropCenteredOp, { ...rmsprop, eps: 0.5 }),
  ),
];

/** Positive numbers, with NaN at one place in every quad. */
function withNaN(place: number): Input {
  return (stream) => {
    const host = positive([8])(stream);
    return { ...host, data: Float32Array.from(host.data, (v, i) => (i % 4 === place ? Number.NaN : v)) };
  };
}

const channels = (n: number) => [normal([n]), between(0.5, 2, [n]), normal([n]), between(0.5, 2, [n])];
const running = updated(2, (mean, variance, ...batch) =>
  update.updateRunning([mean, variance], batch as [Tensor, Tensor], 0.1, 1.25),
);

const statistics: Case[] = [
  once('runningStats', 'one channel', channels(1), running),
  once('runningStats', 'a tail', channels(67), running),
  once('runningStats', 'more than one workgroup', channels(517), running),
  once('runningStats', 'whole workgroups', channels(WHOLE), running),
  refusal(
    'runningStats',
    'channels that differ',
    [...channels(4).slice(0, 3), normal([5])],
    (mean, variance, ...batch) =>
      noGrad(() => update.updateRunning([mean, variance], batch as [Tensor, Tensor], 0.1, 1.25)) as unknown as Tensor,
    /runningStats: expected flat tensors of one length, got \[4\], \[4\], \[4\], \[5\]/,
  ),
];

/** States and a gradient of one number each. */
const numbers = (count: number) => Array.from({ length: count }, (_, i) => given([0.5 + i]));

// One of each shader: variants differ in what a thread does, not in which threads there are.
const large = [
  crowded(update.sgdMomentumOp, sgd, numbers(3)),
  crowded(update.adagradOp, adagrad, numbers(3)),
  crowded(update.adadeltaOp, adadelta, numbers(4)),
  crowded(update.rmspropOp, rmsprop, numbers(3)),
  crowded(update.adamOp, adam, numbers(4)),
];

export const cases = family({ forward: 1e-6, gradient: 0 }, [...optimizers, ...large, ...statistics]);
