// The tuner: times the configurations of each class of calls on this adapter, and tells which are fastest.
import type { GpuTraits } from '../../tensor/backend.ts';
import { trials as allTrials, type Choices, classOfTrial, type Trial } from '../../tensor/tuning.ts';
import { prepare, Stopwatch, type Workshop } from './stopwatch.ts';

export interface TuneOptions {
  /** Milliseconds that measuring may take, compiling included; classes beyond it keep their defaults. Default 2000. */
  budget?: number;
}

/** Runs of each configuration, in turns; the fastest counts, since what disturbs only adds. */
const ROUNDS = 3;

/**
 * Times the configurations of all trials whose class is not in `known`, heavy ones first, and adds the fastest of each to
 * a copy of `known`. A class that the budget does not reach to the end is left out.
 */
export async function tuned(
  workshop: Workshop,
  gpu: GpuTraits,
  known: Choices,
  { budget = 2000 }: TuneOptions = {},
  trials: readonly Trial[] = allTrials,
): Promise<Choices> {
  if (!(budget > 0)) throw new TypeError(`tune: expected budget as milliseconds above 0, got ${budget}`);
  const deadline = performance.now() + budget;
  const choices = { ...known };
  const watch = new Stopwatch(workshop.device);
  try {
    for (const trial of trials) {
      const name = classOfTrial(trial, gpu);
      if (name === undefined || Object.hasOwn(choices, name)) continue;
      const best = performance.now() < deadline ? await fastest(workshop, watch, trial, gpu, deadline) : null;
      if (best === null) break;
      choices[name] = best;
    }
  } finally {
    watch.close();
  }
  return choices;
}

/** The fastest candidate of a trial; null where time is up before all were timed. */
async function fastest(
  workshop: Workshop,
  watch: Stopwatch,
  trial: Trial,
  gpu: GpuTraits,
  deadline: number,
): Promise<string | null> {
  const { kernel, inputs, outputs, attrs, candidates } = trial;
  const best = candidates.map(() => Number.POSITIVE_INFINITY);
  const plans = candidates.map((name) => {
    const plan = kernel.plan(inputs, outputs, attrs, { ...gpu, choice: () => name });
    return prepare(workshop, trial, plan);
  });
  try {
    // A driver that compiles slowly must not hold up the program.
    const compiled = Promise.all(plans.map((plan) => plan.compiled));
    compiled.catch(() => {});
    let timer: ReturnType<typeof setTimeout> | undefined;
    const up = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), Math.max(0, deadline - performance.now()));
    });
    const first = await Promise.race([compiled, up]);
    clearTimeout(timer);
    if (first === 'late') return null;
    watch.reset();
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [i, plan] of plans.entries()) {
        if (performance.now() > deadline) return null;
        const time = await watch.time(plan);
        // The first run of all warms up.
        if (round > 0) best[i] = Math.min(best[i], time);
      }
    }
    return candidates[best.indexOf(Math.min(...best))];
  } finally {
    for (const plan of plans) plan.free();
  }
}
