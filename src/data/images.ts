// Labelled images in memory: bytes until a batch is asked for, then normalized floats.
import { ShapeError } from '../tensor/errors.ts';
import type { Shape } from '../tensor/shape.ts';

/** A batch on the host: x [n, C, H, W] normalized, y [n] class indices. */
export interface Batch {
  x: Float32Array;
  y: Int32Array;
  shape: Shape;
}

export class ImageSet {
  /** Bytes, [N, C, H, W]. */
  readonly images: Uint8Array;
  /** Class indices, [N]. */
  readonly labels: Uint8Array;
  /** [C, H, W] */
  readonly shape: Shape;
  readonly classes: number;
  /** Mean and standard deviation of the pixels over the training set, on the scale from 0 to 1. */
  readonly mean: number;
  readonly std: number;

  constructor(source: Pick<ImageSet, 'images' | 'labels' | 'shape' | 'classes' | 'mean' | 'std'>) {
    const { images, labels, shape, classes, mean, std } = source;
    const pixels = shape.reduce((n, size) => n * size, 1);
    if (images.length !== labels.length * pixels) {
      throw new ShapeError(`ImageSet: ${labels.length} labels for ${images.length / pixels} images of [${shape}]`);
    }
    const bad = labels.findIndex((label) => label >= classes);
    if (bad >= 0)
      throw new ShapeError(`ImageSet: label ${labels[bad]} of image ${bad} is out of range for ${classes} classes`);
    this.images = images;
    this.labels = labels;
    this.shape = shape;
    this.classes = classes;
    this.mean = mean;
    this.std = std;
  }

  get length(): number {
    return this.labels.length;
  }

  /** Images from `from` up to `to`, sharing memory. */
  slice(from: number, to = this.length): ImageSet {
    const pixels = this.images.length / this.length;
    return new ImageSet({
      ...this,
      images: this.images.subarray(from * pixels, to * pixels),
      labels: this.labels.subarray(from, to),
    });
  }

  /** The images of these indices as floats with mean 0 and standard deviation 1. */
  batch(indices: ArrayLike<number>): Batch {
    const pixels = this.images.length / this.length;
    const n = indices.length;
    const x = new Float32Array(n * pixels);
    const y = new Int32Array(n);
    const scale = 1 / (255 * this.std);
    const shift = this.mean / this.std;
    for (let i = 0; i < n; i++) {
      const from = indices[i] * pixels;
      for (let k = 0; k < pixels; k++) x[i * pixels + k] = this.images[from + k] * scale - shift;
      y[i] = this.labels[indices[i]];
    }
    return { x, y, shape: [n, ...this.shape] };
  }
}
