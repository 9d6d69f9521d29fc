// Max pooling: the winner of each window is kept, so that gradients are gathered without atomics.
import source from '../../shaders/maxPool2d.wgsl';
import gatherSource from '../../shaders/maxPool2dGather.wgsl';
import gradSource from '../../shaders/maxPool2dGrad.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import { elementCount } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { amax } from './extrema.ts';
import { perInput } from './flops.ts';
import { ceilDiv, grid, inHalves, withPut } from './launch.ts';
import {
  adaptiveWindows,
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
import type { Pair } from './window.ts';

/**
 * Outputs: the maxima, and for each the position (h * width + w) of the first winner in its plane. A dilated window whose
 * elements all fall outside the image has -Infinity and no winner, -1.
 */
const poolOp: Op<Windows> = define({
  name: 'maxPool2d',
  outputs: ([x], { count }) => {
    const shape = [x.shape[0], x.shape[1], ...count];
    return [
      { shape, dtype: x.dtype },
      { shape, dtype: 'int32' },
    ];
  },
  cpu: ([x], [out, winner], windows) => {
    const plane = windows.size[0] * windows.size[1];
    out.data.fill(Number.NEGATIVE_INFINITY);
    winner.data.fill(-1);
    eachTap(planesOf(x.shape), windows, (element, window) => {
      const [v, best] = [x.data[element], out.data[window]];
      if (winner.data[window] < 0 || v > best || Number.isNaN(v)) {
        out.data[window] = v;
        winner.data[window] = element % plane;
      }
    });
  },
  flops: ([x], _outputs, windows) => tapCount(x.shape, windows),
  autocast: 'widest',
  puts: true,
  plan: (inputs, outputs, windows, gpu) => {
    const [{ shape }] = outputs;
    return inHalves(planRows({ file: 'maxPool2d.wgsl', source, put: 1 }, shape, windows, gpu), inputs, outputs);
  },
  vjp: ([g], { outputs: [, winner], attrs }) => [apply(gradOp, [g!, winner], attrs)[0], null],
});

/** The gradient of the image: each element adds up g of the windows that it won. */
const gradOp: Op<Windows> = define({
  name: 'maxPool2dGrad',
  outputs: ([g], { size }) => [{ shape: [g.shape[0], g.shape[1], ...size], dtype: g.dtype }],
  cpu: ([g, winner], [out]) => {
    const planes = planesOf(out.shape);
    const [inner, outer] = [g.data.length / planes, out.data.length / planes];
    for (let i = 0; i < g.data.length; i++) {
      if (winner.data[i] >= 0) out.data[Math.floor(i / inner) * outer + winner.data[i]] += g.data[i];
    }
  },
  flops: perInput(1),
  autocast: 'widest',
  puts: true,
  plan: (inputs, [out], windows, gpu) => {
    const { kernel, stride, dilation, adaptive } = windows;
    const OVERLAP = adaptive || kernel.some((k, d) => (k - 1) * dilation[d] + 1 > stride[d]);
    const shader = { file: 'maxPool2dGrad.wgsl', source: gradSource, put: 2 };
    return inHalves(planRows(shader, out.shape, windows, gpu, { OVERLAP }), inputs, [out]);
  },
  vjp: ([gg], { inputs: [, winner], attrs }) => [apply(gatherOp, [gg!, winner], attrs)[0], null],
});

/** The elements of an image at the winners, 0 where there is none: the gradient of maxPool2dGrad. */
const gatherOp: Op<Windows> = define({
  name: 'maxPool2dGather',
  outputs: ([x, winner]) => [{ shape: winner.shape, dtype: x.dtype }],
  cpu: ([x, winner], [out]) => {
    const planes = planesOf(out.shape);
    const [inner, outer] = [out.data.length / planes, x.data.length / planes];
    for (let i = 0; i < out.data.length; i++) {
      out.data[i] = winner.data[i] < 0 ? 0 : x.data[Math.floor(i / inner) * outer + winner.data[i]];
    }
  },
  autocast: 'widest',
  puts: true,
  plan: ([x, winner], [out]) => {
    const dispatch = withPut(2, {
      shader: { file: 'maxPool2dGather.wgsl', source: gatherSource },
      params: [elementCount(out.shape), x.shape[2] * x.shape[3], out.shape[2] * out.shape[3]],
      workgroups: grid(ceilDiv(elementCount(out.shape), 64)),
    });
    return inHalves({ dispatches: [dispatch] }, [x, winner], [out]);
  },
  vjp: ([gg], { inputs: [, winner], attrs }) => [apply(gradOp, [gg!, winner], attrs)[0], null],
});

/** Whether the positions of the winners are wanted too. */
export interface Indices<Wanted extends boolean> {
  returnIndices: Wanted;
}

export interface MaxPoolOptions<Size = number | Pair> extends PoolOptions<Size> {
  /** Distance between the elements of a window. */
  dilation?: Size;
}

function pool(x: Tensor, dims: Dims, windows: Windows, { returnIndices = false }: Partial<Indices<boolean>>) {
  const [out, indices] = onImages(x, dims, (images) => apply(poolOp, [images], windows));
  return returnIndices ? [out, indices] : out;
}

/**
 * out = the largest x of each window of x [N, C, H, W] or [C, H, W]; NaN if there is one, the last of several. Padding never wins, and in
 * a tie the first in row order does. With `returnIndices` also where it lies, h * W + w, as int32. With padding p,
 * stride s, dilation d and kernel k it is [..., outH, outW], outH = floor((H + 2 p - d (k - 1) - 1) / s) + 1, with
 * `ceilMode` rounded up, less a last window that would begin in the padding. Throws a ShapeError for other ranks, for
 * other dtypes than float32 and float16, for planes without elements, for options that are no whole numbers, for
 * padding above half the kernel, and for windows that do not fit.
 */
export function maxPool2d(
  x: Tensor,
  kernelSize: number | Pair,
  options: MaxPoolOptions & Indices<true>,
): [Tensor, Tensor];
export function maxPool2d(
  x: Tensor,
  kernelSize: number | Pair,
  options?: MaxPoolOptions & Partial<Indices<false>>,
): Tensor;
export function maxPool2d(
  x: Tensor,
  kernelSize: number | Pair,
  options: MaxPoolOptions & Partial<Indices<boolean>> = {},
): Tensor | Tensor[] {
  return pool(x, 2, slidingWindows('maxPool2d', x, 2, kernelSize, options), options);
}

/**
 * out[n, c, i] = the largest x[n, c, stride i - padding + dilation u] over u, for rows x [N, C, L] or [C, L], as
 * maxPool2d has it; with `returnIndices` also where it lies, as int32. [..., outL], outL = floor((L + 2 padding -
 * dilation (kernel - 1) - 1) / stride) + 1. Throws a ShapeError as maxPool2d does.
 */
export function maxPool1d(
  x: Tensor,
  kernelSize: number,
  options: MaxPoolOptions<number> & Indices<true>,
): [Tensor, Tensor];
export function maxPool1d(
  x: Tensor,
  kernelSize: number,
  options?: MaxPoolOptions<number> & Partial<Indices<false>>,
): Tensor;
export function maxPool1d(
  x: Tensor,
  kernelSize: number,
  options: MaxPoolOptions<number> & Partial<Indices<boolean>> = {},
): Tensor | Tensor[] {
  return pool(x, 1, slidingWindows('maxPool1d', x, 1, kernelSize, options), options);
}

/**
 * Max pooling of x [N, C, H, W] or [C, H, W] to an image of `outputSize`, [..., outH, outW], where null keeps a size:
 * window i goes from floor(i H / outH) to ceil((i + 1) H / outH), and so in width; out = the largest x in it. Winners
 * are those of maxPool2d, and so are the indices. Throws a ShapeError for other ranks, for other dtypes than float32
 * and float16, for planes without elements, and for sizes that are not whole numbers of at least 0.
 */
export function adaptiveMaxPool2d(x: Tensor, outputSize: OutputSize, options: Indices<true>): [Tensor, Tensor];
export function adaptiveMaxPool2d(x: Tensor, outputSize: OutputSize, options?: Partial<Indices<false>>): Tensor;
export function adaptiveMaxPool2d(
  x: Tensor,
  outputSize: OutputSize,
  options: Partial<Indices<boolean>> = {},
): Tensor | Tensor[] {
  return pool(x, 2, adaptiveWindows('adaptiveMaxPool2d', x, 2, outputSize), options);
}

/**
 * adaptiveMaxPool2d of rows x [N, C, L] or [C, L]: out[..., i] = the largest x[..., l] for l from floor(i L / outL)
 * up to, but without, ceil((i + 1) L / outL), as [..., outL]. Throws a ShapeError as there.
 */
export function adaptiveMaxPool1d(x: Tensor, outputSize: number | null, options: Indices<true>): [Tensor, Tensor];
export function adaptiveMaxPool1d(x: Tensor, outputSize: number | null, options?: Partial<Indices<false>>): Tensor;
export function adaptiveMaxPool1d(
  x: Tensor,
  outputSize: number | null,
  options: Partial<Indices<boolean>> = {},
): Tensor | Tensor[] {
  return pool(x, 1, adaptiveWindows('adaptiveMaxPool1d', x, 1, outputSize), options);
}

/**
 * out = the largest x of each plane of x [N, C, H, W] or [C, H, W], as [..., C, 1, 1]. The reduction `amax`, which
 * spreads large planes over the GPU and shares the gradient evenly among ties; adaptiveMaxPool2d(x, 1) gives it to
 * the first. Throws a ShapeError for other ranks, for other dtypes than float32 and float16, and for planes without
 * elements.
 */
export function globalMaxPool2d(x: Tensor): Tensor {
  checkImages('globalMaxPool2d', x, 2);
  return amax(x, [-2, -1], true);
}

/**
 * out = the largest x of each row of x [N, C, L] or [C, L], as [..., C, 1], as globalMaxPool2d has it. Throws a
 * ShapeError for other ranks, for other dtypes than float32 and float16, and for planes without elements.
 */
export function globalMaxPool1d(x: Tensor): Tensor {
  checkImages('globalMaxPool1d', x, 1);
  return amax(x, -1, true);
}
