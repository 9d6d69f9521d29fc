// Mutants that no input can tell from the code as it is, and others that are known to survive: the list in equivalent.txt, each
// with the reason.
import { readFileSync } from 'node:fs';
import type { Mutant } from './mutant.ts';

export interface Equivalent {
  /** The mutant's file, `*` for any. */
  file: string;
  /** The function, and which of several such lines of the file from 0, where only that is meant. */
  part?: string;
  at?: number;
  /** The line as it is and as it becomes: where the code has changed, the entry finds no mutant, which is an error. */
  text: string;
  mutated: string;
  why: string;
  /** Whether it is wrong, and counts as a survivor. */
  counts: boolean;
}

/** The entries of a list, whose form its first lines tell. Throws an Error for a line that has no meaning where it stands. */
export function parseEquivalents(list: string): Equivalent[] {
  const found: Equivalent[] = [];
  const known: Partial<Equivalent> = {};
  const [, ...blocks] = list.split('\n\n');
  for (const line of blocks.join('\n').split('\n').filter(Boolean)) {
    const [sign, rest] = [line.slice(0, 2), line.slice(2)];
    if (sign === '= ' || sign === '! ') Object.assign(known, { why: rest, counts: sign === '! ' });
    else if (sign === '@ ') Object.assign(known, placeOf(rest));
    else if (sign === '- ') known.text = rest;
    else if (sign === '+ ' && known.why && known.file && known.text) {
      found.push({ ...(known as Equivalent), mutated: rest });
    } else throw new Error(`equivalent.txt: expected a line of =, !, @, - or + behind these, got ${line}`);
  }
  return found;
}

function placeOf(text: string): Pick<Equivalent, 'file' | 'part' | 'at'> {
  const [place, at] = text.split(' #');
  const [file, part] = place.split(': ');
  return { file, part, at: at === undefined ? undefined : Number(at) };
}

export const equivalents = parseEquivalents(readFileSync('tools/mutants/equivalent.txt', 'utf8'));

/** The mutants that an entry means, of which some may have the same line. */
function meant({ file, part, text, mutated, at }: Equivalent, mutants: Mutant[]): Mutant[] {
  const all = mutants.filter(
    (mutant) =>
      (file === '*' || file === mutant.file) &&
      (part === undefined || part === mutant.part) &&
      text === mutant.text &&
      mutated === mutant.mutated,
  );
  return at === undefined ? all : all.slice(at, at + 1);
}

/** Which mutants are listed: as equal, and as known survivors with the reason; and the entries that none is: code that has changed since. */
export function listed(mutants: Mutant[], entries = equivalents) {
  const found = entries.map((entry) => ({ entry, all: meant(entry, mutants) }));
  const of = (counts: boolean) => found.filter(({ entry }) => entry.counts === counts);
  return {
    equal: new Set(of(false).flatMap(({ all }) => all)),
    known: new Map(of(true).flatMap(({ entry, all }) => all.map((mutant) => [mutant, entry.why] as const))),
    stale: found.filter(({ all }) => all.length === 0).map(({ entry }) => entry),
  };
}
