// Normalization by rows: layer, group, instance and root mean square norm are one op on different shapes.

import source from '../../shaders/normalize.wgsl';
import gradSource from '../../shaders/normalizeGrad.wgsl';
import { isFullFloat } from '../autograd/autocast.ts';
import { throughOps } from '../autograd/backward.ts';
import { define, type Op } from '../autograd/op.ts';
import { apply, checkInputs, checkTensor, noGrad } from '../autograd/tape.ts';
import type { GpuTraits } from '../tensor/backend.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount, format, type Shape, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, mul, rsqrt, square, sub } from './elementwise.ts';
import { perOutput } from './flops.ts';
import { constants, grid, threads, withPut } from './launch.ts';
import { checkOption } from './loss.ts';
import { reshape } from './movement.ts';
import { batchNorm, checkRunning, deviations, perChannel } from './norm.ts';
import { mean } from './reduction.ts';
import { variance } from './statistics.ts';
import { updateRunning } from './update.ts';

interface NormalizeAttrs {
  eps: number;
  /** Whether the mean is taken off. */
  center: boolean;
}

/** Values that a thread sums before they join the rest: short sums have small errors. */
const BLOCK = 8;
/** Longer rows are normalized by the reductions, which spread them over many workgroups. */
const LONG = 2 ** 16;

const preamble = ({ center }: NormalizeAttrs, gpu: GpuTraits) => constants({ WG: threads(gpu), BLOCK, CENTER: center });

/** x [rows, size]. Outputs: (x - mean) / sqrt(variance + eps) by row, and the factor 1 / sqrt(variance + eps) [rows]. */
const normalizeOp: Op<NormalizeAttrs> = define({
  name: 'normalize',
  outputs: ([{ shape }]) => [
    { shape, dtype: 'float32' },
    { shape: [shape[0]], dtype: 'float32' },
  ],
  cpu: ([x], [out, rstd], { eps, center }) => {
    const [rows, size] = x.shape;
    for (let i = 0; i < rows; i++) {
      const row = Float64Array.from(x.data.subarray(i * size, (i + 1) * size));
      const middle = center ? row.reduce((a, b) => a + b, 0) / size : 0;
      rstd.data[i] = 1 / Math.sqrt(row.reduce((total, v) => total + (v - middle) ** 2, 0) / size + eps);
      row.forEach((v, j) => {
        out.data[i * size + j] = (v - middle) * rstd.data[i];
      });
    }
  },
  flops: (inputs, outputs, { center }) => perOutput(center ? 5 : 3)(inputs, outputs),
  puts: true,
  plan: ([{ shape }], _outputs, attrs, gpu) => ({
    dispatches:
      elementCount(shape) === 0
        ? []
        : [
            withPut(1, {
              shader: { file: 'normalize.wgsl', source, preamble: preamble(attrs, gpu) },
              params: [...shape, { f32: attrs.eps }],
              workgroups: grid(shape[0]),
            }),
          ],
  }),
  vjp: ([g], { inputs: [x], outputs: [y, rstd], attrs }) => [apply(gradOp, [g!, x, y, rstd], attrs)[0]],
});

/**
 * The gradient of x: rstd (g - mean g - y mean(g y)) by row. y and rstd come along to save work: they are functions of x, and
 * the derivative treats them so.
 */
const gradOp: Op<NormalizeAttrs> = define({
  name: 'normalizeGrad',
  outputs: ([g]) => [{ shape: g.shape, dtype: 'float32' }],
  cpu: ([g, , y, rstd], [out], { center }) => {
    const [rows, size] = g.shape;
    for (let i = 0; i < rows; i++) {
      let [total, product] = [0, 0];
      for (let j = i * size; j < (i + 1) * size; j++) {
        total += g.data[j];
        product += g.data[j] * y.data[j];
      }
      for (let j = i * size; j < (i + 1) * size; j++) {
        out.data[j] = rstd.data[i] * (g.data[j] - (center ? total / size : 0) - (y.data[j] * product) / size);
      }
    }
  },
  flops: (inputs, outputs, { center }) => perOutput(center ? 7 : 5)(inputs, outputs),
  puts: true,
  plan: ([{ shape }], _outputs, attrs, gpu) => ({
    dispatches:
      elementCount(shape) === 0
        ? []
        : [
            withPut(3, {
              shader: { file: 'normalizeGrad.wgsl', source: gradSource, preamble: preamble(attrs, gpu) },
              reads: [0, 2, 3].map((index) => ({ of: 'input', index })),
              params: [...shape],
              workgroups: grid(shape[0]),
            }),
          ],
  }),
  vjp: (grads, { inputs: [g, x], attrs }) => [
    ...throughOps(
      [g, x],
      (g, x) => {
        const { y, rstd } = byOps(x, attrs);
        const centered = attrs.center ? sub(g, mean(g, 1, true)) : g;
        return [mul(rstd, sub(centered, mul(y, mean(mul(g, y), 1, true))))];
      },
      grads,
    ),
    null,
    null,
  ],
});

