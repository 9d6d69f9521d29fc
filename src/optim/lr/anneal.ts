// Schedules between two ends: cosine, linear (warm-up), and momentum annealed upwards.
import { checkRange, checkWhole } from '../check.ts';
import { needMomentum, type Scheduled, Scheduler } from './scheduler.ts';

const INFINITY = Number.POSITIVE_INFINITY;

/** From `from` (share 0) to `to` (share 1) along half a cosine. */
export const cosine = (from: number, to: number, share: number): number =>
  to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));

/** From `from` (share 0) to `to` (share 1) in a straight line. */
export const linear = (from: number, to: number, share: number): number => from + (to - from) * share;

/** lr(t) = etaMin + (base - etaMin) (1 + cos(pi t / tMax)) / 2: down to etaMin at tMax, and up again behind it. */
export class CosineAnnealingLR extends Scheduler {
  constructor(optimizer: Scheduled, { tMax, etaMin = 0 }: { tMax: number; etaMin?: number }) {
    checkWhole('CosineAnnealingLR', { tMax }, 1);
    checkRange('CosineAnnealingLR', { etaMin }, 0, INFINITY);
    super('CosineAnnealingLR', optimizer, ({ lr }, t) => ({ lr: cosine(lr, etaMin, t / tMax) }));
  }
}

/**
 * lr(t) = base (startFactor + (endFactor - startFactor) min(t, totalIters) / totalIters). As it comes a warm-up, from a third
 * of the learning rate to all of it in 5 steps.
 */
export class LinearLR extends Scheduler {
  constructor(optimizer: Scheduled, { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = {}) {
    checkRange('LinearLR', { startFactor, endFactor }, 0, INFINITY);
    checkWhole('LinearLR', { totalIters }, 1);
    super('LinearLR', optimizer, ({ lr }, t) => ({
      lr: lr * linear(startFactor, endFactor, Math.min(t, totalIters) / totalIters),
    }));
  }
}

/**
 * Sets the momentum and leaves the learning rate alone: momentum(t) = from + (to - from) min(t, steps) / steps, as the notes
 * advise for the first epochs; betas[0] for Adam. Throws a TypeError for an optimizer without momentum.
 */
export class MomentumAnneal extends Scheduler {
  constructor(optimizer: Scheduled, { from = 0.5, to = 0.99, steps }: { from?: number; to?: number; steps: number }) {
    checkRange('MomentumAnneal', { from, to }, 0, 1);
    checkWhole('MomentumAnneal', { steps }, 1);
    needMomentum('MomentumAnneal', optimizer);
    super('MomentumAnneal', optimizer, (_, t) => ({ momentum: linear(from, to, Math.min(t, steps) / steps) }));
  }
}
