// Schedules that only fall: by steps, exponentially, with 1/t; and any function of the count.
import { checkRange, checkWhole, itemsOf } from '../check.ts';
import { type Scheduled, Scheduler } from './scheduler.ts';

const INFINITY = Number.POSITIVE_INFINITY;

/** lr(t) = base * gamma^floor(t / stepSize), t the count of steps. */
export class StepLR extends Scheduler {
  constructor(optimizer: Scheduled, { stepSize, gamma = 0.1 }: { stepSize: number; gamma?: number }) {
    checkWhole('StepLR', { stepSize }, 1);
    checkRange('StepLR', { gamma }, 0, INFINITY);
    super('StepLR', optimizer, ({ lr }, t) => ({ lr: lr * gamma ** Math.floor(t / stepSize) }));
  }
}

/** lr(t) = base * gamma^(how many milestones are at most t). Milestones may come in any order, and twice. */
export class MultiStepLR extends Scheduler {
  constructor(optimizer: Scheduled, { milestones, gamma = 0.1 }: { milestones: readonly number[]; gamma?: number }) {
    checkWhole('MultiStepLR', itemsOf('milestones', milestones), 0);
    checkRange('MultiStepLR', { gamma }, 0, INFINITY);
    const passed = (t: number) => milestones.filter((milestone) => milestone <= t).length;
    super('MultiStepLR', optimizer, ({ lr }, t) => ({ lr: lr * gamma ** passed(t) }));
  }
}

/** lr(t) = base * gamma^t. With gamma = exp(-k) that is the notes' base * e^(-k t). */
export class ExponentialLR extends Scheduler {
  constructor(optimizer: Scheduled, { gamma }: { gamma: number }) {
    checkRange('ExponentialLR', { gamma }, 0, INFINITY);
    super('ExponentialLR', optimizer, ({ lr }, t) => ({ lr: lr * gamma ** t }));
  }
}

/** lr(t) = base / (1 + decay t), the notes' 1/t decay. */
export class InverseTimeLR extends Scheduler {
  constructor(optimizer: Scheduled, { decay }: { decay: number }) {
    checkRange('InverseTimeLR', { decay }, 0, INFINITY);
    super('InverseTimeLR', optimizer, ({ lr }, t) => ({ lr: lr / (1 + decay * t) }));
  }
}

/** lr(t) = base * factor(t), any function of the count; a list has one for each parameter group. */
export class LambdaLR extends Scheduler {
  constructor(optimizer: Scheduled, factor: ((count: number) => number) | readonly ((count: number) => number)[]) {
    const groups = optimizer.paramGroups.length;
    if (typeof factor !== 'function' && factor.length !== groups) {
      throw new RangeError(`LambdaLR: expected a function for each of ${groups} groups, got ${factor.length}`);
    }
    const of = (i: number) => (typeof factor === 'function' ? factor : factor[i]);
    super('LambdaLR', optimizer, ({ lr }, t, i) => ({ lr: lr * of(i)(t) }));
  }
}