/** What the kernel computes, by the general reductions. */
function byOps(x: Tensor, { eps, center }: NormalizeAttrs) {
  const centered = center ? deviations(x, 1) : x;
  const rstd = rsqrt(add(mean(square(centered), 1, true), eps));
  return { y: mul(centered, rstd), rstd };
}

/** Rows of `size` neighbours normalized; the shape stays. */
function normalizeRows(x: Tensor, size: number, attrs: NormalizeAttrs): Tensor {
  const rows = reshape(x, [size === 0 ? 0 : x.size / size, size]);
  return reshape(size > LONG ? byOps(rows, attrs).y : apply(normalizeOp, [rows], attrs)[0], x.shape);
}

function check(
  op: string,
  x: Tensor,
  factors: Record<string, Tensor | null | undefined>,
  shape: Shape,
  eps: number,
): void {
  checkInputs(op, [x], ...Object.values(factors));
  if (!isFullFloat(x)) throw new ShapeError(`${op}: expected dtype float32, got ${x.dtype}`);
  checkOption(op, eps >= 0, 'eps of at least 0', eps);
  for (const [name, v] of Object.entries(factors)) {
    if (v && (!sameShape(v.shape, shape) || v.dtype !== 'float32')) {
      const wanted = `${name} ${format(shape)} of dtype float32`;
      throw new ShapeError(`${op}: expected ${wanted} for input ${format(x.shape)}, got ${v}`);
    }
  }
}

interface Affine {
  weight?: Tensor | null;
  bias?: Tensor | null;
  /** Added to the variance. */
  eps?: number;
}

const affine = (y: Tensor, weight?: Tensor | null, bias?: Tensor | null): Tensor => {
  const scaled = weight ? mul(y, weight) : y;
  return bias ? add(scaled, bias) : scaled;
};

/** The number of elements in the last dims, which must be these. */
function trailing(op: string, x: Tensor, shape: Shape): number {
  checkTensor(op, x);
  if (!Array.isArray(shape) || shape.length === 0 || !sameShape(x.shape.slice(-shape.length), shape)) {
    throw new ShapeError(`${op}: expected input [..., ${shape}], got ${format(x.shape)}`);
  }
  return elementCount(shape);
}

/**
 * out = (x - mean) / sqrt(variance + eps) * weight + bias over the last dims, whose sizes are `normalizedShape`;
 * weight and bias are of that shape. The variance is the biased one. eps is 1e-5 by default. In the shape of x.
 * Throws a ShapeError where these are not its last sizes, for factors of other shapes, for other dtypes than float32,
 * and for eps below 0.
 */
export function layerNorm(x: Tensor, normalizedShape: Shape, { weight, bias, eps = 1e-5 }: Affine = {}): Tensor {
  const size = trailing('layerNorm', x, normalizedShape);
  check('layerNorm', x, { weight, bias }, normalizedShape, eps);
  return affine(normalizeRows(x, size, { eps, center: true }), weight, bias);
}

/**
 * out = x / sqrt(mean(x^2) + eps) * weight over the last dims, whose sizes are `normalizedShape`. eps is 2^-23 by
 * default, as in PyTorch. In the shape of x. Throws a ShapeError where these are not its last sizes, for factors of
 * other shapes, for other dtypes than float32, and for eps below 0.
 */
export function rmsNorm(
  x: Tensor,
  normalizedShape: Shape,
  { weight, eps = 2 ** -23 }: Omit<Affine, 'bias'> = {},
): Tensor {
  const size = trailing('rmsNorm', x, normalizedShape);
  check('rmsNorm', x, { weight }, normalizedShape, eps);
  return affine(normalizeRows(x, size, { eps, center: false }), weight);
}

