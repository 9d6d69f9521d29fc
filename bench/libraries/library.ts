// What the bench asks of a library, in a process of its own.
import type { OpWorkload, TrainData, TrainWorkload, Workload } from '../workloads/workload.ts';

/** Numbers by name: `out` of an op, `loss 1` and so on, and the parameters of a network after some steps. */
export type Values = Record<string, Float32Array | Float64Array>;

/** A workload made ready on a library: nothing was computed yet. */
export interface Prepared {
  /** Begins step number `i`; when it returns, all its commands were handed to the device. */
  step(i: number): void;
  /** Waits for the step begun last. */
  finish(): Promise<void>;
  /** The loss of the last step of a training workload, or the output of an op. */
  result(): Promise<ArrayLike<number>>;
  /** All parameters as they are now, in PyTorch's layout; none for an op. */
  parameters(): Promise<ArrayLike<number>[]>;
}

export interface Library {
  version: string;
  op(workload: OpWorkload): Prepared | Promise<Prepared>;
  train(workload: TrainWorkload, data: TrainData): Prepared | Promise<Prepared>;
}

/** Thrown for what a library cannot do; the message says why, for the table. */
export class Unable extends Error {}

export const prepare = (library: Library, workload: Workload, data: TrainData | null) =>
  workload.kind === 'op' ? library.op(workload) : library.train(workload, data!);

/** Batch `i` modulo their number. */
export function batchOf({ x, y }: TrainData, count: number, i: number) {
  const [xs, ys] = [x.length / count, y.length / count];
  return {
    x: x.subarray((i % count) * xs, ((i % count) + 1) * xs),
    y: y.subarray((i % count) * ys, ((i % count) + 1) * ys),
  };
}
