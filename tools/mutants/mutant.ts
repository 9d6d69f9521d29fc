// Mutants: the alterations of all code that the cases dispatch, each with a name that stays the same.
import { createHash } from 'node:crypto';
import type { Shader } from '../../src/tensor/backend.ts';
import { type Change, changesOf } from './mutate.ts';
import { reachable } from './wgsl.ts';

/** Code that an op dispatched. */
export interface Use {
  op: string;
  shader: Shader;
}

const names = new WeakMap<Shader, string>();

/** Stands for a use in maps. */
export function useName({ op, shader }: Use): string {
  let name = names.get(shader);
  if (name === undefined) {
    name = createHash('sha1')
      .update(`${shader.file}\0${shader.preamble}\0${shader.source}${shader.halves ?? ''}`)
      .digest('base64');
    names.set(shader, name);
  }
  return `${op} ${name}`;
}

export interface Mutant {
  /** File, place, operator, before and after. */
  id: string;
  /** The shader file, or the op whose preamble holds the code. */
  file: string;
  /** The op that brings the code in its preamble; null for code of a shader file and for generated code. */
  op: string | null;
  /** Finds the place in every variant of the code. */
  key: string;
  /** The function that is altered, or the module-scope value. */
  part: string;
  operator: string;
  /** The line, or the lines where a statement has several, as it is and as it becomes. */
  text: string;
  mutated: string;
}

/**
 * The function that src/ops/elementwise-plan.ts generates, in many variants. It is altered as its generator would be:
 * each different line once, wherever it stands.
 */
const GENERATED = 'compute';
const GENERATED_FILE = 'elementwise-plan.ts';
/** Stands for the files that hold the functions which several ops bring in their preambles. */
const SHARED_FILE = 'shared functions';

/** A change, with its line and a key that other variants of the same code share. */
interface Place extends Change {
  key: string;
  line: number;
  column: number;
  text: string;
  mutated: string;
}

const places = new Map<string, Map<string, Place>>();

const squeezed = (text: string) => text.replace(/\s+/g, ' ').trim();

/** The changes of a text by key. A key holds the line without types, so that it is the same in variants for other types. */
function placesOf(text: string): Map<string, Place> {
  const known = places.get(text);
  if (known) return known;
  const found = new Map<string, Place>();
  const seen = new Map<string, number>();
  for (const change of changesOf(text)) {
    const from = text.lastIndexOf('\n', change.start - 1) + 1;
    const to = `${text}\n`.indexOf('\n', change.end);
    const [head, tail] = [text.slice(from, change.start), text.slice(change.end, to)];
    const line = text.slice(0, change.start).split('\n').length;
    const column = change.start - from + 1;
    const plain = (head + change.before + tail).replace(/\b[fiu]32\b/g, 'T');
    const name = [change.part, plain, column, change.before, change.after].join('|');
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    const key = `${name}|${count}`;
    const [whole, mutated] = [head + change.before + tail, head + change.after + tail].map(squeezed);
    found.set(key, { ...change, key, line, column, text: whole, mutated });
  }
  places.set(text, found);
  return found;
}

const called = new WeakMap<Shader, Set<string>>();

/** The functions and values of a kernel that it reaches. */
function calledIn({ shader }: Use): Set<string> {
  let names = called.get(shader);
  if (!names) {
    names = reachable((shader.preamble ?? '') + shader.source);
    called.set(shader, names);
  }
  return names;
}

/**
 * All mutants of the code in use: each shader file once, then what preambles bring: code that several ops share once, then
 * each op's own, then what is generated. Functions that a kernel carries along and never calls have none.
 */
export function mutantsOf(uses: Use[]): Mutant[] {
  const [files, shared, own, generated] = [1, 2, 3, 4].map(() => new Map<string, Mutant>());
  const add = (to: Map<string, Mutant>, file: string, op: string | null, place: Place) => {
    const { key, part, operator, line, column, before, after, text, mutated } = place;
    const where = to === files ? `${file}:${line}:${column}` : `${file} ${part}:${column}`;
    const id = `${where} ${operator}: ${squeezed(before)} -> ${squeezed(after) || 'nothing'}`;
    const name = `${file}|${key}`;
    if (!to.has(name)) to.set(name, { id, file, op, key, part, operator, text, mutated });
  };
  const calls = uses.map((use) => ({ use, names: calledIn(use) }));
  for (const { use, names } of [...calls].sort((a, b) => (a.use.shader.file < b.use.shader.file ? -1 : 1))) {
    const { file, source } = use.shader;
    for (const place of placesOf(source).values()) if (names.has(place.part)) add(files, file, null, place);
  }
  const ops = new Map<string, Set<string>>();
  for (const { use, names } of calls) {
    for (const { key, part } of placesOf(use.shader.preamble ?? '').values()) {
      if (names.has(part)) ops.set(key, (ops.get(key) ?? new Set()).add(use.op));
    }
  }
  for (const { use, names } of calls) {
    for (const place of placesOf(use.shader.preamble ?? '').values()) {
      if (!names.has(place.part)) continue;
      if (place.part === GENERATED) add(generated, GENERATED_FILE, null, place);
      else if (ops.get(place.key)!.size > 1) add(shared, SHARED_FILE, null, place);
      else add(own, use.op, use.op, place);
    }
  }
  return [files, shared, own, generated].flatMap((map) => [...map.values()]);
}

/** The shader with the mutant's change, or null where it has no such place. */
export function altered({ file, op, key, part }: Mutant, use: Use): Shader | null {
  const { shader } = use;
  const inPreamble = op !== null || file === GENERATED_FILE || file === SHARED_FILE;
  if (inPreamble ? op !== null && op !== use.op : shader.file !== file) return null;
  const text = (inPreamble ? shader.preamble : shader.source) ?? '';
  const place = placesOf(text).get(key);
  if (!place || !calledIn(use).has(part)) return null;
  const changed = text.slice(0, place.start) + place.after + text.slice(place.end);
  return inPreamble ? { ...shader, preamble: changed } : { ...shader, source: changed };
}
