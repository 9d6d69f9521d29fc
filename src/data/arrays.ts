// Datasets from what a user has in memory: flat arrays, or an iterable of examples.
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import { checkDataset } from './check.ts';
import { classNames, type Dataset, type Values } from './dataset.ts';
import { DataError } from './error.ts';

export interface ArrayOptions {
  /** Names or number of the classes: y holds labels then, whatever array it is. */
  classes?: number | readonly string[];
  /** Whether a class may be without any example. Default false. */
  allowEmpty?: boolean;
  /** What messages call the data, such as a file name. */
  name?: string;
}

/** One example: numbers in any array, and a class index, a number or numbers to predict. */
export interface Example {
  x: ArrayLike<number> | number;
  y: ArrayLike<number> | number;
}

const WHOLE = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array];

/** How messages call the rows of data that may have a name. */
export const rowsOf =
  (name?: string) =>
  (row: number): string =>
    name === undefined ? `row ${row}` : `${name}, row ${row}`;

/** Labels as int32. Throws where one is not a whole number of that range. */
export function toLabels(y: ArrayLike<number>, where: (row: number) => string): Int32Array {
  return Int32Array.from(y, (label, row) => {
    if (Number.isInteger(label) && label === (label | 0)) return label;
    throw new DataError(`${where(row)}: expected a class index as label, got ${label}`);
  });
}

/** The examples of some rows of flat arrays. */
function pick<V extends Values>(values: V, size: number, indices: ArrayLike<number>): V {
  const out = new (values.constructor as new (n: number) => V)(indices.length * size);
  for (let i = 0; i < indices.length; i++) {
    const from = indices[i] * size;
    out.set(values.subarray(from, from + size), i * size);
  }
  return out;
}

/**
 * A dataset of x with this `shape`, the number of examples first, and y: one number for each example, or as many for each.
 * An Int32Array x stays int32 (tokens), any other becomes float32. y is labels (int32) where it is an array of whole numbers
 * or `classes` are given, else targets of regression (float32). Without y all labels are 0, for what looks at x only.
 * Everything is looked at once: NaN, labels out of range and classes without an example are a DataError that names the row.
 */
export function fromArrays(
  x: ArrayLike<number>,
  shape: Shape,
  y?: ArrayLike<number>,
  { classes, allowEmpty, name }: ArrayOptions = {},
): Dataset {
  const what = name ?? 'fromArrays';
  const where = rowsOf(name);
  const [length, ...example] = shape;
  if (shape.length === 0 || x.length !== elementCount(shape)) {
    throw new DataError(`${what}: expected ${elementCount(shape)} numbers for ${format(shape)}, got ${x.length}`);
  }
  const targets = y ?? new Int32Array(length);
  const each = length === 0 ? 1 : targets.length / length;
  if (!Number.isInteger(each) || each === 0) {
    throw new DataError(`${what}: expected a label or target for each of ${length} examples, got ${targets.length}`);
  }
  const labelled = classes !== undefined || WHOLE.some((type) => targets instanceof type);
  const inputs = x instanceof Float32Array || x instanceof Int32Array ? x : Float32Array.from(x);
  const outputs = labelled
    ? toLabels(targets, (at) => where(Math.floor(at / each)))
    : targets instanceof Float32Array
      ? targets
      : Float32Array.from(targets);
  const size = elementCount(example);
  const data: Dataset = {
    length,
    shape: example,
    ...(classes === undefined || y === undefined ? {} : { classes: classNames(classes) }),
    ...(allowEmpty ? { partial: true } : {}),
    where,
    batch: (indices) => ({
      x: pick(inputs, size, indices),
      y: pick(outputs, each, indices),
      shape: [indices.length, ...example],
      ...(each === 1 ? {} : { yShape: [indices.length, each] }),
    }),
  };
  checkDataset(data, { allowEmpty, name });
  return data;
}

/** Numbers of one example as an array. Throws a DataError where they are none. */
function numbers(example: Example | undefined, what: 'x' | 'y', where: string): ArrayLike<number> {
  const values: unknown = example?.[what];
  if (typeof values === 'number') return [values];
  if (typeof values === 'object' && typeof (values as ArrayLike<number> | null)?.length === 'number') {
    return values as ArrayLike<number>;
  }
  throw new DataError(`${where}: expected an example { x, y } of numbers, got ${what} ${values}`);
}

/**
 * Examples as two flat arrays. Throws a DataError for the first one that lacks x or y, or differs in length from the
 * one before; `where` names that at a place.
 */
export function flatten(
  examples: readonly Example[],
  where: (at: number) => string,
): { x: number[]; y: number[]; size: number; each: number } {
  const flat = { x: [] as number[], y: [] as number[] };
  const sizes = { x: 0, y: 0 };
  examples.forEach((example, i) => {
    for (const what of ['x', 'y'] as const) {
      const values = numbers(example, what, where(i));
      if (i === 0) sizes[what] = values.length;
      if (values.length !== sizes[what]) {
        throw new DataError(`${where(i)}: expected ${sizes[what]} numbers in ${what} as before, got ${values.length}`);
      }
      for (let k = 0; k < values.length; k++) flat[what].push(values[k]);
    }
  });
  return { ...flat, size: sizes.x, each: sizes.y };
}

/**
 * A dataset of all examples that an iterable or async iterable gives. `shape`: that of one x; default [its length]. See
 * fromArrays for y and what is refused; examples of different lengths are refused, too.
 */
export async function fromIterable(
  examples: Iterable<Example> | AsyncIterable<Example>,
  { shape, ...options }: ArrayOptions & { shape?: Shape } = {},
): Promise<Dataset> {
  const all: Example[] = [];
  for await (const example of examples) all.push(example);
  const { name = 'fromIterable' } = options;
  if (all.length === 0) throw new DataError(`${name}: expected at least one example, got none`);
  const where = rowsOf(options.name);
  const { x, y, size } = flatten(all, where);
  const example = shape ?? [size];
  if (elementCount(example) !== size) {
    throw new DataError(`${where(0)}: expected x of ${format(example)}, got ${size} numbers`);
  }
  return fromArrays(x, [all.length, ...example], y, options);
}
