// Losses of margins: scores of classes that should lie a margin below the right one's, and the binary hinge.
import source from '../../shaders/margins.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import { elementCount } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { relu } from './activation.ts';
import { sum } from './broadcast.ts';
import { add, cast, gt, mul, ne, square, sub, where } from './elementwise.ts';
import { perOutput } from './flops.ts';
import { eachRow, IGNORE, labelWeights, outOfRange, placeClass, rowsOf } from './labels.ts';
import { ceilDiv, failing, grid } from './launch.ts';
import { checkOption, checkPair, type LossOptions, type Reduce, reducer } from './loss.ts';
import { reshape } from './movement.ts';
import { shaderMath } from './shader-math.ts';

interface MarginAttrs {
  /** The loss that is named in errors. */
  op: string;
  margin: number;
}

/** max(0, scores[c] - scores[label] + margin) per class c of a row, and 0 for the label. */
const marginsOp: Op<MarginAttrs> = define({
  name: 'margins',
  outputs: ([{ shape }]) => [{ shape, dtype: 'float32' }],
  cpu: ([x, labels], [out], { op, margin }) =>
    eachRow(x.shape, labels, { op }, (_, at, label) => {
      at.forEach((i, c) => {
        out.data[i] = c === label ? 0 : Math.max(0, x.data[i] - x.data[at[label]] + margin);
      });
    }),
  flops: perOutput(3),
  winners: (_, [out]) => Array.from(out.data, (v) => Number(v > 0)),
  plan: ([{ shape }], _outputs, { op, margin }) => {
    const n = elementCount(shape);
    const dispatch = {
      shader: { file: 'margins.wgsl', source, preamble: failing(3) + shaderMath('nan()', source) },
      params: [n, ...shape.slice(1), { f32: margin }, 'fault' as const],
      fault: (label: number) => outOfRange(op, label, shape[1]),
      workgroups: grid(ceilDiv(n, 64)),
    };
    return { dispatches: n > 0 ? [dispatch] : [] };
  },
  vjp: ([g], { inputs: [x, labels], outputs: [out] }) => {
    const over = where(gt(out, 0), g!, 0);
    return [sub(over, placeClass(sum(over, 1, true), labels, x.shape[1])), null];
  },
});

export interface MultiMarginOptions {
  /** The power of each margin, 1 or 2. Default 1. */
  p?: number;
  /** How far below the right score the others should lie. Default 1. */
  margin?: number;
  /** Class weights [C]. Default: ones. */
  weight?: Tensor;
  /** The mean is over the rows, whatever their weights. Default: mean. */
  reduction?: Reduce;
}

/**
 * loss = weight[label] / C times the sum over the wrong classes c of max(0, margin - scores[label] + scores[c])^p:
 * scores [N, C], [C] or [N, C, d1, ...] float32, int32 labels [N], [] or [N, d1, ...] from 0 to C - 1; a scalar [], or
 * with reduction 'none' the losses in the shape of labels. A margin of NaN adds nothing, as in PyTorch. A label out of
 * range is an IndexError, on WebGPU at the next read. Throws a ShapeError for other shapes and dtypes, for class
 * weights that are not float32 [C], for a p other than 1 and 2, for a margin that is not finite, and another
 * `reduction`.
 */
export function multiMarginLoss(
  scores: Tensor,
  labels: Tensor,
  { p = 1, margin = 1, weight, reduction = 'mean' }: MultiMarginOptions = {},
): Tensor {
  const op = 'multiMarginLoss';
  const finish = reducer(op, reduction);
  checkOption(op, p === 1 || p === 2, 'p 1 or 2', p);
  checkOption(op, Number.isFinite(margin), 'a finite margin', margin);
  const rows = rowsOf(op, scores, labels, weight);
  const [all] = apply(marginsOp, [rows.scores, rows.labels], { op, margin });
  const margins = where(gt(all, 0), all, 0);
  const means = mul(sum(p === 2 ? square(margins) : margins, 1, true), 1 / rows.scores.shape[1]);
  // Labels out of range are found above, so none is ignored here.
  const losses = weight ? mul(means, labelWeights(weight, rows, { op, ignore: IGNORE })) : means;
  return finish(reshape(losses, labels.shape));
}

/**
 * The multiclass support vector machine of Weston and Watkins: loss = the sum over the wrong classes c of max(0,
 * scores[c] - scores[label] + margin), which is C - 1 where all scores are equal: C times multiMarginLoss, but for NaN,
 * which goes through. scores [N, C], [C] or [N, C, d1, ...] float32, int32 labels [N], [] or [N, d1, ...]; a scalar [],
 * or with reduction 'none' the losses in the shape of labels. A label out of range is an IndexError, on WebGPU at the
 * next read. Throws a ShapeError for other shapes and dtypes, for a margin that is not finite, and another `reduction`.
 */
export function svmLoss(
  scores: Tensor,
  labels: Tensor,
  { margin = 1, reduction = 'mean' }: Pick<MultiMarginOptions, 'margin' | 'reduction'> = {},
): Tensor {
  const finish = reducer('svmLoss', reduction);
  checkOption('svmLoss', Number.isFinite(margin), 'a finite margin', margin);
  const rows = rowsOf('svmLoss', scores, labels);
  const [margins] = apply(marginsOp, [rows.scores, rows.labels], { op: 'svmLoss', margin });
  return finish(reshape(sum(margins, 1), labels.shape));
}

/**
 * loss = max(0, 1 - targets * scores), the hinge of a binary classifier: scores float32, targets 1 or -1 in the same
 * shape, int32 or float32; a scalar [], or with reduction 'none' the losses in the shape of scores. Throws a
 * ShapeError for other shapes and dtypes, and another `reduction`.
 */
export function hingeLoss(scores: Tensor, targets: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  const finish = reducer('hingeLoss', reduction);
  checkPair('hingeLoss', scores, targets, ['float32', 'int32']);
  return finish(relu(sub(1, mul(scores, cast(targets, 'float32')))));
}

/**
 * loss = input where the target is 1, max(0, margin - input) where it is -1, for distances of pairs that are alike or
 * not: input float32, target int32 or float32 in the same shape; a scalar [], or with reduction 'none' the losses in
 * the shape of input. Throws a ShapeError for other shapes and dtypes, for a margin that is not finite, and another
 * `reduction`.
 */
export function hingeEmbeddingLoss(
  input: Tensor,
  target: Tensor,
  { margin = 1, reduction = 'mean' }: LossOptions & { margin?: number } = {},
): Tensor {
  const finish = reducer('hingeEmbeddingLoss', reduction);
  checkPair('hingeEmbeddingLoss', input, target, ['float32', 'int32']);
  checkOption('hingeEmbeddingLoss', Number.isFinite(margin), 'a finite margin', margin);
  // As in PyTorch, whose losses of targets other than 1 and -1 are the sum of both.
  const unlike = where(ne(target, 1), relu(sub(margin, input)), 0);
  return finish(add(unlike, where(ne(target, -1), input, 0)));
}
