// Finds npm packages and unpacks what they carry into a cache folder, once per version (Node only).

import { chmod, lstat, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { DeviceError } from '../../tensor/errors.ts';

export interface FoundPackage {
  folder: string;
  version: string;
}

/** The installed npm package of that name, seen from this file or else from the working directory. */
export async function findPackage(name: string): Promise<FoundPackage | undefined> {
  // The working directory too: a linked or globally installed downhill does not see its user's packages.
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json'))]) {
    let folder: string;
    try {
      folder = dirname(createRequire(from).resolve(name));
    } catch {
      continue;
    }
    // The main file may lie some folders down, and package.json itself need not be exported.
    for (; folder !== dirname(folder); folder = dirname(folder)) {
      const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}');
      const found = JSON.parse(text) as { name?: string; version?: string };
      if (found.name === name && found.version) return { folder, version: found.version };
    }
  }
  return undefined;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Whether a folder is ours alone to prepare: the system's temporary folder is everybody's. */
async function isOwn(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined);
  return found?.isDirectory() === true && (!process.getuid || found.uid === process.getuid());
}

/**
 * A folder of that name in the user's cache, else in the temporary folder. Where it is not there yet, `fill` writes
 * into a draft beside it, which is then renamed: other processes see the whole folder or none.
 */
export async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const { XDG_CACHE_HOME, HOME } = process.env;
  const temporary = join(tmpdir(), `downhill-${process.getuid?.() ?? 'user'}`);
  const roots = [temporary];
  if (XDG_CACHE_HOME || HOME) roots.unshift(join(XDG_CACHE_HOME || join(HOME!, '.cache'), 'downhill'));
  for (const root of roots) {
    if ((await exists(join(root, name))) && (root !== temporary || (await isOwn(root)))) return join(root, name);
  }

  const failures: string[] = [];
  for (const root of roots) {
    const folder = join(root, name);
    let draft: string | undefined;
    try {
      await mkdir(root, { recursive: true, mode: root === temporary ? 0o700 : 0o777 });
      if (root === temporary && !(await isOwn(root))) throw new Error(`${root} belongs to another user`);
      draft = await mkdtemp(`${folder}.`);
      await fill(draft);
      // mkdtemp makes it private, but a cache may be filled by one user (an image's root, say) and read by another.
      await chmod(draft, 0o755);
      await rename(draft, folder);
      return folder;
    } catch (error) {
      // A rename that fails because another process was first is no failure.
      if (draft && (await exists(folder))) return folder;
      failures.push((error as Error).message);
    } finally {
      if (draft) await rm(draft, { recursive: true, force: true });
    }
  }
  throw new DeviceError(`cannot fill the cache folder ${name}: ${failures.join('; ')}`);
}

/** Unpacks a .tar.br file (brotli, ustar with plain files and folders) into a folder; `keep` picks files by name. */
export async function unpackTar(archive: string, folder: string, keep = (_name: string) => true): Promise<void> {
  const tar = await promisify(brotliDecompress)(await readFile(archive));
  const field = (start: number, length: number) => tar.toString('utf8', start, start + length).replace(/\0.*$/s, '');
  // A member is a header of 512 bytes and its content, padded to 512; the archive ends with zeros.
  for (let at = 0, size = 0; at + 512 <= tar.length && tar[at] !== 0; at += 512 + Math.ceil(size / 512) * 512) {
    const name = join(field(at + 345, 155), field(at, 100));
    size = Number.parseInt(field(at + 124, 12), 8);
    const type = field(at + 156, 1) || '0';
    if (field(at + 257, 5) !== 'ustar' || !'05'.includes(type) || Number.isNaN(size) || name.startsWith('..')) {
      throw new Error(`${archive}: cannot unpack ${name} (type ${type})`);
    }
    if (type === '5' || !keep(name)) continue;
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, tar.subarray(at + 512, at + 512 + size), {
      mode: Number.parseInt(field(at + 100, 8), 8) & 0o777,
    });
  }
}
