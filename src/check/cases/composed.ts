// Cases of functions that are short chains of other ops: maxout, localResponseNorm, crossEntropy of very many classes. They
// are counted with an op of the chain.
import { relu } from '../../ops/activation.ts';
import { crossEntropy } from '../../ops/cross-entropy.ts';
import { add, mul, sub } from '../../ops/elementwise.ts';
import { gather } from '../../ops/indexing.ts';
import { maxout } from '../../ops/maxout.ts';
import { squeeze, transpose, unsqueeze } from '../../ops/movement.ts';
import { mean } from '../../ops/reduction.ts';
import { localResponseNorm } from '../../ops/response-norm.ts';
import { slice } from '../../ops/slice.ts';
import { logsumexp } from '../../ops/statistics.ts';
import { fromHost } from '../../tensor/creation.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { apart, between, givenWhole, normal, whole } from '../values.ts';

const maxouts: Case[] = [
  { op: 'amax', title: 'maxout', inputs: [apart([3, 6])], run: (x) => [maxout(x, 2), maxout(x, 3), maxout(x, 1)] },
  { op: 'amax', title: 'maxout along channels', inputs: [apart([2, 6, 5])], run: (x) => maxout(x, 3, 1) },
  { op: 'amax', title: 'maxout, transposed', inputs: [apart([6, 3])], run: (x) => maxout(transpose(x), 2) },
  refusal(
    'amax',
    'maxout, pieces that do not divide',
    [normal([3, 5])],
    (x) => maxout(x, 2),
    /maxout: expected pieces that divide dim 1 of \[3,5\], got 2/,
  ),
  refusal('amax', 'maxout, no pieces', [normal([3, 5])], (x) => maxout(x, 0), /got 0/),
  refusal(
    'amax',
    'maxout, a dim that is not there',
    [normal([3, 5])],
    (x) => maxout(x, 1, 2),
    /maxout: dim 2 is out of range/,
  ),
];

const responses: Case[] = [
  ...[1, 2, 3, 5, 9].map(
    (size): Case => ({
      ...{ op: 'avgPool2d', title: `localResponseNorm over ${size} channels`, inputs: [normal([2, 5, 3, 2])] },
      run: (x) => localResponseNorm(x, size, { alpha: 0.5 }),
    }),
  ),
  {
    ...{ op: 'avgPool2d', title: 'localResponseNorm of signals, other constants', inputs: [normal([2, 7, 3])] },
    run: (x) => [localResponseNorm(x, 3, { alpha: 2, beta: 0.5, k: 0.3 }), localResponseNorm(relu(x), 3)],
    gradients: 'compare',
  },
  refusal(
    'avgPool2d',
    'localResponseNorm of a matrix',
    [normal([3, 5])],
    (x) => localResponseNorm(x, 3),
    /localResponseNorm: expected input \[N, C, ...\]/,
  ),
  refusal(
    'avgPool2d',
    'localResponseNorm of int32',
    [whole(0, 9, [1, 2, 3])],
    (x) => localResponseNorm(x, 3),
    /localResponseNorm: expected dtype float32/,
  ),
  refusal(
    'avgPool2d',
    'localResponseNorm over no channels',
    [normal([1, 2, 3])],
    (x) => localResponseNorm(x, 0),
    /at least 1, got 0/,
  ),
];

/** Beyond 2^16 classes a row is shared among workgroups. */
const MANY = 2 ** 16 + 1;

/** The loss of each row against its label alone, and against all classes alike. */
const byHand = (x: Tensor, labels: Tensor): [Tensor, Tensor] => {
  const total = logsumexp(x, 1);
  return [sub(total, squeeze(gather(x, 1, unsqueeze(labels, 1)), 1)), sub(total, mean(x, 1))];
};

const manyClasses: Case[] = [
  {
    ...{
      op: 'pickClass',
      title: 'crossEntropy of very many classes',
      inputs: [normal([2, MANY]), whole(0, MANY, [2])],
    },
    run: (x, labels) => [
      crossEntropy(x, labels, { reduction: 'none' }),
      crossEntropy(x, labels, { reduction: 'none', labelSmoothing: 0.3 }),
    ],
    reference: (x, labels) => {
      const [own, even] = byHand(x, labels);
      return [own, add(mul(own, 0.7), mul(even, 0.3))];
    },
    large: true,
    gradients: 'compare',
  },
  {
    ...{ op: 'pickClass', title: 'crossEntropy of very many classes, weighted, one row ignored', large: true },
    inputs: [normal([2, MANY]), givenWhole([70, -100]), between(0.5, 2, [MANY])],
    run: (x, labels, weight) => crossEntropy(x, labels, { weight }),
    reference: (x) =>
      squeeze(slice(byHand(x, fromHost('case', [70, 0], [2], { dtype: 'int32', device: x.device }))[0], 0, 0, 1), 0),
    gradients: 'none',
  },
  {
    ...{ op: 'pickClass', title: 'crossEntropy of very many classes, a label beyond them', large: true },
    inputs: [normal([1, MANY]), givenWhole([MANY])],
    run: (x, labels) => crossEntropy(x, labels),
    faults: /^crossEntropy: expected labels from 0 to 65536, got 65537$/,
  },
];

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [...maxouts, ...responses, ...manyClasses]);
