// Labelled images in memory: bytes or words until a batch is asked for, then normalized floats.
import { elementCount, type Shape } from '../tensor/shape.ts';
import { checkClasses } from './check.ts';
import type { Batch, Dataset } from './dataset.ts';
import { DataError } from './error.ts';

/** What an ImageSet is made of. */
export interface ImageSource {
  /** [N, C, H, W]: bytes, or words of 16 bits. */
  images: Uint8Array | Uint16Array;
  /** Class indices, [N]. */
  labels: Uint8Array | Int32Array;
  /** [C, H, W] */
  shape: Shape;
  /** Names of the classes. */
  classes: readonly string[];
  /** Mean and standard deviation of the pixels over the training set, on the scale from 0 to 1: one, or one per channel. */
  mean: number | readonly number[];
  std: number | readonly number[];
  /** Whether a class may be without any image, as in a part of a set. Default false. */
  partial?: boolean;
  /** Where an image came from, for messages. */
  where?: (index: number) => string;
}

/** The value of white. */
export const whiteOf = (pixels: Uint8Array | Uint16Array): number => (pixels instanceof Uint16Array ? 65535 : 255);

export class ImageSet implements Dataset<Int32Array, Float32Array> {
  /** [N, C, H, W] */
  readonly images: Uint8Array | Uint16Array;
  /** Class indices, [N]. */
  readonly labels: Uint8Array | Int32Array;
  /** [C, H, W] */
  readonly shape: Shape;
  readonly classes: readonly string[];
  /** Mean and standard deviation of each channel over the training set, on the scale from 0 to 1. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly where: (index: number) => string;
  /** Pixels are finite, and the constructor has looked at the labels. */
  readonly checked = true;
  readonly partial: boolean;

  /** Throws a DataError where labels and images differ in number, or a label is not that of a class. */
  constructor({
    images,
    labels,
    shape,
    classes,
    mean,
    std,
    partial = false,
    where = (i) => `image ${i}`,
  }: ImageSource) {
    const pixels = elementCount(shape);
    if (images.length !== labels.length * pixels) {
      throw new DataError(`ImageSet: ${labels.length} labels for ${images.length / pixels} images of [${shape}]`);
    }
    const bad = labels.findIndex((label) => label < 0 || label >= classes.length);
    if (bad >= 0) {
      throw new DataError(`${where(bad)}: label ${labels[bad]} is out of range, expected 0 to ${classes.length - 1}`);
    }
    const channels = (values: number | readonly number[]) =>
      typeof values === 'number' ? new Array<number>(shape[0]).fill(values) : values;
    this.images = images;
    this.labels = labels;
    this.shape = shape;
    this.classes = classes;
    this.mean = channels(mean);
    this.std = channels(std);
    this.partial = partial;
    this.where = where;
  }

  get length(): number {
    return this.labels.length;
  }

  /** Images from `from` up to `to`, sharing memory. */
  slice(from: number, to = this.length): ImageSet {
    const pixels = elementCount(this.shape);
    return new ImageSet({
      ...this,
      images: this.images.subarray(from * pixels, to * pixels),
      labels: this.labels.subarray(from, to),
      partial: true,
      where: (index) => this.where(from + index),
    });
  }

  /** The images of these indices as floats, each channel with mean 0 and standard deviation 1 over the training set. */
  batch(indices: ArrayLike<number>): Batch {
    const { images, shape, mean, std } = this;
    const pixels = elementCount(shape);
    const plane = pixels / shape[0];
    const n = indices.length;
    const x = new Float32Array(n * pixels);
    const y = new Int32Array(n);
    const white = whiteOf(images);
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < shape[0]; c++) {
        const [from, to] = [indices[i] * pixels + c * plane, i * pixels + c * plane];
        const scale = 1 / (white * std[c]);
        const shift = mean[c] / std[c];
        for (let k = 0; k < plane; k++) x[to + k] = images[from + k] * scale - shift;
      }
      y[i] = this.labels[indices[i]];
    }
    return { x, y, shape: [n, ...shape] };
  }
}

/** Training, validation and test images. */
export interface ImageSplits {
  train: ImageSet;
  validation: ImageSet;
  test: ImageSet;
}

/** Images held back from training, for validation. */
const VALIDATION = 5000;

/**
 * Training images with the last 5000 of them (at most half) as the validation set, and test images. Throws a DataError where
 * a class has no training image.
 */
export function splitImages(all: ImageSet, test: ImageSet): ImageSplits {
  const seen = new Set<number>(all.labels);
  checkClasses(all.classes, (label) => seen.has(label), all.length, 'training images: ');
  const split = Math.max(all.length - VALIDATION, Math.ceil(all.length / 2));
  return { train: all.slice(0, split), validation: all.slice(split), test };
}

/** Mean and standard deviation of each channel of [N, C, ...], on the scale from 0 to 1; 1 where a channel is constant. */
export function pixelStatistics(images: Uint8Array | Uint16Array, shape: Shape): { mean: number[]; std: number[] } {
  const white = whiteOf(images);
  const [channels] = shape;
  const plane = elementCount(shape) / channels;
  const [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
  for (let at = 0, c = 0; at < images.length; at += plane, c = (c + 1) % channels) {
    // Sums of whole numbers, exact far beyond any plane that fits into memory.
    let [sum, square] = [0, 0];
    for (let k = at; k < at + plane; k++) {
      sum += images[k];
      square += images[k] * images[k];
    }
    sums[c] += sum;
    squares[c] += square;
  }
  const count = images.length / channels;
  const mean = Array.from(sums, (sum) => sum / count / white);
  // Pixels are far from having a mean that dwarfs their spread; what is below rounding is no spread.
  const variance = Array.from(squares, (square, c) => square / count / white ** 2 - mean[c] ** 2);
  return { mean, std: variance.map((v) => (v > 1e-12 ? Math.sqrt(v) : 1)) };
}
