// Updates in place: optimizers over flat arenas of all parameters in one dispatch, and running statistics.
import adamSource from '../../shaders/adam.wgsl';
import packSource from '../../shaders/pack.wgsl';
import rmspropSource from '../../shaders/rmsprop.wgsl';
import runningSource from '../../shaders/runningStats.wgsl';
import sgdSource from '../../shaders/sgd.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import type { Param, Plan, Spec } from '../tensor/backend.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount, format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ceilDiv, constants, grid } from './launch.ts';

/** All inputs of an update are flat and of one length. */
function checkFlat(op: string, inputs: Spec[]): Spec[] {
  for (const { shape, dtype } of inputs) {
    if (dtype !== 'float32') throw new ShapeError(`${op}: expected dtype float32, got ${dtype}`);
    if (shape.length !== 1 || shape[0] !== inputs[0].shape[0]) {
      throw new ShapeError(
        `${op}: expected flat tensors of one length, got ${inputs.map((x) => format(x.shape)).join(', ')}`,
      );
    }
  }
  return [];
}

/** One thread per element, four at a time. */
const flatPlan = (file: string, source: string, n: number, params: Param[]): Plan => ({
  dispatches:
    n === 0 ? [] : [{ shader: { file, source }, params: [n, ...params], workgroups: grid(ceilDiv(ceilDiv(n, 4), 64)) }],
});

const floats = (...values: number[]): Param[] => values.map((f32) => ({ f32 }));

export interface SgdAttrs {
  lr: number;
  momentum: number;
  nesterov: boolean;
  weightDecay: number;
}

/** v = momentum v + g; x -= lr v, or with Nesterov x -= lr (g + momentum v). The velocity starts at 0. */
export const sgdOp: Op<SgdAttrs> = define({
  name: 'sgd',
  mutates: 2,
  outputs: (inputs) => checkFlat('sgd', inputs),
  cpu: ([g], [x, v], { lr, momentum, nesterov, weightDecay }) => {
    for (let i = 0; i < x.data.length; i++) {
      const slope = g.data[i] + weightDecay * x.data[i];
      v.data[i] = momentum * v.data[i] + slope;
      x.data[i] -= lr * (nesterov ? slope + momentum * v.data[i] : v.data[i]);
    }
  },
  plan: ([g], _outputs, { lr, momentum, nesterov, weightDecay }) =>
    flatPlan('sgd.wgsl', sgdSource, g.shape[0], [...floats(lr, momentum, weightDecay), Number(nesterov)]),
  vjp: null,
});

export interface RmspropAttrs {
  lr: number;
  alpha: number;
  eps: number;
  weightDecay: number;
}

/** s = alpha s + (1 - alpha) g^2; x -= lr g / (sqrt(s) + eps) */
export const rmspropOp: Op<RmspropAttrs> = define({
  name: 'rmsprop',
  mutates: 2,
  outputs: (inputs) => checkFlat('rmsprop', inputs),
  cpu: ([g], [x, s], { lr, alpha, eps, weightDecay }) => {
    for (let i = 0; i < x.data.length; i++) {
      const slope = g.data[i] + weightDecay * x.data[i];
      s.data[i] = alpha * s.data[i] + (1 - alpha) * slope * slope;
      x.data[i] -= (lr * slope) / (Math.sqrt(s.data[i]) + eps);
    }
  },
  plan: ([g], _outputs, { lr, alpha, eps, weightDecay }) =>
    flatPlan('rmsprop.wgsl', rmspropSource, g.shape[0], floats(lr, alpha, 1 - alpha, eps, weightDecay)),
  vjp: null,
});

export interface AdamAttrs {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** Count of this update, from 1. */
  step: number;
}

