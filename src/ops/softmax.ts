// softmax and logSoftmax along a dim, each forward and backward in one kernel with a workgroup per row.

import source from '../../shaders/softmax.wgsl';
import gradSource from '../../shaders/softmaxGrad.wgsl';
import { isFullFloat } from '../autograd/autocast.ts';
import { define, type Op } from '../autograd/op.ts';
import { apply, checkInputs } from '../autograd/tape.ts';
import type { GpuTraits, Plan } from '../tensor/backend.ts';
import type { HostArray } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { sum } from './broadcast.ts';
import { div, exp, log, mul, neg, sub } from './elementwise.ts';
import { amax } from './extrema.ts';
import { perOutput } from './flops.ts';
import { constants, grid, threads, withPut } from './launch.ts';
import { along, transpose } from './movement.ts';

interface SoftmaxAttrs {
  log: boolean;
}

/** Values that a thread sums before they join the rest: short sums have small errors. */
const BLOCK = 8;
/** Longer rows are left to the reductions. */
const LONG = 2 ** 16;

function plan(file: string, text: string, put: number, shape: Shape, { log }: SoftmaxAttrs, gpu: GpuTraits): Plan {
  const size = shape.at(-1)!;
  const rows = elementCount(shape.slice(0, -1));
  if (rows * size === 0) return { dispatches: [] };
  const preamble = constants({ WG: threads(gpu), BLOCK, LOG: log });
  const dispatch = { shader: { file, source: text, preamble }, params: [rows, size], workgroups: grid(rows) };
  return { dispatches: [withPut(put, dispatch)] };
}

/** Calls `work` with the begin and end of each row along the last dim. */
function eachRow(data: HostArray, shape: Shape, work: (from: number, to: number) => void): void {
  const size = shape.at(-1)!;
  if (size > 0) for (let from = 0; from < data.length; from += size) work(from, from + size);
}

/** Along the last dim: softmax, or its logarithm. */
const softmaxOp: Op<SoftmaxAttrs> = define({
  name: 'softmax',
  outputs: ([x]) => [{ shape: x.shape, dtype: 'float32' }],
  cpu: ([x], [out], { log }) =>
    eachRow(x.data, x.shape, (from, to) => {
      const row = Float64Array.from(x.data.subarray(from, to));
      const top = row.reduce((a, b) => Math.max(a, b));
      const powers = row.map((v) => Math.exp(v - top));
      const total = powers.reduce((a, b) => a + b);
      out.data.set(log ? row.map((v) => v - top - Math.log(total)) : powers.map((v) => v / total), from);
    }),
  flops: perOutput(5),
  puts: true,
  plan: ([x], _outputs, attrs, gpu) => plan('softmax.wgsl', source, 1, x.shape, attrs, gpu),
  vjp: ([g], { outputs: [y], attrs }) => [softmaxGrad(y, g!, attrs)],
});

/** The gradient of softmaxOp from its result y: y (g - sum g y), or g - exp(y) sum g. */
const gradOp: Op<SoftmaxAttrs> = define({
  name: 'softmaxGrad',
  outputs: ([y]) => [{ shape: y.shape, dtype: 'float32' }],
  cpu: ([y, g], [out], { log }) =>
    eachRow(y.data, y.shape, (from, to) => {
      let total = 0;
      for (let i = from; i < to; i++) total += g.data[i] * (log ? 1 : y.data[i]);
      for (let i = from; i < to; i++) {
        out.data[i] = log ? g.data[i] - Math.exp(y.data[i]) * total : y.data[i] * (g.data[i] - total);
      }
    }),
  flops: perOutput(4),
  puts: true,
  plan: ([y], _outputs, attrs, gpu) => plan('softmaxGrad.wgsl', gradSource, 2, y.shape, attrs, gpu),
  vjp: ([gg], { inputs: [y, g], attrs, needs }) => {
    const rowSum = (v: Tensor) => sum(v, -1, true);
    if (attrs.log) {
      const p = exp(y);
      return [needs[0] ? neg(mul(mul(gg!, p), rowSum(g))) : null, needs[1] ? sub(gg!, rowSum(mul(gg!, p))) : null];
    }
    const weighted = rowSum(mul(gg!, y));
    return [
      needs[0] ? sub(mul(gg!, sub(g, rowSum(mul(g, y)))), mul(g, weighted)) : null,
      needs[1] ? mul(y, sub(gg!, weighted)) : null,
    ];
  },
});

const softmaxGrad = (y: Tensor, g: Tensor, attrs: SoftmaxAttrs): Tensor => apply(gradOp, [y, g], attrs)[0];

function byRows(x: Tensor, d: number, attrs: SoftmaxAttrs): Tensor {
  if (x.shape[d] > LONG) return byOps(x, d, attrs);
  const last = x.rank - 1;
  if (d === last) return apply(softmaxOp, [x], attrs)[0];
  return transpose(apply(softmaxOp, [transpose(x, d, last)], attrs)[0], d, last);
}

function softmaxAlong(op: string, x: Tensor, dim: number, attrs: SoftmaxAttrs): Tensor {
  checkInputs(op, [x]);
  if (!isFullFloat(x)) throw new ShapeError(`${op}: expected dtype float32, got ${x.dtype} ${format(x.shape)}`);
  return along(op, x, dim, (x, d) => [byRows(x, d, attrs)])[0];
}

/** The same by the general reductions, which spread a long row over many workgroups. */
function byOps(x: Tensor, dim: number, { log: logarithm }: SoftmaxAttrs): Tensor {
  const shifted = sub(x, amax(x, dim, true).detach());
  const powers = exp(shifted);
  const total = sum(powers, dim, true);
  return logarithm ? sub(shifted, log(total)) : div(powers, total);
}

/**
 * out = e^x / sum of e^x along `dim` (default: the last), by way of the largest element, so that no logit is too
 * large. A row of -Infinity alone, or with a NaN or an Infinity, is NaN. In the shape of x. Throws a ShapeError for a
 * dim that x lacks, and for other dtypes than float32.
 */
export const softmax = (x: Tensor, dim = -1): Tensor => softmaxAlong('softmax', x, dim, { log: false });

/**
 * out = x - log(sum of e^x) along `dim` (default: the last): log(softmax(x)) without the detour that loses small
 * probabilities. In the shape of x. Throws a ShapeError for a dim that x lacks, and for other dtypes than float32.
 */
export const logSoftmax = (x: Tensor, dim = -1): Tensor => softmaxAlong('logSoftmax', x, dim, { log: true });
