// einsum: sums of products by labels of dims, as a chain of permuted matrix products.
import { checkInputs, checkTensor } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { sum } from './broadcast.ts';
import { diagonal } from './diagonal.ts';
import { floatOf } from './half.ts';
import { matmul } from './matmul.ts';
import { permute, reshape } from './movement.ts';

/** A tensor with a label for each of its dims. */
interface Labelled {
  x: Tensor;
  labels: string[];
}

/**
 * out[output labels] = sum over all other labels of the product of the operands, as in PyTorch and NumPy:
 * `einsum('bij,bjk->bik', a, b)` gives [b, i, k]. Labels are letters; one that stands twice in an operand takes its
 * diagonal; `...` stands for dims that broadcast; without `->` the output has the labels that stand once, in order of
 * the alphabet. Dims of size 1 broadcast against others of the same label. Throws a ShapeError for an equation that
 * does not parse or does not fit the operands, for a label of two sizes, and where there is a product for other
 * dtypes than float32 and float16, or two of them.
 */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  if (typeof equation !== 'string')
    throw new ShapeError(`einsum: expected an equation such as 'ij,jk->ik', got ${equation}`);
  for (const x of operands) checkTensor('einsum', x);
  const { inputs, output } = parse(equation.replaceAll(' ', ''), operands);
  checkInputs('einsum', operands);
  if (operands.length > 1) floatOf('einsum', operands);
  const sizes = new Map<string, number>();
  inputs.forEach((labels, i) => {
    labels.forEach((label, d) => {
      const size = operands[i].shape[d];
      const before = sizes.get(label) ?? 1;
      if (before !== 1 && size !== 1 && before !== size) {
        throw new ShapeError(`einsum: '${equation}' gives ${label} two sizes, ${before} and ${size}`);
      }
      sizes.set(label, before === 1 ? size : before);
    });
  });
  const terms = inputs.map((labels, i) => withoutOnes(takeDiagonals({ x: operands[i], labels }), sizes));
  let result = terms[0];
  terms.slice(1).forEach((term, i) => {
    const later = new Set([...output, ...terms.slice(i + 2).flatMap(({ labels }) => labels)]);
    result = contract(result, term, later);
  });
  const summed = sumAway(result, new Set(output));
  // A label of size 1 was dropped on the way, and comes back here.
  const kept = output.filter((label) => summed.labels.includes(label));
  const ordered = permute(
    summed.x,
    kept.map((label) => summed.labels.indexOf(label)),
  );
  return reshape(
    ordered,
    output.map((label) => (kept.includes(label) ? sizes.get(label)! : 1)),
  );
}

function parse(equation: string, operands: Tensor[]): { inputs: string[][]; output: string[] } {
  const wrong = (why: string) => new ShapeError(`einsum: '${equation}' ${why}`);
  const [left, right, ...more] = equation.split('->');
  if (more.length > 0) throw wrong('has more than one ->');
  const parts = left.split(',');
  if (parts.length !== operands.length || left === '') {
    throw wrong(`has ${left === '' ? 0 : parts.length} operands, got ${operands.length} tensors`);
  }
  let dots = 0;
  const raw = parts.map((part, i) => {
    const labels = tokens(part, wrong);
    const rest = operands[i].rank - labels.filter((label) => label !== '...').length;
    if (rest < 0 || (rest > 0 && !labels.includes('...'))) {
      throw wrong(`gives operand ${i} ${labels.length} labels, got ${format(operands[i].shape)}`);
    }
    if (labels.includes('...')) dots = Math.max(dots, rest);
    return { labels, rest };
  });
  // The dims of ... are named from the last to the first, so that they broadcast aligned at the end.
  const spread = (labels: string[], count: number) =>
    labels.flatMap((label) =>
      label === '...' ? Array.from({ length: count }, (_, i) => `.${count - 1 - i}`) : [label],
    );
  const inputs = raw.map(({ labels, rest }) => spread(labels, rest));
  const all = inputs.flat();
  const once = [...new Set(all)].filter(
    (label) => !label.startsWith('.') && all.indexOf(label) === all.lastIndexOf(label),
  );
  const hasDots = raw.some(({ labels }) => labels.includes('...'));
  const output = spread(
    right === undefined ? [...(hasDots ? ['...'] : []), ...once.sort()] : tokens(right, wrong),
    dots,
  );
  for (const label of output) {
    if (!all.includes(label)) throw wrong(`has the output label ${label} in no operand`);
    if (output.indexOf(label) !== output.lastIndexOf(label)) throw wrong(`has the output label ${label} twice`);
  }
  return { inputs, output };
}

