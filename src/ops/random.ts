// Dropout, with masks from the Philox stream: recomputed in the backward pass, never stored.
import source from '../../shaders/dropout.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { nextStream, randomWords, type Stream, streamWords } from '../tensor/random.ts';
import { elementCount } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ceilDiv, grid } from './launch.ts';

interface DropoutAttrs {
  p: number;
  stream: Stream;
}

/** An element is dropped where its random word is below p * 2^32; the rest are scaled by 1 / (1 - p). */
const threshold = (p: number) => Math.min(Math.round(p * 2 ** 32), 2 ** 32 - 1);
const keepScale = (p: number) => (p === 1 ? 0 : 1 / (1 - p));

const dropoutOp: Op<DropoutAttrs> = define({
  name: 'dropout',
  outputs: ([x]) => {
    if (x.dtype !== 'float32') throw new ShapeError(`dropout: expected dtype float32, got ${x.dtype}`);
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  cpu: ([x], [out], { p, stream }) => {
    randomWords(stream, x.data.length, (i, word) => {
      out.data[i] = word < threshold(p) ? 0 : x.data[i] * keepScale(p);
    });
  },
  plan: ([x], _outputs, { p, stream }) => {
    const n = elementCount(x.shape);
    return {
      dispatches: [
        {
          shader: { file: 'dropout.wgsl', source },
          params: [n, threshold(p), { f32: keepScale(p) }, 0, ...streamWords(stream)],
          workgroups: grid(ceilDiv(ceilDiv(n, 4), 64)),
        },
      ],
    };
  },
  // Linear in x for a given stream, and its own gradient.
  vjp: ([g], { attrs }) => apply(dropoutOp, [g!], attrs),
});

/** Zeroes each element with probability p and scales the rest by 1 / (1 - p). Takes the next stream of the generator. */
export function dropout(x: Tensor, p = 0.5, stream: Stream = nextStream()): Tensor {
  if (!(p >= 0 && p <= 1)) throw new ShapeError(`dropout: expected a probability from 0 to 1, got ${p}`);
  return apply(dropoutOp, [x], { p, stream })[0];
}
