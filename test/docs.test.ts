// What the docstrings of ops must say: each names the error that its op throws.
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

test('every op documents its errors', async () => {
  const sources = (await readdir(FOLDER)).filter((file) => file.endsWith('.ts'));
  const texts = new Map(await Promise.all(sources.map(async (file) => [file, await read(file)] as const)));
  const ops = ['index.ts', 'functions.ts'].flatMap((file) => exported(texts.get(file)!));
  expect(ops.length).toBeGreaterThan(150);
  // elementwise.ts and its like hand on what other files declare.
  const found = ({ name }: { name: string }) => [...texts.values()].map((text) => docOf(text, name)).filter(Boolean);
  const silent = ops.filter((op) => !found(op).some((doc) => /\w+Error\b/.test(doc)));
  expect(silent.map(({ name }) => name)).toEqual([]);
});
