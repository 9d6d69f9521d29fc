// From coarse to fine: the ranges of the next stage, and warnings where the best value lies on the border of its range.
import { type Params, placeOf, type Range, rangeText, type Space, type Value, valueAt, valueText } from './space.ts';

/** Share of a stage's trials that the next stage looks around, and the room left beside them, as a share of the range. */
const BEST = 1 / 4;
const ROOM = 0.1;
/** Share of a range at each end that counts as its border. */
const BORDER = 0.05;

/** How many of `n` trials the next stage looks around: a quarter, at least two. */
export const bestOf = (n: number): number => Math.max(2, Math.ceil(n * BEST));

/**
 * The space around good trials. On a range's own scale (logarithmic for logUniform), where the range before has width w
 * and the good values lie from a to b, the next one is centered on (a + b) / 2 and (b - a) + 0.2 w wide, at most w, and
 * does not leave the range of the first stage. Of a choice, the values that occur are kept.
 */
export function narrowed<S extends Space>(space: S, whole: S, good: readonly Params<S>[]): S {
  const ranges = Object.entries(space).map(([name, range]): [string, Range] => {
    const values = good.map((params) => params[name]);
    if (range.kind === 'choice')
      return [name, { ...range, values: range.values.filter((v) => values.some((value) => value === v)) }];
    const first = whole[name];
    const places = values.map((value) => placeOf(first, value));
    if (places.length === 0 || first.kind === 'choice') return [name, range];
    const width = placeOf(first, range.max) - placeOf(first, range.min);
    const [low, high] = [Math.min(...places), Math.max(...places)];
    const half = Math.min((high - low) / 2 + ROOM * width, width / 2);
    const ends = [(low + high) / 2 - half, (low + high) / 2 + half].map((t) => Math.min(1, Math.max(0, t)));
    const [min, max] = ends.map((t) => valueAt(first, t) as number);
    return [name, min < max ? { ...range, min, max } : range];
  });
  return Object.fromEntries(ranges) as unknown as S;
}

/** Which end of its range a value lies on. An end of 0 is natural, and not warned of. */
function borderOf(range: Range, value: Value): 'lower' | 'upper' | null {
  if (range.kind !== 'choice') {
    const place = placeOf(range, value);
    if (place <= BORDER && range.min !== 0) return 'lower';
    return place >= 1 - BORDER && range.max !== 0 ? 'upper' : null;
  }
  // Two values are a question of which, not a range; three numbers and more have ends.
  const numbers = range.values.filter((v) => typeof v === 'number');
  if (numbers.length < Math.max(3, range.values.length) || value === 0) return null;
  if (value === Math.min(...numbers)) return 'lower';
  return value === Math.max(...numbers) ? 'upper' : null;
}

/**
 * A warning, with advice, for each best value in the outer twentieth of its range, that of the first stage or the narrowed one
 * that it was drawn from, or at an end of three numbers or more to choose from: a better one may lie beyond.
 */
export function borderWarnings(best: Params, stage: Space, whole: Space): string[] {
  return Object.keys(whole).flatMap((name) => {
    const outer = borderOf(whole[name], best[name]);
    const side = outer ?? (stage[name].kind === 'choice' ? null : borderOf(stage[name], best[name]));
    if (!side) return [];
    const range = rangeText((outer ? whole : stage)[name]);
    const found = `${name}: the best value, ${valueText(best[name])}, lies on the ${side} border of its range, ${range}`;
    const advice = outer
      ? 'search again with that end further out'
      : 'narrowing may have cut off better ones: search again around it, or with more trials in the first stage';
    return [`${found}: ${advice}`];
  });
}
