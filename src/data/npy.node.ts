// Datasets from .npy files (Node only).
import { readFile } from 'node:fs/promises';
import { decodeNpy, type NpyArray } from '../io/npy.ts';
import { format } from '../tensor/shape.ts';
import { type ArrayOptions, fromArrays } from './arrays.ts';
import type { Dataset } from './dataset.ts';
import { DataError } from './error.ts';

/** The array of a .npy file. Throws a DataError that names the file. */
export async function readNpy(file: string): Promise<NpyArray> {
  const bytes = await readFile(file).catch((error: Error) => {
    throw new DataError(`cannot read the array (${error.message})`);
  });
  try {
    return decodeNpy(bytes, file);
  } catch (error) {
    throw new DataError((error as Error).message);
  }
}

/**
 * A dataset of two .npy files with as many rows: x [N, ...], and y [N] or [N, K]; y holds labels where it is of whole
 * numbers or `classes` are given, else targets of regression. All is checked as fromArrays does, with the files named.
 */
export async function loadNpy(xFile: string, yFile: string, options: ArrayOptions = {}): Promise<Dataset> {
  const [x, y] = await Promise.all([readNpy(xFile), readNpy(yFile)]);
  const [rows] = x.shape;
  if (rows === undefined || y.shape[0] !== rows) {
    throw new DataError(`${yFile}: expected as many rows as ${xFile} has, ${format(x.shape)}, got ${format(y.shape)}`);
  }
  return fromArrays(x.data, x.shape, y.data, { name: `${xFile} with ${yFile}`, ...options });
}
