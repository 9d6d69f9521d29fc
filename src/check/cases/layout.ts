// Cases of the layouts that all elementwise kernels share, on add, neg and where: tails, broadcasting, strides, offsets.
import { expand } from '../../ops/broadcast.ts';
import { add, neg, where } from '../../ops/elementwise.ts';
import { permute, transpose } from '../../ops/movement.ts';
import { mean } from '../../ops/reduction.ts';
import type { Layout, Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Case, family } from '../case.ts';
import { coins, normal } from '../values.ts';

/** Adds tensors of these shapes, broadcast. */
const pair = (title: string, x: Shape, y: Shape): Case => ({
  op: 'add',
  title,
  inputs: [normal(x), normal(y)],
  run: add,
});

/** A window on a tensor's memory, as an optimizer's arena makes them. */
const windowOn = (x: Tensor, layout: Layout) => x.alias('window', layout);

/** So many elements that an elementwise kernel needs more workgroups than WebGPU allows in one dimension. */
const MANY: Shape = [257, 65_537];

export const cases = family({ forward: 1e-6, gradient: 1e-6 }, [
  ...[1, 2, 3, 4, 5, 64, 257].map((n) => pair(`${n} elements`, [n], [n])),
  pair('rank 0', [], []),
  pair('no elements', [3, 0], [3, 0]),
  pair('no elements, broadcast', [3, 0], [3, 1]),
  pair('one element and many', [1], [3, 7]),
  pair('a scalar and many', [3, 7], []),
  pair('both broadcast', [3, 1], [1, 5]),
  pair('a row to a matrix', [4, 5], [5]),
  pair('a column to whole quads', [3, 8], [3, 1]),
  pair('dims in front', [2, 1, 4], [3, 1, 1, 4]),
  pair('rank 6, no two dims alike', [2, 1, 3, 1, 2, 1], [1, 3, 1, 2, 1, 5]),
  {
    op: 'add',
    title: 'a transposed operand',
    inputs: [normal([3, 5]), normal([5, 3])],
    run: (x, y) => add(x, transpose(y)),
  },
  {
    op: 'add',
    title: 'a transposed operand in whole quads',
    inputs: [normal([3, 8]), normal([8, 3])],
    run: (x, y) => add(x, transpose(y)),
  },
  {
    op: 'neg',
    title: 'rank 6, reversed',
    inputs: [normal([2, 3, 2, 1, 3, 2])],
    run: (x) => neg(permute(x, [5, 4, 3, 2, 1, 0])),
  },
  {
    op: 'neg',
    title: 'rank 8, reversed',
    inputs: [normal([2, 1, 2, 2, 3, 2, 2, 2])],
    run: (x) => neg(permute(x, [7, 6, 5, 4, 3, 2, 1, 0])),
  },
  {
    op: 'neg',
    title: 'an expanded operand',
    inputs: [normal([3, 1, 2])],
    run: (x) => neg(expand(x, [4, 3, 5, 2])),
  },
  {
    op: 'add',
    title: 'windows at an offset',
    inputs: [normal([150]), normal([150])],
    run: (x, y) =>
      add(
        windowOn(x, { shape: [3, 7], strides: [7, 1], offset: 71 }),
        windowOn(y, { shape: [1], strides: [1], offset: 5 }),
      ),
    gradients: 'none',
  },
  {
    op: 'where',
    title: 'numbers at offsets',
    inputs: [coins([70]), normal([37]), normal([70])],
    run: (x, y, z) => {
      const one = (t: Tensor) => windowOn(t, { shape: [], strides: [], offset: 67 });
      const [c, w] = [one(x), one(z)];
      return [where(c, y, w), add(y, w), add(w, y)];
    },
    gradients: 'none',
  },
  {
    op: 'where',
    title: 'three windows with strides and offsets',
    inputs: [coins([40]), normal([40]), normal([40])],
    run: (x, y, z) =>
      where(
        windowOn(x, { shape: [3, 4], strides: [2, 9], offset: 1 }),
        windowOn(y, { shape: [3, 4], strides: [4, 1], offset: 2 }),
        windowOn(z, { shape: [3, 4], strides: [0, 3], offset: 3 }),
      ),
    gradients: 'none',
  },
  {
    op: 'neg',
    title: 'more workgroups than one dimension holds',
    large: true,
    inputs: [normal([1, MANY[1]])],
    // The mean of rows that are all alike is theirs, and little is read back.
    run: (x) => mean(neg(expand(x, MANY)), 0),
    reference: (x) => mean(neg(x), 0),
    gradients: 'none',
  },
]);
