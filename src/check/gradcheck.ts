// gradcheck and gradgradcheck: the tape's gradients against centered differences, in float64 on the CPU.
import { grad } from '../autograd/backward.ts';
import { cpuDevice } from '../backends/cpu/backend.ts';
import { isFloat } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { randomState, setRandomState } from '../tensor/random.ts';
import { scope } from '../tensor/scope.ts';
import { format } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { analytic, type Coordinate, chosenCoordinates, compareCoordinates, weightsOf } from './differences.ts';
import { type GradcheckReport, gradcheckReport, inputReport } from './gradcheck-report.ts';
import { direction, type HostTensor, place, withDefaultDevice } from './values.ts';

/**
 * A function to check. It is called many times, and must do the same each time. Parts that are returned by name, such as
 * `{ data, regularization }`, are checked apart: in their sum a large part hides what is wrong with a small one.
 */
export type Differentiable = (...inputs: Tensor[]) => Tensor | Tensor[] | Record<string, Tensor>;

export interface GradcheckOptions {
  /**
   * Step h of the differences for inputs up to 1, relative to the input beyond. Default 1e-5: the error of centered
   * differences, h^2 / 6 times the third derivative, then meets the roundoff, 1e-16 / h.
   */
  step?: number;
  /** Largest relative error that passes, less what roundoff in the outputs may have made. Default 1e-6. */
  tolerance?: number;
  /** Coordinates to check per input. Default: all. */
  samples?: number;
  /** Chooses the coordinates where there are more than `samples`. Default 3. */
  seed?: number;
  /** Also the error at other steps: those given, or with `true` 1e-1 to 1e-11, each a tenth of the one before. */
  sweep?: boolean | number[];
}

const SWEEP = Array.from({ length: 11 }, (_, i) => Number(`1e-${i + 1}`));

/**
 * Compares the gradients of `fn` with centered differences, for the inputs that require gradients, or for all inputs of
 * floats where none does. The inputs are copied to a CPU device of its own, which is the default device while `fn`
 * runs; the random state is the same at every call, so that dropout drops the same elements. Outputs that are not
 * scalars are weighted by a fixed random direction. A coordinate where another branch is taken at x + h than at x - h,
 * such as another side of a relu or another winner of a max, is reported as a kink and not compared. Throws where there
 * is nothing to check; a wrong gradient makes `passed` false.
 *
 * Of |analytic - numeric| is taken off what roundoff in the outputs can make: 16 rounding errors of 2^-53 of their size,
 * over the width of the step. A large output so excuses a small gradient, right or wrong: where that alone lets a
 * coordinate pass that is off by more than 1e-4, it is `unproven`, and so is an input all of whose coordinates lie on
 * kinks; `warnings` names them. Take constants and large parts out of the loss then, or a larger step.
 */
export async function gradcheck(
  fn: Differentiable,
  inputs: Tensor[],
  options?: GradcheckOptions,
): Promise<GradcheckReport> {
  return checkGradients(fn, await hostInputs(inputs), options);
}

/** gradcheck of the gradients of `fn` themselves: the second derivatives, for the inputs and for the gradient that comes in. */
export async function gradgradcheck(
  fn: Differentiable,
  inputs: Tensor[],
  options?: GradcheckOptions,
): Promise<GradcheckReport> {
  return checkSecondGradients(fn, await hostInputs(inputs), options);
}

function hostInputs(inputs: Tensor[]): Promise<HostTensor[]> {
  const marked = inputs.some((x) => x.requiresGrad);
  const copy = async (x: Tensor) => ({
    data: await x.data(),
    shape: x.shape,
    dtype: x.dtype,
    requiresGrad: isFloat(x.dtype) && (x.requiresGrad || !marked),
  });
  return Promise.all(inputs.map(copy));
}

/** @internal gradgradcheck of inputs that have no device. */
export function checkSecondGradients(
  fn: Differentiable,
  inputs: HostTensor[],
  options?: GradcheckOptions,
): GradcheckReport {
  checkInputs('gradgradcheck', inputs);
  const shapes = onCpu(inputs, (tensors) => rootsOf(fn(...tensors)).map(({ shape, dtype }) => ({ shape, dtype })));
  const seeds = shapes.map(({ shape, dtype }, i) => ({ ...direction(shape, i), dtype, requiresGrad: true }));
  const slope = (...all: Tensor[]): Tensor[] => {
    const [xs, gradients] = [all.slice(0, inputs.length), all.slice(inputs.length)];
    const wanted = xs.filter((x) => x.requiresGrad);
    const found = grad(rootsOf(fn(...xs)), wanted, { gradients, createGraph: true });
    return found.filter((g) => g !== null);
  };
  return checkGradients(slope, [...inputs, ...seeds], options, [
    ...inputs.map((_, i) => `input ${i}`),
    ...seeds.map((_, i) => `gradient ${i}`),
  ]);
}

