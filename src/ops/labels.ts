// Scores per class and their labels: the checks of losses of classes, and two ops, each of them the gradient of the other:
// the score of each label, and a value put where the label is.

import pickSource from '../../shaders/pickClass.wgsl';
import placeSource from '../../shaders/placeClass.wgsl';
import { isFullFloat } from '../autograd/autocast.ts';
import { define, type Op } from '../autograd/op.ts';
import { apply, checkInputs } from '../autograd/tape.ts';
import type { CpuArray } from '../tensor/backend.ts';
import { IndexError, ShapeError } from '../tensor/errors.ts';
import { elementCount, format, isPlain, type Shape, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expand } from './broadcast.ts';
import { ceilDiv, failing, grid } from './launch.ts';
import { checkOption } from './loss.ts';
import { reshape } from './movement.ts';
import { shaderMath } from './shader-math.ts';

/** PyTorch's number for labels that do not count. */
export const IGNORE = -100;

export interface LabelAttrs {
  /** The loss that is named in errors. */
  op: string;
  /** Rows with this label count nothing, and their scores are not looked at. */
  ignore: number;
}

/** Scores as [N, C, D] and labels as [N, 1, D]. A row is what there is of one n and one d. */
export interface Rows {
  scores: Tensor;
  labels: Tensor;
}

/**
 * Scores [C], [N, C] or [N, C, d1, ...] and their labels [], [N] or [N, d1, ...] as rows, without a copy where they are
 * contiguous. Throws a ShapeError for other shapes, for no classes, for other dtypes than float32 and int32, and for class
 * weights that are not float32 [C].
 */
export function rowsOf(op: string, scores: Tensor, labels: Tensor, weight?: Tensor): Rows {
  checkInputs(op, [scores, labels], weight);
  const { shape } = scores;
  const C = checkClasses(op, scores, weight);
  if (labels.dtype !== 'int32') throw new ShapeError(`${op}: expected int32 labels, got ${labels.dtype}`);
  const outer = shape.length === 1 ? [] : [shape[0]];
  const inner = shape.slice(2);
  if (!sameShape(labels.shape, [...outer, ...inner])) {
    const wanted = 'scores [N, C] and labels [N], [C] and [], or [N, C, d1, ...] and [N, d1, ...]';
    throw new ShapeError(`${op}: expected ${wanted}, got ${format(shape)} and ${format(labels.shape)}`);
  }
  const [N, D] = [elementCount(outer), elementCount(inner)];
  return { scores: reshape(scores, [N, C, D]), labels: reshape(labels, [N, 1, D]) };
}

/** The number of classes. Throws where scores are not float32 with a dim of classes, or weights do not fit them. */
export function checkClasses(op: string, scores: Tensor, weight?: Tensor): number {
  const { shape, dtype } = scores;
  const C = shape[Math.min(1, shape.length - 1)];
  if (!C) throw new ShapeError(`${op}: expected scores [N, C] of at least one class, got ${format(shape)}`);
  if (!isFullFloat(scores)) throw new ShapeError(`${op}: expected float32 scores, got ${dtype}`);
  if (weight && (weight.dtype !== 'float32' || !sameShape(weight.shape, [C]))) {
    const got = `${weight.dtype} ${format(weight.shape)}`;
    throw new ShapeError(`${op}: expected one float32 weight per class, [${C}], got ${got}`);
  }
  return C;
}

/** Throws where an ignoreIndex is no label. */
export function checkIgnore(op: string, ignore: number): void {
  checkOption(op, ignore === (ignore | 0), 'a whole number as ignoreIndex', ignore);
}

export const outOfRange = (op: string, label: number, classes: number) =>
  `${op}: expected labels from 0 to ${classes - 1}, got ${label}`;

/**
 * Calls `work` for each row of scores [N, C, D]: with its number, the positions of its scores, and the place of its label
 * among them, -1 where it is ignored.
 */
