// What runs and the trials of a search make of the flags that say how training goes on: epochs, batches, schedule, clipping.
import type { Optimizer } from '../optim/index.ts';
import type { FitOptions } from '../train/fit-options.ts';
import { type ScheduleFlags, scheduleOf, USUAL_SCHEDULE } from './schedule.ts';
import type { Task } from './task.ts';

export interface CourseFlags extends ScheduleFlags {
  /** Whether a smaller last batch is left out. */
  dropLast?: boolean;
  /** Batches in a step. */
  accumulate?: number;
  /** The gradients' norm at most. */
  clip?: number;
}

interface Given extends CourseFlags {
  epochs: number;
  batch: number;
}

/** Options of fit, and the steps in an epoch. Throws a UserError where flags do not go together. */
export function courseOf(flags: Given, { splits, makeSchedule }: Task, optimizer: Optimizer) {
  const { epochs, batch, dropLast = false, accumulate = 1, clip } = flags;
  const batches = splits.train.length / batch;
  const stepsPerEpoch = Math.ceil((dropLast ? Math.floor(batches) : Math.ceil(batches)) / accumulate);
  const schedule = scheduleOf(flags, optimizer, { epochs, steps: stepsPerEpoch * epochs }, makeSchedule);
  const options = { epochs, batchSize: batch, dropLast, accumulate, schedule, ...(clip && { clipGradNorm: clip }) };
  return { stepsPerEpoch, ...options } satisfies Partial<FitOptions> & { stepsPerEpoch: number };
}

/** What was chosen, by flag, for the report of a run. */
export function courseWords(flags: CourseFlags, { makeSchedule }: Task): Record<string, string | number> {
  const { gamma, every, decay, warmup, annealMomentum, dropLast, accumulate, clip } = flags;
  const others = {
    ...{ gamma, every, decay, warmup, 'anneal-momentum': annealMomentum?.join(':') },
    ...{ 'drop-last': dropLast ? 'yes' : undefined, accumulate, clip },
  };
  const words: Record<string, string | number> = {
    schedule: flags.schedule ?? (makeSchedule ? "the module's" : USUAL_SCHEDULE),
  };
  for (const [name, value] of Object.entries(others)) if (value !== undefined) words[name] = value;
  return words;
}
