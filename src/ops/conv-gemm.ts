// Convolutions as matrix products that are never laid out: what the GEMM core multiplies for each of the three.
import { elementCount, type Shape } from '../tensor/shape.ts';
import type { ConvAttrs } from './conv-attrs.ts';
import type { Gather, Gemm, Matrix } from './gemm.ts';

/** Taps of one place that no stride or padding moves: then an image is a matrix as it lies in memory. */
const isPointwise = (weight: Shape, { stride, padding }: ConvAttrs): boolean =>
  [...weight.slice(2), ...stride].every((n) => n === 1) && padding.every((n) => n === 0);

/**
 * out [O, positions] = weight [O, I * taps] @ columns of x, for each group: conv2d, or `transposed` its gradient of the
 * image, where x is the gradient and out the image. Sizes as in planGather.
 */
export function gatherGemm(x: Shape, weight: Shape, out: Shape, attrs: ConvAttrs, transposed: boolean): Gemm {
  const { groups } = attrs;
  const [images, channels] = out;
  const [M, I] = [channels / groups, x[1] / groups];
  const taps = elementCount(weight.slice(2));
  const [size, from] = [elementCount(out.slice(2)), elementCount(x.slice(2))];
  const walk = transposed ? { step: 1, inner: taps, outer: M * taps } : { step: 1 };
  return {
    ...{ op: transposed ? 'conv2dInputGrad' : 'conv2d', M, N: images * size, K: I * taps, batch: groups },
    a: {
      ...{ input: 1, offset: 0, batch: M * I * taps, own: { step: transposed ? taps : I * taps } },
      k: taps === 1 ? { step: transposed ? M : 1 } : walk,
    },
    b: isPointwise(weight, attrs)
      ? { input: 0, offset: 0, batch: I * from, own: { step: 1, inner: from, outer: x[1] * from }, k: { step: from } }
      : gatherOf(x, weight, out, attrs, transposed),
    out: { batch: M * size, row: size, column: { step: 1, inner: size, outer: channels * size } },
  };
}

/** n is a position of out, k a tap of a channel of x. */
function gatherOf(x: Shape, weight: Shape, out: Shape, attrs: ConvAttrs, transposed: boolean): Gather {
  const { stride, padding, dilation, groups } = attrs;
  const [, channels, ...size] = x;
  const plane = elementCount(size);
  const n = { size: out.slice(2), plane: channels * plane };
  const k = { size: weight.slice(2), plane };
  const batch = (channels / groups) * plane;
  return transposed
    ? {
        ...{ input: 0, batch, size, divided: stride },
        n: { ...n, step: [1, 1], origin: padding },
        k: { ...k, step: dilation.map((d) => -d) },
      }
    : {
        ...{ input: 0, batch, size, divided: [1, 1] },
        n: { ...n, step: stride, origin: padding.map((p) => -p) },
        k: { ...k, step: dilation },
      };
}

/** weight [O, I * taps] = g [O, positions] @ columns of x, for each group: conv2d's gradient of the weights. */
export function weightGemm(g: Shape, x: Shape, weight: Shape, attrs: ConvAttrs): Gemm {
  const { stride, padding, dilation, groups } = attrs;
  const [images, channels, ...positions] = g;
  const [M, N] = [channels / groups, elementCount(weight.slice(1))];
  const [size, plane] = [elementCount(positions), elementCount(x.slice(2))];
  const over = (count: number) => ({ step: 1, inner: size, outer: count * size });
  const matrix: Matrix = { input: 1, offset: 0, batch: weight[1] * plane, own: { step: plane }, k: over(x[1]) };
  return {
    ...{ op: 'conv2dWeightGrad', M, N, K: images * size, batch: groups },
    a: { input: 0, offset: 0, batch: M * size, own: { step: size }, k: over(channels) },
    b: isPointwise(weight, attrs)
      ? matrix
      : {
          ...{ input: 1, batch: weight[1] * plane, size: x.slice(2), divided: [1, 1] },
          n: { size: weight.slice(2), plane, step: dilation, origin: padding.map((p) => -p) },
          k: { size: positions, plane: x[1] * plane, step: stride },
        },
    out: { batch: M * N, row: N, column: { step: 1 } },
  };
}
