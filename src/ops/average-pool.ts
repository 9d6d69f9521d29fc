// Average pooling. It is linear: the op and its gradient are each other's gradients.
import source from '../../shaders/avgPool2d.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import type { GpuTraits, TypedLayout } from '../tensor/backend.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { inHalves } from './launch.ts';
import {
  adaptiveWindows,
  allTaps,
  checkImages,
  type Dims,
  eachTap,
  type OutputSize,
  onImages,
  type PoolOptions,
  planesOf,
  planRows,
  slidingWindows,
  tapCount,
  type Windows,
} from './pool.ts';
import { mean } from './reduction.ts';
import type { Pair } from './window.ts';

interface AverageAttrs extends Windows {
  /** Whether a window's own divisor counts its padding. */
  countPadding: boolean;
  /** The divisor of all windows; 0 where each has its own. */
  divisor: number;
}

/** The divisor of window (i, j): how many elements it has, of the image or of the padded image. */
function divisors(attrs: AverageAttrs): (i: number, j: number) => number {
  const { size, kernel, stride, padding, countPadding, divisor } = attrs;
  const [rows, columns] = ([0, 1] as const).map((d) =>
    allTaps(attrs, d).map(({ length }, i) =>
      countPadding ? Math.min(kernel[d], size[d] + 2 * padding[d] - i * stride[d]) : length,
    ),
  );
  return (i, j) => divisor || rows[i] * columns[j];
}

const plan = ([x]: TypedLayout[], [out]: TypedLayout[], attrs: AverageAttrs, gpu: GpuTraits, TRANSPOSED: boolean) => {
  const tunables = { TRANSPOSED, COUNT_PADDING: attrs.countPadding, BLOCK: 64 };
  const shader = { file: 'avgPool2d.wgsl', source, put: 1 };
  return inHalves(planRows(shader, out.shape, attrs, gpu, tunables, [{ f32: attrs.divisor }]), [x], [out]);
};

/** The sum of each window over its divisor. */
const poolOp: Op<AverageAttrs> = define({
  name: 'avgPool2d',
  outputs: ([x], { count }) => [{ shape: [x.shape[0], x.shape[1], ...count], dtype: x.dtype }],
  cpu: ([x], [out], attrs) => {
    const divisor = divisors(attrs);
    eachTap(planesOf(x.shape), attrs, (element, window, i, j) => {
      out.data[window] += x.data[element] / divisor(i, j);
    });
  },
  flops: ([x], [out], attrs) => tapCount(x.shape, attrs) + elementCount(out.shape),
  autocast: 'widest',
  puts: true,
  plan: (inputs, outputs, attrs, gpu) => plan(inputs, outputs, attrs, gpu, false),
  vjp: ([g], { attrs }) => [apply(gradOp, [g!], attrs)[0]],
});

/** The gradient of the image: each element adds up g over the divisor of the windows that hold it. */
const gradOp: Op<AverageAttrs> = define({
  name: 'avgPool2dGrad',
  outputs: ([g], { size }) => [{ shape: [g.shape[0], g.shape[1], ...size], dtype: g.dtype }],
  cpu: ([g], [out], attrs) => {
    const divisor = divisors(attrs);
    eachTap(planesOf(g.shape), attrs, (element, window, i, j) => {
      out.data[element] += g.data[window] / divisor(i, j);
    });
  },
  flops: ([g], _outputs, attrs) => tapCount(g.shape, attrs) + elementCount(g.shape),
  autocast: 'widest',
  puts: true,
  plan: (inputs, outputs, attrs, gpu) => plan(inputs, outputs, attrs, gpu, true),
  vjp: ([gg], { attrs }) => [apply(poolOp, [gg!], attrs)[0]],
});

export interface AveragePoolOptions<Size = number | Pair> extends PoolOptions<Size> {
  /** Whether the divisor counts the padding (default), which adds zeros; never what lies beyond it in ceilMode. */
  countIncludePad?: boolean;
  /** What sums are divided by instead of how many elements they have. A whole number other than 0. */
  divisorOverride?: number;
}

