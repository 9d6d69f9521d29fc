// CIFAR-10 (Krizhevsky, 2009) from its binary version: records of one label and 3 x 32 x 32 bytes, plane by plane.
import { DataError } from './error.ts';
import { ImageSet, type ImageSplits, splitImages } from './images.ts';

/** Names of the six files, as published: five of training images, and one of test images. */
export const CIFAR10_FILES = {
  train: Array.from({ length: 5 }, (_, i) => `data_batch_${i + 1}.bin`),
  test: 'test_batch.bin',
} as const;

export const CIFAR10_CLASSES = [
  ...['airplane', 'automobile', 'bird', 'cat', 'deer'],
  ...['dog', 'frog', 'horse', 'ship', 'truck'],
];

/** Pixel statistics of the training images, channel by channel, on the scale from 0 to 1. */
const STATISTICS = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] };

const PIXELS = 3 * 32 * 32;
const RECORD = 1 + PIXELS;

/** Images of some files, one behind the other. Throws a DataError that names the file and the record that is wrong. */
function parseCifar10(files: readonly { name: string; bytes: Uint8Array }[]): ImageSet {
  for (const { name, bytes } of files) {
    const rest = bytes.length % RECORD;
    if (bytes.length === 0) throw new DataError(`${name}: expected records of ${RECORD} bytes, got an empty file`);
    if (rest === 0) continue;
    const row = (bytes.length - rest) / RECORD;
    throw new DataError(`${name}, row ${row}: truncated, got ${rest} of ${RECORD} bytes`);
  }
  const count = files.reduce((sum, { bytes }) => sum + bytes.length / RECORD, 0);
  const [images, labels] = [new Uint8Array(count * PIXELS), new Uint8Array(count)];
  const ends: number[] = [];
  let at = 0;
  for (const { bytes } of files) {
    for (let from = 0; from < bytes.length; from += RECORD, at++) {
      labels[at] = bytes[from];
      images.set(bytes.subarray(from + 1, from + RECORD), at * PIXELS);
    }
    ends.push(at);
  }
  const where = (index: number) => {
    const file = ends.findIndex((end) => index < end);
    return `${files[file].name}, row ${index - (ends[file - 1] ?? 0)}`;
  };
  return new ImageSet({ images, labels, shape: [3, 32, 32], classes: CIFAR10_CLASSES, ...STATISTICS, where });
}

/** CIFAR-10 from the bytes of its files; the last 5000 training images are the validation set. */
export function cifar10From(train: readonly Uint8Array[], test: Uint8Array): ImageSplits {
  const named = train.map((bytes, i) => ({ name: CIFAR10_FILES.train[i], bytes }));
  return splitImages(parseCifar10(named), parseCifar10([{ name: CIFAR10_FILES.test, bytes: test }]));
}
