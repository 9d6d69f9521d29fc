// What losses have in common: the option `reduction`, and the checks of an input against its target.
import { isFullFloat } from '../autograd/autocast.ts';
import { checkInputs } from '../autograd/tape.ts';
import type { DType } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { broadcastShapes, format, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { sum } from './broadcast.ts';
import { div } from './elementwise.ts';
import { mean } from './reduction.ts';

/** What a loss gives: the mean of its elements (or rows), their sum, or each of them. */
export type Reduce = 'mean' | 'sum' | 'none';

export interface LossOptions {
  /** Default: mean. */
  reduction?: Reduce;
}

/** Turns losses into what was asked for. With weights the mean is that of losses which carry their weights already. */
type Finish = (losses: Tensor, weights?: Tensor) => Tensor;

export const REDUCTIONS: Record<Reduce, Finish> = {
  mean: (losses, weights) => (weights ? div(sum(losses), sum(weights)) : mean(losses)),
  sum: (losses) => sum(losses),
  none: (losses) => losses,
};

/** The option `reduction` of a loss, looked up before any work is done. Throws a ShapeError for a name that is not in `ways`. */
export function reducer(op: string, reduction: string, ways: Record<string, Finish> = REDUCTIONS): Finish {
  if (Object.hasOwn(ways, reduction)) return ways[reduction];
  const names = Object.keys(ways);
  const last = names.pop();
  throw new ShapeError(`${op}: expected reduction ${names.join(', ')} or ${last}, got ${reduction}`);
}

/** Throws where input and target are not float32 of one shape; the target may have other dtypes where they are named. */
export function checkPair(op: string, input: Tensor, target: Tensor, dtypes: DType[] = ['float32']): void {
  checkInputs(op, [input, target]);
  if (!isFullFloat(input) || !dtypes.includes(target.dtype)) {
    const wanted = `a float32 input and a ${dtypes.join(' or ')} target`;
    throw new ShapeError(`${op}: expected ${wanted}, got ${input.dtype} and ${target.dtype}`);
  }
  if (!sameShape(input.shape, target.shape)) {
    const shapes = [input, target].map(({ shape }) => format(shape));
    throw new ShapeError(`${op}: expected input and target of one shape, got ${shapes.join(' and ')}`);
  }
}

/** Throws where weights are not float32 that broadcast to the shape of the input. */
export function checkWeights(op: string, name: string, weights: Tensor | undefined, input: Tensor): void {
  if (!weights) return;
  checkInputs(op, [input, weights]);
  const { shape } = input;
  if (weights.dtype !== 'float32') throw new ShapeError(`${op}: expected float32 ${name}, got ${weights.dtype}`);
  if (!sameShape(broadcastShapes(op, weights.shape, shape), shape)) {
    throw new ShapeError(`${op}: expected ${name} that broadcasts to ${format(shape)}, got ${format(weights.shape)}`);
  }
}

/** Throws where an option is not what the words say. */
export function checkOption(op: string, holds: boolean, words: string, value: number): void {
  if (!holds || typeof value !== 'number') throw new ShapeError(`${op}: expected ${words}, got ${value}`);
}
