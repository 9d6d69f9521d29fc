// gradcheck: the tape's gradients against centered differences, in float64 on the CPU.
import { grad } from '../autograd/tape.ts';
import { cpuDevice } from '../backends/cpu/backend.ts';
import { type HostArray, isFloat } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { randomState, type Stream, setRandomState, shuffled } from '../tensor/random.ts';
import { scope } from '../tensor/scope.ts';
import { format, type Shape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { direction, type HostTensor, place, valuesOf, withDefaultDevice } from './values.ts';

/** A function to check. It is called many times, and must do the same each time. */
export type Differentiable = (...inputs: Tensor[]) => Tensor | Tensor[];

export interface GradcheckOptions {
  /**
   * Step of the differences for inputs up to 1, relative to the input beyond. Default 1e-5: the error of centered
   * differences, step^2 / 6 times the third derivative, then meets the roundoff, 1e-16 / step.
   */
  step?: number;
  /** Largest relative error that passes. Default 1e-6. */
  tolerance?: number;
  /** Coordinates to check per input, chosen by a fixed seed. Default: all. */
  samples?: number;
}

/** One coordinate of an input, with its gradient by the tape and by differences. */
export interface Coordinate {
  at: number[];
  analytic: number;
  numeric: number;
}

export interface InputReport {
  /** Position among the arguments of the function. */
  index: number;
  shape: Shape;
  /** Coordinates compared. */
  checked: number;
  /** Largest |analytic - numeric| / max(|analytic|, |numeric|), less what roundoff explains. */
  error: number;
  /** The coordinate of that error; null where the input is empty. */
  worst: Coordinate | null;
  passed: boolean;
}

export interface GradcheckReport {
  passed: boolean;
  tolerance: number;
  inputs: InputReport[];
  /** The report in lines of text. */
  toString(): string;
}

/** Rounding errors, in units of 2^-53 of an output, that one evaluation of a function is taken to make. */
const ROUNDINGS = 16;

/**
 * Compares the gradients of `fn` with centered differences, for the inputs that require gradients, or for all float32
 * inputs where none does. The inputs are copied to a CPU device of its own, which is the default device while `fn`
 * runs; the random state is the same at every call, so that dropout drops the same elements. Outputs that are not
 * scalars are weighted by a fixed random direction. Throws where there is nothing to check; a wrong gradient makes
 * `passed` false.
 */
export async function gradcheck(
  fn: Differentiable,
  inputs: Tensor[],
  options?: GradcheckOptions,
): Promise<GradcheckReport> {
  const marked = inputs.some((x) => x.requiresGrad);
  const copies = inputs.map(async (x) => ({
    data: await x.data(),
    shape: x.shape,
    dtype: x.dtype,
    requiresGrad: isFloat(x.dtype) && (x.requiresGrad || !marked),
  }));
  return checkGradients(fn, await Promise.all(copies), options);
}

/** @internal gradcheck of inputs that have no device. Synchronous, so that nobody else sees its device and random state. */
export function checkGradients(
  fn: Differentiable,
  inputs: HostTensor[],
  { step = 1e-5, tolerance = 1e-6, samples = Number.POSITIVE_INFINITY }: GradcheckOptions = {},
): GradcheckReport {
  if (!inputs.some((x) => x.requiresGrad)) {
    const given = inputs.map(({ dtype, shape }) => `${dtype} ${format(shape)}`).join(', ') || 'none';
    throw new ShapeError(`gradcheck: expected at least one input of floats, got ${given}`);
  }
  const cpu = cpuDevice();
  const state = randomState();
  const check = () => {
    const tensors = inputs.map((x) => place(x, cpu));
    const outputs = () => {
      setRandomState(state);
      return floatOutputs(fn(...tensors));
    };
    const { weights, gradients } = scope(() => analytic(outputs(), tensors));
    const evaluate = () => scope(() => outputs().map(valuesOf));
    const reports = tensors.flatMap((x, index) => {
      if (!x.requiresGrad) return [];
      const result = compare(x, gradients[index], () => evaluate(), weights, { step, samples });
      return [{ index, shape: x.shape, ...result, passed: result.error <= tolerance }];
    });
    return report(reports, tolerance);
  };
  try {
    return withDefaultDevice(cpu, () => scope(check));
  } finally {
    setRandomState(state);
  }
}

function floatOutputs(result: unknown): Tensor[] {
  const list = Array.isArray(result) ? result : [result];
  for (const x of list) {
    if (!(x instanceof Tensor)) {
      throw new TypeError(`gradcheck: expected the function to return a tensor, got ${x === null ? 'null' : typeof x}`);
    }
  }
  const floats = list.filter((x) => isFloat(x.dtype));
  if (floats.length === 0) throw new ShapeError('gradcheck: expected the function to return a tensor of floats');
  return floats;
}

/** The weights of the outputs, and the gradient by the tape for each input; zeros where none arrives. */
function analytic(outputs: Tensor[], inputs: Tensor[]) {
  const scalar = outputs.length === 1 && outputs[0].rank === 0;
  const directions = outputs.map(({ shape, dtype }, i) => ({
    ...direction(shape, i),
    dtype,
    ...(scalar && { data: [1] }),
  }));
  const weights = directions.map(({ data }) => data as HostArray);
  const reached = outputs.flatMap((out, i) => (out.requiresGrad ? [i] : []));
  const seeds = reached.map((i) => place({ ...directions[i], data: weights[i] }, outputs[i].device));
  const found = grad(
    reached.map((i) => outputs[i]),
    inputs,
    { gradients: seeds },
  );
  const gradients = found.map((g, i) => (g ? valuesOf(g) : new Float64Array(inputs[i].size)));
  return { weights, gradients };
}

/** Steps through coordinates of x, writing straight into its memory, and finds the worst. */
function compare(
  x: Tensor,
  gradient: HostArray,
  evaluate: () => HostArray[],
  weights: HostArray[],
  { step, samples }: { step: number; samples: number },
): Pick<InputReport, 'checked' | 'error' | 'worst'> {
  const memory = x.view('gradcheck').storage.handle as HostArray;
  const coordinates = chosen(x.size, samples);
  let error = 0;
  let worst: Coordinate | null = null;
  for (const i of coordinates) {
    const value = memory[i];
    const width = step * Math.max(1, Math.abs(value));
    // The numbers that were stepped to, rounded as they are, so that their distance is exact.
    const [low, high] = [value - width, value + width];
    memory[i] = low;
    const below = evaluate();
    memory[i] = high;
    const above = evaluate();
    memory[i] = value;
    const { slope, noise } = difference(below, above, weights, high - low);
    const found = relativeError(gradient[i], slope, noise);
    if (worst && !(found > error)) continue;
    error = found;
    worst = { at: coordinatesOf(i, x.shape), analytic: gradient[i], numeric: slope };
  }
  return { checked: coordinates.length, error, worst };
}

/** All coordinates, or so many in a fixed random order. */
function chosen(size: number, samples: number): number[] {
  const sampling: Stream = { seed: 3, stream: size };
  if (size <= samples) return Array.from({ length: size }, (_, i) => i);
  return [...shuffled(size, sampling).subarray(0, samples)];
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

/** @internal A flat position as coordinates. */
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

function report(inputs: InputReport[], tolerance: number): GradcheckReport {
  const passed = inputs.every((input) => input.passed);
  const lines = inputs.map(({ index, shape, checked, error, worst, passed }) => {
    const place = worst ? ` at [${worst.at}]: analytic ${worst.analytic}, numeric ${worst.numeric}` : '';
    return `  ${passed ? 'ok  ' : 'FAIL'} input ${index} ${format(shape)}: ${checked} checked, worst ${error.toExponential(1)}${place}`;
  });
  const text = [`gradcheck ${passed ? 'passed' : 'FAILED'}, tolerance ${tolerance}`, ...lines].join('\n');
  return { passed, tolerance, inputs, toString: () => text };
}
