// What moves the learning rate while fit trains: a function of progress, a scheduler, or several.
import { lr, type Optimizer } from '../optim/index.ts';

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
  /** What it is, in words: a checkpoint goes on with another of its kind only. */
  readonly kind: string;
  stepBegins(progress: number): void;
  stepEnds(): void;
  /** `metric`: the loss of validation, or of training. */
  epochEnds(metric: number, progress: number): void;
  /** When training has ended: takes a factor off the learning rate. */
  end(): void;
  state(): ScheduleState;
  load(state: ScheduleState): void;
}

/** Throws where these are no schedules, or do not go together. */
export function checkSchedules(given: Schedule | readonly Schedule[] | undefined, by?: 'epoch' | 'step'): void {
  const all: readonly unknown[] = given === undefined ? [] : Array.isArray(given) ? given : [given];
  for (const one of all) {
    if (typeof one !== 'function' && typeof (one as Scheduler | null)?.step !== 'function') {
      throw new TypeError(`fit: expected schedule to be a function, a scheduler or a list of these, got ${one}`);
    }
    if (by === 'step' && one instanceof lr.ReduceLROnPlateau) {
      throw new TypeError("fit: ReduceLROnPlateau needs the loss of an epoch: leave out scheduleBy, got 'step'");
    }
  }
  const functions = all.filter((one) => typeof one === 'function').length;
  if (functions > 1) throw new TypeError(`fit: expected one function at most among schedules, got ${functions}`);
}

/** The schedules as one. Throws what checkSchedules throws. */
export function scheduleOf(
  schedule: Schedule | readonly Schedule[] | undefined,
  optimizer: Optimizer,
  by?: 'epoch' | 'step',
): Moving {
  if (isList(schedule)) return together(schedule, optimizer, by);
  if (typeof schedule === 'function') return factor(schedule, optimizer, by ?? 'step');
  const moves = by ?? 'epoch';
  return {
    kind: schedule ? `${nameOf(schedule)} by ${moves}` : 'none',
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

/** Schedulers of optim.lr say their names in their states, which no minifier changes. */
function nameOf(scheduler: Scheduler): string {
  const { scheduler: name } = (scheduler.stateDict?.() ?? {}) as { scheduler?: unknown };
  return typeof name === 'string' ? name : 'a scheduler of your own';
}

const isList = (given: Schedule | readonly Schedule[] | undefined): given is readonly Schedule[] =>
  Array.isArray(given);

/** Several schedules, each after the other. */
function together(schedules: readonly Schedule[], optimizer: Optimizer, by?: 'epoch' | 'step'): Moving {
  const parts = schedules.map((schedule) => scheduleOf(schedule, optimizer, by));
  const factored = schedules.findIndex((schedule) => typeof schedule === 'function');
  return {
    kind: `[${parts.map(({ kind }) => kind).join(', ')}]`,
    stepBegins(progress) {
      for (const part of parts) part.stepBegins(progress);
    },
    stepEnds() {
      for (const part of parts) part.stepEnds();
    },
    epochEnds(metric, progress) {
      for (const part of parts) part.epochEnds(metric, progress);
    },
    end() {
      for (const part of parts) part.end();
    },
    state() {
      const states = parts.map((part) => part.state());
      return { lr: states[factored]?.lr ?? ratesOf(optimizer), schedule: states.map((state) => state.schedule) };
    },
    load({ lr, schedule }) {
      parts.forEach((part, i) => {
        part.load({ lr, schedule: (schedule as unknown[])[i] });
      });
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
    kind: `a function by ${by}`,
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
      progress = (schedule as { progress: number }).progress;
    },
  };
}
