// Cases of functions that are short chains of other ops: maxout and localResponseNorm. They are counted with an op of the chain.
import { relu } from '../../ops/activation.ts';
import { maxout } from '../../ops/maxout.ts';
import { transpose } from '../../ops/movement.ts';
import { localResponseNorm } from '../../ops/response-norm.ts';
import { type Case, family, refusal } from '../case.ts';
import { apart, normal, whole } from '../values.ts';

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

export const cases = family({ forward: 1e-6, gradient: 2e-6 }, [...maxouts, ...responses]);