function tokens(part: string, wrong: (why: string) => ShapeError): string[] {
  const found = part.match(/\.\.\.|[a-zA-Z]|./g) ?? [];
  const odd = found.find((token) => token !== '...' && !/^[a-zA-Z]$/.test(token));
  if (odd !== undefined) throw wrong(`has '${odd}', expected letters, commas, ... and ->`);
  if (found.filter((token) => token === '...').length > 1) throw wrong('has ... twice in one operand');
  return found;
}

/** A label that stands twice takes the diagonal of its two dims. */
function takeDiagonals({ x, labels }: Labelled): Labelled {
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  if (twice === undefined) return { x, labels };
  const [a, b] = [labels.indexOf(twice), labels.lastIndexOf(twice)];
  if (x.shape[a] !== x.shape[b]) {
    throw new ShapeError(`einsum: ${twice} stands for two sizes in one operand, ${format(x.shape)}`);
  }
  const rest = labels.filter((_, i) => i !== a && i !== b);
  return takeDiagonals({ x: diagonal(x, 0, a, b), labels: [...rest, twice] });
}

/** Without dims of size 1 whose label is larger elsewhere, or 1 everywhere. */
function withoutOnes({ x, labels }: Labelled, sizes: Map<string, number>): Labelled {
  const kept = labels.filter((_, d) => x.shape[d] !== 1);
  if (kept.length === labels.length) return { x, labels };
  return {
    x: reshape(
      x,
      kept.map((label) => sizes.get(label)!),
    ),
    labels: kept,
  };
}

/** Sums over the dims whose labels nobody needs any more. */
function sumAway({ x, labels }: Labelled, needed: Set<string>): Labelled {
  const gone = labels.flatMap((label, d) => (needed.has(label) ? [] : [d]));
  return gone.length === 0 ? { x, labels } : { x: sum(x, gone), labels: labels.filter((label) => needed.has(label)) };
}

/** The product of two operands, summed over the labels that only they have: one batched matrix product. */
function contract(a: Labelled, b: Labelled, later: Set<string>): Labelled {
  const left = sumAway(a, new Set([...later, ...b.labels]));
  const right = sumAway(b, new Set([...later, ...a.labels]));
  const shared = left.labels.filter((label) => right.labels.includes(label));
  const batch = shared.filter((label) => later.has(label));
  const inner = shared.filter((label) => !later.has(label));
  const rows = left.labels.filter((label) => !shared.includes(label));
  const columns = right.labels.filter((label) => !shared.includes(label));
  const sizeOf = (label: string) => [left, right].flatMap(({ x, labels }) => x.shape[labels.indexOf(label)] ?? [])[0];
  const count = (labels: string[]) => labels.reduce((n, label) => n * sizeOf(label), 1);
  const matrix = ({ x, labels }: Labelled, first: string[], second: string[]) => {
    const order = [...batch, ...first, ...second].map((label) => labels.indexOf(label));
    return reshape(permute(x, order), [count(batch), count(first), count(second)]);
  };
  const product = matmul(matrix(left, rows, inner), matrix(right, inner, columns));
  const labels = [...batch, ...rows, ...columns];
  return { x: reshape(product, labels.map(sizeOf)), labels };
}

/**
 * out[m, n] = x[m] y[n]: x [M], y [N], out [M, N]. Throws a ShapeError for other ranks, and for other dtypes than
 * float32 and float16, or two of them.
 */
export function outer(x: Tensor, y: Tensor): Tensor {
  checkInputs('outer', [x, y]);
  floatOf('outer', [x, y]);
  if (x.rank !== 1 || y.rank !== 1) {
    throw new ShapeError(`outer: expected two vectors, got ${format(x.shape)} and ${format(y.shape)}`);
  }
  return matmul(reshape(x, [x.size, 1]), reshape(y, [1, y.size]));
}
