// What is trained on: anything that knows its length and gives batches of examples as flat arrays.
import type { Shape } from '../tensor/shape.ts';

/** Flat numbers: floats, or whole numbers such as class indices and tokens. */
export type Values = Float32Array | Int32Array;

/** A batch on the host. */
export interface Batch<Y extends Values = Int32Array, X extends Values = Float32Array> {
  /** Inputs, [n, ...]. */
  x: X;
  /** Class indices [n] (int32), or targets of regression (float32). */
  y: Y;
  /** Shape of x. */
  shape: Shape;
  /** Shape of y. Default: [n]. */
  yShape?: Shape;
}

/** Examples by index. ImageSet is one, and so is any object of a user that has these. */
export interface Dataset<Y extends Values = Values, X extends Values = Values> {
  readonly length: number;
  /** Shape of one example, such as [C, H, W]. */
  readonly shape: Shape;
  /** Names of the classes, where y holds class indices. */
  readonly classes?: readonly string[];
  /** Class indices of all examples, where they are known without their inputs. */
  readonly labels?: ArrayLike<number>;
  /** Whether all numbers are known to be finite, as pixels are: training looks at all examples beforehand where it is not set. */
  readonly checked?: boolean;
  /** Whether a class may be without any example, as in a part of a dataset: training refuses that of others. */
  readonly partial?: boolean;
  /** The examples of these indices. */
  batch(indices: ArrayLike<number>): Batch<Y, X>;
  /** Where an example came from, for messages: `train/cat/7.png`, or `x.npy, row 12` (rows count from 0). */
  where?(index: number): string;
}

/** Where an example came from, in words. */
export const whereIs = (data: Pick<Dataset, 'where'>, index: number): string => data.where?.(index) ?? `row ${index}`;

/** Names of classes that are only counted. */
export const classNames = (classes: number | readonly string[]): readonly string[] =>
  typeof classes === 'number' ? Array.from({ length: classes }, (_, i) => String(i)) : classes;

/** Examples read at a time where all are looked at. */
const CHUNK = 256;

/** All batches of a dataset in order, with the index of the first example of each. */
export function* batchesOf<Y extends Values, X extends Values>(
  data: Dataset<Y, X>,
  size = CHUNK,
): Generator<{ batch: Batch<Y, X>; from: number; count: number }> {
  for (let from = 0; from < data.length; from += size) {
    const count = Math.min(size, data.length - from);
    yield { batch: data.batch(Array.from({ length: count }, (_, i) => from + i)), from, count };
  }
}
