// Histograms of measured values: equal bins from the least to the greatest.

export interface Histogram {
  min: number;
  max: number;
  /** Values in each of the equal bins from min to max; the last one holds max. */
  counts: number[];
}

/** The histogram of the finite ones among the values; null where there is none. */
export function histogramOf(values: ArrayLike<number>, bins = 24): Histogram | null {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) continue;
    min = Math.min(min, values[i]);
    max = Math.max(max, values[i]);
  }
  if (min > max) return null;
  // Values that are all the same fall into one bin.
  const scale = max > min ? bins / (max - min) : 0;
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) counts[Math.min(bins - 1, Math.floor((values[i] - min) * scale))]++;
  }
  return { min, max, counts };
}

/** The step at which every dim of a tensor is visited evenly by at most `limit` elements: it shares no factor with the size. */
export function samplingStep(size: number, limit: number): number {
  let step = Math.ceil(size / limit);
  if (step <= 1) return 1;
  while (greatestCommonDivisor(step, size) > 1) step++;
  return step;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
