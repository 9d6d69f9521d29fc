// Cases of layer, group, instance and root mean square norm, and of the two kernels that they are made of.
import { grad } from '../../autograd/backward.ts';
import { noGrad } from '../../autograd/tape.ts';
import { expand } from '../../ops/broadcast.ts';
import { contiguous } from '../../ops/elementwise.ts';
import { transpose } from '../../ops/movement.ts';
import { groupNorm, instanceNorm, layerNorm, rmsNorm } from '../../ops/normalize.ts';
import { mean } from '../../ops/reduction.ts';
import { full } from '../../tensor/creation.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family, refusal } from '../case.ts';
import { between, given, type Input, normal, whole } from '../values.ts';

type Norm = (x: Tensor) => Tensor;

/** The gradient of x as a function of x and of the gradient that comes in. */
const slope = (run: Norm) => (x: Tensor, g: Tensor) =>
  grad(run(x), [x], { gradients: [g], createGraph: true }) as Tensor[];

const layer: Norm = (x) => layerNorm(x, [x.shape.at(-1)!]);
const rms: Norm = (x) => rmsNorm(x, [x.shape.at(-1)!]);

/** More than a workgroup of either kind has threads, and more than a block of each of its threads. */
const shapes: [title: string, shape: Shape][] = [
  ['four values', [5, 4]],
  ['ten values', [7, 10]],
  ['a vector', [17]],
  ['a row over all threads', [3, 67]],
  ['a row over all blocks', [2, 131]],
  ['a long row', [2, 1301]],
  ['four dims', [2, 3, 2, 5]],
];

const both = (run: Norm, name: string): Case[] => [
  ...shapes.flatMap(([title, shape]): Case[] => [
    { op: 'normalize', title: `${name}, ${title}`, inputs: [normal(shape)], run },
    { op: 'normalizeGrad', title: `${name}, ${title}`, inputs: [normal(shape), normal(shape)], run: slope(run) },
  ]),
  { op: 'normalize', title: `${name}, transposed`, inputs: [normal([5, 3])], run: (x) => run(transpose(x)) },
  { op: 'normalize', title: `${name}, no rows`, inputs: [normal([0, 3])], run },
  { op: 'normalize', title: `${name}, empty rows`, inputs: [normal([3, 0])], run },
  { ...{ op: 'normalize', title: `${name}, one value`, gradients: 'none' }, inputs: [normal([3, 1])], run },
  {
    ...{ op: 'normalize', title: `${name}, NaN and infinities`, gradients: 'none' },
    inputs: [given([1, Number.NaN, 2, 3, Number.POSITIVE_INFINITY, 4, 1, 2, 4], [3, 3])],
    run,
  },
  {
    ...{ op: 'normalize', title: `${name}, more rows than one dimension of workgroups holds`, large: true },
    inputs: [normal([1, 3])],
    run: (x) => mean(run(expand(x, [65_537, 3])), 0),
    reference: (x) => mean(run(x), 0),
    gradients: 'none',
  },
  {
    ...{ op: 'normalizeGrad', title: `${name}, more rows than one dimension of workgroups holds`, large: true },
    inputs: [normal([1, 3]), normal([1, 3])],
    run: (x, g) => mean(slope(run)(expand(x, [65_537, 3]), expand(g, [65_537, 3]))[0], 0),
    reference: (x, g) => mean(slope(run)(x, g)[0], 0),
    gradients: 'none',
  },
  {
    ...{ op: 'normalize', title: `${name}, rows that the reductions take`, large: true, gradients: 'compare' },
    inputs: [normal([2, 65_541])],
    run: (x) => [run(x), layer(transpose(x))],
  },
];

const values: Case[] = [
  {
    ...{ op: 'normalize', title: 'large values close together', gradients: 'compare' },
    inputs: [between(1000, 1001, [3, 301])],
    run: layer,
    // The sum of the squared gradients' row: values of float32 around 1000 are 6e-5 apart, and the spread is 0.3.
    tolerance: { forward: 2e-6, gradient: 1e-5 },
  },
  {
    op: 'normalize',
    title: 'a row of equal values',
    inputs: [given([3, 3, 3, 1, 2, 3], [2, 3])],
    run: layer,
    gradients: 'none',
  },
  {
    op: 'normalize',
    title: 'a mean between two numbers',
    inputs: [given([2 ** 24, 2 ** 24 + 2, 2 ** 24 + 2, 2 ** 24], [2, 2])],
    run: layer,
    gradients: 'none',
  },
  {
    op: 'normalize',
    title: 'another eps',
    inputs: [normal([3, 5])],
    run: (x) => [layerNorm(x, [5], { eps: 0.5 }), rmsNorm(x, [5], { eps: 0.5 })],
  },
];

const IMAGES: Shape = [2, 6, 3, 5];
const PER_CHANNEL: Input[] = [normal(IMAGES), normal([6]), normal([6])];

