// checkDataset: looks at every example once, before training finds out the hard way.
import { elementCount, format } from '../tensor/shape.ts';
import { batchesOf, classNames, type Dataset, type Values, whereIs } from './dataset.ts';
import { DataError } from './error.ts';

export interface CheckOptions {
  /** Names or number of the classes. Default: those of the dataset; without any, labels are only checked to be 0 or more. */
  classes?: number | readonly string[];
  /** Whether a class may be without any example, as in a part of a dataset. Default false. */
  allowEmpty?: boolean;
}

/** The first place that is NaN or infinite, or -1. */
export function firstBad(values: ArrayLike<number>, from = 0, to = values.length): number {
  if (values instanceof Int32Array) return -1;
  // What is finite differs from itself by 0.
  for (let i = from; i < to; i++) if (values[i] - values[i] !== 0) return i;
  return -1;
}

function checkFinite(data: Dataset, what: 'x' | 'y', values: Values, from: number, size: number): void {
  const at = firstBad(values);
  if (at < 0) return;
  const place = size === 1 ? '' : ` at element ${at % size}`;
  throw new DataError(`${whereIs(data, from + Math.floor(at / size))}: ${what} is ${values[at]}${place}`);
}

/**
 * Looks at all examples once. Throws a DataError, one line that names file and row, where there is no example, an x or a
 * float y is NaN or infinite, a batch is not as long as its shape says, a label is out of range or a class has no example.
 */
export function checkDataset(data: Dataset, { classes = data.classes, allowEmpty = false }: CheckOptions = {}): void {
  if (data.length === 0) throw new DataError('expected at least one example, got none');
  const names = classes === undefined ? null : classNames(classes);
  const seen = new Array<boolean>(names?.length ?? 0).fill(false);
  const size = elementCount(data.shape);
  let labelled = false;
  for (const { batch, from, count } of batchesOf(data)) {
    const rows = `${whereIs(data, from)} and the ${count - 1} behind it`;
    const { x, y, yShape = [count] } = batch;
    if (x.length !== count * size) {
      throw new DataError(`${rows}: expected ${count} times ${format(data.shape)} numbers in x, got ${x.length}`);
    }
    if (yShape[0] !== count || y.length !== elementCount(yShape)) {
      throw new DataError(`${rows}: expected ${elementCount(yShape)} numbers in y for ${count} rows, got ${y.length}`);
    }
    checkFinite(data, 'x', x, from, size);
    checkFinite(data, 'y', y, from, y.length / count);
    if (!(y instanceof Int32Array)) continue;
    labelled = true;
    y.forEach((label, i) => {
      if (label < 0 || (names && label >= names.length)) {
        const range = names ? `0 to ${names.length - 1}` : '0 or more';
        const row = Math.floor((i * count) / y.length);
        throw new DataError(`${whereIs(data, from + row)}: label ${label} is out of range, expected ${range}`);
      }
      seen[label] = true;
    });
  }
  if (names && labelled && !allowEmpty) checkClasses(names, (label) => seen[label], data.length);
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
