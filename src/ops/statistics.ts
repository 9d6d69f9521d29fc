// Reductions of floats that take more than one number to accumulate, or a function of the sum: var, std, norm, logsumexp.
import { apply, checkInputs } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { addition, expandBack, sum } from './broadcast.ts';
import { goneOf } from './dims.ts';
import { abs, div, eq, exp, mul, sub, where } from './elementwise.ts';
import { amax } from './extrema.ts';
import { floatOf } from './half.ts';
import { type ReduceAttrs, type Reduction, reductionRow } from './reduce.ts';
import { type DimsLike, mean } from './reduction.ts';

export interface VarianceOptions {
  /** What is subtracted from the count of elements before it divides. Default 1, for an unbiased variance. */
  correction?: number;
  keepdim?: boolean;
}

/** The count of elements less the correction. */
const degrees = (count: number, { correction = 1 }: ReduceAttrs) => Math.max(0, count - correction);

/** The sum of squared distances from the mean, in two passes. */
function squares(values: Float64Array): number {
  const center = (addition.cpu(values, 0) as number) / values.length;
  return addition.cpu(
    values.map((v) => (v - center) ** 2),
    0,
  ) as number;
}

/**
 * (count, mean, sum of squared distances from it), merged by Chan's formula in one pass. Values are taken less the first
 * of them, which is exact where they lie close together, far from 0: the digits that cancel never come into play.
 */
const spread: Omit<Reduction, 'name' | 'cpu' | 'finish'> = {
  divisor: degrees,
  flops: 4,
  acc: ['count: f32', 'mean: f32', 'squares: f32'],
  load: 'ACC(1.0, value - pivot, 0.0)',
  identity: 'ACC(0.0, 0.0, 0.0)',
  combine: 'merge(a, b)',
  lines: `fn merge(a: ACC, b: ACC) -> ACC {
  let count = a.count + b.count;
  if (b.count == 0.0) { return a; }
  let share = b.count / count;
  let gap = b.mean - a.mean;
  return ACC(count, a.mean + gap * share, a.squares + b.squares + gap * gap * a.count * share);
}
var<private> undefined: u32 = 0x7fc00000u;
// After an infinite element the mean is never finite again.
fn varianceOf(a: ACC, divisor: f32) -> f32 {
  return select(bitcast<f32>(undefined), a.squares / divisor, isFinite(a.mean));
}
`,
};

/** Over nothing, 0 / 0. */
const varOp = reductionRow(
  { ...spread, name: 'var', cpu: (values, divisor) => squares(values) / divisor, finish: ['varianceOf(a, divisor)'] },
  ([g], { inputs: [x], attrs }) => [spreadGrad(g!, x, attrs)],
);

/**
 * Which side of the tip of a root of a sum of squares some numbers are on: the sign of one that is far larger than all others
 * together. Elsewhere the root has no kink: 0.
 */
function side(values: Float64Array): number {
  const top = values.reduce((at, v, i) => (Math.abs(v) > Math.abs(values[at]) ? i : at), 0);
  const rest = Math.sqrt(values.reduce((total, v, i) => total + (i === top ? 0 : v * v), 0));
  return Math.abs(values[top]) >= 100 * rest ? Math.sign(values[top]) : 0;
}

/** The same of distances from what all numbers but one are near to. */
function sideOfEqual(values: Float64Array): number {
  const common = values.length < 3 ? values[1] : values.slice().sort()[values.length >> 1];
  return side(values.map((v) => v - common));
}

const stdOp = reductionRow(
  {
    ...spread,
    name: 'std',
    cpu: (values, divisor) => Math.sqrt(squares(values) / divisor),
    winner: sideOfEqual,
    finish: ['sqrt(varianceOf(a, divisor))'],
  },
  ([g], { inputs: [x], outputs: [out], attrs }) => [spreadGrad(quotient(g!, mul(out, 2)), x, attrs)],
);

/** d variance / d x times g: g * 2 (x - mean) / (count - correction). */
function spreadGrad(g: Tensor, x: Tensor, attrs: ReduceAttrs): Tensor {
  const count = elementCount(attrs.dims.map((d) => x.shape[d]));
  const centered = sub(x, mean(x, attrs.dims, true));
  return mul(expandBack(g, x.shape, attrs.dims), mul(centered, 2 / degrees(count, attrs)));
}

/** g / y, and 0 where y is 0: the slope that is taken at the tip of a root. */
function quotient(g: Tensor, y: Tensor): Tensor {
  const tip = eq(y, 0);
  return where(tip, 0, div(g, where(tip, 1, y)));
}

function spreadAttrs(name: string, x: Tensor, dims: DimsLike | undefined, options: VarianceOptions): ReduceAttrs {
  const { correction = 1, keepdim = false } = options;
  if (!Number.isFinite(correction)) {
    throw new ShapeError(`${name}: expected a finite number as correction, got ${correction}`);
  }
  return { dims: goneOf(name, dims, x), keepdim, correction };
}

