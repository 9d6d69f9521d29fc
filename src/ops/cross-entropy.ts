// Cross entropy of logits against class indices, in a fused kernel each way, or against probabilities; and nllLoss.
import gradSource from '../../shaders/crossEntropyGrad.wgsl';
import source from '../../shaders/crossEntropyRows.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply, checkInputs } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount, isContiguous, isPlain, type Layout } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { sum } from './broadcast.ts';
import { add, cast, mul, neg, onesLike, where } from './elementwise.ts';
import { perInput, perOutput } from './flops.ts';
import {
  checkClasses,
  checkIgnore,
  eachRow,
  IGNORE,
  labelWeights,
  outOfRange,
  pickClass,
  type Rows,
  rowsOf,
} from './labels.ts';
import { ceilDiv, constants, failing, grid, threads, withPut } from './launch.ts';
import { checkOption, checkPair, type Reduce, reducer } from './loss.ts';
import { reshape } from './movement.ts';
import { shaderMath } from './shader-math.ts';
import { logSoftmax } from './softmax.ts';

const NAME = 'crossEntropy';

/** Class c of a row is wanted with probability own * (c == label) + even, which sums to 1 over the classes. */
interface CrossEntropyAttrs {
  own: number;
  even: number;
  ignore: number;
}

/** Values that a thread sums before they join the rest: short sums have small errors. */
const BLOCK = 8;

/**
 * From logits [N, C, D] and labels [N, 1, D], for each row: its loss, lse - sum over c of wanted[c] logits[c], where lse = log
 * sum exp logits; lse in two parts, since one float32 would lose the digits of the second where logits are large: top, the
 * largest logit, and rest = log sum exp(logits - top); and 1 where the label counts. For gradients top is a constant shift,
 * and rest has all of lse's.
 */
const rowsOp: Op<CrossEntropyAttrs> = define({
  name: 'crossEntropyRows',
  outputs: ([, { shape }]) => Array.from({ length: 4 }, () => ({ shape, dtype: 'float32' })),
  cpu: ([logits, labels], [loss, top, rest, counted], { own, even, ignore }) =>
    eachRow(logits.shape, labels, { op: NAME, ignore }, (row, at, label) => {
      const largest = at.reduce((a, i) => Math.max(a, logits.data[i]), Number.NEGATIVE_INFINITY);
      const shifted = at.map((i) => logits.data[i] - largest);
      const spread = even > 0 ? even * shifted.reduce((a, b) => a + b) : 0;
      top.data[row] = largest;
      rest.data[row] = Math.log(shifted.reduce((total, v) => total + Math.exp(v), 0));
      loss.data[row] = label < 0 ? 0 : rest.data[row] - own * shifted[label] - spread;
      counted.data[row] = Number(label >= 0);
    }),
  flops: perInput(4),
  plan: ([{ shape }], _outputs, { own, even, ignore }, gpu) => {
    const [N, C, D] = shape;
    const preamble = constants({ WG: threads(gpu), BLOCK }) + failing(6) + shaderMath('preciseLog(x) nan()', source);
    const dispatch = {
      shader: { file: 'crossEntropyRows.wgsl', source, preamble },
      params: [N * D, C, D, { i32: ignore }, { f32: own }, { f32: even }, 'fault' as const],
      fault: (label: number) => outOfRange(NAME, label, C),
      workgroups: grid(N * D),
    };
    return { dispatches: N * D > 0 ? [dispatch] : [] };
  },
  vjp: ([gLoss, , gRest], { inputs: [logits, labels], outputs: [, top, rest], attrs }) => {
    const slope = (g: Tensor | null, attrs: CrossEntropyAttrs) =>
      g && crossEntropyGrad(logits, labels, top, rest, g, attrs);
    const [byLoss, byRest] = [slope(gLoss, attrs), slope(gRest, unwanted(attrs))];
    return [byLoss && byRest ? add(byLoss, byRest) : (byLoss ?? byRest), null];
  },
});

/** Whether all elements are the same one in memory. */
const isOneNumber = ({ shape, strides }: Layout) => shape.every((size, d) => size === 1 || strides[d] === 0);

/**
 * d loss / d logits times g: (softmax(logits) - wanted) g, with softmax from the saved top and rest; 0 in rows that are
 * ignored. With no class wanted it is softmax(logits) g, the gradient of rest.
 */
