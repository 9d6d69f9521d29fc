// Files in Node, through the import `#files`: written whole or not at all.
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

export { join };

/** mkdir -p; Node's own recursive mkdir never comes back where the system says ENOENT for a folder that exists (/proc). */
export async function makeFolder(path: string): Promise<void> {
  const whole = resolve(path);
  if (existsSync(whole)) return;
  await makeFolder(dirname(whole));
  await mkdir(whole);
}

/** The bytes of a file. */
export const readBytes = async (path: string): Promise<Uint8Array> => readFile(path);

/**
 * Puts a file in its place whole or not at all: it is written beside it and flushed, then moved there, and the folder is
 * flushed. A full disk or a killed process leaves what was there before; what a killed one had begun goes with the next write.
 */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(draft, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw error;
  }
  await removeStale(path);
  await flushFolder(dirname(path));
}

/** Removes drafts of a file that processes left behind which were killed: those that still run may be at it. */
async function removeStale(path: string): Promise<void> {
  const begin = `${basename(path)}.`;
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    if (!name.startsWith(begin)) continue;
    const id = /^(\d+)\.tmp$/.exec(name.slice(begin.length))?.[1];
    if (id && !isAlive(Number(id))) await rm(join(dirname(path), name), { force: true }).catch(() => {});
  }
}

function isAlive(id: number): boolean {
  try {
    process.kill(id, 0); // asks, and sends nothing
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Makes a rename in a folder last. Not every system can open folders: there the rename lasts as it does. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null);
  await folder?.sync().catch(() => {});
  await folder?.close();
}
