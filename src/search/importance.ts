// Which hyperparameters the score hangs on: how much of its variance each one explains alone.
import { placeOf, type Space } from './space.ts';
import type { TrialRecord } from './trial.ts';

/** Fewer trials than this tell nothing. */
export const LEAST = 8;

/** Trials from worst to best as ranks from 0 to 1; stopped ones are worst, failed ones left out. */
export function scoreRanks<S extends Space>(
  trials: readonly TrialRecord<S>[],
  goal: 'max' | 'min',
): Map<number, number> {
  const worth = ({ score }: TrialRecord<S>) =>
    score === undefined ? Number.NEGATIVE_INFINITY : goal === 'max' ? score : -score;
  const sorted = trials
    .filter(({ status }) => status !== 'failed')
    .toSorted((a, b) => worth(a) - worth(b) || a.trial - b.trial);
  return new Map(sorted.map(({ trial }, i) => [trial, sorted.length > 1 ? i / (sorted.length - 1) : 1]));
}

/**
 * For each hyperparameter the share, from 0 to 1, of the variance of the trials' score ranks that lies between equal parts of
 * its range (between its values, for a choice), less what as many parts would explain by chance: the adjusted correlation
 * ratio 1 - (1 - eta^2) (n - 1) / (n - k). Interactions count for nothing. Null where there are too few trials to tell.
 */
export function importance<S extends Space>(
  trials: readonly TrialRecord<S>[],
  space: S,
  goal: 'max' | 'min',
): Record<string, number> | null {
  const ranks = scoreRanks(trials, goal);
  const counted = trials.filter(({ trial }) => ranks.has(trial));
  const n = counted.length;
  if (n < LEAST) return null;
  const parts = Math.min(5, Math.floor(n / 4));
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const all = counted.map(({ trial }) => ranks.get(trial)!);
  const total = all.reduce((sum, rank) => sum + (rank - mean(all)) ** 2, 0);
  const share = ([name, range]: [string, Space[string]]): [string, number] => {
    const groups = new Map<number, number[]>();
    for (const { params, trial } of counted) {
      const place = placeOf(range, params[name]);
      const part = range.kind === 'choice' ? place : Math.min(parts - 1, Math.floor(parts * place));
      groups.set(part, [...(groups.get(part) ?? []), ranks.get(trial)!]);
    }
    const between = [...groups.values()].reduce((sum, group) => sum + group.length * (mean(group) - mean(all)) ** 2, 0);
    const spare = n - groups.size;
    return [name, spare > 0 ? Math.max(0, 1 - ((1 - between / total) * (n - 1)) / spare) : 0];
  };
  return Object.fromEntries(Object.entries(space).map(share));
}
