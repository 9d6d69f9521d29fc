// Data that must lie in a range, such as probabilities: told by the next read where it does not, as an index out of range is.
import source from '../../shaders/within.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import { IndexError } from '../tensor/errors.ts';
import { elementCount } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ceilDiv, constants, failing, grid, threads } from './launch.ts';
import { shaderMath } from './shader-math.ts';

/** From low to high; where `open`, above low. */
export interface Range {
  low: number;
  high: number;
  open?: boolean;
}

interface WithinAttrs extends Range {
  /** What was expected by whom, for messages. */
  expected: string;
}

/** The largest number of float32: a bound that leaves out Infinity. */
export const LARGEST = 2 ** 128 - 2 ** 104;

const words = (expected: string, value: number) => `${expected}, got ${value}`;

/** The float32 of these bits. */
const floatOf = (bits: number) => new Float32Array(Int32Array.of(bits).buffer)[0];

const withinOp: Op<WithinAttrs> = define({
  name: 'within',
  outputs: ([{ shape }]) => [{ shape, dtype: 'float32' }],
  cpu: ([x], [out], { low, high, open = false, expected }) => {
    x.data.forEach((v: number, i: number) => {
      if (!(v >= low && v <= high) || (open && v === low)) throw new IndexError(words(expected, v));
      out.data[i] = v;
    });
  },
  plan: ([{ shape }], _outputs, { low, high, open = false, expected }, gpu) => {
    const n = elementCount(shape);
    if (n === 0) return { dispatches: [] };
    const WG = threads(gpu);
    const preamble = constants({ WG }) + failing(2) + shaderMath('isNan(x)', source);
    return {
      dispatches: [
        {
          shader: { file: 'within.wgsl', source, preamble },
          params: [n, { f32: low }, { f32: high }, Number(open), 'fault'],
          fault: (bits) => words(expected, floatOf(bits)),
          workgroups: grid(ceilDiv(n, WG)),
        },
      ],
    };
  },
  vjp: ([g]) => [g],
});

/**
 * x, float32, whose elements must lie in a range: one that does not, NaN above all, is an IndexError that opens with the words
 * of `expected`, on WebGPU at the next read.
 */
export const within = (expected: string, x: Tensor, range: Range): Tensor =>
  apply(withinOp, [x], { ...range, expected })[0];
