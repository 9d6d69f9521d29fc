// The line search of L-BFGS: a step length that meets the strong Wolfe conditions (Nocedal and Wright, "Numerical
// Optimization", 2nd edition, algorithms 3.5 and 3.6, with the cubic of 3.59).

/** The loss along a line: at x + t d its value, and its slope, which is the gradient times d. */
export interface Trial {
  t: number;
  loss: number;
  slope: number;
}

/** Sufficient decrease and curvature. */
export const C1 = 1e-4;
export const C2 = 0.9;

/** Within an interval, a trial stays this share of its width away from both ends. */
const MARGIN = 0.1;
/** A trial beyond the last one lies further by at least this share of the last stride, and at most this many times as far. */
const [LEAST, MOST] = [0.01, 10];

/** Where the cubic through two values and slopes is smallest; NaN where it has no minimum. */
export function cubicMinimum(a: Trial, b: Trial): number {
  const d1 = a.slope + b.slope - (3 * (a.loss - b.loss)) / (a.t - b.t);
  const d2 = Math.sign(b.t - a.t) * Math.sqrt(d1 * d1 - a.slope * b.slope);
  return b.t - ((b.t - a.t) * (b.slope + d2 - d1)) / (b.slope - a.slope + 2 * d2);
}

/** The cubic's minimum, kept within low to high; `otherwise` where there is none. */
function guess(a: Trial, b: Trial, low: number, high: number, otherwise: number): number {
  const t = cubicMinimum(a, b);
  return Number.isFinite(t) ? Math.min(Math.max(t, low), high) : otherwise;
}

export interface SearchOptions {
  /** Trials that may be evaluated. */
  trials: number;
  /** Ends where the ends of the interval differ by less. */
  tolerance: number;
}

/**
 * A trial t > 0 with loss <= loss(0) + C1 t slope(0) and |slope| <= C2 |slope(0)|, from `first` on; `start` is the trial at 0,
 * whose slope must be negative. A loss or slope that is not finite counts as too far. Where trials or the interval run out
 * first, the best trial found so far, which may be `start`.
 */
export async function strongWolfe<T extends Trial>(
  evaluate: (t: number) => Promise<T>,
  start: T,
  first: number,
  { trials, tolerance }: SearchOptions,
): Promise<T> {
  const falls = ({ t, loss, slope }: Trial) =>
    Number.isFinite(loss) && Number.isFinite(slope) && loss <= start.loss + C1 * t * start.slope;
  const flat = ({ slope }: Trial) => Math.abs(slope) <= -C2 * start.slope;
  let left = trials;

  /** Between a trial `low`, the best so far, towards whose other end `high` the loss falls at first. */
  async function zoom(low: T, high: T): Promise<T> {
    while (left > 0 && Math.abs(high.t - low.t) > tolerance) {
      const margin = MARGIN * Math.abs(high.t - low.t);
      const ends = [Math.min(low.t, high.t) + margin, Math.max(low.t, high.t) - margin] as const;
      left--;
      const trial = await evaluate(guess(low, high, ...ends, (low.t + high.t) / 2));
      if (!falls(trial) || trial.loss >= low.loss) high = trial;
      else {
        if (flat(trial)) return trial;
        if (trial.slope * (high.t - low.t) >= 0) high = low;
        low = trial;
      }
    }
    return low;
  }

  let before = start;
  let t = first;
  while (left > 0) {
    left--;
    const trial = await evaluate(t);
    if (!falls(trial) || (before !== start && trial.loss >= before.loss)) return zoom(before, trial);
    if (flat(trial)) return trial;
    if (trial.slope >= 0) return zoom(trial, before);
    const [low, high] = [t + LEAST * (t - before.t), t * MOST];
    t = guess(before, trial, low, high, high);
    before = trial;
  }
  return before;
}
