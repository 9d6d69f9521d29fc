// A dataset whose examples tell which they are.
import { type Dataset, fromArrays } from '../src/data/index.ts';

/** n examples [2] of 3 classes: example i is [i, 10 i] with label i % 3. */
export const counted = (n: number): Dataset =>
  fromArrays(
    Array.from({ length: 2 * n }, (_, k) => Math.floor(k / 2) * (k % 2 === 0 ? 1 : 10)),
    [n, 2],
    Int32Array.from({ length: n }, (_, i) => i % 3),
    { classes: ['a', 'b', 'c'], name: 'counted', allowEmpty: true },
  );
