// Batch normalization: statistics by merging counts, means and squared deviations; one backward pass over the data.

import applySource from '../../shaders/batchNormApply.wgsl';
import gradApplySource from '../../shaders/batchNormGradApply.wgsl';
import gradMergeSource from '../../shaders/batchNormGradMerge.wgsl';
import gradSumsSource from '../../shaders/batchNormGradSums.wgsl';
import mergeSource from '../../shaders/batchNormMerge.wgsl';
import statsSource from '../../shaders/batchNormStats.wgsl';
import { isFullFloat } from '../autograd/autocast.ts';
import { throughOps } from '../autograd/backward.ts';
import { define, type Op } from '../autograd/op.ts';
import { apply, checkInputs, noGrad } from '../autograd/tape.ts';
import type { Dispatch, GpuTraits, Plan, Slot, Spec } from '../tensor/backend.ts';
import { full } from '../tensor/creation.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { sum } from './broadcast.ts';
import { add, div, mul, rsqrt, square, sub } from './elementwise.ts';
import { perOutput } from './flops.ts';
import { ceilDiv, constants, grid, threads, withPut } from './launch.ts';
import { checkOption } from './loss.ts';
import { reshape } from './movement.ts';
import { mean } from './reduction.ts';
import { select } from './slice.ts';
import { updateRunning } from './update.ts';

interface BatchNormAttrs {
  eps: number;
}

/** Elements of a channel that one workgroup of a statistics pass takes. */
const CHUNK = 1024;
/** Elements that a thread sums before they join the rest: blocks of few keep errors small. */
const BLOCK = 16;
const preamble = (gpu: GpuTraits) => constants({ WG: threads(gpu), PER_THREAD: CHUNK / threads(gpu), BLOCK });

/** x as [N, C, L]: images, channels, and what is left of each plane. */
const planes = (shape: Shape) => ({ N: shape[0], C: shape[1], L: elementCount(shape.slice(2)) });

const input = (index: number): Slot => ({ of: 'input', index });
const output = (index: number): Slot => ({ of: 'output', index });
const temp: Slot = { of: 'temp', index: 0 };

/** How the N * L elements of a channel are spread over workgroups. */
const chunkCount = (shape: Shape) => {
  const { N, L } = planes(shape);
  return Math.max(1, ceilDiv(N * L, CHUNK));
};

const reads = (...indices: number[]) => indices.map(input);

/** A pass over all elements, one workgroup per channel and chunk. */
function chunkPass(file: string, source: string, shape: Shape, from: Slot[], eps: number, gpu: GpuTraits): Dispatch {
  const { N, C, L } = planes(shape);
  const chunks = chunkCount(shape);
  return {
    shader: { file, source, preamble: preamble(gpu) },
    reads: from,
    writes: [temp],
    params: [N, C, L, chunks, { f32: eps }],
    workgroups: grid(C * chunks),
  };
}

/** A pass that merges the chunks of each channel, one workgroup per channel. */
const mergePass = (file: string, source: string, shape: Shape, more: Slot[], to: Slot[], gpu: GpuTraits): Dispatch => ({
  shader: { file, source, preamble: preamble(gpu) },
  reads: [temp, ...more],
  writes: to,
  params: [shape[1], chunkCount(shape), ...(more.length > 0 ? [planes(shape).L] : [])],
  workgroups: grid(shape[1]),
});

/** A pass of one thread per element. */
function elementPass(file: string, source: string, shape: Shape, from: Slot[], eps: number): Dispatch {
  const { N, C, L } = planes(shape);
  return withPut(from.length, {
    shader: { file, source },
    reads: from,
    writes: [output(0)],
    params: [N * C * L, C, L, N * L, { f32: eps }],
    workgroups: grid(ceilDiv(N * C * L, 64)),
  });
}

/** Calls `visit` with channel and flat position for each element of [N, C, L]. */
function eachElement(shape: Shape, visit: (c: number, at: number) => void): void {
  const { N, C, L } = planes(shape);
  for (let at = 0; at < N * C * L; at++) visit(Math.floor(at / L) % C, at);
}

const channel = ([x]: Spec[]): Spec => ({ shape: [x.shape[1]], dtype: 'float32' });

/** The mean of each channel, and once more in two parts, [3, C]: the channel's first element, and how much larger the mean is. */
const center = ([x]: Spec[]): Spec => ({ shape: [3, x.shape[1]], dtype: 'float32' });

/**
 * Outputs: (x - mean) / sqrt(variance + eps) * weight + bias, and the mean and (biased) variance of each channel. The mean comes in
 * two parts, too, by which large values that are close together keep their digits.
 */