const gradOp: Op<CrossEntropyAttrs> = define({
  name: 'crossEntropyGrad',
  outputs: ([{ shape }]) => [{ shape, dtype: 'float32' }],
  cpu: ([logits, labels, top, rest, g], [out], { own, even, ignore }) =>
    eachRow(logits.shape, labels, { op: NAME, ignore }, (row, at, label) => {
      at.forEach((i, c) => {
        const p = Math.exp(logits.data[i] - top.data[row] - rest.data[row]);
        out.data[i] = label < 0 ? 0 : (p - (c === label ? own + even : even)) * g.data[row];
      });
    }),
  flops: perOutput(5),
  puts: true,
  // The gradient of a mean is one number for all rows.
  strided: (inputs) => inputs.map((x, k) => isPlain(x) || (k === 4 && isOneNumber(x))),
  plan: ([{ shape }, , , , g], _outputs, { own, even, ignore }) => {
    const n = elementCount(shape);
    const gStep = isContiguous(g) ? 1 : 0;
    const dispatch = withPut(5, {
      shader: { file: 'crossEntropyGrad.wgsl', source: gradSource },
      params: [n, ...shape.slice(1), { i32: ignore }, { f32: own }, { f32: even }, g.offset, gStep],
      workgroups: grid(ceilDiv(n, 64)),
    });
    return { dispatches: n > 0 ? [dispatch] : [] };
  },
  vjp: ([gg], { inputs: [logits, labels, top, rest, g], attrs, needs }) => {
    const slope = (g: Tensor, attrs: CrossEntropyAttrs) =>
      mul(crossEntropyGrad(logits, labels, top, rest, g, attrs), gg!);
    const bySoftmax = needs[0] || needs[3] ? slope(g, unwanted(attrs)) : null;
    return [
      needs[0] ? bySoftmax : null,
      null,
      null,
      needs[3] ? neg(sum(bySoftmax!, 1, true)) : null,
      needs[4] ? sum(slope(onesLike(g), attrs), 1, true) : null,
    ];
  },
});

const unwanted = (attrs: CrossEntropyAttrs): CrossEntropyAttrs => ({ ...attrs, own: 0, even: 0 });

const crossEntropyGrad = (
  logits: Tensor,
  labels: Tensor,
  top: Tensor,
  rest: Tensor,
  g: Tensor,
  attrs: CrossEntropyAttrs,
): Tensor => apply(gradOp, [logits, labels, top, rest, g], attrs)[0];

export interface NllOptions {
  /** Class weights [C]. Default: ones. */
  weight?: Tensor;
  /** Rows with this label count nothing and get no gradient. Default -100. */
  ignoreIndex?: number;
  /** The mean is over the weights of the labels that count. Default: mean. */
  reduction?: Reduce;
}

export interface CrossEntropyOptions extends NllOptions {
  /** How much of each target is spread evenly over all classes, from 0 to 1. Default 0. */
  labelSmoothing?: number;
}

/** Rows of more classes are left to logSoftmax, and so to the reductions, which spread them over many workgroups. */
const LONG = 2 ** 16;

/** The loss of each row by the fused kernel, and whether it counts. */
function fusedLosses({ scores, labels }: Rows, attrs: CrossEntropyAttrs): [Tensor, Tensor] {
  const [losses, , , counted] = apply(rowsOp, [scores, labels], attrs);
  return [losses, counted.detach()];
}

/** The same by the logarithms of all probabilities. */
function pickedLosses({ labels }: Rows, logs: Tensor, ignore: number): [Tensor, Tensor] {
  const [picked, counted] = pickClass(logs, labels, { op: NAME, ignore });
  return [neg(picked), counted];
}

/** The loss of each row, and its weight in the mean. */
function lossesOf(rows: Rows, weight: Tensor | undefined, ignore: number, smoothing: number): [Tensor, Tensor] {
  const { scores } = rows;
  const [even, isLong] = [smoothing / scores.shape[1], scores.shape[1] > LONG];
  if (!isLong && !weight) return fusedLosses(rows, { own: 1 - smoothing, even, ignore });
  const logs = isLong || smoothing > 0 ? logSoftmax(scores, 1) : null;
  const [losses, counted] = isLong ? pickedLosses(rows, logs!, ignore) : fusedLosses(rows, { own: 1, even: 0, ignore });
  const weights = weight ? labelWeights(weight, rows, { op: NAME, ignore }) : counted;
  const own = weight ? mul(losses, weights) : losses;
  if (smoothing === 0) return [own, weights];
  const others = neg(sum(weight ? mul(logs!, reshape(weight, [-1, 1])) : logs!, 1, true));
  const spread = where(cast(counted, 'bool'), mul(others, even), 0);
  return [add(mul(own, 1 - smoothing), spread), weights];
}

