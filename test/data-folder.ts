// What the tests of loaders share: files in a folder of their own, and errors of one line.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { DataError, type ImageSet } from '../src/data/index.ts';

/** The folder of a test file, gone behind its last test. */
export let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'downhill-data-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Writes files, given by path, below that folder; gives the path of the folder `name`. */
export async function folder(name: string, files: Record<string, Uint8Array | string>): Promise<string> {
  await mkdir(join(root, name), { recursive: true });
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(root, name, path)), { recursive: true });
    await writeFile(join(root, name, path), bytes);
  }
  return join(root, name);
}

/** The bytes of one image of a set. */
export const pixelsOf = ({ images, shape }: ImageSet, index: number) => {
  const size = shape.reduce((a, b) => a * b);
  return Array.from(images.subarray(index * size, (index + 1) * size));
};

/** Asserts a DataError of one line. */
export async function refused(promise: Promise<unknown>, ...parts: string[]): Promise<void> {
  const error = await promise.then(
    () => null,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(DataError);
  for (const part of parts) expect(error.message).toContain(part);
  expect(error.message).not.toContain('\n');
}
