// OneCycleLR: once up and once down, with momentum the other way (Smith and Topin, "Super-Convergence").
import { checkRange, checkWhole, itemsOf } from '../check.ts';
import { cosine, linear } from './anneal.ts';
import { needMomentum, type Scheduled, Scheduler } from './scheduler.ts';

export interface OneCycleOptions {
  /** The highest learning rate; a list has one for each parameter group. */
  maxLr: number | readonly number[];
  /** Steps in all, or epochs and steps of each. */
  totalSteps?: number;
  epochs?: number;
  stepsPerEpoch?: number;
  /** Share of the steps that go upwards. Default: 0.3. */
  pctStart?: number;
  /** Default: cos. */
  annealStrategy?: 'cos' | 'linear';
  /** Default: true where the optimizer has momentum. */
  cycleMomentum?: boolean;
  /** Momentum at the highest learning rate, and at both ends. Default: 0.85 and 0.95. */
  baseMomentum?: number;
  maxMomentum?: number;
  /** The first learning rate is maxLr / divFactor, the last one a finalDivFactor-th of the first. Default: 25 and 10,000. */
  divFactor?: number;
  finalDivFactor?: number;
  /** As far down as up, and then on to the last learning rate. Default: false. */
  threePhase?: boolean;
}

/** A stretch of the cycle up to and with step `end`: learning rates as factors of maxLr, and momenta. */
interface Phase {
  end: number;
  lr: [from: number, to: number];
  momentum: [from: number, to: number];
}

type Course = Pick<
  OneCycleOptions,
  'pctStart' | 'divFactor' | 'finalDivFactor' | 'threePhase' | 'baseMomentum' | 'maxMomentum'
>;

function phasesOf(total: number, options: Required<Course>): Phase[] {
  const { pctStart, divFactor, finalDivFactor, threePhase, baseMomentum: low, maxMomentum: high } = options;
  const first = 1 / divFactor;
  const last = first / finalDivFactor;
  const top = pctStart * total - 1;
  const up: Phase = { end: top, lr: [first, 1], momentum: [high, low] };
  if (!threePhase) return [up, { end: total - 1, lr: [1, last], momentum: [low, high] }];
  return [
    up,
    { end: 2 * top, lr: [1, first], momentum: [low, high] },
    { end: total - 1, lr: [first, last], momentum: [high, high] },
  ];
}

/**
 * With T = totalSteps: from maxLr / divFactor up to maxLr at step pctStart T - 1, then down to maxLr / divFactor / finalDivFactor
 * at step T - 1, along half cosines or straight lines; momentum from maxMomentum down to baseMomentum and back. Call step()
 * once per optimizer step; it throws a RangeError where the count would pass T. Takes no notice of the optimizer's learning rate.
 */
export class OneCycleLR extends Scheduler {
  private readonly total: number;

  constructor(optimizer: Scheduled, options: OneCycleOptions) {
    const { maxLr, epochs = 0, stepsPerEpoch = 0, totalSteps = epochs * stepsPerEpoch } = options;
    const { pctStart = 0.3, annealStrategy = 'cos', threePhase = false } = options;
    const { baseMomentum = 0.85, maxMomentum = 0.95, divFactor = 25, finalDivFactor = 1e4 } = options;
    const groups = optimizer.paramGroups;
    const highest = typeof maxLr === 'number' ? groups.map(() => maxLr) : maxLr;
    if (highest.length !== groups.length) {
      throw new RangeError(`OneCycleLR: expected a maxLr for each of ${groups.length} groups, got ${highest.length}`);
    }
    checkRange('OneCycleLR', itemsOf('maxLr', highest), 0, Number.POSITIVE_INFINITY);
    checkWhole('OneCycleLR', { totalSteps }, 1);
    checkRange('OneCycleLR', { pctStart }, 0, 1 + Number.EPSILON);
    checkRange('OneCycleLR', { baseMomentum, maxMomentum }, 0, 1);
    checkRange('OneCycleLR', { divFactor, finalDivFactor }, Number.MIN_VALUE, Number.POSITIVE_INFINITY);
    if (annealStrategy !== 'cos' && annealStrategy !== 'linear') {
      throw new RangeError(`OneCycleLR: expected annealStrategy cos or linear, got ${annealStrategy}`);
    }
    const { cycleMomentum = groups.every(({ momentum, betas }) => momentum || betas) } = options;
    if (cycleMomentum) needMomentum('OneCycleLR', optimizer);
    const between = annealStrategy === 'cos' ? cosine : linear;
    const course = { pctStart, threePhase, baseMomentum, maxMomentum, divFactor, finalDivFactor };
    const phases = phasesOf(totalSteps, course);
    super('OneCycleLR', optimizer, (_, t, i) => {
      const found = phases.findIndex(({ end }) => t <= end);
      const k = found < 0 ? phases.length - 1 : found;
      const start = k === 0 ? 0 : phases[k - 1].end;
      const { end, lr, momentum } = phases[k];
      const share = end > start ? Math.min((t - start) / (end - start), 1) : 1;
      const set = { lr: highest[i] * between(...lr, share) };
      return cycleMomentum ? { ...set, momentum: between(...momentum, share) } : set;
    });
    this.total = totalSteps;
  }

  protected override advance(count: number): void {
    if (count > this.total) throw new RangeError(`OneCycleLR: all ${this.total} steps are done, got one more`);
  }
}
