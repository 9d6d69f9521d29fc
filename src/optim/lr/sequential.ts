// SequentialLR: one scheduler after another, such as a warm-up and then a cosine.
import { checkWhole, itemsOf } from '../check.ts';
import { ReduceLROnPlateau } from './plateau.ts';
import { type Scheduled, Scheduler } from './scheduler.ts';

/**
 * The first scheduler up to the first milestone, then the second, and so on; each counts from its own beginning:
 * lr(t) = schedulers[k] at t - milestones[k - 1]. The schedulers are made for the same optimizer before, and are not
 * stepped themselves any more. Throws a RangeError where milestones do not grow or are not one fewer than schedulers, and a
 * TypeError for a ReduceLROnPlateau, which is no function of the count, or a scheduler of another optimizer.
 */
export class SequentialLR extends Scheduler {
  constructor(optimizer: Scheduled, schedulers: readonly Scheduler[], milestones: readonly number[]) {
    if (schedulers.length === 0 || milestones.length !== schedulers.length - 1) {
      const [n, m] = [schedulers.length, milestones.length];
      throw new RangeError(`SequentialLR: expected a milestone between each two of the schedulers, got ${m} for ${n}`);
    }
    checkWhole('SequentialLR', itemsOf('milestones', milestones), 1);
    if (milestones.some((milestone, k) => k > 0 && milestone <= milestones[k - 1])) {
      throw new RangeError(`SequentialLR: expected growing milestones, got ${milestones.join(', ')}`);
    }
    schedulers.forEach((scheduler, k) => {
      if (scheduler.optimizer !== optimizer)
        throw new TypeError(`SequentialLR: scheduler ${k} is of another optimizer`);
      if (scheduler.parent) throw new TypeError(`SequentialLR: scheduler ${k} is part of another scheduler`);
      if (scheduler instanceof ReduceLROnPlateau) {
        throw new TypeError(
          `SequentialLR: scheduler ${k} is a ReduceLROnPlateau, which needs a metric; step it itself`,
        );
      }
    });
    super('SequentialLR', optimizer, (without, t, i) => {
      const k = milestones.filter((milestone) => milestone <= t).length;
      return schedulers[k].rule(without, k === 0 ? t : t - milestones[k - 1], i);
    });
    this.adopt(schedulers);
  }
}