/** The loss of each row against probabilities. */
function softLosses(logits: Tensor, target: Tensor, weight: Tensor | undefined, smoothing: number): Tensor {
  const dim = Math.min(logits.rank - 1, 1);
  const classes = logits.shape[dim];
  let wanted = smoothing > 0 ? add(mul(target, 1 - smoothing), smoothing / classes) : target;
  if (weight) {
    const along = logits.shape.slice(dim).map((_, d) => (d === 0 ? classes : 1));
    wanted = mul(wanted, reshape(weight, along));
  }
  return neg(sum(mul(logSoftmax(logits, dim), wanted), dim));
}

/**
 * Cross entropy of logits [N, C], [C] or [N, C, d1, ...] float32 against `target`: int32 labels [N], [] or [N, d1,
 * ...] from 0 to C - 1, or float32 probabilities in the shape of the logits. loss = -sum over c of weight[c]
 * wanted[c] log softmax(logits)[c], where wanted is 1 at the label or the probability, mixed with labelSmoothing of 1
 * / C: a scalar [], or with reduction 'none' the losses in the shape of labels. The mean (default) is sum of losses /
 * sum of weight[label] over the labels that are not `ignoreIndex`, so it is NaN where there are none; for
 * probabilities it is over the rows. Another label out of range is an IndexError, on WebGPU at the next read. Throws
 * a ShapeError for other shapes and dtypes, for class weights that are not float32 [C], for an `ignoreIndex` that is
 * no whole number or a class beside probabilities, for labelSmoothing beyond 0 and 1, and another `reduction`.
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  { weight, ignoreIndex = IGNORE, labelSmoothing = 0, reduction = 'mean' }: CrossEntropyOptions = {},
): Tensor {
  const finish = reducer(NAME, reduction);
  checkIgnore(NAME, ignoreIndex);
  checkOption(NAME, labelSmoothing >= 0 && labelSmoothing <= 1, 'labelSmoothing from 0 to 1', labelSmoothing);
  checkInputs(NAME, [logits, target], weight);
  if (target.dtype === 'float32') {
    checkClasses(NAME, logits, weight);
    checkPair(NAME, logits, target);
    if (ignoreIndex >= 0) throw new ShapeError(`${NAME}: expected labels beside ignoreIndex, got probabilities`);
    return finish(softLosses(logits, target, weight, labelSmoothing));
  }
  const rows = rowsOf(NAME, logits, target, weight);
  const [losses, weights] = lossesOf(rows, weight, ignoreIndex, labelSmoothing);
  return finish(reshape(losses, target.shape), weights);
}

/**
 * loss = -weight[label] logProbabilities[label], for log-probabilities such as those of logSoftmax: [N, C], [C] or
 * [N, C, d1, ...] float32, with int32 labels [N], [] or [N, d1, ...] from 0 to C - 1: a scalar [], or with reduction
 * 'none' the losses in the shape of labels. The mean (default) is sum of losses / sum of weight[label] over the
 * labels that are not `ignoreIndex`, so it is NaN where there are none. Another label out of range is an IndexError,
 * on WebGPU at the next read. Throws a ShapeError for other shapes and dtypes, for class weights that are not float32
 * [C], for an `ignoreIndex` that is no whole number, and another `reduction`.
 */
export function nllLoss(
  logProbabilities: Tensor,
  labels: Tensor,
  { weight, ignoreIndex = IGNORE, reduction = 'mean' }: NllOptions = {},
): Tensor {
  const finish = reducer('nllLoss', reduction);
  checkIgnore('nllLoss', ignoreIndex);
  const rows = rowsOf('nllLoss', logProbabilities, labels, weight);
  const attrs = { op: 'nllLoss', ignore: ignoreIndex };
  const [picked, counted] = pickClass(rows.scores, rows.labels, attrs);
  const weights = weight ? labelWeights(weight, rows, attrs) : counted;
  return finish(reshape(neg(weight ? mul(picked, weights) : picked), labels.shape), weights);
}
