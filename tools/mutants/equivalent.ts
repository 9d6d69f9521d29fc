// Mutants that no input can tell from the code as it is, each with the reason; they are not counted.
import type { Mutant } from './mutant.ts';

export interface Equivalent {
  /** The mutant's file, `*` for any. */
  file: string;
  /** The line as it is and as it becomes: where the code has changed, the entry finds no mutant, which is an error. */
  text: string;
  mutated: string;
  /** The function, where only that of several with this line is meant. */
  part?: string;
  why: string;
}

/** Of a tree sum in workgroup memory: the value that is used comes out right unless threads run in another order. */
const RACE = 'a race: the result is right on adapters that run the first threads first, whatever the inputs are';

export const equivalents: Equivalent[] = [
  { file: '*', text: 'if (thread < width) {', mutated: 'if (true) {', why: RACE },
  { file: '*', text: 'if (thread < width) {', mutated: 'if (thread <= width) {', why: RACE },
  {
    file: 'relu',
    text: 'return OUT(select(x, 0.0, x <= 0.0));',
    mutated: 'return OUT(select(x, 0.0, x < 0.0));',
    why: 'they differ for x = 0 only, where both give 0',
  },
];

const matches = (entry: Equivalent, { file, part, text, mutated }: Mutant) =>
  (entry.file === '*' || entry.file === file) &&
  (entry.part === undefined || entry.part === part) &&
  entry.text === text &&
  entry.mutated === mutated;

/** Which mutants are listed, and the entries that none is: code that has changed since. */
export function listed(mutants: Mutant[], entries = equivalents): { equal: Set<Mutant>; stale: Equivalent[] } {
  const stale = entries.filter((entry) => !mutants.some((mutant) => matches(entry, mutant)));
  return { equal: new Set(mutants.filter((mutant) => entries.some((entry) => matches(entry, mutant)))), stale };
}
