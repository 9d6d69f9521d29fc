// Losses of two parameters, on which optimizers can be watched: a bowl, Rosenbrock's function, a saddle and a long valley.
import { add, mul, square, sub } from '../../ops/arithmetic.ts';
import { sum } from '../../ops/broadcast.ts';
import { slice } from '../../ops/slice.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export type Place = readonly [x: number, y: number];

export interface Surface {
  title: string;
  formula: string;
  /** The loss of a tensor [2], for backward(); and the same of two numbers. */
  loss(point: Tensor): Tensor;
  value(x: number, y: number): number;
  start: Place;
  minima: readonly Place[];
  /** What a picture shows. */
  bounds: { x: Place; y: Place };
  /** Heights in a picture are (loss - least)^power: contours apart where the loss is steep, and near where it is flat. */
  power: number;
}

const parts = (point: Tensor): [x: Tensor, y: Tensor] => [slice(point, 0, 0, 1), slice(point, 0, 1, 2)];

const surface = (given: Omit<Surface, 'loss'> & { loss(x: Tensor, y: Tensor): Tensor }): Surface => ({
  ...given,
  loss: (point) => sum(given.loss(...parts(point))),
});

export const surfaces = {
  /** Twice as steep in y as in x. */
  bowl: surface({
    title: 'Quadratic bowl',
    formula: 'x² / 2 + y²',
    loss: (x, y) => add(mul(square(x), 0.5), square(y)),
    value: (x, y) => x ** 2 / 2 + y ** 2,
    start: [-4, 2.5],
    minima: [[0, 0]],
    bounds: { x: [-5, 5], y: [-3.75, 3.75] },
    power: 0.5,
  }),
  rosenbrock: surface({
    title: 'Rosenbrock',
    formula: '(1 - x)² + 100 (y - x²)²',
    loss: (x, y) => add(square(sub(1, x)), mul(square(sub(y, square(x))), 100)),
    value: (x, y) => (1 - x) ** 2 + 100 * (y - x ** 2) ** 2,
    start: [-1.2, 1],
    minima: [[1, 1]],
    bounds: { x: [-1.75, 1.45], y: [-0.55, 1.85] },
    power: 0.2,
  }),
  /** Flat in y where it begins, and held by walls far out, so that it has minima. */
  saddle: surface({
    title: 'Saddle',
    formula: 'x² / 2 - y² / 2 + y⁴ / 4',
    loss: (x, y) => add(mul(sub(square(x), square(y)), 0.5), mul(square(square(y)), 0.25)),
    value: (x, y) => (x ** 2 - y ** 2) / 2 + y ** 4 / 4,
    start: [-2, 0.01],
    minima: [
      [0, 1],
      [0, -1],
    ],
    bounds: { x: [-2.4, 2.4], y: [-1.8, 1.8] },
    power: 0.5,
  }),
  /** A hundred times as steep across as along, and aslant, so that no coordinate runs along it. */
  valley: surface({
    title: 'Long valley',
    formula: '(4x + 3y)² / 2500 + (4y - 3x)² / 25',
    loss: (x, y) =>
      add(mul(square(add(mul(x, 4), mul(y, 3))), 1 / 2500), mul(square(sub(mul(y, 4), mul(x, 3))), 1 / 25)),
    value: (x, y) => (4 * x + 3 * y) ** 2 / 2500 + (4 * y - 3 * x) ** 2 / 25,
    start: [-6.5, -1.5],
    minima: [[0, 0]],
    bounds: { x: [-8, 4], y: [-6, 3] },
    power: 0.4,
  }),
} satisfies Record<string, Surface>;

export type SurfaceName = keyof typeof surfaces;
