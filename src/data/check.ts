// checkDataset and checkBatch: look at all examples, or at those of a batch, before training finds out the hard way.
import { IGNORE } from '../ops/labels.ts';
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import { type Batch, batchesOf, classNames, type Dataset, type Values, whereIs } from './dataset.ts';
import { DataError } from './error.ts';

export interface CheckOptions {
  /** Names or number of the classes. Default: those of the dataset; without any, labels are only checked to be 0 or more. */
  classes?: number | readonly string[];
  /** Whether a class may be without any example, as in a part of a dataset. Default false. */
  allowEmpty?: boolean;
  /** What messages about all the data call it, such as a file name. */
  name?: string;
}

/** The first place that is NaN or infinite, or -1. */
export function firstBad(values: ArrayLike<number>, from = 0, to = values.length): number {
  if (values instanceof Int32Array) return -1;
  // What is finite differs from itself by 0.
  for (let i = from; i < to; i++) if (values[i] - values[i] !== 0) return i;
  return -1;
}

/** What is looked at in a batch. */
interface Expected {
  /** Where the example at a place of the batch came from. */
  where: (at: number) => string;
  /** How many examples were asked for. */
  count: number;
  /** Shape of one example. */
  shape: Shape;
  /** Names of the classes; null where they are not known. */
  names: readonly string[] | null;
}

/**
 * Looks at a batch. Throws a DataError, one line that names the row, where it is not as long as its shapes say, an x or
 * a float y is NaN or infinite, or a label is out of range: it may be IGNORE, which losses leave out.
 */
export function checkBatch({ x, y, yShape }: Batch<Values, Values>, { where, count, shape, names }: Expected): void {
  const rows = count === 1 ? where(0) : `${where(0)} and the ${count - 1} behind it`;
  if (x.length !== count * elementCount(shape)) {
    throw new DataError(`${rows}: expected ${count} times ${format(shape)} numbers in x, got ${x.length}`);
  }
  const wanted = yShape ?? [count];
  if (wanted[0] !== count || y.length !== elementCount(wanted)) {
    throw new DataError(`${rows}: expected ${elementCount(wanted)} numbers in y for ${count} rows, got ${y.length}`);
  }
  for (const [what, values] of [['x', x] as const, ['y', y] as const]) {
    const at = firstBad(values);
    if (at < 0) continue;
    const size = values.length / count;
    const place = size === 1 ? '' : ` at element ${at % size}`;
    throw new DataError(`${where(Math.floor(at / size))}: ${what} is ${values[at]}${place}`);
  }
  if (!(y instanceof Int32Array)) return;
  const most = names?.length ?? Number.POSITIVE_INFINITY;
  const bad = y.findIndex((label) => label !== IGNORE && !(label >= 0 && label < most));
  if (bad < 0) return;
  const range = names ? `0 to ${names.length - 1}` : '0 or more';
  const row = Math.floor((bad * count) / y.length);
  throw new DataError(`${where(row)}: label ${y[bad]} is out of range, expected ${range}`);
}

/**
 * Looks at all examples once. Throws a DataError, one line that names file and row, where there is no example,
 * checkBatch finds something, or a class has no example.
 */
export function checkDataset(
  data: Dataset,
  { classes = data.classes, allowEmpty = false, name }: CheckOptions = {},
): void {
  const what = name === undefined ? '' : `${name}: `;
  if (data.length === 0) throw new DataError(`${what}expected at least one example, got none`);
  const names = classes === undefined ? null : classNames(classes);
  const seen = new Set<number>();
  let labelled = false;
  for (const { batch, from, count } of batchesOf(data)) {
    checkBatch(batch, { where: (at) => whereIs(data, from + at), count, shape: data.shape, names });
    if (!(batch.y instanceof Int32Array)) continue;
    labelled = true;
    for (const label of batch.y) seen.add(label);
  }
  if (names && labelled && !allowEmpty) checkClasses(names, (label) => seen.has(label), data.length, what);
}

/** Throws a DataError for the first class of which none of `count` examples is. `what` begins its message. */
export function checkClasses(
  names: readonly string[],
  has: (label: number) => boolean,
  count: number,
  what = '',
): void {
  const empty = names.findIndex((_, label) => !has(label));
  if (empty < 0) return;
  const name = names[empty] === String(empty) ? '' : ` (${names[empty]})`;
  throw new DataError(`${what}class ${empty}${name} has no example among ${count}`);
}
