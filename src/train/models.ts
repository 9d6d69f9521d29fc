// Models that the commands and the demo train.
import { BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential } from '../nn/layers.ts';
import type { Module } from '../nn/module.ts';

export interface ReferenceCnnOptions {
  /** Batch normalization after each convolution. */
  batchNorm?: boolean;
  /** Probability of dropping an input of the last layer; 0 leaves dropout out. */
  dropout?: number;
}

/** For 28 by 28 images: conv 5x5 1->8, relu, maxpool 2, conv 5x5 8->16, relu, maxpool 2, linear 784->10. */
export function referenceCnn({ batchNorm = false, dropout = 0 }: ReferenceCnnOptions = {}): Sequential {
  const block = (inChannels: number, outChannels: number): Module[] => [
    new Conv2d(inChannels, outChannels, 5, { padding: 2 }),
    ...(batchNorm ? [new BatchNorm2d(outChannels)] : []),
    new ReLU(),
    new MaxPool2d(2),
  ];
  return new Sequential(
    ...block(1, 8),
    ...block(8, 16),
    new Flatten(),
    ...(dropout > 0 ? [new Dropout(dropout)] : []),
    new Linear(16 * 7 * 7, 10),
  );
}
