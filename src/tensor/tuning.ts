// What can be tuned: calls that stand for a class of calls, and the names of the configurations that a plan may take.
import type { GpuTraits, Kernel, TypedLayout } from './backend.ts';

/** A call for which a plan asks `GpuTraits.choice` once. */
// biome-ignore lint/suspicious/noExplicitAny: a list of trials holds many types of attributes
export interface Trial<A = any> {
  kernel: Kernel<A>;
  inputs: TypedLayout[];
  outputs: TypedLayout[];
  attrs: A;
  /** Names that `choice` may answer. */
  candidates: readonly string[];
}

/** All trials, in order of their weight; ops add theirs. */
export const trials: Trial[] = [];

/** Which configuration was found fastest, by class. */
export type Choices = Record<string, string>;

/** The class that the plan of a trial asks for. */
export function classOfTrial({ kernel, inputs, outputs, attrs }: Trial, gpu: GpuTraits): string | undefined {
  let name: string | undefined;
  const choice = (asked: string) => {
    name ??= asked;
    return undefined;
  };
  kernel.plan(inputs, outputs, attrs, { ...gpu, choice });
  return name;
}
