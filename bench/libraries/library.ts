// What the bench asks of a library, in a process of its own.
import { BATCHES, type OpWorkload, type TrainData, type TrainWorkload, type Workload } from '../workloads/workload.ts';

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

/** The batches one by one. */
export function batchesOf({ x, y }: TrainData): TrainData[] {
  const [xs, ys] = [x.length / BATCHES, y.length / BATCHES];
  return Array.from({ length: BATCHES }, (_, i) => ({
    x: x.subarray(i * xs, (i + 1) * xs),
    y: y.subarray(i * ys, (i + 1) * ys),
  }));
}
