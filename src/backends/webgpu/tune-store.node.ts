// Keeps what the tuner found in the user's cache folder (Node only).
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TextStore } from './tune-store.ts';

/** The file of a key: $XDG_CACHE_HOME/downhill/tuning, else ~/.cache/downhill/tuning; null without a home, or where DOWNHILL_TUNING is off. */
function fileOf(key: string): { folder: string; path: string } | null {
  const { XDG_CACHE_HOME, HOME, DOWNHILL_TUNING } = process.env;
  const cache = XDG_CACHE_HOME || (HOME && join(HOME, '.cache'));
  if (!cache || DOWNHILL_TUNING === 'off') return null;
  const folder = join(cache, 'downhill', 'tuning');
  return { folder, path: join(folder, `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.json`) };
}

export const tuningStore: TextStore = {
  async read(key) {
    const file = fileOf(key);
    return file && readFile(file.path, 'utf8').catch(() => null);
  },
  async write(key, text) {
    const file = fileOf(key);
    if (!file) return;
    await mkdir(file.folder, { recursive: true });
    // Whole or not at all, whoever else writes.
    const draft = `${file.path}.${process.pid}`;
    try {
      await writeFile(draft, text);
      await rename(draft, file.path);
    } finally {
      await rm(draft, { force: true });
    }
  },
};