const rootsOf = (result: unknown) =>
  partsOf(result)
    .flatMap(([, outputs]) => outputs)
    .filter((x) => x.requiresGrad);

/** Runs `work` on copies of the inputs on a CPU device that is the default meanwhile, with the random state as it is, and leaves all as it was. */
function onCpu<T>(inputs: HostTensor[], work: (tensors: Tensor[]) => T): T {
  const cpu = cpuDevice();
  const state = randomState();
  try {
    return withDefaultDevice(cpu, () => scope(() => work(inputs.map((x) => place(x, cpu)))));
  } finally {
    setRandomState(state);
  }
}

function checkInputs(name: string, inputs: HostTensor[]): void {
  if (inputs.some((x) => x.requiresGrad)) return;
  const given = inputs.map(({ dtype, shape }) => `${dtype} ${format(shape)}`).join(', ') || 'none';
  throw new ShapeError(`${name}: expected at least one input of floats, got ${given}`);
}

/** @internal gradcheck of inputs that have no device. Synchronous, so that nobody else sees its device and random state. */
export function checkGradients(
  fn: Differentiable,
  inputs: HostTensor[],
  { step = 1e-5, tolerance = 1e-6, samples = Number.POSITIVE_INFINITY, seed = 3, sweep = false }: GradcheckOptions = {},
  names = inputs.map((_, i) => `input ${i}`),
): GradcheckReport {
  checkInputs('gradcheck', inputs);
  const steps = sweep === true ? SWEEP : sweep || [];
  for (const h of [step, ...steps]) {
    if (!(h > 0 && h < 1)) throw new RangeError(`gradcheck: expected a step above 0 and below 1, got ${h}`);
  }
  if (!(samples >= 1)) throw new RangeError(`gradcheck: expected samples of at least 1, got ${samples}`);
  const state = randomState();
  return onCpu(inputs, (tensors) => {
    const named = () => {
      setRandomState(state);
      return partsOf(fn(...tensors));
    };
    const objective = { run: () => named().map(([, outputs]) => outputs), device: tensors[0].device };
    const { parts, weights, gradients } = scope(() => {
      const found = named();
      const outputs = found.map(([, list]) => list);
      const weights = weightsOf(outputs);
      const gradients = outputs.map((list, part) => analytic(list, weights[part], tensors));
      return { parts: found.map(([name]) => name), weights, gradients };
    });
    const reports = tensors.flatMap((x, index) => {
      if (!x.requiresGrad) return [];
      const coordinates = chosenCoordinates(x.size, samples, seed, index);
      const mine = gradients.map((list) => list[index]);
      const compare = (h: number) => compareCoordinates(objective, x, coordinates, mine, weights, h);
      const found = compare(step);
      const curve = steps.map((h) => ({ h, parts: compare(h) }));
      return parts.map((part, k) => {
        const points = curve.map(({ h, parts }) => sweepPoint(h, parts[k]));
        return inputReport({ index, name: names[index], part, shape: x.shape }, found[k], points, tolerance);
      });
    });
    return gradcheckReport(reports, step, tolerance);
  });
}

function sweepPoint(step: number, coordinates: Coordinate[]) {
  const compared = coordinates.filter(({ kink }) => !kink);
  const error = compared.reduce((worst, c) => Math.max(worst, c.raw), 0);
  return { step, error, kinks: coordinates.length - compared.length };
}

/** The float outputs of a function, by part; one part without a name where it returned no record. */
function partsOf(result: unknown): [string | null, Tensor[]][] {
  const isRecord = result !== null && typeof result === 'object' && Object.getPrototypeOf(result) === Object.prototype;
  const parts: [string | null, unknown][] = isRecord ? Object.entries(result) : [[null, result]];
  return parts.map(([name, value]) => [name, floatOutputs(value)]);
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
