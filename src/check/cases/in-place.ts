// How cases run ops in place: on copies, which they then return.
import type { Op } from '../../autograd/op.ts';
import { apply, noGrad } from '../../autograd/tape.ts';
import { expand } from '../../ops/broadcast.ts';
import { contiguous } from '../../ops/elementwise.ts';
import { ALIGNMENT } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, type Run, refusal } from '../case.ts';
import { type Input, normal, whole } from '../values.ts';

/** What an update makes of copies of the tensors that it works on. */
export const updated =
  (count: number, update: (...tensors: Tensor[]) => void): Run =>
  (...inputs) =>
    noGrad(() => {
      const states = inputs.slice(0, count).map(contiguous);
      update(...states, ...inputs.slice(count));
      return states;
    });

export const inPlace = <A>(op: Op<A>, attrs: A): Run =>
  updated(op.mutates!, (...tensors) => void apply(op, tensors, attrs));

/** A case without gradients. */
export const once = (op: string, title: string, inputs: Input[], run: Run): Case => ({
  op,
  title,
  inputs,
  run,
  gradients: 'none',
});

/** The first elements of a flat tensor, and the last. */
export const ends = (x: Tensor): Tensor[] => {
  const last = Math.floor((x.size - 1) / ALIGNMENT) * ALIGNMENT;
  const window = (from: number, to: number) => x.alias('ends', { shape: [to - from], strides: [1], offset: from });
  return [window(0, ALIGNMENT), window(last, x.size)];
};

/**
 * Elements that fill 5 workgroups: where the grid is folded, the first thread of the sixth is the first past the end, and
 * what it did there would fall on the last elements, once more.
 */
export const WHOLE = 5 * 64 * 4;

/** Quads beyond 65,535 workgroups of 64 threads. */
const MANY = 65_535 * 64 * 4 + 5;

/**
 * More workgroups than one dimension holds, on flat tensors that all begin as one number: what becomes of their first and
 * their last elements. The reference takes one element. Inputs of rank 0 stay as they are.
 */
export function crowded<A>(op: Op<A>, attrs: A, inputs: Input[]): Case {
  const run = inPlace(op, attrs);
  return {
    ...once(op.name, 'more workgroups than one dimension holds', inputs, (...all) =>
      [run(...all.map((x) => (x.rank === 0 ? x : expand(x, [MANY]))))].flat().flatMap(ends),
    ),
    reference: (...all) => [run(...all)].flat().flatMap((x) => [expand(x, [ALIGNMENT]), expand(x, [5])]),
    large: true,
  };
}

/** Calls without copies, which would take memory before the call. */
export const directly =
  <A>(op: Op<A>, attrs: A): Run =>
  (...inputs) =>
    noGrad(() => apply(op, inputs, attrs));

/** What every op over flat tensors of one length refuses. */
export function refusals<A>(op: Op<A>, attrs: A, reads = 1): Case[] {
  const count = op.mutates! + reads;
  const inputs = (last: Input) => [...Array(count - 1).fill(normal([4])), last];
  const no = (title: string, inputs: Input[], message: string) =>
    refusal(op.name, title, inputs, directly(op, attrs), new RegExp(`^${op.name}: expected ${message}`));
  return [
    no('a matrix', Array(count).fill(normal([2, 2])), 'flat tensors of one length, got \\[2,2\\]'),
    no('int32', inputs(whole(0, 9, [4])), 'dtype float32, got int32'),
    ...(count > 1 ? [no('lengths that differ', inputs(normal([5])), 'flat tensors of one length')] : []),
  ];
}
