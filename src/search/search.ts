// search: trials of hyperparameters, coarse to fine, some side by side, the hopeless ones ended early.
import { bestOf, borderWarnings, narrowed } from './narrow.ts';
import { pooled, runTrial } from './run-trial.ts';
import { checkSpace, drawn, grid, type Params, type Space, trialSeed } from './space.ts';
import type { Draw, SearchPlan, Trial, TrialContext, TrialRecord, TrialReport, TrialStore } from './trial.ts';

export interface SearchOptions<S extends Space> {
  space: S;
  /** Trials of all stages together, shared out evenly. Default 20. */
  trials?: number;
  /** Default 1. */
  stages?: number;
  /** Default: random, which tries a new value of every hyperparameter in every trial. */
  strategy?: 'random' | 'grid';
  seed?: number;
  /** How many times longer each stage trains than the one before. Default 3. */
  growth?: number;
  /** Whether the best score is the largest (default) or the smallest. */
  goal?: 'max' | 'min';
  /** A trial is stopped when its cost is over so many times its first one, or is no number. Default 3. */
  hopeless?: number;
  /** Trials at a time. Default 1; more only of trials that are `apart`, such as those of forked(). */
  jobs?: number;
  store?: TrialStore;
  settings?: Record<string, unknown>;
  /** Ends the search; trials at work are given up, those done stay. */
  signal?: AbortSignal;
  /** As a stage begins, with its space and the number of all trials that are done already. */
  onStage?: (stage: number, space: S, done: number) => void;
  onBegin?: (trial: Omit<TrialContext, 'report' | 'signal'> & { params: Params<S> }) => void;
  onReport?: (trial: number, report: TrialReport) => void;
  /** After each trial, with all so far; the search waits for a promise. */
  onTrial?: (record: TrialRecord<S>, soFar: SearchResult<S>) => void | Promise<void>;
}

export interface SearchResult<S extends Space = Space> {
  /** What was asked for, with its defaults. */
  plan: SearchPlan & { space: S };
  /** In the order of their numbers. */
  trials: TrialRecord<S>[];
  best: TrialRecord<S> | null;
  /** The space of each stage that was begun. */
  spaces: S[];
  warnings: string[];
  /** Whether all trials of all stages are done. */
  complete: boolean;
}

/** Failures at the start that are taken for a fault of the trials, not of their values. */
const FAILURES = 3;

/** The trials that are done, best first. */
export function ranked<S extends Space>(trials: readonly TrialRecord<S>[], goal: 'max' | 'min' = 'max') {
  const sign = goal === 'max' ? -1 : 1;
  return trials.filter(({ status }) => status === 'done').toSorted((a, b) => sign * (a.score! - b.score!));
}

/**
 * Searches for the hyperparameters with the best score. Values are drawn from the seed and the number of the trial alone, so
 * that a search which was interrupted goes on with the same ones. With stages, each but the first draws from ranges narrowed
 * around the best quarter of the trials of the stage before (see narrowed()), and trains `growth` times longer.
 *
 * A trial that throws is recorded as failed, and made again on resume; where the first three fail, the search throws the last
 * error. Throws a RangeError for options that cannot be.
 */
