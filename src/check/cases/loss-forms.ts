// What the cases of all losses of one tensor against another of its shape share: reductions, sizes, special values, refusals.
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, type Run, refusal } from '../case.ts';
import { coins, whole } from '../values.ts';
import type { Domain } from './families.ts';

export type Loss = (x: Tensor, y: Tensor, options?: { reduction?: 'mean' | 'sum' | 'none' }) => Tensor;

/** A loss by a name, which begins with that of the function, and what it takes. */
interface Form {
  /** The op that it is about. */
  op: string;
  name: string;
  run: Loss;
  input: Domain;
  target: Domain;
  /** NaN, infinities and zeros among others, and how their gradients are checked. */
  special: Required<Pick<Case, 'inputs' | 'gradients'>>;
  /** The reductions, as an error lists them. */
  reductions?: string;
}

/** The loss of each element. */
export const each =
  (run: Loss): Run =>
  (x, y) =>
    run(x, y, { reduction: 'none' });

/** What every such loss has. */
export function loss({ op, name, run, input, target, special, reductions = 'mean, sum or none' }: Form): Case[] {
  const inputs = [input([5, 7]), target([5, 7])];
  const plain: Run = (x, y) => run(x, y);
  const words = (message: string) => new RegExp(`^${name.split(' ')[0]}: ${message}`);
  return [
    { op, title: `${name}, no options`, inputs, run: plain },
    ...(['mean', 'sum', 'none'] as const).map(
      (reduction): Case => ({ op, title: `${name}, ${reduction}`, inputs, run: (x, y) => run(x, y, { reduction }) }),
    ),
    { op, title: `${name}, rank 0`, inputs: [input([]), target([])], run: plain },
    {
      ...{ op, title: `${name}, nothing`, inputs: [input([0, 3]), target([0, 3])], gradients: 'none' },
      run: (x, y) => [run(x, y), run(x, y, { reduction: 'sum' }), each(run)(x, y) as Tensor],
    },
    { op, title: `${name}, NaN, infinities and zeros`, ...special, run: each(run) },
    refusal(
      op,
      `${name}, shapes`,
      [input([3, 1]), target([3])],
      plain,
      words('.* one shape, got \\[3,1\\] and \\[3\\]'),
    ),
    refusal(op, `${name}, bool`, [input([2]), coins([2])], plain, words('.* a float32 target, got float32 and bool')),
    refusal(op, `${name}, int32`, [whole(0, 2, [2]), target([2])], plain, words('.* float32 input .*, got int32 and')),
    refusal(
      op,
      `${name}, reduction`,
      [input([2]), target([2])],
      (x, y) => run(x, y, { reduction: 'all' as never }),
      words(`expected reduction ${reductions}, got all`),
    ),
  ];
}