function slide(
  op: string,
  x: Tensor,
  dims: Dims,
  kernelSize: number | Pair,
  { countIncludePad = true, divisorOverride, ...options }: AveragePoolOptions,
): Tensor {
  const windows = slidingWindows(op, x, dims, kernelSize, { ...options, dilation: 1 });
  if (divisorOverride !== undefined && !(Number.isInteger(divisorOverride) && divisorOverride !== 0)) {
    throw new ShapeError(`${op}: expected divisorOverride as a whole number other than 0, got ${divisorOverride}`);
  }
  const attrs = { ...windows, countPadding: countIncludePad, divisor: divisorOverride ?? 0 };
  return onImages(x, dims, (images) => apply(poolOp, [images], attrs))[0];
}

function adapt(op: string, x: Tensor, dims: Dims, outputSize: OutputSize): Tensor {
  const windows = adaptiveWindows(op, x, dims, outputSize);
  // One window over all is a reduction, which spreads large planes over the GPU.
  if (windows.count.every((n) => n === 1)) return mean(x, dims === 2 ? [-2, -1] : -1, true);
  const attrs = { ...windows, countPadding: false, divisor: 0 };
  return onImages(x, dims, (images) => apply(poolOp, [images], attrs))[0];
}

/**
 * out = sum of each window of x [N, C, H, W] or [C, H, W] / its count of elements. Padding counts as zeros; with
 * `countIncludePad` false it does not count, with `divisorOverride` the sum of the window is divided by that. With
 * padding p, stride s and kernel k it is [..., outH, outW], outH = floor((H + 2 p - k) / s) + 1, with `ceilMode`
 * rounded up, less a last window that would begin in the padding. Throws a ShapeError for other ranks, for other
 * dtypes than float32 and float16, for planes without elements, for options that are no whole numbers, for padding
 * above half the kernel, for windows that do not fit, and for divisor 0.
 */
export const avgPool2d = (x: Tensor, kernelSize: number | Pair, options: AveragePoolOptions = {}): Tensor =>
  slide('avgPool2d', x, 2, kernelSize, options);

/**
 * avgPool2d of rows x [N, C, L] or [C, L]: out[..., i] = sum of x[..., stride i - padding + u] over u / the count of
 * elements, as [..., outL], outL = floor((L + 2 padding - kernel) / stride) + 1. Throws a ShapeError as there.
 */
export const avgPool1d = (x: Tensor, kernelSize: number, options: AveragePoolOptions<number> = {}): Tensor =>
  slide('avgPool1d', x, 1, kernelSize, options);

/**
 * out = mean of each window of x [N, C, H, W] or [C, H, W], as an image of `outputSize`, [..., outH, outW], where
 * null keeps a size: window i goes from floor(i H / outH) to ceil((i + 1) H / outH), and so in width. Throws a
 * ShapeError for other ranks, for other dtypes than float32 and float16, for planes without elements, and for sizes
 * that are not whole numbers of at least 0.
 */
export const adaptiveAvgPool2d = (x: Tensor, outputSize: OutputSize): Tensor =>
  adapt('adaptiveAvgPool2d', x, 2, outputSize);

/**
 * adaptiveAvgPool2d of rows x [N, C, L] or [C, L]: out[..., i] = mean of x[..., l] for l from floor(i L / outL) up
 * to, but without, ceil((i + 1) L / outL), as [..., outL]. Throws a ShapeError as there.
 */
export const adaptiveAvgPool1d = (x: Tensor, outputSize: number | null): Tensor =>
  adapt('adaptiveAvgPool1d', x, 1, outputSize);

/**
 * out = mean of each plane of x [N, C, H, W] or [C, H, W], as [..., C, 1, 1]. The reduction `mean`. Throws a
 * ShapeError for other ranks, for other dtypes than float32 and float16, and for planes without elements.
 */
export function globalAvgPool2d(x: Tensor): Tensor {
  checkImages('globalAvgPool2d', x, 2);
  return mean(x, [-2, -1], true);
}

/**
 * out = mean of each row of x [N, C, L] or [C, L], as [..., C, 1]. The reduction `mean`. Throws a ShapeError for
 * other ranks, for other dtypes than float32 and float16, and for planes without elements.
 */
export function globalAvgPool1d(x: Tensor): Tensor {
  checkImages('globalAvgPool1d', x, 1);
  return mean(x, -1, true);
}
