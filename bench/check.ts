// Are a library's values those of float64? Nothing is timed before they are.
import { sizeOf, spread, valueAt } from './workloads/values.ts';
import type { Workload } from './workloads/workload.ts';

/** Largest relative difference of a loss, and of what the steps did to a parameter (see `compare`). */
const LOSS = 1e-3;
const PARAMETER = 0.05;

export interface Verdict {
  /** What is wrong, or null. */
  wrong: string | null;
  /** The largest error, in words. */
  error: string;
}

const digits = (x: number) => x.toExponential(1);

/**
 * An op's output: the largest difference, in parts of the root mean square of the true values, which also tells float32
 * from less precise arithmetic. A training workload: the losses of three steps, relative, and each parameter after them by
 * the norm of its difference in parts of the norm of its change, since Adam makes much of the signs of tiny gradients.
 */
export function compare(
  workload: Workload,
  found: Record<string, number[]>,
  wanted: Record<string, number[]>,
): Verdict {
  const names = Object.keys(wanted);
  const missing = names.find((name) => found[name]?.length !== wanted[name].length);
  if (missing !== undefined) {
    const got = found[missing]?.length ?? 0;
    return { wrong: `${missing}: expected ${wanted[missing].length} values, got ${got}`, error: '' };
  }
  const judged = names.map((name) => {
    if (workload.kind === 'op') return { name, limit: workload.tolerance, error: ofValues(found[name], wanted[name]) };
    if (name.startsWith('loss')) return { name, limit: LOSS, error: ofValues(found[name], wanted[name]) };
    const { shape, fill } = workload.network.params.find((param) => name === `parameter ${param.name}`)!;
    const first = spread(sizeOf(shape), wanted[name].length).map((i) => valueAt(fill, i));
    return { name, limit: PARAMETER, error: ofChange(found[name], wanted[name], first) };
  });
  const worst = judged.reduce((a, b) => (share(b) > share(a) ? b : a));
  const error = `${worst.name}: ${digits(worst.error)} of at most ${digits(worst.limit)}`;
  const failing = share(worst) <= 1 ? null : `values differ from float64: ${error}`;
  return { wrong: failing, error };
}

/** Of the limit; NaN is infinitely far off. */
const share = ({ error, limit }: { error: number; limit: number }) =>
  Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / limit;

const norm = (values: number[]) => Math.sqrt(values.reduce((total, v) => total + v * v, 0));

function ofValues(found: number[], wanted: number[]): number {
  // Math.max keeps NaN.
  const largest = found.reduce((most, v, i) => Math.max(most, Math.abs(v - wanted[i])), 0);
  return largest / (norm(wanted) / Math.sqrt(wanted.length) || 1);
}

function ofChange(found: number[], wanted: number[], first: number[]): number {
  const difference = norm(found.map((v, i) => v - wanted[i]));
  return difference / (norm(wanted.map((v, i) => v - first[i])) || 1);
}
