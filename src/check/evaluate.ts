// Runs one case on one device: its outputs, its gradients, and what it leaves in memory.
import { grad } from '../autograd/backward.ts';
import { zeros } from '../tensor/creation.ts';
import { type Device, memory } from '../tensor/device.ts';
import { type HostArray, isFloat } from '../tensor/dtype.ts';
import { IndexError } from '../tensor/errors.ts';
import { randomState, setRandomState } from '../tensor/random.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Case, Run, Tolerance } from './case.ts';
import { compareResults, type Result } from './compare.ts';
import { checkGradients, checkSecondGradients } from './gradcheck.ts';
import type { GradcheckReport } from './gradcheck-report.ts';
import { direction, type HostTensor, place } from './values.ts';

/** What a case gives on a device. */
export interface Evaluation {
  outputs: Result[];
  /** One per output that carries a gradient: the weights with which the gradients were taken. */
  seeds: HostTensor[];
  /** One per float input; null where no gradient arrives. Empty where none was asked for. */
  gradients: (Result | null)[];
}

type Reading = Omit<Result, 'data'> & { data: Promise<HostArray> };

/** The inputs of a case, the same at every call. */
export const inputsOf = ({ inputs }: Case): HostTensor[] => inputs.map((make, i) => make({ seed: 1, stream: i }));

/** Runs `work`, which must be synchronous, with the same random numbers every time, and nobody else's numbers changed. */
function withFixedRandomness<T>(work: () => T): T {
  const before = randomState();
  setRandomState({ seed: 4, stream: 0 });
  try {
    return work();
  } finally {
    setRandomState(before);
  }
}

const carriesGradient = (x: Tensor) => isFloat(x.dtype) && x.requiresGrad;

/**
 * Gives the device its work at once and returns a promise of the results, so that the caller computes while the device
 * does. Throws at once what the call throws, and where memory is left behind when all its tensors are released.
 */
export function evaluate(item: Case, run: Run, host: HostTensor[], device: Device): Promise<Evaluation> {
  const before = memory(device).bytes;
  const { outputs, seeds, gradients } = withFixedRandomness(() =>
    scope(() => {
      const inputs = host.map((x) => place(x, device));
      const outputs = [run(...inputs)].flat();
      const seeds = outputs.filter(carriesGradient).map(({ shape, dtype }, i) => ({ ...direction(shape, i), dtype }));
      const gradients = item.gradients === 'none' ? [] : gradientsOf(outputs, inputs, seeds);
      return { outputs: outputs.map(read), seeds, gradients: gradients.map((g) => g && read(g)) };
    }),
  );
  const left = memory(device).bytes - before;
  if (left !== 0) throw new Error(`${left} bytes are still held on ${device} when all is released`);
  return finish(outputs, seeds, gradients);
}

const read = (x: Tensor): Reading => ({ shape: x.shape, dtype: x.dtype, data: x.data() });

async function finish(outputs: Reading[], seeds: HostTensor[], gradients: (Reading | null)[]): Promise<Evaluation> {
  const wait = async (reading: Reading): Promise<Result> => ({ ...reading, data: await reading.data });
  // All at once: after an error of the device every reading rejects, and none may go unheard.
  const [first, second] = await Promise.all([
    Promise.all(outputs.map(wait)),
    Promise.all(gradients.map((g) => g && wait(g))),
  ]);
  return { outputs: first, seeds, gradients: second };
}

function gradientsOf(outputs: Tensor[], inputs: Tensor[], seeds: HostTensor[]) {
  const roots = outputs.filter(carriesGradient);
  if (roots.length === 0)
    throw new Error('no output carries a gradient; if that is right, the case says gradients none');
  const gradients = seeds.map((seed) => place(seed, roots[0].device));
  const floats = inputs.filter(({ dtype }) => isFloat(dtype));
  return grad(roots, floats, { gradients });
}

/** What a case is held to unless it says otherwise. */
export const TOLERANCE: Tolerance = { forward: 1e-6, gradient: 1e-5 };

