// Max pooling over images: the winner of each window is kept, so that gradients are gathered without atomics.

import source from '../../shaders/maxPool2d.wgsl';
import gatherSource from '../../shaders/maxPool2dGather.wgsl';
import gradSource from '../../shaders/maxPool2dGrad.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import type { GpuTraits, Plan } from '../tensor/backend.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ceilDiv, constants, grid, threads } from './launch.ts';
import { type Pair, pair, windowCount } from './window.ts';

interface PoolAttrs {
  kernel: Pair;
  stride: Pair;
  padding: Pair;
}

interface GradAttrs extends PoolAttrs {
  /** Height and width of the pooled image. */
  size: Pair;
}

const words = ({ kernel, stride, padding }: PoolAttrs) => [...kernel, ...stride, ...padding];

function pooledShape(shape: Shape, { kernel, stride, padding }: PoolAttrs): number[] {
  const sizes = [0, 1].map((d) => windowCount('maxPool2d', shape[2 + d], kernel[d], stride[d], padding[d], 1));
  return [shape[0], shape[1], ...sizes];
}

/** A dispatch with one thread for four neighbours of a row of `target`, which is the image or the pooled one. */
function planRows(
  file: string,
  text: string,
  image: Shape,
  pooled: Shape,
  target: Shape,
  attrs: PoolAttrs,
  gpu: GpuTraits,
  tunables = {},
): Plan {
  const [N, C, H, W] = target;
  const quads = ceilDiv(W, 4);
  const rows = N * C * H;
  if (rows * quads === 0) return { dispatches: [] };
  const WG = threads(gpu);
  return {
    dispatches: [
      {
        shader: { file, source: text, preamble: constants({ WG, ...tunables }) },
        params: [rows, quads, ...image.slice(2), ...pooled.slice(2), ...words(attrs)],
        workgroups: grid(ceilDiv(rows * quads, WG)),
      },
    ],
  };
}

/** Outputs: the maxima, and for each the position (h * width + w) of the first winner in its plane. */
const poolOp: Op<PoolAttrs> = define({
  name: 'maxPool2d',
  outputs: ([x], attrs) => {
    if (x.shape.length !== 4) throw new ShapeError(`maxPool2d: expected input [N, C, H, W], got ${format(x.shape)}`);
    if (x.dtype !== 'float32') throw new ShapeError(`maxPool2d: expected dtype float32, got ${x.dtype}`);
    const shape = pooledShape(x.shape, attrs);
    return [
      { shape, dtype: 'float32' },
      { shape, dtype: 'int32' },
    ];
  },
  cpu: ([x], [out, winner], { kernel, stride, padding }) => {
    const [, , H, W] = x.shape;
    const [, , outH, outW] = out.shape;
    for (let i = 0; i < out.data.length; i++) {
      const plane = Math.floor(i / (outH * outW)) * H * W;
      const top = (Math.floor(i / outW) % outH) * stride[0] - padding[0];
      const left = (i % outW) * stride[1] - padding[1];
      let best = Number.NEGATIVE_INFINITY;
      let at = -1;
      for (let h = Math.max(top, 0); h < Math.min(top + kernel[0], H); h++) {
        for (let w = Math.max(left, 0); w < Math.min(left + kernel[1], W); w++) {
          const v = x.data[plane + h * W + w];
          if (at < 0 || v > best || (Number.isNaN(v) && !Number.isNaN(best))) {
            best = v;
            at = h * W + w;
          }
        }
      }
      out.data[i] = best;
      winner.data[i] = at;
    }
  },
  plan: ([x], [out], attrs, gpu) => planRows('maxPool2d.wgsl', source, x.shape, out.shape, out.shape, attrs, gpu),
  vjp: ([g], { inputs: [x], outputs: [, winner], attrs }) => [
    g && apply(gradOp, [g, winner], { ...attrs, size: [x.shape[2], x.shape[3]] })[0],
  ],
});

/** The gradient of the image: each element adds up g of the windows that it won. */
const gradOp: Op<GradAttrs> = define({
  name: 'maxPool2dGrad',
  outputs: ([g], { size }) => [{ shape: [g.shape[0], g.shape[1], ...size], dtype: 'float32' }],
  cpu: ([g, winner], [out]) => {
    const planes = out.shape[0] * out.shape[1];
    const [inner, outer] = [g.data.length / planes, out.data.length / planes];
    for (let i = 0; i < g.data.length; i++) out.data[Math.floor(i / inner) * outer + winner.data[i]] += g.data[i];
  },
  plan: ([g], [out], attrs, gpu) => {
    const OVERLAP = attrs.kernel.some((k, d) => k > attrs.stride[d]);
    return planRows('maxPool2dGrad.wgsl', gradSource, out.shape, g.shape, out.shape, attrs, gpu, { OVERLAP });
  },
  vjp: ([gg], { inputs: [, winner], attrs }) => [apply(gatherOp, [gg!, winner], attrs)[0], null],
});

/** The elements of an image at the winners: the gradient of maxPool2dGrad. */
const gatherOp: Op<GradAttrs> = define({
  name: 'maxPool2dGather',
  outputs: ([, winner]) => [{ shape: winner.shape, dtype: 'float32' }],
  cpu: ([x, winner], [out]) => {
    const planes = out.shape[0] * out.shape[1];
    const [inner, outer] = [out.data.length / planes, x.data.length / planes];
    for (let i = 0; i < out.data.length; i++) out.data[i] = x.data[Math.floor(i / inner) * outer + winner.data[i]];
  },
  plan: ([x], [out]) => ({
    dispatches: [
      {
        shader: { file: 'maxPool2dGather.wgsl', source: gatherSource },
        params: [elementCount(out.shape), x.shape[2] * x.shape[3], out.shape[2] * out.shape[3]],
        workgroups: grid(ceilDiv(elementCount(out.shape), 64)),
      },
    ],
  }),
  vjp: ([gg], { inputs: [, winner], attrs }) => [apply(gradOp, [gg!, winner], attrs)[0], null],
});

export interface PoolOptions {
  /** Default: the kernel size, so that windows do not overlap. */
  stride?: number | Pair;
  /** Rows and columns around the image that never win. At most half the kernel. */
  padding?: number | Pair;
}

/** The largest element of each window of x [N, C, H, W]; NaN if there is one. In a tie the first in row order wins. */
export function maxPool2d(x: Tensor, kernelSize: number | Pair, options: PoolOptions = {}): Tensor {
  const kernel = pair('maxPool2d', 'kernelSize', kernelSize, 1);
  const stride = pair('maxPool2d', 'stride', options.stride ?? kernel, 1);
  const padding = pair('maxPool2d', 'padding', options.padding ?? 0, 0);
  if (padding.some((p, d) => 2 * p > kernel[d])) {
    throw new ShapeError(
      `maxPool2d: padding must be at most half the kernel, got padding [${padding}], kernel [${kernel}]`,
    );
  }
  return apply(poolOp, [x], { kernel, stride, padding })[0];
}