const trainOp: Op<BatchNormAttrs> = define({
  name: 'batchNorm',
  outputs: (inputs) => [inputs[0], center(inputs), channel(inputs)].map(({ shape, dtype }) => ({ shape, dtype })),
  cpu: ([x, weight, bias], [out, mean, variance], { eps }) => {
    const { N, C, L } = planes(x.shape);
    eachElement(x.shape, (c, at) => {
      mean.data[c] += x.data[at] / (N * L);
    });
    for (let c = 0; c < C; c++) {
      mean.data[C + c] = x.data[c * L];
      mean.data[2 * C + c] = mean.data[c] - x.data[c * L];
    }
    eachElement(x.shape, (c, at) => {
      variance.data[c] += (x.data[at] - mean.data[c]) ** 2 / (N * L);
    });
    eachElement(x.shape, (c, at) => {
      const scale = weight.data[c] / Math.sqrt(variance.data[c] + eps);
      out.data[at] = (x.data[at] - mean.data[c]) * scale + bias.data[c];
    });
  },
  flops: perOutput(7),
  puts: true,
  plan: ([{ shape }], _outputs, { eps }, gpu): Plan => ({
    temps: [shape[1] * chunkCount(shape) * 3],
    dispatches: [
      chunkPass('batchNormStats.wgsl', statsSource, shape, reads(0), eps, gpu),
      mergePass('batchNormMerge.wgsl', mergeSource, shape, reads(0), [output(1), output(2)], gpu),
      elementPass('batchNormApply.wgsl', applySource, shape, [...reads(0, 1, 2), output(1), output(2)], eps),
    ],
  }),
  vjp: ([g, gMean, gVariance], { inputs: [x, weight], outputs: [, mean, variance], attrs }) => {
    if (gMean || gVariance) throw new ShapeError('batchNorm: its batch statistics carry no gradient; detach them');
    return apply(gradOp, [g!, x, weight, mean, variance], attrs);
  },
});

/**
 * Gradients of x, weight and bias, with xhat = (x - mean) / sqrt(variance + eps) and n elements per channel:
 * dBias = sum g, dWeight = sum g xhat, dx = weight / sqrt(variance + eps) * (g - (dBias + xhat dWeight) / n).
 * mean, with its parts, and variance come along to save work: they are functions of x, and the derivative treats them so.
 */
const gradOp: Op<BatchNormAttrs> = define({
  name: 'batchNormGrad',
  outputs: (inputs) => {
    const [, x] = inputs;
    return [{ shape: x.shape, dtype: 'float32' }, channel([x]), channel([x])];
  },
  cpu: ([g, x, weight, mean, variance], [dx, dWeight, dBias], { eps }) => {
    const { N, C, L } = planes(x.shape);
    const xhat = (c: number, at: number) =>
      (x.data[at] - mean.data[C + c] - mean.data[2 * C + c]) / Math.sqrt(variance.data[c] + eps);
    eachElement(x.shape, (c, at) => {
      dBias.data[c] += g.data[at];
      dWeight.data[c] += g.data[at] * xhat(c, at);
    });
    eachElement(x.shape, (c, at) => {
      const centered = g.data[at] - (dBias.data[c] + xhat(c, at) * dWeight.data[c]) / (N * L);
      dx.data[at] = (weight.data[c] / Math.sqrt(variance.data[c] + eps)) * centered;
    });
  },
  flops: perOutput(10),
  puts: true,
  plan: ([, { shape }], _outputs, { eps }, gpu): Plan => {
    const from = [...reads(0, 1, 2, 3, 4), output(1), output(2)];
    return {
      temps: [shape[1] * chunkCount(shape) * 2],
      dispatches: [
        chunkPass('batchNormGradSums.wgsl', gradSumsSource, shape, reads(0, 1, 3, 4), eps, gpu),
        mergePass('batchNormGradMerge.wgsl', gradMergeSource, shape, [], [output(1), output(2)], gpu),
        elementPass('batchNormGradApply.wgsl', gradApplySource, shape, from, eps),
      ],
    };
  },
  vjp: (grads, { inputs, attrs }) => {
    const [g, x, weight] = inputs;
    return [...throughOps([g, x, weight], (...args) => gradByOps(args, attrs.eps), grads), null, null];
  },
});

/** x less its mean over dims, which is taken twice: of large values close together the first one leaves a rest. */
export function deviations(x: Tensor, dims: number | number[]): Tensor {
  const rough = sub(x, mean(x, dims, true).detach());
  return sub(rough, mean(rough, dims, true));
}

