// Floating-point operations: what explain() says of calls, and which ops say nothing.
import {
  compile,
  concat,
  conv2d,
  init,
  layerNorm,
  maxPool2d,
  ones,
  scaledDotProductAttention,
  setDefaultDevice,
  type Tensor,
} from 'downhill';
import { beforeAll, expect, test } from 'vitest';
import { allOps, type Op } from '../src/autograd/op.ts';
import { avgPool2d } from '../src/ops/index.ts';
import { owned } from './training.ts';

beforeAll(async () => setDefaultDevice(await init({ device: 'cpu' })));

type Counted = [kernels: [op: string, flops: number | null][], shapes: number[][], fn: (...x: Tensor[]) => Tensor];

const cases: Record<string, Counted> = {
  'elementwise ops, one for each element': [
    [
      ['mul', 12],
      ['tanh', 12],
    ],
    [[3, 4], [4]],
    (x, y) => x.mul(y).tanh(),
  ],
  'a product': [
    [['matmul', 2 * 3 * 4 * 5]],
    [
      [3, 4],
      [4, 5],
    ],
    (x, y) => x.matmul(y),
  ],
  'a convolution, of 2 x 3 x 3 taps': [
    [['conv2d', 2 * (4 * 6 * 6) * 18]],
    [
      [1, 2, 8, 8],
      [4, 2, 3, 3],
    ],
    (x, w) => conv2d(x, w),
  ],
  attention: [
    [
      ['mul', 30],
      ['matmul', 2 * 5 * 6 * 5],
      ['softmax', 5 * 25],
      ['matmul', 2 * 5 * 5 * 6],
    ],
    [
      [5, 6],
      [5, 6],
      [5, 6],
    ],
    (q, k, v) => scaledDotProductAttention(q, k, v),
  ],
  'reductions, by what they read': [
    [
      ['sum', 24],
      ['var', 4 * 4],
    ],
    [[6, 4]],
    (x) => x.sum(0).var(),
  ],
  'rows that are normalized: a sum, a difference, its square, another sum, a product': [
    [['normalize', 5 * 24]],
    [[6, 4]],
    (x) => layerNorm(x, [4]),
  ],
  'pools, by their taps in the image': [
    [
      ['maxPool2d', 2 * 16 * 4],
      // Windows at the rim have 4 and 6 of 9 taps; and a division for each.
      ['avgPool2d', 2 * (4 * 4 + 8 * 6 + 4 * 9) + 2 * 16],
    ],
    [[1, 2, 8, 8]],
    (x) => avgPool2d(maxPool2d(x, 2), 3, { stride: 1, padding: 1 }),
  ],
  'nothing for what only moves elements': [
    [
      ['concat', null],
      ['sum', 24],
    ],
    [
      [3, 4],
      [3, 4],
    ],
    (x, y) => concat([x, y]).sum(),
  ],
};

test.each(Object.entries(cases))('%s', (_, [kernels, shapes, fn]) => {
  const run = owned(compile(fn));
  owned(run(...shapes.map((shape) => owned(ones(shape)))));
  const found = run.explain();
  expect(found.kernels.map(({ op, flops }) => [op, flops])).toEqual(kernels);
  expect(found.flops).toBe(kernels.reduce((total, [, flops]) => total + (flops ?? 0), 0));
  expect(String(found)).toMatch(`${found.flops} FLOPs`);
});

test('all ops tell, but those that only move, sort, count or look at elements, or draw random ones', () => {
  const silent = allOps().filter((row): row is Op => 'plan' in row && row.flops === undefined);
  expect(silent.map(({ name }) => name).sort()).toEqual([
    ...['argsort', 'band', 'concat', 'flip', 'gather', 'integers', 'maxPool2dGather', 'normal', 'pack', 'pad'],
    ...[
      'pickClass',
      'place',
      'placeClass',
      'positions',
      'roll',
      'swap',
      'truncatedNormal',
      'uniform',
      'updateScale',
      'within',
    ],
  ]);
});
