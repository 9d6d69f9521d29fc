// Datasets from arrays, iterables and other datasets, and the one line that says what cannot be trained on.
import { manualSeed } from 'downhill';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  checkDataset,
  concat,
  DataError,
  type Dataset,
  type Example,
  fromArrays,
  fromIterable,
  ImageSet,
  pixelStatistics,
  slice,
  split,
  subset,
} from '../src/data/index.ts';
import { counted } from './counted.ts';

beforeEach(() => manualSeed(0));

/** Which examples of counted() there are, by their first numbers. */
const firsts = (data: Dataset) =>
  Array.from(data.batch(Array.from({ length: data.length }, (_, i) => i)).x).filter((_, k) => k % 2 === 0);

describe('datasets', () => {
  test('fromArrays: labels, targets of one or several numbers, whole-number inputs', () => {
    const labelled = counted(4);
    expect(labelled.length).toBe(4);
    expect(labelled.shape).toEqual([2]);
    const batch = labelled.batch([3, 1]);
    expect(batch).toEqual({ x: new Float32Array([3, 30, 1, 10]), y: new Int32Array([0, 1]), shape: [2, 2] });
    expect(labelled.where?.(3)).toBe('counted, row 3');

    const numbers = fromArrays([1, 2, 3], [3, 1], [0.5, 1.5, 2.5]);
    expect(numbers.batch([2]).y).toEqual(new Float32Array([2.5]));
    expect(numbers.classes).toBeUndefined();
    const pairs = fromArrays([1, 2], [2, 1], [1, 2, 3, 4]).batch([1, 0]);
    expect(pairs).toMatchObject({ y: new Float32Array([3, 4, 1, 2]), yShape: [2, 2] });
    const tokens = fromArrays(new Int32Array([5, 6, 7, 8]), [2, 2], new Uint8Array([0, 1]), { classes: 2 });
    expect(tokens.batch([1])).toMatchObject({ x: new Int32Array([7, 8]), y: new Int32Array([1]) });
    expect(tokens.classes).toEqual(['0', '1']);
    // Without targets, for what looks at x only.
    expect(fromArrays([1, 2], [2, 1]).batch([0, 1]).y).toEqual(new Int32Array(2));
  });

  test('fromIterable: an array, a generator, an async generator', async () => {
    const examples = [
      { x: [1, 2, 3, 4], y: 1 },
      { x: new Float32Array([5, 6, 7, 8]), y: 0 },
    ];
    async function* slow() {
      for (const example of examples) yield await Promise.resolve(example);
    }
    for (const source of [examples, new Set(examples), slow()]) {
      const data = await fromIterable(source, { shape: [2, 2], classes: ['no', 'yes'] });
      expect(data.batch([1, 0])).toMatchObject({
        x: new Float32Array([5, 6, 7, 8, 1, 2, 3, 4]),
        y: new Int32Array([0, 1]),
        shape: [2, 2, 2],
      });
    }
    await expect(fromIterable([...examples, { x: [1], y: 0 }])).rejects.toThrow(
      new DataError('row 2: expected 4 numbers in x as before, got 1'),
    );
    await expect(fromIterable([])).rejects.toThrow('at least one example');
  });

  test('fromIterable refuses, with the name that it was given', async () => {
    const good = { x: [1, 2], y: 0 };
    const refused = (bad: unknown[], options: object = {}) =>
      expect(fromIterable([good, ...bad] as Example[], { name: 'mine', ...options })).rejects;
    await refused([{ x: [1], y: 0 }]).toThrow(new DataError('mine, row 1: expected 2 numbers in x as before, got 1'));
    await refused([{ x: [1, 2] }]).toThrow(
      new DataError('mine, row 1: expected an example { x, y } of numbers, got y undefined'),
    );
    await refused([undefined]).toThrow('mine, row 1: expected an example { x, y } of numbers, got x undefined');
    await refused([{ x: 'ab', y: 0 }]).toThrow('mine, row 1: expected an example { x, y } of numbers, got x ab');
    await refused([good, { x: [0, Number.NaN], y: 0 }]).toThrow('mine, row 2: x is NaN at element 1');
    await refused([], { classes: 2 }).toThrow(new DataError('mine: class 1 has no example among 1'));
    await refused([], { shape: [3] }).toThrow('mine, row 0: expected x of [3], got 2 numbers');
    await expect(fromIterable([], { name: 'mine' })).rejects.toThrow('mine: expected at least one example, got none');
  });

  test('slice, subset, concat and split, with rows named as before', () => {
    const data = counted(10);
    expect(firsts(slice(data, 2, 5))).toEqual([2, 3, 4]);
    expect(firsts(slice(data, -2))).toEqual([8, 9]);
    expect(slice(data, 2).where?.(1)).toBe('counted, row 3');
    expect(() => subset(data, [3, 10])).toThrow(/indices from 0 to 9, got 10/);

    const both = concat(slice(data, 6), slice(data, 0, 3));
    expect(both.length).toBe(7);
    const mixed = both.batch([5, 0, 4, 1]);
    expect(mixed.x).toEqual(new Float32Array([1, 10, 6, 60, 0, 0, 7, 70]));
    expect(mixed.y).toEqual(new Int32Array([1, 0, 0, 1]));
    expect(both.where?.(5)).toBe('counted, row 1');
    expect(() => concat(data, fromArrays([1], [1, 1]))).toThrow(/expected examples of \[2\], got \[1\]/);

    const floats = concat<Float32Array | Int32Array, Float32Array | Int32Array>(
      fromArrays([1, 2], [1, 2]),
      fromArrays([1, 2], [1, 2], [0.5]),
    );
    expect(() => floats.batch([0, 1])).toThrow('x and y of one type');

    const parts = split(data, [0.6, 0.3, 0.1]);
    expect(parts.map(({ length }) => length)).toEqual([6, 3, 1]);
    const all = parts.flatMap(firsts);
    expect(all).not.toEqual(firsts(data));
    expect(all.sort((a, b) => a - b)).toEqual(firsts(data));
    manualSeed(0);
    expect(split(data, [6, 3, 1]).map(firsts)).toEqual(parts.map(firsts));
    expect(split(data, [4, 6], { shuffle: false }).map(firsts)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7, 8, 9],
    ]);
    expect(() => split(data, [5, 6])).toThrow(/sizes that add up to 10/);
  });

  test('images of several channels and of 16 bits, normalized channel by channel', () => {
    const pixels = new Uint16Array([0, 65535, 65535, 65535, 0, 0, 13107, 13107]);
    const shape = [2, 1, 2];
    const { mean, std } = pixelStatistics(pixels, shape);
    // Channel 0 holds 0, 1, 0, 0 and channel 1 holds 1, 1, 0.2, 0.2.
    expect(mean).toEqual([0.25, 0.6]);
    expect(std[0]).toBeCloseTo(Math.sqrt(3 / 16), 12);
    expect(std[1]).toBeCloseTo(0.4, 12);
    const images = new ImageSet({
      images: pixels,
      labels: new Uint8Array([0, 1]),
      shape,
      classes: ['a', 'b'],
      mean,
      std,
    });
    const { x } = images.batch([1]);
    [-0.25 / std[0], -0.25 / std[0], -1, -1].forEach((value, i) => {
      expect(x[i]).toBeCloseTo(value, 6);
    });
    expect(pixelStatistics(new Uint8Array([7, 7]), [1, 1, 2])).toEqual({ mean: [7 / 255], std: [1] });
    expect(images.slice(1).where(0)).toBe('image 1');
  });
});

