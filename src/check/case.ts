// A case: one call that the kernel check makes on a device and on the float64 reference.
import type { Tensor } from '../tensor/tensor.ts';
import type { Input } from './values.ts';

export type Run = (...inputs: Tensor[]) => Tensor | Tensor[];

export interface Tolerance {
  /** Largest |gpu - cpu| / max |cpu| of a tensor that passes, for outputs and for gradients. */
  forward: number;
  gradient: number;
  /** Largest |gpu - cpu| of an element of an output, in units of float32's last place at the right value. Default: any. */
  ulp?: number;
}

/** Other plans than those that an adapter gets by itself. */
export interface Planned {
  /** Those of adapters of this kind. */
  plans?: 'software' | 'hardware';
  /** Those with this configuration for every class of matrix products and convolutions, see src/ops/gemm-config.ts. */
  configuration?: string;
}

export interface Case {
  /** The row that the case is about; the call must run it. */
  op: string;
  title: string;
  inputs: Input[];
  run: Run;
  /**
   * `check` (default): the CPU's gradients, first and second, against differences, and the device's against the CPU's.
   * `compare`: only the latter, where a kink or a tie leaves no difference to take. `none`: outputs only.
   */
  gradients?: 'check' | 'compare' | 'none';
  /** Differences from the family's tolerance; the case says why. */
  tolerance?: Partial<Tolerance>;
  /** The call has no tensors as arguments: its input only brings the device. */
  inputless?: boolean;
  /** Plans with which the case runs, too, so that all variants of a shader run on every adapter. */
  also?: readonly Planned[];
  /** Millions of elements or of threads: it takes seconds on a software adapter. */
  large?: boolean;
  /** What the CPU runs instead: an easier way to the same values, where `run` is too much for it or it refuses the inputs. */
  reference?: Run;
  /**
   * What is wrong is in the data: on the CPU the call must throw an error with this message, on a GPU the next read, and
   * the one after it must be well again.
   */
  faults?: RegExp;
  /** A feature that the adapter needs. Where it lacks it, the call must be refused by this name, before it takes any memory. */
  needs?: 'shader-f16';
  /** The call must throw an error with this message, before it takes any memory. */
  refuses?: RegExp;
}

/** The cases of a family, with its tolerance. */
export const family = (tolerance: Tolerance, cases: Case[]): Case[] =>
  cases.map((item) => ({ ...item, tolerance: { ...tolerance, ...item.tolerance } }));

/** What an op must refuse. */
export const refusal = (op: string, title: string, inputs: Input[], run: Run, refuses: RegExp): Case => ({
  op,
  title,
  inputs,
  run,
  refuses,
});