export function eachRow(
  [N, C, D]: Shape,
  labels: CpuArray,
  { op, ignore }: { op: string; ignore?: number },
  work: (row: number, at: number[], own: number) => void,
): void {
  for (let row = 0; row < N * D; row++) {
    const first = Math.floor(row / D) * C * D + (row % D);
    const label = labels.data[row];
    if (label !== ignore && (label < 0 || label >= C)) throw new IndexError(outOfRange(op, label, C));
    work(
      row,
      Array.from({ length: C }, (_, c) => first + c * D),
      label === ignore ? -1 : label,
    );
  }
}

/** From scores and labels: the score of each label, and 1 where it counts; 0 and 0 where it is ignored. */
const pickOp: Op<LabelAttrs> = define({
  name: 'pickClass',
  outputs: ([, { shape }]) => [
    { shape, dtype: 'float32' },
    { shape, dtype: 'float32' },
  ],
  strided: ([, labels]) => [true, isPlain(labels)],
  cpu: ([x, labels], [out, counted], attrs) =>
    eachRow(x.shape, labels, attrs, (row, at, own) => {
      out.data[row] = own < 0 ? 0 : x.data[at[own]];
      counted.data[row] = Number(own >= 0);
    }),
  plan: ([{ shape, strides, offset }], _outputs, { op, ignore }) => {
    const [N, C, D] = shape;
    return {
      dispatches: [
        {
          shader: {
            file: 'pickClass.wgsl',
            source: pickSource,
            preamble: failing(4) + shaderMath('nan()', pickSource),
          },
          params: [N * D, C, D, { i32: ignore }, offset, ...strides, 'fault'],
          fault: (label) => outOfRange(op, label, C),
          workgroups: grid(ceilDiv(N * D, 64)),
        },
      ],
    };
  },
  vjp: ([g], { inputs: [x, labels], attrs }) => [g && placeClass(g, labels, x.shape[1], attrs.ignore), null],
});

/** out[n, c, d] = value[n, d] where c is the label, else 0. Labels are taken for good. */
const placeOp: Op<{ classes: number; ignore: number }> = define({
  name: 'placeClass',
  outputs: ([{ shape }], { classes }) => [{ shape: [shape[0], classes, shape[2]], dtype: 'float32' }],
  cpu: ([value, labels], [out], { ignore }) =>
    eachRow(out.shape, labels, { op: 'placeClass', ignore }, (row, at, own) => {
      for (const [c, i] of at.entries()) out.data[i] = c === own ? value.data[row] : 0;
    }),
  plan: (_inputs, [{ shape }], { ignore }) => {
    const n = elementCount(shape);
    return {
      dispatches: [
        {
          shader: { file: 'placeClass.wgsl', source: placeSource },
          params: [n, ...shape.slice(1), { i32: ignore }],
          workgroups: grid(ceilDiv(n, 64)),
        },
      ],
    };
  },
  vjp: ([g], { inputs: [, labels], attrs }) => [pickClass(g!, labels, { op: 'placeClass', ...attrs })[0], null],
});

/**
 * The score [N, 1, D] of each label, 0 where it is ignored; and which labels count, as 1 and 0, outside the tape. Another label
 * out of range is an IndexError.
 */
export function pickClass(scores: Tensor, labels: Tensor, { op, ignore }: LabelAttrs): [Tensor, Tensor] {
  const [picked, counted] = apply(pickOp, [scores, labels], { op, ignore });
  return [picked, counted.detach()];
}

/** Scores [N, C, D] that are `value` [N, 1, D] at the labels and else 0. */
export const placeClass = (value: Tensor, labels: Tensor, classes: number, ignore = IGNORE): Tensor =>
  apply(placeOp, [value, labels], { classes, ignore })[0];

/** The weight of each label's class; 0 where it is ignored. */
export function labelWeights(weight: Tensor, { scores, labels }: Rows, attrs: LabelAttrs): Tensor {
  return pickClass(expand(reshape(weight, [1, -1, 1]), scores.shape), labels, attrs)[0];
}