/** An output or a gradient beside its reference. */
export interface Compared {
  part: 'forward' | 'gradient';
  error: number;
  /** Units of the last place, of outputs of float32. */
  ulp: number | null;
  /** What is wrong, or null. */
  fault: string | null;
}

/** What a device gave for a case beside the reference, output by output, then gradient by gradient. */
export function comparisons(item: Case, actual: Evaluation, expected: Evaluation): Compared[] {
  const limits = { ulp: Number.POSITIVE_INFINITY, ...TOLERANCE, ...item.tolerance };
  const compare = (part: Compared['part'], what: string, a: Result | null, b: Result | null): Compared => {
    if (!a && !b) return { part, error: 0, ulp: null, fault: null };
    if (!a || !b) {
      const fault = `${what}: ${a ? 'the reference' : 'the device'} gives none`;
      return { part, error: Number.POSITIVE_INFINITY, ulp: null, fault };
    }
    const { error, ulp, detail } = compareResults(a, b);
    const places = part === 'forward' ? ulp : null;
    let fault: string | null = null;
    if (!(error <= limits[part])) fault = `${what}, error ${error.toExponential(1)} > ${limits[part]}: ${detail}`;
    else if (places !== null && !(places <= limits.ulp)) {
      fault = `${what}: off by ${places.toFixed(1)} units of the last place > ${limits.ulp}`;
    }
    return { part, error, ulp: places, fault };
  };
  return [
    ...expected.outputs.map((b, k) => compare('forward', `output ${k}`, actual.outputs[k] ?? null, b)),
    ...expected.gradients.map((b, k) =>
      compare('gradient', `gradient of float input ${k}`, actual.gradients[k] ?? null, b),
    ),
  ];
}

/** The CPU's first and second derivatives of a case against differences, at some coordinates of each input. */
export function gradcheckCase(
  { run }: Case,
  inputs: HostTensor[],
  tolerance: number,
  samples: { first: number; second: number },
): { first: GradcheckReport; second: GradcheckReport } {
  return withFixedRandomness(() => ({
    first: checkGradients(run, inputs, { tolerance, samples: samples.first }),
    second: checkSecondGradients(run, inputs, { tolerance, samples: samples.second }),
  }));
}

/** What is wrong with how bad data is told, or null: at once on the CPU, by the next read and by no other on a GPU. */
export async function dataFault(item: Case, device: Device): Promise<string | null> {
  const faults = item.faults!;
  const host = inputsOf(item);
  const words = async () => {
    try {
      await evaluate({ ...item, gradients: 'none' }, item.run, host, device);
      return null;
    } catch (error) {
      return error instanceof IndexError ? error.message : `no IndexError: ${(error as Error).message}`;
    }
  };
  const message = await words();
  if (message === null) return `expected an error like ${faults}, got none`;
  if (!faults.test(message)) return `expected an error like ${faults}, got: ${message}`;
  const fault = await readFault(device);
  return fault && `the next read but one rejects, too: ${fault.message}`;
}

/** What a read of a device rejects with that has nothing else to do; null where it does not. */
export async function readFault(device: Device): Promise<Error | null> {
  const probe = keep(zeros([1], { device }));
  return probe
    .data()
    .then(() => null)
    .catch((error: Error) => error)
    .finally(() => probe.dispose());
}

/** What is wrong with how a case is refused, or null: it must throw the right words, and take no memory before. */
export function refusalFault(item: Case, device: Device, refuses: RegExp): string | null {
  return scope(() => {
    const inputs = inputsOf(item).map((x) => place(x, device));
    const before = memory(device).bytes;
    let message: string | null = null;
    try {
      item.run(...inputs);
    } catch (error) {
      message = (error as Error).message;
    }
    const taken = memory(device).bytes - before;
    if (message === null) return `expected an error like ${refuses}, got none`;
    if (!refuses.test(message)) return `expected an error like ${refuses}, got: ${message}`;
    return taken === 0 ? null : `took ${taken} bytes before it threw: ${message}`;
  });
}
