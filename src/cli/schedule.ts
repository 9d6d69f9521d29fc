// How the learning rate and the momentum move in the commands: schedules by name, warm-up, and momentum annealed upwards.
import { lr, type Optimizer } from '../optim/index.ts';
import type { Schedule } from '../train/schedule.ts';
import { asUserError, UserError } from './errors.ts';

/** How a run moves. `gamma`, `every` and `decay` are of some schedules alone. */
export interface ScheduleFlags {
  /** Default: linear, or the module's. */
  schedule?: ScheduleName;
  gamma?: number;
  /** In epochs. */
  every?: number;
  /** For an epoch. */
  decay?: number;
  /** Epochs, which may be broken. */
  warmup?: number;
  /** Momentum at the beginning and in the last epoch. */
  annealMomentum?: readonly [from: number, to: number];
  momentum?: number;
}

/** What a run is, as far as schedules go. */
export interface Course {
  epochs: number;
  /** Of the optimizer, in all. */
  steps: number;
}

/** A factor on the learning rate, from the share of training that is done. */
type Factor = (progress: number) => number;

interface Named {
  /** The flags that it takes. */
  takes: readonly ('gamma' | 'every' | 'decay')[];
  factor(flags: ScheduleFlags, epochs: number): Factor;
}

const cosine = (from: number, to: number, share: number) => to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;

/** The share of training in which one-cycle warms up, and its first factor. */
const WARM = { share: 0.3, from: 1 / 25 };

const SCHEDULES = {
  /** Straight down to 0, which after one epoch is as good as half a cosine. */
  linear: { takes: [], factor: () => (progress) => 1 - progress },
  cosine: { takes: [], factor: () => (progress) => cosine(1, 0, progress) },
  'one-cycle': {
    takes: [],
    factor: () => (progress) =>
      progress < WARM.share
        ? cosine(WARM.from, 1, progress / WARM.share)
        : cosine(1, 0, (progress - WARM.share) / (1 - WARM.share)),
  },
  constant: { takes: [], factor: () => () => 1 },
  /** gamma^floor(t / every), t in epochs. */
  step: {
    takes: ['gamma', 'every'],
    factor: ({ gamma = 0.1, every }, epochs) => {
      const each = every ?? Math.max(1, Math.ceil(epochs / 3));
      // A share of training is no whole number of epochs to the last bit.
      return (progress) => gamma ** Math.floor((progress * epochs) / each + 1e-9);
    },
  },
  /** gamma^t, a little with every step. */
  exponential: {
    takes: ['gamma'],
    factor:
      ({ gamma = 0.9 }, epochs) =>
      (progress) =>
        gamma ** (progress * epochs),
  },
  /** 1 / (1 + decay t). */
  inverse: {
    takes: ['decay'],
    factor:
      ({ decay = 1 }, epochs) =>
      (progress) =>
        1 / (1 + decay * progress * epochs),
  },
  /** By the losses of epochs alone: see plateauOf. */
  plateau: { takes: ['gamma', 'every'], factor: () => () => 1 },
} as const satisfies Record<string, Named>;

export type ScheduleName = keyof typeof SCHEDULES;

export const SCHEDULE_NAMES = Object.keys(SCHEDULES) as ScheduleName[];

/** The schedule that is taken where none is named. */
export const USUAL_SCHEDULE: ScheduleName = 'linear';

/** The factor of the flags, with its warm-up: the schedule begins when that is over, and ends with training. */
export function factorOf(flags: ScheduleFlags, { epochs, steps }: Course): Factor {
  const { schedule = USUAL_SCHEDULE, warmup = 0 } = flags;
  const named: Named = SCHEDULES[schedule];
  const factor = named.factor(flags, epochs - warmup);
  if (warmup === 0) return factor;
  const share = warmup / epochs;
  const rising = Math.max(1, Math.round(share * steps));
  return (progress) => {
    // In steps, for the first one is not to be lost at a rate of 0.
    const step = Math.round(progress * steps);
    return step < rising ? (step + 1) / (rising + 1) : factor(Math.max(0, (progress - share) / (1 - share)));
  };
}

/** A factor that falls where the loss of epochs stays, and what tells it of them. */
function plateauOf({ gamma = 0.1, every = 2 }: ScheduleFlags): { factor: Factor; scheduler: Schedule } {
  // Stands in for the optimizer, so that a warm-up can work on the same learning rate.
  const scale = { paramGroups: [{ lr: 1 }] };
  const scheduler = new lr.ReduceLROnPlateau(scale, { factor: gamma, patience: every - 1 });
  return { factor: () => scale.paramGroups[0].lr, scheduler };
}

/** Throws a UserError where flags do not go together. `own`: whether a module brings a schedule. */
export function checkSchedule(flags: ScheduleFlags, epochs: number, own = false): void {
  const { warmup, annealMomentum, momentum } = flags;
  const ofModule = own && flags.schedule === undefined;
  const { schedule = USUAL_SCHEDULE } = flags;
  for (const name of ['gamma', 'every', 'decay'] as const) {
    const takers = SCHEDULE_NAMES.filter((one) => (SCHEDULES[one] as Named).takes.includes(name));
    if (flags[name] === undefined || (!ofModule && takers.includes(schedule))) continue;
    throw new UserError(
      `--${name} is of --schedule ${takers.join(' and ')}, not of ${ofModule ? "the module's" : schedule}`,
    );
  }
  if (warmup !== undefined && ofModule) throw new UserError("--warmup goes with --schedule, not with the module's");
  if (warmup !== undefined && schedule === 'one-cycle') throw new UserError('--warmup: one-cycle has one of its own');
  if (warmup !== undefined && warmup >= epochs) {
    throw new UserError(`--warmup ${warmup}: expected fewer epochs than the ${epochs} of training`);
  }
  if (annealMomentum && momentum !== undefined) {
    throw new UserError('--anneal-momentum sets the momentum: leave out --momentum');
  }
  if (annealMomentum && epochs < 2) {
    throw new UserError('--anneal-momentum moves from epoch to epoch: give --epochs of at least 2');
  }
}

/** What a module's `schedule` is told beside the optimizer. */
export interface ScheduleInfo extends Course {
  stepsPerEpoch: number;
}

/** A schedule for fit, for an optimizer. */
export type ScheduleMaker = (optimizer: Optimizer, info: ScheduleInfo) => Schedule | readonly Schedule[];

/** What fit takes as its schedule: that of the flags, or else of the module. Throws a UserError where flags do not fit. */
export function scheduleOf(
  flags: ScheduleFlags,
  optimizer: Optimizer,
  course: Course,
  own?: ScheduleMaker,
): Schedule | readonly Schedule[] {
  checkSchedule(flags, course.epochs, own !== undefined);
  const moving: Schedule[] = [];
  if (own && flags.schedule === undefined) {
    const made = own(optimizer, { ...course, stepsPerEpoch: course.steps / course.epochs });
    moving.push(...(Array.isArray(made) ? made : [made]));
  } else if (flags.schedule === 'plateau') {
    const plateau = plateauOf(flags);
    const warm = factorOf(flags, course);
    moving.push((progress) => warm(progress) * plateau.factor(progress), plateau.scheduler);
  } else moving.push(factorOf(flags, course));
  if (!flags.annealMomentum) return moving.length === 1 ? moving[0] : moving;
  const [from, to] = flags.annealMomentum;
  try {
    return [...moving, new lr.MomentumAnneal(optimizer, { from, to, steps: course.epochs - 1 })];
  } catch (error) {
    return asUserError(new Error(`--anneal-momentum: ${(error as Error).message}`));
  }
}