/** Weight and bias [C] of x [N, C, ...]. */
const affinePerChannel = (y: Tensor, weight?: Tensor | null, bias?: Tensor | null): Tensor =>
  affine(y, weight && perChannel(weight, y), bias && perChannel(bias, y));

/**
 * out = (x - mean) / sqrt(variance + eps) * weight + bias of x [N, C, ...], with mean and biased variance over each
 * of `groups` groups of neighbouring channels of each image, and weight and bias [C]. eps is 1e-5 by default. In the
 * shape of x. Throws a ShapeError below rank 2, for groups that do not divide C, for a single image with a single value
 * per group, for factors that are not [C], for other dtypes than float32, and for eps below 0.
 */
export function groupNorm(x: Tensor, groups: number, { weight, bias, eps = 1e-5 }: Affine = {}): Tensor {
  checkTensor('groupNorm', x);
  if (x.rank < 2) throw new ShapeError(`groupNorm: expected input [N, C, ...], got ${format(x.shape)}`);
  const [N, C] = x.shape;
  if (!Number.isInteger(groups) || groups < 1 || C % groups !== 0) {
    throw new ShapeError(`groupNorm: expected groups that divide ${C} channels, got ${groups}`);
  }
  check('groupNorm', x, { weight, bias }, [C], eps);
  const size = N * groups === 0 ? 0 : x.size / (N * groups);
  if (N * size === 1) {
    throw new ShapeError(`groupNorm: expected more than one value per group, got input ${format(x.shape)}`);
  }
  return affinePerChannel(normalizeRows(x, size, { eps, center: true }), weight, bias);
}

export interface InstanceNormOptions extends Affine {
  /** [C], both or none: they take in the statistics of x, or stand in for them. */
  runningMean?: Tensor | null;
  runningVar?: Tensor | null;
  /** Normalize by the statistics of x (and update the running ones) or by the running statistics. Default true. */
  useInputStats?: boolean;
  /** Share of x in the running statistics. Default 0.1. */
  momentum?: number;
}

/**
 * out = (x - mean) / sqrt(variance + eps) * weight + bias of x [N, C, ...], with mean and biased variance over each
 * channel of each image, and weight and bias [C]. eps is 1e-5 by default. Running statistics [C] take in the mean over
 * the images of the means and unbiased variances: running = (1 - momentum) running + momentum mean. Without
 * `useInputStats` they are what x is normalized by, as in the evaluation of batchNorm. In the shape of x. Throws a
 * ShapeError below rank 3, for less than two values per channel where its statistics are used, for factors or
 * statistics that are not [C], for one of the running statistics alone or none where they are used, for other dtypes
 * than float32, for eps below 0, and for a momentum beyond 0 and 1.
 */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  const op = 'instanceNorm';
  const { weight, bias, runningMean, runningVar, useInputStats = true, momentum = 0.1, eps = 1e-5 } = options;
  checkTensor(op, x);
  if (x.rank < 3) throw new ShapeError(`${op}: expected input [N, C, ...] of at least 3 dims, got ${format(x.shape)}`);
  const size = elementCount(x.shape.slice(2));
  if (useInputStats && size < 2) {
    throw new ShapeError(`${op}: expected more than one value per channel, got input ${format(x.shape)}`);
  }
  check(op, x, { weight, bias, runningMean, runningVar }, [x.shape[1]], eps);
  checkRunning(op, { runningMean, runningVar, momentum });
  if (!useInputStats) {
    if (!runningMean) throw new ShapeError(`${op}: without useInputStats it needs runningMean and runningVar`);
    return batchNorm(x, { weight, bias, runningMean, runningVar, training: false, eps });
  }
  if (runningMean && runningVar && x.size > 0) {
    noGrad(() => {
      const inside = x.shape.map((_, i) => i).slice(2);
      const batch: [Tensor, Tensor] = [mean(x, [0, ...inside]), mean(variance(x, inside), 0)];
      updateRunning([runningMean, runningVar], batch, momentum, 1);
    });
  }
  return affinePerChannel(normalizeRows(x, size, { eps, center: true }), weight, bias);
}
