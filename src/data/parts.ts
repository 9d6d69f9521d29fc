// Datasets from datasets: some of the examples, a split at random, several one behind the other.
import { type Stream, shuffled } from '../tensor/random.ts';
import { elementCount, format, sameShape } from '../tensor/shape.ts';
import { type Dataset, type Values, whereIs } from './dataset.ts';
import { DataError } from './error.ts';

/** The examples of these indices, in their order. A view. */
export function subset<Y extends Values, X extends Values>(
  data: Dataset<Y, X>,
  indices: ArrayLike<number>,
): Dataset<Y, X> {
  for (let i = 0; i < indices.length; i++) {
    if (!(Number.isInteger(indices[i]) && indices[i] >= 0 && indices[i] < data.length)) {
      throw new DataError(`subset: expected indices from 0 to ${data.length - 1}, got ${indices[i]} at ${i}`);
    }
  }
  const order = Uint32Array.from(indices);
  const { labels } = data;
  return {
    length: order.length,
    shape: data.shape,
    ...(data.classes ? { classes: data.classes } : {}),
    ...(labels ? { labels: Array.from(order, (i) => labels[i]) } : {}),
    ...(data.checked ? { checked: true } : {}),
    partial: true,
    batch: (wanted) => data.batch(Array.from(wanted, (i) => order[i])),
    where: (index) => whereIs(data, order[index]),
  };
}

/** Examples from `from` up to `to`, which is left out. Negative places count from the end, as in Array.slice. A view. */
export function slice<Y extends Values, X extends Values>(
  data: Dataset<Y, X>,
  from: number,
  to = data.length,
): Dataset<Y, X> {
  return subset(data, Array.from({ length: data.length }, (_, i) => i).slice(from, to));
}

export interface SplitOptions {
  /** Whether examples are drawn at random (the default) or taken in order. */
  shuffle?: boolean;
  /** The place in the random sequence. Default: the next stream of the generator that manualSeed() starts. */
  stream?: Stream;
}

/**
 * Parts of a dataset: `sizes` are shares such as [0.8, 0.1, 0.1], or numbers of examples, that add up to all. Views, each
 * with its examples in random order from the seed.
 */
export function split<Y extends Values, X extends Values>(
  data: Dataset<Y, X>,
  sizes: readonly number[],
  { shuffle = true, stream }: SplitOptions = {},
): Dataset<Y, X>[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const shares = sizes.length > 0 && Math.abs(total - 1) < 1e-9;
  if (!sizes.every((size) => size >= 0 && (shares || Number.isInteger(size))) || (!shares && total !== data.length)) {
    throw new DataError(
      `split: expected shares that add up to 1 or sizes that add up to ${data.length}, got [${sizes}]`,
    );
  }
  const order = shuffle ? shuffled(data.length, stream) : Uint32Array.from({ length: data.length }, (_, i) => i);
  let sum = 0;
  const ends = sizes.map((size) => {
    sum += size;
    return shares ? Math.round(sum * data.length) : sum;
  });
  return ends.map((end, i) => subset(data, order.subarray(ends[i - 1] ?? 0, end)));
}

/** Several datasets one behind the other, of one shape and the same classes. A view. */
export function concat<Y extends Values, X extends Values>(...sets: Dataset<Y, X>[]): Dataset<Y, X> {
  const [first] = sets;
  if (!first) throw new DataError('concat: expected at least one dataset, got none');
  for (const { shape, classes } of sets) {
    if (!sameShape(shape, first.shape)) {
      throw new DataError(`concat: expected examples of ${format(first.shape)}, got ${format(shape)}`);
    }
    if (String(classes) !== String(first.classes)) {
      throw new DataError(`concat: expected classes ${first.classes ?? 'none'}, got ${classes ?? 'none'}`);
    }
  }
  const ends: number[] = [];
  for (const { length } of sets) ends.push((ends.at(-1) ?? 0) + length);
  const length = ends.at(-1)!;
  /** Which set an example is in, and its index there. */
  const find = (index: number): [set: number, index: number] => {
    const set = ends.findIndex((end) => index < end);
    if (!(index >= 0) || set < 0)
      throw new DataError(`concat: expected an index from 0 to ${length - 1}, got ${index}`);
    return [set, index - (ends[set - 1] ?? 0)];
  };
  return {
    length,
    shape: first.shape,
    ...(first.classes ? { classes: first.classes } : {}),
    ...(sets.some(({ partial }) => partial) ? { partial: true } : {}),
    where: (index) => {
      const [set, at] = find(index);
      return whereIs(sets[set], at);
    },
    batch: (indices) => {
      const found = Array.from(indices, find);
      const parts = sets.map((set, s) => {
        const mine = found.flatMap(([at], row) => (at === s ? [row] : []));
        return { rows: mine, batch: mine.length === 0 ? null : set.batch(mine.map((row) => found[row][1])) };
      });
      const some = parts.find(({ batch }) => batch)?.batch ?? first.batch([]);
      const yShape = [found.length, ...(some.yShape?.slice(1) ?? [])];
      const x = new (some.x.constructor as new (n: number) => X)(found.length * elementCount(first.shape));
      const y = new (some.y.constructor as new (n: number) => Y)(elementCount(yShape));
      for (const { rows, batch } of parts) {
        if (!batch) continue;
        const fits = batch.y.length * found.length === y.length * rows.length;
        if (!fits || batch.y.constructor !== y.constructor || batch.x.constructor !== x.constructor) {
          throw new DataError('concat: expected x and y of one type and as many numbers in all datasets');
        }
        scatterRows(x, batch.x, rows);
        scatterRows(y, batch.y, rows);
      }
      return { x, y, shape: [found.length, ...first.shape], ...(some.yShape ? { yShape } : {}) };
    },
  };
}

/** Row i of `values` becomes row `rows[i]` of `out`. */
function scatterRows(out: Values, values: Values, rows: number[]): void {
  const size = values.length / rows.length;
  rows.forEach((row, i) => {
    out.set(values.subarray(i * size, (i + 1) * size), row * size);
  });
}