/** m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; x -= lr mhat / (sqrt(vhat) + eps), mhat = m / (1 - b1^step), vhat = v / (1 - b2^step) */
export const adamOp: Op<AdamAttrs> = define({
  name: 'adam',
  mutates: 3,
  outputs: (inputs) => checkFlat('adam', inputs),
  cpu: ([g], [x, m, v], { lr, beta1, beta2, eps, weightDecay, step }) => {
    const [c1, c2] = [1 - beta1 ** step, 1 - beta2 ** step];
    for (let i = 0; i < x.data.length; i++) {
      const slope = g.data[i] + weightDecay * x.data[i];
      m.data[i] = beta1 * m.data[i] + (1 - beta1) * slope;
      v.data[i] = beta2 * v.data[i] + (1 - beta2) * slope * slope;
      x.data[i] -= (lr * (m.data[i] / c1)) / (Math.sqrt(v.data[i] / c2) + eps);
    }
  },
  plan: ([g], _outputs, { lr, beta1, beta2, eps, weightDecay, step }) => {
    // Corrections in float64 on the host: 1 - beta^step cancels in float32.
    const [c1, c2] = [1 - beta1 ** step, 1 - beta2 ** step];
    const scalars = floats(lr / c1, beta1, 1 - beta1, beta2, 1 - beta2, 1 / c2, eps, weightDecay);
    return flatPlan('adam.wgsl', adamSource, g.shape[0], scalars);
  },
  vjp: null,
});

interface RunningAttrs {
  momentum: number;
  /** count / (count - 1): makes the batch variance unbiased. */
  unbias: number;
}

const runningOp: Op<RunningAttrs> = define({
  name: 'runningStats',
  mutates: 2,
  outputs: (inputs) => checkFlat('runningStats', inputs),
  cpu: ([mean, variance], [runningMean, runningVar], { momentum, unbias }) => {
    for (let c = 0; c < mean.data.length; c++) {
      runningMean.data[c] += momentum * (mean.data[c] - runningMean.data[c]);
      runningVar.data[c] += momentum * (unbias * variance.data[c] - runningVar.data[c]);
    }
  },
  plan: ([mean], _outputs, { momentum, unbias }) =>
    flatPlan('runningStats.wgsl', runningSource, mean.shape[0], floats(momentum, unbias)),
  vjp: null,
});

/** running = (1 - momentum) running + momentum batch, with the batch variance times `unbias`. In place. */
export function updateRunning(
  running: [Tensor, Tensor],
  batch: [Tensor, Tensor],
  momentum: number,
  unbias: number,
): void {
  apply(runningOp, [...running, ...batch], { momentum, unbias });
}

/** Inputs that one dispatch of pack takes: with the output, WebGPU's default of 8 storage buffers. */
const PACKED = 7;

interface PackAttrs {
  offsets: number[];
}

/** out[offsets[k] + i] = inputs[k][i], in place on out: gathers gradients into an arena, up to 7 per dispatch. */
export const packOp: Op<PackAttrs> = define({
  name: 'pack',
  mutates: 1,
  outputs: ([out, ...inputs], { offsets }) => {
    inputs.forEach(({ shape, dtype }, k) => {
      if (dtype !== 'float32') throw new ShapeError(`pack: expected dtype float32, got ${dtype}`);
      if (out.shape.length !== 1 || offsets[k] % 4 !== 0 || offsets[k] + elementCount(shape) > out.shape[0]) {
        throw new ShapeError(
          `pack: ${format(shape)} at ${offsets[k]} does not fit ${format(out.shape)} at a multiple of 4`,
        );
      }
    });
    return [];
  },
  cpu: (inputs, [out], { offsets }) => {
    inputs.forEach(({ data }, k) => {
      out.data.set(data, offsets[k]);
    });
  },
  plan: (inputs, _outputs, { offsets }): Plan => {
    const dispatches = [];
    for (let from = 0; from < inputs.length; from += PACKED) {
      const part = inputs.slice(from, from + PACKED).map((x) => elementCount(x.shape));
      // The last input stands in for those that are missing; their size is 0.
      const reads = Array.from({ length: PACKED }, (_, k) => ({
        of: 'input' as const,
        index: Math.min(from + k, inputs.length - 1),
      }));
      const segments = reads.flatMap((_, k) => [part[k] ?? 0, offsets[from + k] ?? 0, 0, 0]);
      dispatches.push({
        shader: { file: 'pack.wgsl', source: packSource, preamble: constants({ PACKED }) },
        reads,
        params: segments,
        workgroups: [...grid(ceilDiv(Math.max(...part), 64)).slice(0, 2), part.length] as unknown as [
          number,
          number,
          number,
        ],
      });
    }
    return { dispatches };
  },
  vjp: null,
});