describe('data that cannot be trained on is one line that names file and row', () => {
  const x = () => Float32Array.from({ length: 12 }, (_, i) => i);
  const labels = [0, 1, 2, 0, 1, 2];
  const options = { classes: ['cat', 'dog', 'cow'], name: 'x.npy' };

  test.each([
    ['NaN', Number.NaN, 'x.npy, row 3: x is NaN at element 1'],
    ['Inf', Number.NEGATIVE_INFINITY, 'x.npy, row 3: x is -Infinity at element 1'],
  ])('%s in x', (_, value, message) => {
    const values = x();
    values[7] = value;
    expect(() => fromArrays(values, [6, 2], labels, options)).toThrow(new DataError(message));
  });

  test.each([
    [[0, 1, 2, 0, 3, 2], 'x.npy, row 4: label 3 is out of range, expected 0 to 2'],
    [[0, 1, 2, -1, 1, 2], 'x.npy, row 3: label -1 is out of range, expected 0 to 2'],
    [[0, 1, 2, 0, 1.5, 2], 'x.npy, row 4: expected a class index as label, got 1.5'],
    [[0, 1, 2, Number.NaN, 1, 2], 'x.npy, row 3: expected a class index as label, got NaN'],
    [[0, 2, 2, 0, 2, 2], 'x.npy: class 1 (dog) has no example among 6'],
    [[0, 1], 'x.npy: expected a label or target for each of 6 examples, got 2'],
  ])('labels %j', (y, message) => {
    expect(() => fromArrays(x(), [6, 2], y, options)).toThrow(new DataError(message));
  });

  test('targets, lengths, and nothing at all', () => {
    expect(() => fromArrays(x(), [6, 2], [0, 1, 2, 3, Number.NaN, 5])).toThrow('row 4: y is NaN');
    expect(() => fromArrays(x(), [5, 2], labels, options)).toThrow('expected 10 numbers for [5,2], got 12');
    expect(() => fromArrays([], [0, 2], [])).toThrow('at least one example');
    const images = { images: new Uint8Array(3), labels: new Uint8Array([0, 1, 2]), shape: [1, 1, 1], mean: 0, std: 1 };
    expect(() => new ImageSet({ ...images, classes: ['a', 'b'] })).toThrow('image 2: label 2 is out of range');
  });

  test("a user's own dataset: batches that are too short, labels of more classes", () => {
    const own = (change: object): Dataset => ({
      length: 3,
      shape: [2],
      batch: ({ length }) => ({
        x: new Float32Array(2 * length),
        y: new Int32Array(length),
        shape: [length, 2],
        ...change,
      }),
    });
    expect(() => checkDataset(own({}))).not.toThrow();
    expect(() => checkDataset(own({}), { classes: 1 })).not.toThrow();
    expect(() => checkDataset(own({}), { classes: 2 })).toThrow('class 1 has no example among 3');
    expect(() => checkDataset(own({}), { classes: 2, allowEmpty: true })).not.toThrow();
    expect(() => checkDataset(own({ x: new Float32Array(5) }))).toThrow(/expected 3 times \[2\] numbers in x, got 5/);
    expect(() => checkDataset(own({ y: new Int32Array(2) }))).toThrow(/expected 3 numbers in y for 3 rows, got 2/);
    expect(() => checkDataset(own({ y: new Int32Array([0, -4, 0]) }))).toThrow('row 1: label -4');
  });
});