export async function search<S extends Space>(trial: Trial<S>, options: SearchOptions<S>): Promise<SearchResult<S>> {
  const plan = planOf(options, Boolean(trial.apart));
  const { space, trials, stages, strategy, seed, goal } = plan;
  const { store, jobs = 1, onStage, onTrial, signal } = options;
  const known = new Map((await store?.open(plan))?.map((record) => [record.trial, record as TrialRecord<S>]));
  const spaces: S[] = [];
  const records: TrialRecord<S>[] = [];
  let planned = 0;

  const soFar = (): SearchResult<S> => {
    const sorted = records.toSorted((a, b) => a.trial - b.trial);
    const best = ranked(sorted, goal)[0] ?? null;
    const warnings = best ? borderWarnings(best.params, spaces[best.stage - 1], space) : ['no trial has a score'];
    const complete = spaces.length === stages && records.length === planned;
    return { plan, trials: sorted, best, spaces: [...spaces], warnings, complete };
  };
  const keep = async (record: TrialRecord<S>) => {
    await store?.finish(record as TrialRecord);
    records.push(record);
    if (records.length >= FAILURES && records.every(({ status }) => status === 'failed')) {
      throw new Error(`search: the first ${records.length} trials failed, the last one with: ${record.reason}`);
    }
    await onTrial?.(record, soFar());
  };
  // One after the other, so that whoever hears of two trials that end together hears of one at a time.
  let kept = Promise.resolve();

  for (let stage = 1; stage <= stages && !signal?.aborted; stage++) {
    const around = stage === 1 ? space : narrowed(spaces[stage - 2], space, goodOnes(records, stage - 1, goal));
    const within = ((await store?.stage(stage, around)) as S | undefined) ?? around;
    spaces.push(within);
    const count = share(trials, stages, stage);
    const values =
      strategy === 'grid'
        ? grid(within, count)
        : Array.from({ length: count }, (_, i) => drawn(within, seed, planned + 1 + i));
    const draws = values.map((params, i): Draw<S> => {
      const number = planned + 1 + i;
      return { trial: number, stage, params, seed: trialSeed(seed, number) };
    });
    planned += draws.length;
    for (const { trial, params } of draws) {
      const record = known.get(trial);
      if (record) records.push(sameValues(record, params));
    }
    onStage?.(stage, within, records.length);
    const missing = draws.filter(({ trial }) => !known.has(trial));
    await pooled(missing, jobs, signal, async (draw, stop) => {
      const record = await runTrial(trial, draw, plan, { ...options, signal: stop });
      if (!record) return;
      kept = kept.then(() => keep(record));
      await kept;
    });
  }
  return soFar();
}

/** The values of the best quarter of a stage. */
function goodOnes<S extends Space>(records: TrialRecord<S>[], stage: number, goal: 'max' | 'min'): Params<S>[] {
  const mine = records.filter((record) => record.stage === stage);
  return ranked(mine, goal)
    .slice(0, bestOf(mine.length))
    .map(({ params }) => params);
}

/** Trials of a stage: an even share, the first ones with one more where they do not come out even. */
const share = (trials: number, stages: number, stage: number) =>
  Math.floor(trials / stages) + (stage <= trials % stages ? 1 : 0);

function sameValues<S extends Space>(record: TrialRecord<S>, params: Params<S>): TrialRecord<S> {
  if (JSON.stringify(record.params) === JSON.stringify(params)) return record;
  const [there, here] = [record.params, params].map((values) => JSON.stringify(values));
  throw new Error(`search: trial ${record.trial} was made with ${there}, not with ${here} as this search would`);
}

/** The options with their defaults. Throws a RangeError for what cannot be. */
function planOf<S extends Space>(options: SearchOptions<S>, apart: boolean): SearchPlan & { space: S } {
  const { space, trials = 20, stages = 1, strategy = 'random', seed = 0, growth = 3, goal = 'max' } = options;
  const { hopeless = 3, jobs = 1, settings = {} } = options;
  const expected = (holds: boolean, what: string, got: unknown) => {
    if (!holds) throw new RangeError(`search: expected ${what}, got ${got}`);
  };
  const whole = (n: number, least: number) => Number.isSafeInteger(n) && n >= least;
  checkSpace(space);
  expected(whole(stages, 1), 'stages to be a whole number of at least 1', stages);
  const least = stages === 1 ? 1 : 2 * stages;
  expected(whole(trials, least), `at least ${least} trials for ${stages} stages`, trials);
  expected(strategy === 'random' || strategy === 'grid', 'strategy random or grid', strategy);
  expected(whole(seed, 0), 'a seed that is a whole number from 0 to 2^53 - 1', seed);
  expected(growth >= 1 && Number.isFinite(growth), 'growth of at least 1', growth);
  expected(goal === 'max' || goal === 'min', 'goal max or min', goal);
  expected(hopeless > 1, 'hopeless above 1', hopeless);
  expected(whole(jobs, 1), 'jobs to be a whole number of at least 1', jobs);
  expected(jobs === 1 || apart, 'jobs 1 for trials that share this thread (see forked() of downhill/search)', jobs);
  // Said before anything is written; narrowed spaces have no more points.
  if (strategy === 'grid') grid(space, Math.floor(trials / stages));
  return { space, trials, stages, strategy, seed, growth, goal, hopeless, settings };
}
