// MNIST from its IDX files (LeCun, Cortes and Burges), wherever their bytes come from.
import { DataError } from './error.ts';
import { ImageSet, type ImageSplits, splitImages } from './images.ts';

/** Names of the four files, as published. */
export const MNIST_FILES = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
} as const;

const DIGITS = Array.from({ length: 10 }, (_, digit) => String(digit));

/** Pixel statistics of the training images, on the scale from 0 to 1. */
const STATISTICS = { mean: 0.1307, std: 0.3081 };

/** An IDX file of bytes: big-endian magic 0x000008dd with dd dims, the sizes, the data. Throws an Error that names the file. */
export function parseIdx(bytes: Uint8Array, file: string): { shape: number[]; data: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint16(0) !== 0 || bytes[2] !== 8) {
    throw new DataError(`${file}: not an IDX file of bytes (expected it to begin with 00 00 08)`);
  }
  const rank = bytes[3];
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw new DataError(`${file}: truncated in its header, ${bytes.length} bytes`);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const size = shape.reduce((n, d) => n * d, 1);
  if (bytes.length < start + size && rank > 0) {
    const each = size / shape[0];
    const row = Math.floor((bytes.length - start) / each);
    const got = bytes.length - start - row * each;
    throw new DataError(
      `${file}, row ${row}: truncated, got ${got} of ${each} bytes (${bytes.length} of ${start + size} in all)`,
    );
  }
  if (bytes.length !== start + size) {
    throw new DataError(`${file}: expected ${start + size} bytes for [${shape}], got ${bytes.length}`);
  }
  return { shape, data: bytes.subarray(start) };
}

export type Mnist = ImageSplits;

/** MNIST from the bytes of its four files; the last 5000 training images are the validation set. */
export function mnistFrom(files: Record<keyof typeof MNIST_FILES, Uint8Array>): Mnist {
  const set = (images: keyof typeof MNIST_FILES, labels: keyof typeof MNIST_FILES): ImageSet => {
    const x = parseIdx(files[images], MNIST_FILES[images]);
    const y = parseIdx(files[labels], MNIST_FILES[labels]);
    if (x.shape.length !== 3) throw new DataError(`${MNIST_FILES[images]}: expected 3 dims, got [${x.shape}]`);
    if (y.shape.length !== 1) throw new DataError(`${MNIST_FILES[labels]}: expected 1 dim, got [${y.shape}]`);
    const [count, H, W] = x.shape;
    if (y.shape[0] !== count) {
      const all = `${count} images of ${MNIST_FILES[images]}`;
      throw new DataError(
        `${MNIST_FILES[labels]}: expected a label for each image, got ${y.shape[0]} labels for ${all}`,
      );
    }
    const where = (index: number) => `${MNIST_FILES[labels]}, row ${index}`;
    return new ImageSet({ images: x.data, labels: y.data, shape: [1, H, W], classes: DIGITS, ...STATISTICS, where });
  };
  return splitImages(set('trainImages', 'trainLabels'), set('testImages', 'testLabels'));
}
