// What the docstrings of ops must say: the shape of the output, a formula, and the errors.
import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

const FOLDER = 'src/ops';
const read = (file: string) => readFile(`${FOLDER}/${file}`, 'utf8');

/** The names that a file exports again, with where they come from; a name given with `as` is the one before it. */
const exported = (text: string) =>
  [...text.matchAll(/export \{([^}]*)\} from '\.\/([^']+)'/g)].flatMap(([, list, file]) =>
    list
      .split(',')
      .map((name) => name.trim().split(' as ')[0])
      .filter((name) => name !== '' && !name.startsWith('type '))
      .map((name) => ({ name, file })),
  );

/** The last docstring before the declaration of a name. */
const docOf = (text: string, name: string) =>
  text.match(new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\nexport (?:const|function) ${name}\\b`))?.[1] ?? '';

/** What a docstring must tell, each with the words by which it is known. */
const TOLD: [what: string, words: RegExp][] = [
  ['the shape of its output', /\[[^\]]*\]|\bin the (given )?shape\b|\bscalar\b|\bview\b/i],
  ['a formula', / = /],
  ['an error', /\bThrows a \w+Error\b|\bthrows a \w+Error\b/],
];

/** In one line, and without the indices of formulas, which are no shapes. */
const plain = (doc: string) => doc.replace(/\s*\n \* /g, ' ').replace(/(?<=\w)\[[^\]]*\]/g, '');
const lacking = (doc: string) => TOLD.filter(([, words]) => !words.test(plain(doc))).map(([what]) => what);

test.each(TOLD.map(([what]) => what))('every op documents %s', async (what) => {
  const sources = (await readdir(FOLDER)).filter((file) => file.endsWith('.ts'));
  const texts = new Map(await Promise.all(sources.map(async (file) => [file, await read(file)] as const)));
  const ops = ['index.ts', 'functions.ts'].flatMap((file) => exported(texts.get(file)!));
  expect(ops.length).toBeGreaterThan(150);
  // elementwise.ts and its like hand on what other files declare.
  const found = ({ name }: { name: string }) => [...texts.values()].map((text) => docOf(text, name)).filter(Boolean);
  const silent = ops.filter((op) => !found(op).some((doc) => !lacking(doc).includes(what)));
  expect(silent.map(({ name }) => name)).toEqual([]);
});

test('a docstring without any of them is noticed', () => {
  expect(lacking('Makes it fast.')).toEqual(TOLD.map(([what]) => what));
  expect(lacking('out = 2 x. In the shape\n * of x. Throws a ShapeError for bool.')).toEqual([]);
});
