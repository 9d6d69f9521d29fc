// ReduceLROnPlateau: a smaller learning rate whenever a measure stops getting better.
import { checkRange, checkWhole, itemsOf } from '../check.ts';
import { type Scheduled, Scheduler } from './scheduler.ts';

export interface PlateauOptions {
  /** Whether the measure is to become small (a loss) or large (an accuracy). Default: min. */
  mode?: 'min' | 'max';
  /** Default: 0.1. */
  factor?: number;
  /** Steps in a row without anything better that are borne; one more reduces. Default: 10. */
  patience?: number;
  /** By how much the measure has to be better, relative to the best or absolute. Default: 1e-4, rel. */
  threshold?: number;
  thresholdMode?: 'rel' | 'abs';
  /** Steps after a reduction that are not counted as bad. Default: 0. */
  cooldown?: number;
  /** The lowest learning rate; a list has one for each parameter group. Default: 0. */
  minLr?: number | readonly number[];
}

/**
 * lr = max(base * factor^n, minLr), where n counts the plateaus: step(metric) that found the best measure no better, by
 * `threshold`, more than `patience` times in a row. Better is, with rel, metric < best (1 - threshold) for min and
 * metric > best (1 + threshold) for max; with abs, by more than the threshold. NaN is never better.
 */
export class ReduceLROnPlateau extends Scheduler {
  private readonly state: { reductions: number; best: number | null; bad: number; cooling: number };
  private readonly options: Required<Omit<PlateauOptions, 'minLr' | 'factor'>>;

  constructor(optimizer: Scheduled, options: PlateauOptions = {}) {
    const { mode = 'min', factor = 0.1, patience = 10, threshold = 1e-4 } = options;
    const { thresholdMode = 'rel', cooldown = 0, minLr = 0 } = options;
    if (mode !== 'min' && mode !== 'max') {
      throw new RangeError(`ReduceLROnPlateau: expected mode min or max, got ${mode}`);
    }
    if (thresholdMode !== 'rel' && thresholdMode !== 'abs') {
      throw new RangeError(`ReduceLROnPlateau: expected thresholdMode rel or abs, got ${thresholdMode}`);
    }
    checkRange('ReduceLROnPlateau', { factor }, 0, 1);
    checkWhole('ReduceLROnPlateau', { patience, cooldown }, 0);
    checkRange('ReduceLROnPlateau', { threshold }, 0, Number.POSITIVE_INFINITY);
    const groups = optimizer.paramGroups.length;
    const lowest = typeof minLr === 'number' ? Array<number>(groups).fill(minLr) : minLr;
    if (lowest.length !== groups) {
      throw new RangeError(`ReduceLROnPlateau: expected a minLr for each of ${groups} groups, got ${lowest.length}`);
    }
    checkRange('ReduceLROnPlateau', itemsOf('minLr', lowest), 0, Number.POSITIVE_INFINITY);
    const state = { reductions: 0, best: null, bad: 0, cooling: 0 };
    super('ReduceLROnPlateau', optimizer, ({ lr }, _, i) => {
      // A learning rate that was below minLr from the beginning is not raised.
      return state.reductions === 0 ? {} : { lr: Math.min(lr, Math.max(lr * factor ** state.reductions, lowest[i])) };
    });
    this.state = state;
    this.options = { mode, patience, threshold, thresholdMode, cooldown };
  }

  /** Takes notice of a measure, such as the validation loss of an epoch. Throws a TypeError without one. */
  override step(metric?: number): void {
    if (typeof metric !== 'number') {
      throw new TypeError(`ReduceLROnPlateau: expected step(metric) with a number, got ${metric}`);
    }
    const { state, options } = this;
    const { reductions, best, bad, cooling } = state;
    if (this.better(metric)) Object.assign(state, { best: metric, bad: 0 });
    else state.bad++;
    if (cooling > 0) Object.assign(state, { bad: 0, cooling: cooling - 1 });
    if (state.bad > options.patience) {
      Object.assign(state, { reductions: reductions + 1, bad: 0, cooling: options.cooldown });
    }
    try {
      super.step();
    } catch (error) {
      Object.assign(state, { reductions, best, bad, cooling });
      throw error;
    }
  }

  private better(metric: number): boolean {
    const { best } = this.state;
    const { mode, threshold, thresholdMode } = this.options;
    if (best === null) return !Number.isNaN(metric);
    const sign = mode === 'min' ? -1 : 1;
    const bar = thresholdMode === 'rel' ? best * (1 + sign * threshold) : best + sign * threshold;
    return mode === 'min' ? metric < bar : metric > bar;
  }

  protected override ownState(): Record<string, unknown> {
    return { ...this.state };
  }

  protected override loadOwnState({ reductions, best, bad, cooling }: Record<string, unknown>): void {
    checkWhole('ReduceLROnPlateau.loadStateDict', { reductions, bad, cooling } as Record<string, number>, 0);
    if (best !== null && typeof best !== 'number') {
      throw new TypeError(`ReduceLROnPlateau.loadStateDict: expected the best measure or null, got ${best}`);
    }
    Object.assign(this.state, { reductions, best, bad, cooling });
  }
}
