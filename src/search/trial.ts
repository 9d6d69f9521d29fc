// What a trial is given, what it tells, and what is kept of it.
import type { HostTensor } from '../nn/module.ts';
import type { Params, Space } from './space.ts';

/** What a trial tells while it runs. */
export interface TrialReport {
  /** How far it is, in epochs; may be broken. */
  epoch: number;
  /** The training loss, or another number that falls: the first one is what a hopeless trial is measured by. */
  cost?: number;
  /** The validation score. */
  score?: number;
}

export interface TrialContext {
  /** From 1. */
  trial: number;
  stage: number;
  stages: number;
  /** How many times longer this stage trains than the first: growth ** (stage - 1). */
  effort: number;
  /** Where the trial's randomness starts; `manualSeed(seed)` was called. */
  seed: number;
  /** The trial's own folder; null where the search has none. */
  folder: string | null;
  report(report: TrialReport): void;
  /** Aborted when the trial is hopeless and when the search is to stop: pass it on to fit. */
  signal: AbortSignal;
}

/** What a trial ends with. */
export interface TrialResult {
  /** The validation score. */
  score: number;
  /** The model's tensors, to be kept: in the trial's folder, else in the record. */
  state?: Record<string, HostTensor>;
  /** What the checkpoint says of the model, beside its score. */
  metadata?: Record<string, string>;
  /** The name of the checkpoint, where the trial wrote one itself. */
  checkpoint?: string;
}

/** Trains once with these values. `apart` says that it does not run on this thread, so that several may run at once. */
export type Trial<S extends Space = Space> = ((
  params: Params<S>,
  context: TrialContext,
) => TrialResult | Promise<TrialResult>) & { apart?: boolean };

/** What is kept of a trial. */
export interface TrialRecord<S extends Space = Space> extends Partial<Omit<TrialResult, 'metadata'>> {
  trial: number;
  stage: number;
  params: Params<S>;
  seed: number;
  /** `stopped` where it was hopeless, `failed` where it threw an error. */
  status: 'done' | 'stopped' | 'failed';
  /** Why it was stopped or failed. */
  reason?: string;
  seconds: number;
}

/** What a search was asked for, as its folder keeps it. */
export interface SearchPlan {
  space: Space;
  trials: number;
  stages: number;
  strategy: 'random' | 'grid';
  seed: number;
  growth: number;
  goal: 'max' | 'min';
  hopeless: number;
  /** Whatever else decides about the trials, so that a search is not resumed with something else. */
  settings: Record<string, unknown>;
}

/** A trial that is to be made. */
export type Draw<S extends Space = Space> = Pick<TrialRecord<S>, 'trial' | 'stage' | 'params' | 'seed'>;

/** Keeps trials; `SearchFolder` of downhill/search does so on disk. */
export interface TrialStore {
  /** Begins a search, or goes on with one: gives the trials that are finished. */
  open(plan: SearchPlan): Promise<TrialRecord[]>;
  /** Keeps the space of a stage as it begins; gives the one that was kept before, where there is one. */
  stage(stage: number, space: Space): Promise<Space>;
  /** Begins a trial anew; gives its folder. */
  begin(draw: Draw): Promise<string>;
  report(trial: number, report: TrialReport): void;
  /** Keeps the model; gives the name of its file. */
  checkpoint(
    trial: number,
    score: number,
    state: Record<string, HostTensor>,
    metadata?: Record<string, string>,
  ): Promise<string>;
  finish(record: TrialRecord): Promise<void>;
}
