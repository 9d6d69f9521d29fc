// Spaces of hyperparameters: ranges and choices, where a value lies in its range, and how values are drawn.
import { randomWords, uniform as uniformNumbers } from '../tensor/random.ts';

export type Value = number | string | boolean;

/** Numbers from `min` to `max`, evenly likely on a plain or on a logarithmic scale. */
export interface Interval {
  readonly kind: 'uniform' | 'logUniform';
  readonly min: number;
  readonly max: number;
}

/** One of some values, evenly likely. */
export interface Choice<V extends Value = Value> {
  readonly kind: 'choice';
  readonly values: readonly V[];
}

export type Range = Interval | Choice;
/** What each hyperparameter may be, by name; plain data, fit for JSON. */
export type Space = Readonly<Record<string, Range>>;
/** A value for each hyperparameter of a space. */
export type Params<S extends Space = Space> = {
  [K in keyof S]: S[K] extends Choice<infer V> ? V : S[K] extends Interval ? number : Value;
};

/** Significant digits of drawn values: enough to be told apart, few enough to be read. */
const DIGITS = 6;

/** Numbers from `min` to `max`. Throws a RangeError unless both are finite and min < max. */
export function uniform(min: number, max: number): Interval {
  if (!(Number.isFinite(min) && Number.isFinite(max) && min < max)) {
    throw new RangeError(`uniform: expected finite numbers min < max, got ${min} and ${max}`);
  }
  return { kind: 'uniform', min, max };
}

/** `10 ** uniform(log10(min), log10(max))`: every power of ten is as likely. Throws a RangeError unless 0 < min < max. */
export function logUniform(min: number, max: number): Interval {
  if (!(min > 0 && Number.isFinite(max) && min < max)) {
    throw new RangeError(`logUniform: expected finite numbers 0 < min < max, got ${min} and ${max}`);
  }
  return { kind: 'logUniform', min, max };
}

/** One of these values. Throws a RangeError for none, for repeated ones and for numbers that are not finite. */
export function choice<const V extends Value>(...values: V[]): Choice<V> {
  const bad = values.find((value) => typeof value === 'number' && !Number.isFinite(value));
  if (values.length === 0 || bad !== undefined) {
    throw new RangeError(`choice: expected at least one value and finite numbers, got ${bad ?? 'none'}`);
  }
  const repeated = values.find((value, i) => values.indexOf(value) < i);
  if (repeated !== undefined) throw new RangeError(`choice: expected each value once, got ${repeated} twice`);
  return { kind: 'choice', values };
}

/** Throws a RangeError where a space is empty or holds a range that none of the functions above would make. */
export function checkSpace(space: Space): void {
  const entries = Object.entries(space);
  if (entries.length === 0) throw new RangeError('search: expected a space of at least one hyperparameter, got none');
  for (const [name, range] of entries) {
    try {
      if (range.kind === 'choice') choice(...range.values);
      else if (range.kind === 'uniform') uniform(range.min, range.max);
      else if (range.kind === 'logUniform') logUniform(range.min, range.max);
      else throw new RangeError(`expected uniform, logUniform or choice, got ${JSON.stringify(range)}`);
    } catch (error) {
      throw new RangeError(`search: ${name}: ${(error as Error).message}`);
    }
  }
}

/** The value at a share `t` of its range, from 0 at its lower end to 1 at its upper. */
export function valueAt(range: Range, t: number): Value {
  if (range.kind === 'choice')
    return range.values[Math.min(Math.floor(t * range.values.length), range.values.length - 1)];
  const { min, max } = range;
  const value = range.kind === 'uniform' ? min + t * (max - min) : min * (max / min) ** t;
  return Math.min(max, Math.max(min, Number(value.toPrecision(DIGITS))));
}

/** Where a value lies in its range, 0 to 1 on the range's own scale; the middle of its cell for a choice. */
export function placeOf(range: Range, value: Value): number {
  if (range.kind === 'choice') return (range.values.indexOf(value) + 0.5) / range.values.length;
  const { min, max } = range;
  const number = value as number;
  return range.kind === 'uniform' ? (number - min) / (max - min) : Math.log(number / min) / Math.log(max / min);
}

/** The values of trial `trial` (from 1): the same for the same space and seed, whatever was drawn before. */
export function drawn<S extends Space>(space: S, seed: number, trial: number): Params<S> {
  const names = Object.keys(space);
  const unit = uniformNumbers(names.length, { seed, stream: trial });
  return Object.fromEntries(names.map((name, i) => [name, valueAt(space[name], unit[i])])) as Params<S>;
}

/** The seed of trial `trial`'s own randomness: weights, order of the data, dropout. */
export function trialSeed(seed: number, trial: number): number {
  let found = 0;
  // A stream that no trial's values come from.
  randomWords({ seed, stream: 2 ** 32 + trial }, 1, (_, word) => {
    found = word;
  });
  return found;
}

/**
 * The largest regular grid of at most `trials` points: every value of each choice, and the same number of values for each
 * interval, both ends among them. Throws a RangeError where not even two values for each interval fit.
 */
export function grid<S extends Space>(space: S, trials: number): Params<S>[] {
  const ranges = Object.values(space);
  const choices = ranges.reduce((n, range) => n * (range.kind === 'choice' ? range.values.length : 1), 1);
  const intervals = ranges.filter(({ kind }) => kind !== 'choice').length;
  let points = 1;
  while (intervals > 0 && choices * (points + 1) ** intervals <= trials) points++;
  if (choices > trials || (intervals > 0 && points < 2)) {
    const least = choices * 2 ** intervals;
    throw new RangeError(`search: a grid over this space has at least ${least} points, got ${trials} trials`);
  }
  let found: Record<string, Value>[] = [{}];
  for (const [name, range] of Object.entries(space)) {
    const values =
      range.kind === 'choice'
        ? range.values
        : Array.from({ length: points }, (_, i) => valueAt(range, i / (points - 1)));
    found = found.flatMap((params) => values.map((value) => ({ ...params, [name]: value })));
  }
  return found as Params<S>[];
}

/** A range in words: `1e-6 to 10, log scale`. */
export function rangeText(range: Range): string {
  if (range.kind === 'choice') return range.values.map(valueText).join(', ');
  return `${valueText(range.min)} to ${valueText(range.max)}${range.kind === 'logUniform' ? ', log scale' : ''}`;
}

/** A value as people write it: `0.0031`, `2.5e-6`. */
export function valueText(value: Value): string {
  if (typeof value !== 'number') return String(value);
  const short = Number(value.toPrecision(4));
  const small = short !== 0 && Math.abs(short) < 1e-3;
  return small || Math.abs(short) >= 1e6 ? short.toExponential().replace('e+', 'e') : String(short);
}
