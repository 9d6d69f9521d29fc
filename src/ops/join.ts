// Many tensors into one: concat along a dim, stack along a new one.
import { autocasting } from '../autograd/autocast.ts';
import { define, type Op } from '../autograd/op.ts';
import { apply, checkInputs } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount, format, normalizeDim, sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { planCopy } from './copy.ts';
import { unsqueeze } from './movement.ts';
import { narrow } from './slice.ts';

interface ConcatAttrs {
  dim: number;
}

/** Each input is copied to its own part of the output, by a dispatch of its own. */
const concatOp: Op<ConcatAttrs> = define({
  name: 'concat',
  autocast: 'widest',
  outputs: ([first, ...others], { dim }) => {
    const rest = (shape: readonly number[]) => shape.map((size, d) => (d === dim ? 0 : size));
    for (const { shape, dtype } of others) {
      if (dtype !== first.dtype) throw new ShapeError(`concat: dtypes differ, ${first.dtype} and ${dtype}`);
      if (!sameShape(rest(shape), rest(first.shape))) {
        throw new ShapeError(
          `concat: shapes differ elsewhere than in dim ${dim}, ${format(first.shape)} and ${format(shape)}`,
        );
      }
    }
    const total = others.reduce((sum, { shape }) => sum + shape[dim], first.shape[dim]);
    return [{ shape: first.shape.map((size, d) => (d === dim ? total : size)), dtype: first.dtype }];
  },
  strided: (inputs) => inputs.map(() => true),
  cpu: (inputs, [out], { dim }) => {
    const inner = elementCount(out.shape.slice(dim));
    let to = 0;
    for (const x of inputs) {
      const run = elementCount(x.shape.slice(dim));
      for (let i = 0; i < x.data.length; i++) out.data[to + Math.floor(i / run) * inner + (i % run)] = x.data[i];
      to += run;
    }
  },
  plan: (inputs, [out], { dim }) => {
    const pitch = elementCount(out.shape.slice(dim));
    let to = 0;
    const dispatches = inputs.flatMap((x, index) => {
      const inner = elementCount(x.shape.slice(dim));
      to += inner;
      const start = x.shape.map(() => 0);
      const copies = planCopy(x, x.shape, { mode: 'place', start }, { inner, pitch, to: to - inner });
      return copies.map((copy) => ({ ...copy, reads: [{ of: 'input' as const, index }] }));
    });
    return { dispatches };
  },
  vjp: ([g], { inputs, attrs: { dim }, needs }) => {
    let end = 0;
    return inputs.map(({ shape }, i) => {
      end += shape[dim];
      return needs[i] ? narrow(g!, dim, end - shape[dim], shape[dim]) : null;
    });
  },
});

function checkList(op: string, tensors: readonly Tensor[]): void {
  if (!Array.isArray(tensors) || tensors.length === 0 || !tensors.every((x) => x instanceof Tensor)) {
    throw new ShapeError(`${op}: expected a list of at least one tensor, got ${tensors}`);
  }
  checkInputs(op, tensors);
}

/**
 * The tensors one behind the other along a dim, in which alone their sizes may differ; PyTorch's cat: [2, 3] and [4,
 * 3] give [6, 3], with out[i] = a[i], then b[i - 2]. All have one dtype. Tensors [0] are left out, whatever the shape
 * of the others. Throws a ShapeError for no tensors, two dtypes, sizes that differ in other dims, and a dim that they
 * lack.
 */
export function concat(tensors: readonly Tensor[], dim = 0): Tensor {
  checkList('concat', tensors);
  const parts = tensors.filter(({ shape }) => !sameShape(shape, [0]));
  const [first] = parts.length > 0 ? parts : tensors;
  return apply(concatOp, parts.length > 0 ? parts : [first], { dim: normalizeDim('concat', dim, first.rank) })[0];
}

/**
 * Tensors of one shape and dtype side by side along a new dim, which becomes dim `dim` of the result: two [3] give
 * [2, 3], with out[k] = tensors[k]. Throws a ShapeError for no tensors, two dtypes, two shapes, and a dim beyond
 * their rank.
 */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  checkList('stack', tensors);
  const [{ shape, rank, dtype }] = tensors;
  const other = tensors.find((x) => !sameShape(x.shape, shape));
  if (other)
    throw new ShapeError(`stack: expected tensors of one shape, got ${format(shape)} and ${format(other.shape)}`);
  const odd = tensors.find((x) => x.dtype !== dtype && !autocasting());
  if (odd) throw new ShapeError(`stack: dtypes differ, ${dtype} and ${odd.dtype}`);
  const at = normalizeDim('stack', dim, rank + 1);
  return concat(
    tensors.map((x) => unsqueeze(x, at)),
    at,
  );
}