/** What batchNormGrad computes, from g, x and weight alone, in ops that can be differentiated. */
function gradByOps([g, x, weight]: Tensor[], eps: number): Tensor[] {
  const dims = x.shape.map((_, i) => i).filter((i) => i !== 1);
  const centered = deviations(x, dims);
  const rstd = rsqrt(add(mean(square(centered), dims, true), eps));
  const xhat = mul(centered, rstd);
  const dBias = sum(g, dims, true);
  const dWeight = sum(mul(g, xhat), dims, true);
  const share = div(add(dBias, mul(xhat, dWeight)), x.size / weight.size);
  const dx = mul(mul(perChannel(weight, x), rstd), sub(g, share));
  return [dx, reshape(dWeight, weight.shape), reshape(dBias, weight.shape)];
}

/** A [C] tensor as [1, C, 1, ...], to broadcast over x. */
export const perChannel = (v: Tensor, x: Tensor) =>
  reshape(
    v,
    x.shape.map((_, i) => (i === 1 ? v.size : 1)),
  );

export interface BatchNormOptions {
  weight?: Tensor | null;
  bias?: Tensor | null;
  runningMean?: Tensor | null;
  runningVar?: Tensor | null;
  /** Normalize by the batch (and update the running statistics) or by the running statistics. */
  training: boolean;
  /** Share of the new batch in the running statistics. Default 0.1. */
  momentum?: number;
  /** Added to the variance. Default 1e-5. */
  eps?: number;
}

/**
 * Batch normalization of x [N, C, ...] per channel, as in PyTorch: out = (x - mean) / sqrt(variance + eps) * weight +
 * bias. In training by the mean and biased variance of the batch, while the running statistics take in the mean and
 * unbiased variance: running = (1 - momentum) running + momentum batch; else by the running statistics. In the shape
 * of x. Throws a ShapeError for rank below 2, for other dtypes than float32, for weights or statistics that are not
 * [C] of float32, in training for less than two values per channel, and else without running statistics, for one of
 * them alone, for eps below 0, and for a momentum beyond 0 and 1.
 */
export function batchNorm(x: Tensor, options: BatchNormOptions): Tensor {
  const { weight, bias, runningMean, runningVar, training, momentum = 0.1, eps = 1e-5 } = options;
  checkInputs('batchNorm', [x], weight, bias, runningMean, runningVar);
  if (x.rank < 2) throw new ShapeError(`batchNorm: expected input [N, C, ...], got ${format(x.shape)}`);
  if (!isFullFloat(x)) throw new ShapeError(`batchNorm: expected dtype float32, got ${x.dtype}`);
  const C = x.shape[1];
  for (const [name, v] of Object.entries({ weight, bias, runningMean, runningVar })) {
    if (v && !(v.rank === 1 && v.size === C)) {
      throw new ShapeError(`batchNorm: expected ${name} [${C}] for input ${format(x.shape)}, got ${format(v.shape)}`);
    }
    if (v && v.dtype !== 'float32')
      throw new ShapeError(`batchNorm: expected ${name} of dtype float32, got ${v.dtype}`);
  }
  checkOption('batchNorm', eps >= 0, 'eps of at least 0', eps);
  checkRunning('batchNorm', { runningMean, runningVar, momentum });
  if (!training) {
    if (!runningMean || !runningVar) throw new ShapeError('batchNorm: evaluation needs runningMean and runningVar');
    const rstd = rsqrt(add(runningVar, eps));
    const scale = weight ? mul(rstd, weight) : rstd;
    const shifted = mul(sub(x, perChannel(runningMean, x)), perChannel(scale, x));
    return bias ? add(shifted, perChannel(bias, x)) : shifted;
  }
  const count = C === 0 ? 0 : x.size / C;
  if (count < 2) {
    throw new ShapeError(`batchNorm: training needs more than one value per channel, got input ${format(x.shape)}`);
  }
  const ones = weight ?? filled(x, 1);
  const zeros = bias ?? filled(x, 0);
  const [out, means, variance] = apply(trainOp, [x, ones, zeros], { eps });
  if (runningMean && runningVar) {
    noGrad(() => {
      const batch: [Tensor, Tensor] = [select(means, 0, 0), variance];
      updateRunning([runningMean, runningVar], batch, momentum, count / (count - 1));
    });
  }
  return out;
}

/** Throws a ShapeError for one of the running statistics alone, and for a momentum beyond 0 and 1. */
export function checkRunning(
  op: string,
  { runningMean, runningVar, momentum }: Pick<BatchNormOptions, 'runningMean' | 'runningVar'> & { momentum: number },
): void {
  checkOption(op, momentum >= 0 && momentum <= 1, 'a momentum from 0 to 1', momentum);
  if (!runningMean !== !runningVar) {
    const alone = `running${runningMean ? 'Mean' : 'Var'}`;
    throw new ShapeError(`${op}: expected both or none of the running statistics, got ${alone}`);
  }
}

/** A [C] tensor of one value, for layers without weight or bias. */
function filled(x: Tensor, value: number): Tensor {
  return full([x.shape[1]], value, { device: x.device });
}
