// Pooling layers: windows at fixed distances, windows that share out the image, and the whole image.
import type { AveragePoolOptions } from '../ops/average-pool.ts';
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool2d,
  globalAvgPool1d,
  globalAvgPool2d,
  globalMaxPool1d,
  globalMaxPool2d,
  maxPool1d,
  maxPool2d,
} from '../ops/index.ts';
import type { MaxPoolOptions } from '../ops/max-pool.ts';
import type { OutputSize } from '../ops/pool.ts';
import { type Pair, pair } from '../ops/window.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';

type Pool<Size, Options> = (x: Tensor, kernelSize: Size, options: Options) => Tensor;

interface Sliding<Size, Options> extends Module {
  readonly kernelSize: Size;
  readonly options: Options;
  forward(x: Tensor): Tensor;
}

/** A layer of windows at fixed distances. */
function sliding<Size extends number | Pair, Options extends MaxPoolOptions>(
  layer: string,
  dims: 1 | 2,
  pool: Pool<Size, Options>,
): new (
  kernelSize: Size,
  options?: Options,
) => Sliding<Size, Options> {
  return class extends Module {
    readonly kernelSize: Size;
    readonly options: Options;

    constructor(kernelSize: Size, options: Options = {} as Options) {
      super();
      const { stride = 1, padding = 0, dilation = 1 } = options;
      pair(layer, 'kernelSize', kernelSize, 1, dims);
      pair(layer, 'stride', stride, 1, dims);
      pair(layer, 'padding', padding, 0, dims);
      pair(layer, 'dilation', dilation, 1, dims);
      this.kernelSize = kernelSize;
      this.options = options;
    }

    override forward(x: Tensor): Tensor {
      return pool(x, this.kernelSize, this.options);
    }
  };
}

/** The largest element of each window of [N, C, L] or [C, L]. The stride is the kernel size by default. */
export class MaxPool1d extends sliding<number, MaxPoolOptions<number>>('MaxPool1d', 1, maxPool1d) {}

/** The largest element of each window of [N, C, H, W] or [C, H, W]. The stride is the kernel size by default. */
export class MaxPool2d extends sliding<number | Pair, MaxPoolOptions>('MaxPool2d', 2, maxPool2d) {}

/** The mean of each window of [N, C, L] or [C, L]. The stride is the kernel size by default; padding counts as zeros. */
export class AvgPool1d extends sliding<number, AveragePoolOptions<number>>('AvgPool1d', 1, avgPool1d) {}

/** The mean of each window of [N, C, H, W] or [C, H, W]. The stride is the kernel size by default; padding counts as zeros. */
export class AvgPool2d extends sliding<number | Pair, AveragePoolOptions>('AvgPool2d', 2, avgPool2d) {}

interface Adaptive<Size> extends Module {
  readonly outputSize: Size;
  forward(x: Tensor): Tensor;
}

/** A layer of windows that share out the image; of the sizes of its output null keeps that of the input. */
function adaptive<Size>(pool: (x: Tensor, outputSize: Size) => Tensor): new (outputSize: Size) => Adaptive<Size> {
  return class extends Module {
    readonly outputSize: Size;

    constructor(outputSize: Size) {
      super();
      this.outputSize = outputSize;
    }

    override forward(x: Tensor): Tensor {
      return pool(x, this.outputSize);
    }
  };
}

/** Average pooling of [N, C, L] or [C, L] to `outputSize` elements. */
export class AdaptiveAvgPool1d extends adaptive<number | null>(adaptiveAvgPool1d) {}

/** Average pooling of [N, C, H, W] or [C, H, W] to images of `outputSize`. */
export class AdaptiveAvgPool2d extends adaptive<OutputSize>(adaptiveAvgPool2d) {}

/** Max pooling of [N, C, L] or [C, L] to `outputSize` elements. */
export class AdaptiveMaxPool1d extends adaptive<number | null>(adaptiveMaxPool1d) {}

/** Max pooling of [N, C, H, W] or [C, H, W] to images of `outputSize`. */
export class AdaptiveMaxPool2d extends adaptive<OutputSize>(adaptiveMaxPool2d) {}

/** The mean of each row of [N, C, L] or [C, L], as [..., C, 1]. */
export class GlobalAvgPool1d extends Module {
  override forward(x: Tensor): Tensor {
    return globalAvgPool1d(x);
  }
}

/** The mean of each plane of [N, C, H, W] or [C, H, W], as [..., C, 1, 1]. */
export class GlobalAvgPool2d extends Module {
  override forward(x: Tensor): Tensor {
    return globalAvgPool2d(x);
  }
}

/** The largest element of each row of [N, C, L] or [C, L], as [..., C, 1]. */
export class GlobalMaxPool1d extends Module {
  override forward(x: Tensor): Tensor {
    return globalMaxPool1d(x);
  }
}

/** The largest element of each plane of [N, C, H, W] or [C, H, W], as [..., C, 1, 1]. */
export class GlobalMaxPool2d extends Module {
  override forward(x: Tensor): Tensor {
    return globalMaxPool2d(x);
  }
}
