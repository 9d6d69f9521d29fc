// The dropout family, with masks from the Philox stream: recomputed in the backward pass, never stored.
import source from '../../shaders/dropout.wgsl';
import philox from '../../shaders/parts/philox.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply, checkInputs } from '../autograd/tape.ts';
import type { Device } from '../tensor/device.ts';
import { ShapeError } from '../tensor/errors.ts';
import { live } from '../tensor/live.ts';
import { nextStream, randomWords, type Stream, streamWords } from '../tensor/random.ts';
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, cast, ge, mul, where } from './elementwise.ts';
import { perOutput } from './flops.ts';
import { floatOf } from './half.ts';
import { ceilDiv, grid, inHalves } from './launch.ts';
import { rand } from './sampling.ts';

interface DropoutAttrs {
  p: number;
  stream: Stream;
}

/** An element is dropped where its random word is below p * 2^32; the rest are scaled by 1 / (1 - p). */
const threshold = (p: number) => Math.min(Math.round(p * 2 ** 32), 2 ** 32 - 1);
const keepScale = (p: number) => (p === 1 ? 0 : 1 / (1 - p));

const dropoutOp: Op<DropoutAttrs> = define({
  name: 'dropout',
  outputs: ([x]) => [{ shape: x.shape, dtype: floatOf('dropout', [x]) }],
  autocast: 'widest',
  cpu: ([x], [out], { p, stream }) => {
    randomWords(stream, x.data.length, (i, word) => {
      out.data[i] = x.data[i] * (word < threshold(p) ? 0 : keepScale(p));
    });
  },
  flops: perOutput(1),
  plan: ([x], outputs, { p, stream }) => {
    const n = elementCount(x.shape);
    const dispatch = {
      shader: { file: 'dropout.wgsl', source, preamble: philox },
      params: [n, threshold(p), { f32: keepScale(p) }, 0, ...streamWords(stream)],
      workgroups: grid(ceilDiv(ceilDiv(n, 4), 64)),
    };
    return inHalves({ dispatches: [dispatch] }, [x], outputs);
  },
  // Linear in x for a given stream, and its own gradient.
  vjp: ([g], { attrs }) => apply(dropoutOp, [g!], attrs),
});

export function checkProbability(op: string, p: number): void {
  if (typeof p !== 'number' || !(p >= 0 && p <= 1))
    throw new ShapeError(`${op}: expected a probability from 0 to 1, got ${p}`);
}

/**
 * out = x * kept / (1 - p), where kept is 0 with probability p, else 1; NaN and infinities times 0 are NaN. Takes the
 * next stream of the generator. In the shape of x. Throws a ShapeError for a p beyond 0 and 1, and for other dtypes
 * than float32 and float16.
 */
export function dropout(x: Tensor, p = 0.5, stream?: Stream): Tensor {
  checkInputs('dropout', [x]);
  checkProbability('dropout', p);
  floatOf('dropout', [x]);
  const attrs = live(() => ({ p, stream: stream ?? nextStream() }));
  return apply(dropoutOp, [x], attrs)[0];
}

/** Where random numbers in [0, 1) are at least p: whom dropout keeps. */
const kept = (shape: Shape, device: Device, p: number, stream?: Stream) => ge(rand(shape, { device, stream }), p);

/**
 * out = x * kept / (1 - p) for x [N, C, ...], where kept is 0 for a whole channel with probability p, else 1. Takes
 * the next stream of the generator. In the shape of x. Throws a ShapeError for a p beyond 0 and 1, below rank 3, and
 * for other dtypes than float32 and float16.
 */
export function dropout2d(x: Tensor, p = 0.5, stream?: Stream): Tensor {
  checkInputs('dropout2d', [x]);
  checkProbability('dropout2d', p);
  if (x.rank < 3)
    throw new ShapeError(`dropout2d: expected input [N, C, ...] of at least 3 dims, got ${format(x.shape)}`);
  floatOf('dropout2d', [x]);
  const channels = x.shape.map((size, d) => (d < 2 ? size : 1));
  return mul(x, cast(where(kept(channels, x.device, p, stream), keepScale(p), 0), x.dtype));
}

/** What SELU tends to for ever smaller inputs, -1.0507 * 1.67326: the value that stands for a dropped element. */
const SELU_LOW = -1.7580993408473766;

/**
 * Dropout for SELU networks (Klambauer et al., 2017): with probability p an element becomes SELU's lower limit s, and
 * all are then mapped to out = a x + b so that mean 0 and variance 1 stay: a = 1 / sqrt((1 - p) (1 + p s^2)), b = -a
 * p s. Takes the next stream of the generator. In the shape of x. Throws a ShapeError for a p beyond 0 and 1, and for
 * other dtypes than float32 and float16.
 */
export function alphaDropout(x: Tensor, p = 0.5, stream?: Stream): Tensor {
  checkInputs('alphaDropout', [x]);
  checkProbability('alphaDropout', p);
  floatOf('alphaDropout', [x]);
  // With all of them dropped there is nothing to keep the variance of: zeros, as in PyTorch.
  const a = p === 1 ? 0 : 1 / Math.sqrt((1 - p) * (1 + p * SELU_LOW ** 2));
  const b = -a * p * SELU_LOW;
  const stays = kept(x.shape, x.device, p, stream);
  const [factor, shift] = [where(stays, a, 0), where(stays, b, a * SELU_LOW + b)];
  return add(mul(x, cast(factor, x.dtype)), cast(shift, x.dtype));
}
