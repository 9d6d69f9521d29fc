// Numbers as people read them, and the running mean that steadies a noisy curve.

/** A share as `98.21 %`. */
export const percent = (share: number, digits = 2): string => `${(100 * share).toFixed(digits)} %`;

/** A difference of shares in points of percent: `−1.4`. */
export const inPoints = (share: number): string => (100 * share).toFixed(1).replace('-', '−');

/** A loss with four decimals. */
export const fixed = (value: number): string => (Number.isFinite(value) ? value.toFixed(4) : 'no number');

/** Seconds as `0:42` or `1:03:20`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  const tail = two(whole % 60);
  return minutes < 60 ? `${minutes}:${tail}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${tail}`;
}

/** Three digits of a number; of small ones two, as `2.1e-5`. */
export function significant(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-3) return Number(value.toPrecision(2)).toExponential();
  return String(Number(value.toPrecision(3)));
}

/** A whole number with its thousands apart: `12,345`. */
export const grouped = (n: number): string => Math.round(n).toLocaleString('en-US');

/** Exponential running mean, without the pull of its start: mean += (x - mean) (1 - decay) / (1 - decay^n) */
export class Running {
  private readonly decay: number;
  private mean = 0;
  private left = 1;

  /** `span` is how many values the mean looks back on. */
  constructor(span = 50) {
    this.decay = 1 - 1 / Math.max(1, span);
  }

  add(value: number): number {
    this.left *= this.decay;
    this.mean += ((value - this.mean) * (1 - this.decay)) / (1 - this.left);
    return this.mean;
  }
}