/**
 * out = sum of (x - mean)^2 / (count - correction) over `dims` (default, and where the list is empty: all). NaN where
 * that is 0 / 0. Exported as `var`, which is no name that JavaScript could declare: `x.var()`, `import { var as
 * variance }`. In the shape of x without `dims`, which with `keepdim` stay with size 1. Throws a ShapeError for int32
 * and bool, for dims that x lacks or that come twice, and for a correction that is no finite number.
 */
export function variance(x: Tensor, dims?: DimsLike, options: VarianceOptions = {}): Tensor {
  return apply(varOp, [x], spreadAttrs('var', x, dims, options))[0];
}

/**
 * Standard deviation: out = sqrt(sum of (x - mean)^2 / (count - correction)) over `dims` (default, and where the list
 * is empty: all). The gradient is 0 where it is 0. In the shape of x without `dims`, which with `keepdim` stay with
 * size 1. Throws a ShapeError for int32 and bool, for dims that x lacks or that come twice, and for a correction that
 * is no finite number.
 */
export function std(x: Tensor, dims?: DimsLike, options: VarianceOptions = {}): Tensor {
  return apply(stdOp, [x], spreadAttrs('std', x, dims, options))[0];
}

const normOp = reductionRow(
  {
    ...addition,
    name: 'norm',
    dtypes: undefined,
    flops: 2,
    cpu: (values) =>
      Math.sqrt(
        addition.cpu(
          values.map((v) => v * v),
          0,
        ) as number,
      ),
    winner: side,
    load: 'value * value',
    finish: ['sqrt(a)'],
  },
  ([g], { inputs: [x], outputs: [out], attrs }) => [mul(x, expandBack(quotient(g!, out), x.shape, attrs.dims))],
);

/**
 * The p-norm over `dims` (default, and where the list is empty: all): for p = 2 out = sqrt(sum of x^2), with gradient
 * 0 at 0; for p = 1 the sum of |x|; for p = Infinity the largest |x|. Squares are added in float32: beyond 1.8e19
 * they are infinite. In the shape of x without `dims`, which with `keepdim` stay with size 1. Throws a ShapeError for
 * another p, for int32 and bool, for dims that x lacks or that come twice, and over no elements for p = Infinity.
 */
export function norm(x: Tensor, p = 2, dims?: DimsLike, keepdim = false): Tensor {
  checkInputs('norm', [x]);
  floatOf('norm', [x]);
  const gone = goneOf('norm', dims, x);
  if (p === 2) return apply(normOp, [x], { dims: gone, keepdim })[0];
  if (p === 1) return sum(abs(x), gone, keepdim);
  if (p !== Number.POSITIVE_INFINITY) throw new ShapeError(`norm: expected p of 1, 2 or Infinity, got ${p}`);
  if (gone.some((d) => x.shape[d] === 0)) {
    throw new ShapeError(`norm: expected at least one element over dims [${gone}] for p = Infinity`);
  }
  return amax(abs(x), gone, keepdim);
}

const logsumexpOp = reductionRow(
  {
    name: 'logsumexp',
    flops: 4,
    cpu: (values) => {
      const top = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
      if (!Number.isFinite(top)) return top;
      return top + Math.log(values.reduce((total, v) => total + Math.exp(v - top), 0));
    },
    // The largest value so far, and the sum of exp(value - largest).
    acc: ['top: f32', 'sum: f32'],
    load: 'ACC(value, 1.0)',
    identity: 'ACC(lowest(), 0.0)',
    combine: 'join(a, b)',
    lines: `fn join(a: ACC, b: ACC) -> ACC {
  let top = select(b.top, a.top, a.top > b.top || isNan(a.top));
  // Equal ones may both be infinite, and their difference NaN.
  let scale = select(exp(-abs(a.top - b.top)), 1.0, a.top == b.top);
  return ACC(top, select(a.sum * scale + b.sum, a.sum + b.sum * scale, a.top > b.top));
}
`,
    finish: ['select(a.top, a.top + log(a.sum), isFinite(a.top))'],
  },
  ([g], { inputs: [x], outputs: [out], attrs: { dims } }) => [
    mul(expandBack(g!, x.shape, dims), exp(sub(x, expandBack(out, x.shape, dims)))),
  ],
);

/**
 * out = log(sum of e^x) over `dims` (default, and where the list is empty: all), stable: no exp overflows. -Infinity
 * over no elements and where all are -Infinity; there, as in PyTorch, the gradient, softmax(x), is NaN. In the shape
 * of x without `dims`, which with `keepdim` stay with size 1. Throws a ShapeError for int32 and bool, and for dims
 * that x lacks or that come twice.
 */
export function logsumexp(x: Tensor, dims?: DimsLike, keepdim = false): Tensor {
  return apply(logsumexpOp, [x], { dims: goneOf('logsumexp', dims, x), keepdim })[0];
}
