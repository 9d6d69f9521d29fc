// What moves the learning rate while fit trains: a function of progress, or a scheduler.
import type { Optimizer } from '../optim/index.ts';

/** Something that sets the learning rate of its optimizer when it is told that a step or an epoch is over. */
export interface Scheduler {
  step(metric?: number): void;
  /** State as plain JSON, for checkpoints. */
  stateDict?(): unknown;
  loadStateDict?(state: never): void;
}

/** A factor on the learning rates that the optimizer begins with, from the share of training that is done; or a scheduler. */
export type Schedule = ((progress: number) => number) | Scheduler;

interface ScheduleState {
  /** Learning rates of the parameter groups. */
  lr: number[];
  schedule: unknown;
}

const ratesOf = ({ paramGroups }: Optimizer): number[] => paramGroups.map(({ lr }) => lr);

/** A schedule at work. */
interface Moving {
  stepBegins(progress: number): void;
  stepEnds(): void;
  /** `metric`: the loss of validation, or of training. */
  epochEnds(metric: number, progress: number): void;
  /** When training has ended: takes a factor off the learning rate. */
  end(): void;
  state(): ScheduleState;
  load(state: ScheduleState): void;
}

export function scheduleOf(schedule: Schedule | undefined, optimizer: Optimizer, by?: 'epoch' | 'step'): Moving {
  if (typeof schedule === 'function') return factor(schedule, optimizer, by ?? 'step');
  const moves = by ?? 'epoch';
  return {
    stepBegins() {},
    stepEnds: () => moves === 'step' && schedule?.step(),
    epochEnds: (metric) => moves === 'epoch' && schedule?.step(metric),
    end() {},
    state: () => ({ lr: ratesOf(optimizer), schedule: structuredClone(schedule?.stateDict?.() ?? null) }),
    load(state) {
      if (schedule && state.schedule !== null) schedule.loadStateDict?.(state.schedule as never);
    },
  };
}

function factor(of: (progress: number) => number, optimizer: Optimizer, by: 'epoch' | 'step'): Moving {
  let base = ratesOf(optimizer);
  let progress = 0;
  const set = (share: number) => {
    optimizer.paramGroups.forEach((group, g) => {
      group.lr = base[g] * share;
    });
  };
  return {
    stepBegins(done) {
      if (by === 'step') progress = done;
      set(of(progress));
    },
    stepEnds() {},
    epochEnds(_metric, done) {
      progress = done;
    },
    end: () => set(1),
    state: () => ({ lr: base, schedule: { progress } }),
    load({ lr, schedule }) {
      base = lr;
      progress = (schedule as { progress: number } | null)?.progress ?? 0;
    },
  };
}
