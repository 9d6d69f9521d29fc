// The published sets of images: what their loaders read, and the one line that names file and row where they cannot.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadCifar10, loadFashionMnist, loadMnist } from '../src/data/index.node.ts';
import { CIFAR10_FILES, fashionMnistFrom, type ImageSet, mnistFrom, pixelStatistics } from '../src/data/index.ts';
import { folder, pixelsOf, refused, root } from './data-folder.ts';

/** Asserts that batches are normalized with what the training images have. */
function expectNormalized({ images, shape, mean, std }: ImageSet): void {
  const found = pixelStatistics(images, shape);
  expect(found.mean[0]).toBeCloseTo(mean[0], 3);
  expect(found.std[0]).toBeCloseTo(std[0], 3);
}

describe('MNIST and its like', () => {
  test('MNIST from its package: sizes, statistics, names', async () => {
    const { train, validation, test: held } = await loadMnist();
    expect([train.length, validation.length, held.length]).toEqual([55000, 5000, 10000]);
    expect(train.classes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(validation.where(1)).toBe('train-labels-idx1-ubyte, row 55001');
    expectNormalized(train);
  });

  test('MNIST files that are cut short, with their row, or lack a digit', () => {
    const idx = (shape: number[], data: number[]) =>
      Uint8Array.from([0, 0, 8, shape.length, ...shape.flatMap((n) => [0, 0, n >> 8, n & 255]), ...data]);
    const digits = Array.from({ length: 20 }, (_, i) => i % 10);
    const images = idx([20, 2, 3], new Array(120).fill(7));
    const files = (change: object = {}) => ({
      ...{ trainImages: images, trainLabels: idx([20], digits), testImages: images, testLabels: idx([20], digits) },
      ...change,
    });
    expect(mnistFrom(files()).train.length).toBe(10);
    expect(() => mnistFrom(files({ trainImages: images.subarray(0, 16 + 45) }))).toThrow(
      'train-images-idx3-ubyte, row 7: truncated, got 3 of 6 bytes (61 of 136 in all)',
    );
    expect(() => mnistFrom(files({ testLabels: idx([20], digits.slice(0, 12)) }))).toThrow(
      't10k-labels-idx1-ubyte, row 12: truncated, got 0 of 1 bytes (20 of 28 in all)',
    );
    expect(() => mnistFrom(files({ testLabels: idx([20], [...digits, 1]) }))).toThrow(
      'expected 28 bytes for [20], got 29',
    );
    const without = idx(
      [20],
      digits.map((digit) => (digit === 4 ? 5 : digit)),
    );
    expect(() => mnistFrom(files({ trainLabels: without }))).toThrow(
      'training images: class 4 has no example among 20',
    );
    // The test images may lack one.
    expect(mnistFrom(files({ testLabels: without })).test.length).toBe(20);
  });

  test('Fashion-MNIST from its package: the published numbers, classes in turn', async () => {
    const { train, validation, test: held } = await loadFashionMnist();
    expect([train.length, validation.length, held.length]).toEqual([55000, 5000, 10000]);
    expect(train.classes[9]).toBe('Ankle boot');
    for (const set of [train, validation, held]) {
      const counts = new Array(10).fill(0);
      for (const label of set.labels) counts[label]++;
      expect(new Set(counts)).toEqual(new Set([set.length / 10]));
      expect(Array.from(set.labels.subarray(0, 12))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    }
    expectNormalized(train);
  });

  test('Fashion-MNIST files that are wrong, and empty rows', () => {
    const row = (value: number) => `[${new Array(784).fill(value).join(',')}]`;
    const files = (change: Record<number, string> = {}) =>
      Array.from({ length: 10 }, (_, c) =>
        new TextEncoder().encode(change[c] ?? `{"data":[${row(c)},[],${row(c + 100)}]}`),
      );
    const { train, validation, test: held } = fashionMnistFrom(files());
    expect([train.length, validation.length, held.length]).toEqual([5, 5, 10]);
    expect(pixelsOf(held, 3)).toEqual(new Array(784).fill(3));
    expect(pixelsOf(train, 3)).toEqual(new Array(784).fill(103));
    const fails = (text: string, message: string) =>
      expect(() => fashionMnistFrom(files({ 4: text }))).toThrow(message);
    fails(`{"data":[${row(1)},${row(300)}]}`, '4.json, row 1: expected pixels from 0 to 255, got 300');
    fails(`{"data":[${row(1)},[1,2]]}`, '4.json, row 1: expected 784 pixels, got 2');
    fails(`{"data":[${row(1)},[1,2`, '4.json, row 1: truncated');
    fails(`{"data":[${row(1)},[1,null]]}`, '4.json, row 1: expected numbers, got "n"');
    fails(`{"data":[${row(1)}]}`, '4.json: expected at least 2 images of Coat');
    fails('<html>', '4.json: expected JSON with rows of pixels');
  });
});

describe('CIFAR-10', () => {
  const RECORD = 3073;
  /** `count` records: labels in turn from `first` on, red 1, green 2, blue 3 times the label. */
  const records = (count: number, first = 0) => {
    const bytes = new Uint8Array(count * RECORD);
    for (let i = 0; i < count; i++) {
      const label = (first + i) % 10;
      bytes[i * RECORD] = label;
      for (let c = 0; c < 3; c++)
        bytes.fill((c + 1) * label, i * RECORD + 1 + c * 1024, i * RECORD + 1 + (c + 1) * 1024);
    }
    return bytes;
  };
  const files = (change: Record<string, Uint8Array> = {}): Record<string, Uint8Array> => ({
    ...Object.fromEntries(CIFAR10_FILES.train.map((name, i) => [name, records(4, 2 * i)])),
    [CIFAR10_FILES.test]: records(10),
    ...change,
  });

  test('records of five files and a test file, where the archive unpacks them or beside', async () => {
    for (const at of [
      await folder('cifar', files()),
      join(await folder('nested/cifar-10-batches-bin', files()), '..'),
    ]) {
      const { train, validation, test: held } = await loadCifar10(at);
      expect([train.length, validation.length, held.length]).toEqual([10, 10, 10]);
      expect(train.shape).toEqual([3, 32, 32]);
      expect(Array.from(train.labels)).toEqual([0, 1, 2, 3, 2, 3, 4, 5, 4, 5]);
      const pixels = pixelsOf(train, 7);
      expect([pixels[0], pixels[1023], pixels[1024], pixels[3071]]).toEqual([5, 5, 10, 15]);
      expect(held.classes[8]).toBe('ship');
      expect(train.where(5)).toBe('data_batch_2.bin, row 1');
      const { x } = train.batch([0]);
      expect(x[1024]).toBeCloseTo(-0.4822 / 0.2435, 6);
    }
  });

  test('what is missing or wrong', async () => {
    await refused(loadCifar10(join(root, 'nowhere')), 'there is no folder', 'cifar-10-binary.tar.gz', 'test_batch.bin');
    const { 'data_batch_3.bin': _, ...rest } = files();
    await refused(loadCifar10(await folder('cifar-less', rest)), 'data_batch_3.bin not in', 'cifar-10-binary.tar.gz');
    const cut = { 'data_batch_2.bin': records(4).subarray(0, 3 * RECORD + 100) };
    await refused(
      loadCifar10(await folder('cifar-cut', files(cut))),
      'data_batch_2.bin, row 3: truncated, got 100 of 3073',
    );
    const lacking = { 'data_batch_4.bin': records(4), 'data_batch_5.bin': records(4) };
    await refused(
      loadCifar10(await folder('cifar-class', files(lacking))),
      'training images: class 8 (ship) has no example among 20',
    );
    const labelled = records(4);
    labelled[2 * RECORD] = 10;
    await refused(
      loadCifar10(await folder('cifar-label', files({ 'data_batch_5.bin': labelled }))),
      'data_batch_5.bin, row 2: label 10 is out of range, expected 0 to 9',
    );
    await refused(
      loadCifar10(await folder('cifar-empty', files({ 'test_batch.bin': new Uint8Array() }))),
      'empty file',
    );
  });
});
