// Models that the commands and the demo train.
import { BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential } from '../nn/layers.ts';
import type { Module } from '../nn/module.ts';
import { ShapeError } from '../tensor/errors.ts';
import { format, type Shape } from '../tensor/shape.ts';

export interface ReferenceCnnOptions {
  /** Shape of an image, [C, H, W]. Default: [1, 28, 28]. */
  shape?: Shape;
  /** Default: 10. */
  classes?: number;
  /** Batch normalization after each convolution. */
  batchNorm?: boolean;
  /** Probability of dropping an input of the last layer; 0 leaves dropout out. */
  dropout?: number;
}

export interface ImageCnnOptions extends ReferenceCnnOptions {
  /** Channels of the first block. Default: 16. */
  width?: number;
}

/** Images whose shorter side is this or less are flattened. */
const SMALL = 8;
/** Blocks that double the channels; further ones leave them. */
const DOUBLINGS = 3;

/** For 28 by 28 images: conv 5x5 1->8, relu, maxpool 2, conv 5x5 8->16, relu, maxpool 2, linear 784->10. */
export function referenceCnn(options: ReferenceCnnOptions = {}): Sequential {
  const { shape = [1, 28, 28], classes = 10, batchNorm = false, dropout = 0 } = options;
  const [channels, height, width] = imageShape('referenceCnn', shape, 4);
  const block = (from: number, to: number): Module[] => [...convolution(from, to, 5, batchNorm), new MaxPool2d(2)];
  return new Sequential(
    ...block(channels, 8),
    ...block(8, 16),
    ...classifier(16 * Math.floor(height / 4) * Math.floor(width / 4), classes, dropout),
  );
}

/**
 * A deeper one, more accurate and several times as dear: blocks of two 3x3 convolutions with batch norm and relu, and a
 * maxpool 2, each with twice the channels of the one before, until the shorter side is at most 8; dropout, linear. For 28 by
 * 28 images: conv 1->16, conv 16->16, maxpool, conv 16->32, conv 32->32, maxpool, dropout 0.25, linear 1568->10.
 */
export function imageCnn(options: ImageCnnOptions = {}): Sequential {
  const { shape = [1, 28, 28], classes = 10, batchNorm = true, dropout = 0.25, width: first = 16 } = options;
  let [channels, height, width] = imageShape('imageCnn', shape, 2);
  const layers: Module[] = [];
  for (let depth = 0; depth === 0 || Math.min(height, width) > SMALL; depth++) {
    const to = first * 2 ** Math.min(depth, DOUBLINGS);
    layers.push(...convolution(channels, to, 3, batchNorm), ...convolution(to, to, 3, batchNorm), new MaxPool2d(2));
    [channels, height, width] = [to, Math.floor(height / 2), Math.floor(width / 2)];
  }
  return new Sequential(...layers, ...classifier(channels * height * width, classes, dropout));
}

const convolution = (from: number, to: number, size: number, batchNorm: boolean): Module[] => [
  new Conv2d(from, to, size, { padding: (size - 1) / 2 }),
  ...(batchNorm ? [new BatchNorm2d(to)] : []),
  new ReLU(),
];

const classifier = (features: number, classes: number, dropout: number): Module[] => [
  new Flatten(),
  ...(dropout > 0 ? [new Dropout(dropout)] : []),
  new Linear(features, classes),
];

function imageShape(op: string, shape: Shape, least: number): Shape {
  const fits = shape.length === 3 && shape[0] >= 1 && shape[1] >= least && shape[2] >= least;
  if (fits) return shape;
  throw new ShapeError(`${op}: expected images [C, H, W] of at least ${least} by ${least}, got ${format(shape)}`);
}
