// Padding at the ends of dims: with a value, mirrored, with the outermost elements, or as if x went on in a circle.
import { define, type Op } from '../autograd/op.ts';
import { apply, checkTensor } from '../autograd/tape.ts';
import type { Spec } from '../tensor/backend.ts';
import { ShapeError } from '../tensor/errors.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { sum } from './broadcast.ts';
import { copyOnCpu, type Mode, only, planCopy } from './copy.ts';
import { FITS } from './define.ts';
import { add } from './elementwise.ts';
import { flip } from './rearrange.ts';
import { narrow, place } from './slice.ts';

type Fold = Exclude<Mode, 'place'>;

/** What to add before and behind each dim of x. */
type Margins = [before: number, behind: number][];

interface PadAttrs {
  mode: Fold;
  margins: Margins;
}

/** The most that a dim of n elements can be padded with. */
const MOST: Record<Fold, (n: number) => number> = {
  reflect: (n) => Math.max(n - 1, 0),
  replicate: (n) => (n === 0 ? 0 : Number.POSITIVE_INFINITY),
  circular: (n) => n,
};

const padOp: Op<PadAttrs> = define({
  name: 'pad',
  autocast: 'widest',
  outputs: ([x], { mode, margins }) => [padded(x, mode, margins)],
  strided: () => [true],
  cpu: ([x], [out], { mode, margins }) => copyOnCpu(x, out, { mode, start: margins.map(([before]) => before) }),
  plan: ([x], [out], { mode, margins }) => ({
    dispatches: planCopy(x, out.shape, { mode, start: margins.map(([before]) => before) }),
  }),
  vjp: ([g], { attrs: { mode, margins } }) => [
    margins.reduce((folded, margin, dim) => fold(folded, dim, margin, mode), g!),
  ],
});

function padded({ shape, dtype }: Spec, mode: Fold, margins: Margins): Spec {
  margins.forEach((margin, d) => {
    const most = MOST[mode](shape[d]);
    if (Math.max(...margin) > most) {
      throw new ShapeError(
        `pad: expected at most ${most} for ${mode} in dim ${d} of ${format(shape)}, got [${margin}]`,
      );
    }
  });
  return { shape: shape.map((n, d) => n + margins[d][0] + margins[d][1]), dtype };
}

/** The gradient of one padded dim: that of the middle, and those of the margins where their elements came from. */
function fold(g: Tensor, dim: number, [before, behind]: Margins[number], mode: Fold): Tensor {
  const n = g.shape[dim] - before - behind;
  const shape = g.shape.map((size, d) => (d === dim ? n : size));
  const margin = (from: number, length: number, start: Record<Fold, number>): Tensor[] => {
    if (length === 0) return [];
    const part = narrow(g, dim, from, length);
    const sources = mode === 'reflect' ? flip(part, dim) : mode === 'replicate' ? sum(part, dim, true) : part;
    return [place(sources, shape, only(shape.length, dim, start[mode], 0))];
  };
  return [
    ...margin(0, before, { reflect: 1, replicate: 0, circular: n - before }),
    ...margin(before + n, behind, { reflect: n - 1 - behind, replicate: n - 1, circular: 0 }),
  ].reduce(add, narrow(g, dim, before, n));
}

export interface PadOptions {
  /** Default: constant. */
  mode?: 'constant' | Fold;
  /** What the constant is. Default: 0. */
  value?: number;
}

/**
 * out = x with `padding` elements more at the ends of its last dims, the last first: [left, right, top, bottom, ...],
 * as in PyTorch's F.pad; so [H, W] becomes [top + H + bottom, left + W + right]. They are a constant, or x mirrored
 * at its outermost elements (at most size - 1 of them), or its outermost elements, or x anew from its other end (at
 * most size). Negative padding takes elements away, before x goes round, and after it is mirrored or repeated. Throws a ShapeError for what are no pairs of whole numbers, for
 * more pairs than dims, for another mode, for more than x has to mirror or repeat or to take away, for a value that
 * the dtype cannot hold, and for a value beside another mode than constant.
 */
export function pad(x: Tensor, padding: readonly number[], { mode = 'constant', value }: PadOptions = {}): Tensor {
  const margins = marginsOf(x, padding);
  if (mode !== 'constant' && !(mode in MOST)) {
    throw new ShapeError(`pad: expected mode constant, reflect, replicate or circular, got ${mode}`);
  }
  if (mode === 'constant') return padConstant(x, margins, value ?? 0);
  if (value !== undefined) throw new ShapeError(`pad: expected a value for mode constant only, got ${mode}`);
  const more: Margins = margins.map(([before, behind]) => [Math.max(before, 0), Math.max(behind, 0)]);
  // What is taken away does not come round again, while mirrors stand where x ends.
  if (mode === 'circular') return apply(padOp, [crop(x, margins)], { mode, margins: more })[0];
  return crop(apply(padOp, [x], { mode, margins: more })[0], margins);
}

function marginsOf(x: Tensor, padding: readonly number[]): Margins {
  checkTensor('pad', x);
  if (!Array.isArray(padding) || padding.length % 2 !== 0 || !padding.every(Number.isInteger)) {
    throw new ShapeError(`pad: expected pairs of whole numbers such as [left, right], got [${padding}]`);
  }
  if (padding.length > 2 * x.rank) {
    throw new ShapeError(`pad: expected at most ${x.rank} pairs for ${format(x.shape)}, got [${padding}]`);
  }
  const margins: Margins = x.shape.map((_, d) => {
    const pair = 2 * (x.rank - 1 - d);
    return [padding[pair] ?? 0, padding[pair + 1] ?? 0];
  });
  if (x.shape.some((n, d) => n + Math.min(margins[d][0], 0) + Math.min(margins[d][1], 0) < 0)) {
    throw new ShapeError(`pad: [${padding}] takes more away than there is in ${format(x.shape)}`);
  }
  return margins;
}

/** x without what the negative margins take away. */
const crop = (x: Tensor, margins: Margins): Tensor =>
  margins.reduce((part, [before, behind], dim) => {
    const [gone, length] = [Math.max(-before, 0), part.shape[dim] + Math.min(before, 0) + Math.min(behind, 0)];
    return length === part.shape[dim] ? part : narrow(part, dim, gone, length);
  }, x);

function padConstant(x: Tensor, margins: Margins, value: number): Tensor {
  if (typeof value !== 'number' || !FITS[x.dtype].test(value)) {
    throw new ShapeError(`pad: expected a number that ${x.dtype} can hold, got ${value}`);
  }
  const middle = crop(x, margins);
  if (middle !== x && margins.flat().every((n) => n <= 0)) return middle;
  const shape = x.shape.map((n, d) => n + margins[d][0] + margins[d][1]);
  const start = margins.map(([before]) => Math.max(before, 0));
  return place(middle, shape, start, undefined, value);
}
