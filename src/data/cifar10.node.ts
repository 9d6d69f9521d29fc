// CIFAR-10 from a folder that the user names (Node only): no npm package carries it.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CIFAR10_FILES, cifar10From } from './cifar10.ts';
import { DataError } from './error.ts';
import type { ImageSplits } from './images.ts';

/** Where the published archive unpacks to. */
const UNPACKED = 'cifar-10-batches-bin';

/**
 * CIFAR-10 from the six files of its binary version in `folder`, or in the folder cifar-10-batches-bin there. Throws a
 * DataError that says what has to be where, or names the file and record that is wrong.
 */
export async function loadCifar10(folder: string): Promise<ImageSplits> {
  const inside = await readdir(folder).catch(() => null);
  const all = [...CIFAR10_FILES.train, CIFAR10_FILES.test];
  const from = inside?.includes(UNPACKED) ? join(folder, UNPACKED) : folder;
  const there = await readdir(from).catch(() => [] as string[]);
  const missing = all.filter((name) => !there.includes(name));
  if (missing.length > 0) {
    throw new DataError(
      `CIFAR-10: ${inside ? `${missing.join(', ')} not in ${from}` : `there is no folder ${folder}`}; unpack the "CIFAR-10 binary version" (cifar-10-binary.tar.gz) there, which holds data_batch_1.bin to data_batch_5.bin and test_batch.bin`,
    );
  }
  try {
    const bytes = await Promise.all(all.map((name) => readFile(join(from, name))));
    return cifar10From(bytes.slice(0, -1), bytes.at(-1)!);
  } catch (error) {
    throw new DataError(`CIFAR-10 in ${from}: ${(error as Error).message}`);
  }
}
