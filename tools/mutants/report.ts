// What a mutation run found, as a table of text.
import type { Mutant } from './mutant.ts';

/** `untried`: not in the sample, or the time was up. */
export type State = 'caught' | 'survived' | 'invalid' | 'equivalent' | 'untried';

export interface Outcome extends Mutant {
  state: State;
  /** What caught it; `hang` and `crash` where it did not end in order. */
  how: string;
  /** Why it is known to survive, where it is. */
  why?: string;
}

/** Caught among those that could be: tried, valid and not listed as equivalent. 1 where there is none. */
export function score(outcomes: Outcome[]): number {
  const count = (state: State) => outcomes.filter((outcome) => outcome.state === state).length;
  const [caught, survived] = [count('caught'), count('survived')];
  return caught + survived === 0 ? 1 : caught / (caught + survived);
}

const COLUMNS: State[] = ['caught', 'invalid', 'equivalent', 'untried', 'survived'];

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** A line for each file, then the survivors. */
export function formatOutcomes(outcomes: Outcome[]): string {
  const files = [...new Set(outcomes.map(({ file }) => file))];
  const row = (name: string, of: Outcome[]) => [
    name,
    String(of.length),
    ...COLUMNS.map((state) => String(of.filter((outcome) => outcome.state === state).length)),
    percent(score(of)),
  ];
  const rows = [
    ['file or op', 'mutants', ...COLUMNS, 'caught of those tried'],
    ...files
      .map((name): [string, Outcome[]] => [name, outcomes.filter(({ file }) => file === name)])
      .filter(([, of]) => of.some(({ state }) => state !== 'untried' && state !== 'equivalent'))
      .map(([name, of]) => row(name, of)),
    row('all', outcomes),
  ];
  const widths = rows[0].map((_, i) => Math.max(...rows.map((cells) => cells[i].length)));
  const table = rows.map((cells) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '),
  );
  const survivors = outcomes
    .filter(({ state }) => state === 'survived')
    .flatMap(({ id, text, mutated, how, why }) => [
      `survived: ${id} (${how})`,
      ...[`    - ${text}`, `    + ${mutated}`, ...(why ? [`    = ${why}`] : [])],
    ]);
  const hung = outcomes.filter(({ state, how }) => state === 'caught' && (how === 'hang' || how === 'crash')).length;
  return [...survivors, ...table, ...(hung ? [`${hung} of those caught did not end, or ended the process`] : [])].join(
    '\n',
  );
}