const layers: Case[] = [
  {
    ...{
      op: 'normalize',
      title: 'layerNorm over two dims, weight and bias',
      inputs: [normal([3, 4, 5]), normal([4, 5]), normal([4, 5])],
    },
    run: (x, weight, bias) => layerNorm(x, [4, 5], { weight, bias }),
  },
  {
    ...{ op: 'normalize', title: 'rmsNorm, weight', inputs: [normal([3, 4, 5]), normal([5])] },
    run: (x, weight) => rmsNorm(x, [5], { weight }),
  },
  {
    ...{ op: 'normalize', title: 'groupNorm', inputs: PER_CHANNEL },
    run: (x, weight, bias) => [groupNorm(x, 3, { weight, bias }), groupNorm(x, 1), groupNorm(x, 6, { bias })],
  },
  { op: 'normalize', title: 'groupNorm of a matrix', inputs: [normal([3, 6])], run: (x) => groupNorm(x, 2) },
  {
    ...{ op: 'normalize', title: 'instanceNorm', inputs: PER_CHANNEL },
    run: (x, weight, bias) => [instanceNorm(x, { weight, bias }), instanceNorm(x)],
  },
  {
    ...{ op: 'normalize', title: 'instanceNorm that feeds running statistics', gradients: 'none' },
    inputs: [...PER_CHANNEL, between(0.5, 2, [6])],
    run: (x, weight, ...running) => {
      const [runningMean, runningVar] = noGrad(() => running.map(contiguous));
      const out = instanceNorm(x, { weight, runningMean, runningVar, momentum: 0.3 });
      return [out, runningMean, runningVar];
    },
  },
  {
    ...{ op: 'normalize', title: 'instanceNorm by running statistics' },
    inputs: [...PER_CHANNEL, normal([6]), between(0.5, 2, [6])],
    run: (x, weight, bias, runningMean, runningVar) => {
      const running = { runningMean, runningVar, useInputStats: false };
      return [instanceNorm(x, { weight, bias, ...running, eps: 0.1 }), instanceNorm(x, running)];
    },
  },
  {
    ...{ op: 'normalize', title: 'instanceNorm of single values by running statistics', inputs: [normal([3, 2, 1])] },
    run: (x) => {
      const [runningMean, runningVar] = [0.5, 2].map((v) => full([2], v, { device: x.device }));
      return instanceNorm(x, { runningMean, runningVar, useInputStats: false });
    },
  },
  { op: 'normalize', title: 'instanceNorm of signals', inputs: [normal([2, 3, 7])], run: (x) => instanceNorm(x) },
];

const refuse = (title: string, inputs: Input[], run: Case['run'], message: RegExp) =>
  refusal('normalize', title, inputs, run, message);

const refused: Case[] = [
  refuse(
    'layerNorm of another shape',
    [normal([3, 4])],
    (x) => layerNorm(x, [3]),
    /layerNorm: expected input \[..., 3\], got \[3,4\]/,
  ),
  refuse('layerNorm over no dims', [normal([3, 4])], (x) => layerNorm(x, []), /layerNorm: expected input/),
  refuse(
    'layerNorm of int32',
    [whole(0, 9, [3])],
    (x) => layerNorm(x, [3]),
    /layerNorm: expected dtype float32, got int32/,
  ),
  refuse(
    'layerNorm with a weight of another shape',
    [normal([3, 4]), normal([3])],
    (x, weight) => layerNorm(x, [4], { weight }),
    /expected weight \[4\]/,
  ),
  refuse(
    'layerNorm with a negative eps',
    [normal([3])],
    (x) => layerNorm(x, [3], { eps: -1 }),
    /eps of at least 0, got -1/,
  ),
  refuse(
    'rmsNorm of another shape',
    [normal([3, 4])],
    (x) => rmsNorm(x, [3, 3]),
    /rmsNorm: expected input \[..., 3,3\]/,
  ),
  refuse('rmsNorm of int32', [whole(0, 9, [3])], (x) => rmsNorm(x, [3]), /rmsNorm: expected dtype float32/),
  refuse(
    'groups that do not divide',
    [normal(IMAGES)],
    (x) => groupNorm(x, 4),
    /groupNorm: expected groups that divide 6 channels, got 4/,
  ),
  refuse('no groups', [normal(IMAGES)], (x) => groupNorm(x, 0), /got 0/),
  refuse('groupNorm of a vector', [normal([6])], (x) => groupNorm(x, 2), /groupNorm: expected input \[N, C, ...\]/),
  refuse(
    'groupNorm with a bias of int32',
    [normal(IMAGES), whole(0, 9, [6])],
    (x, bias) => groupNorm(x, 2, { bias }),
    /expected bias \[6\] of dtype float32/,
  ),
  refuse(
    'groupNorm of single values',
    [normal([1, 2])],
    (x) => groupNorm(x, 2),
    /groupNorm: expected more than one value per group, got input \[1,2\]/,
  ),
  refuse(
    'instanceNorm with a mean alone',
    [normal([3, 2, 4]), normal([2])],
    (x, runningMean) => instanceNorm(x, { runningMean }),
    /instanceNorm: expected both or none of the running statistics, got runningMean/,
  ),
  refuse(
    'instanceNorm with statistics of another shape',
    [normal([3, 2, 4]), normal([3])],
    (x, running) => instanceNorm(x, { runningMean: running, runningVar: running }),
    /instanceNorm: expected runningMean \[2\]/,
  ),
  refuse(
    'instanceNorm without statistics',
    [normal([3, 2, 4])],
    (x) => instanceNorm(x, { useInputStats: false }),
    /without useInputStats it needs runningMean/,
  ),
  refuse(
    'instanceNorm with a momentum above 1',
    [normal([3, 2, 4])],
    (x) => instanceNorm(x, { momentum: 1.5 }),
    /instanceNorm: expected a momentum from 0 to 1, got 1.5/,
  ),
  refuse(
    'instanceNorm of a matrix',
    [normal([3, 6])],
    (x) => instanceNorm(x),
    /instanceNorm: expected input \[N, C, ...\]/,
  ),
  refuse(
    'instanceNorm of single values',
    [normal([3, 6, 1])],
    (x) => instanceNorm(x),
    /more than one value per channel/,
  ),
];

export const cases = family({ forward: 1e-6, gradient: 3e-6 }, [
  ...both(layer, 'layerNorm'),
  ...both(rms, 'rmsNorm'),
  ...values,
  ...layers,
  ...refused,
]);
