// Centered differences of a function of tensors, coordinate by coordinate, with an eye on kinks and roundoff.
import { grad } from '../autograd/backward.ts';
import type { CpuBackend, KernelObserver } from '../backends/cpu/backend.ts';
import type { Device } from '../tensor/device.ts';
import type { HostArray } from '../tensor/dtype.ts';
import { shuffled } from '../tensor/random.ts';
import { scope } from '../tensor/scope.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { direction, place, valuesOf } from './values.ts';

/** One coordinate of an input, with its gradient by the tape and by differences. */
export interface Coordinate {
  at: number[];
  analytic: number;
  numeric: number;
  /** |analytic - numeric| / max(|analytic|, |numeric|), less what roundoff explains; 0 where both are 0. */
  error: number;
  /** The same with roundoff left in. */
  raw: number;
  /** How far roundoff in the outputs alone may move `numeric`: a gradient below that is not told from 0. */
  noise: number;
  /** Whether another branch of some function was taken on one side than on the other: then the numbers need not agree. */
  kink: boolean;
}

/** Outputs of one call, part by part, and a number that stands for all that won on the way. */
interface Evaluation {
  parts: HostArray[][];
  winners: number;
}

/** What gradients are taken of: the outputs of each part are weighted by fixed directions. */
export interface Objective {
  /** Runs the function and returns its float outputs, part by part. */
  run: () => Tensor[][];
  device: Device;
}

/** Rounding errors, in units of 2^-53 of an output, that one evaluation of a function is taken to make. */
const ROUNDINGS = 16;

/** The weights of the outputs of each part; a single scalar counts as it is. */
export function weightsOf(parts: Tensor[][]): HostArray[][] {
  return parts.map((outputs) => {
    const scalar = outputs.length === 1 && outputs[0].rank === 0;
    return outputs.map(({ shape }, i) => (scalar ? Float64Array.of(1) : direction(shape, i).data));
  });
}

/** The gradient by the tape of one part for each input; zeros where none arrives. */
export function analytic(outputs: Tensor[], weights: HostArray[], inputs: Tensor[]): HostArray[] {
  const reached = outputs.flatMap((out, i) => (out.requiresGrad ? [i] : []));
  const gradients = reached.map((i) => {
    const { shape, dtype, device } = outputs[i];
    return place({ data: weights[i], shape, dtype, requiresGrad: false }, device);
  });
  const roots = reached.map((i) => outputs[i]);
  return grad(roots, inputs, { gradients }).map((g, i) => (g ? valuesOf(g) : new Float64Array(inputs[i].size)));
}

/** Runs the objective, and hashes who won: discrete outputs, and what rows tell of their branches. */
function evaluate({ run, device }: Objective): Evaluation {
  const backend = device.backend as CpuBackend;
  let winners = 0;
  const take = (values: ArrayLike<number>) => {
    for (let i = 0; i < values.length; i++) winners = (Math.imul(winners ^ values[i], 0x01000193) + i) | 0;
  };
  const observe: KernelObserver = (kernel, inputs, outputs, attrs) => {
    for (const { data } of outputs) if (data instanceof Int32Array || data instanceof Uint8Array) take(data);
    if (kernel.winners) take(kernel.winners(inputs, outputs, attrs));
  };
  const before = backend.observer;
  backend.observer = observe;
  try {
    return { parts: scope(() => run().map((outputs) => outputs.map(valuesOf))), winners };
  } finally {
    backend.observer = before;
  }
}

/**
 * Steps through coordinates of x, writing straight into its memory, and compares with `gradients`, one per part.
 * Returns the coordinates of each part.
 */
export function compareCoordinates(
  objective: Objective,
  x: Tensor,
  coordinates: number[],
  gradients: HostArray[],
  weights: HostArray[][],
  step: number,
): Coordinate[][] {
  const view = x.view('gradcheck');
  const memory = view.storage.handle as HostArray;
  const found: Coordinate[][] = weights.map(() => []);
  for (const i of coordinates) {
    const value = memory[i];
    const width = step * Math.max(1, Math.abs(value));
    // The numbers that were stepped to, rounded as they are, so that their distance is exact.
    const [low, high] = [value - width, value + width];
    memory[i] = low;
    const below = evaluate(objective);
    memory[i] = high;
    const above = evaluate(objective);
    memory[i] = value;
    weights.forEach((weight, part) => {
      const { slope, noise } = difference(below.parts[part], above.parts[part], weight, high - low);
      const a = gradients[part][i];
      const [error, raw] = [relativeError(a, slope, noise), relativeError(a, slope, 0)];
      const kink = below.winners !== above.winners;
      found[part].push({ at: coordinatesOf(i, x.shape), analytic: a, numeric: slope, error, raw, noise, kink });
    });
  }
  return found;
}

/** All coordinates, or so many in an order chosen by seed and input. */
export function chosenCoordinates(size: number, samples: number, seed: number, input: number): number[] {
  if (size <= samples) return Array.from({ length: size }, (_, i) => i);
  return [...shuffled(size, { seed, stream: input }).subarray(0, samples)];
}

/** The slope of the weighted sum of the outputs, and how far roundoff in the outputs alone can move it. */
function difference(below: HostArray[], above: HostArray[], weights: HostArray[], width: number) {
  let rise = 0;
  let size = 0;
  weights.forEach((weight, k) => {
    for (let j = 0; j < weight.length; j++) {
      rise += weight[j] * (above[k][j] - below[k][j]);
      size += Math.abs(weight[j]) * (Math.abs(above[k][j]) + Math.abs(below[k][j]));
    }
  });
  return { slope: rise / width, noise: (size * ROUNDINGS * 2 ** -53) / width };
}

/**
 * |a - n| / max(|a|, |n|). What roundoff explains is taken off the numerator: where the function is large and its
 * slope is near zero, the difference of two rounded values says no more. Two zeros agree; NaN agrees with nothing.
 */
function relativeError(a: number, n: number, noise: number): number {
  if (a === n) return 0;
  const error = Math.max(0, Math.abs(a - n) - noise) / Math.max(Math.abs(a), Math.abs(n));
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

/** A flat position as coordinates. */
export function coordinatesOf(position: number, shape: Shape): number[] {
  let rest = position;
  return shape
    .map((_, i) => {
      const size = shape[shape.length - 1 - i];
      const at = rest % size;
      rest = (rest - at) / size;
      return at;
    })
    .reverse();
}
