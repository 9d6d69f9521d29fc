// Random tensors, made on the device from the Philox stream: uniform, normal, whole numbers, coin tosses.
import normalPart from '../../shaders/parts/normal.wgsl';
import philox from '../../shaders/parts/philox.wgsl';
import source from '../../shaders/random.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { generate } from '../autograd/tape.ts';
import type { Param } from '../tensor/backend.ts';
import { type Device, defaultDevice } from '../tensor/device.ts';
import { type DType, WGSL_TYPE } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { live } from '../tensor/live.ts';
import { mulHigh, nextStream, normal, randomWords, type Stream, streamWords, uniform } from '../tensor/random.ts';
import { checkShape, elementCount, type Shape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { cast, lt } from './elementwise.ts';
import { ceilDiv, grid } from './launch.ts';

export interface RandomOptions {
  /** Default: the device of init(). */
  device?: Device;
  requiresGrad?: boolean;
  /** The place in the random sequence. Default: the next stream of the generator that manualSeed() starts. */
  stream?: Stream;
}

interface RandomAttrs {
  shape: Shape;
  stream: Stream;
  a: number;
  b: number;
}

interface Distribution {
  name: string;
  dtype: DType;
  /** n float64 samples with parameters a and b. */
  cpu: (n: number, stream: Stream, a: number, b: number) => ArrayLike<number>;
  /** Lines that declare `fn sample(words: vec4<u32>, a: u32, b: u32) -> vec4<OUT>`; a and b are the bits of `params`. */
  wgsl: string;
  params: (a: number, b: number) => [Param, Param];
}

const distribution = ({ name, dtype, cpu, wgsl, params }: Distribution): Op<RandomAttrs> =>
  define({
    name,
    outputs: (_inputs, { shape }) => [{ shape, dtype }],
    cpu: (_inputs, [out], { stream, a, b }) => out.data.set(cpu(out.data.length, stream, a, b)),
    plan: (_inputs, [out], { stream, a, b }) => {
      const n = elementCount(out.shape);
      if (n === 0) return { dispatches: [] };
      const preamble = `${philox}alias OUT = ${WGSL_TYPE[dtype]};\n${wgsl}`;
      return {
        dispatches: [
          {
            shader: { file: 'random.wgsl', source, preamble },
            params: [n, ...params(a, b), 0, ...streamWords(stream)],
            workgroups: grid(ceilDiv(ceilDiv(n, 4), 64)),
          },
        ],
      };
    },
    vjp: null,
  });

const floats = (a: number, b: number): [Param, Param] => [{ f32: a }, { f32: b }];

const uniformOp = distribution({
  name: 'uniform',
  dtype: 'float32',
  cpu: (n, stream, low, width) => uniform(n, stream).map((u) => low + width * u),
  wgsl: `fn sample(words: vec4<u32>, a: u32, b: u32) -> vec4<OUT> {
  return bitcast<f32>(a) + bitcast<f32>(b) * (vec4<f32>(words >> vec4<u32>(8u)) * 0x1p-24);
}
`,
  params: floats,
});

const normalOp = distribution({
  name: 'normal',
  dtype: 'float32',
  cpu: (n, stream, mean, std) => normal(n, stream).map((v) => mean + std * v),
  wgsl: normalPart,
  params: floats,
});

const integersOp = distribution({
  name: 'integers',
  dtype: 'int32',
  cpu: (n, stream, low, count) => {
    const out = new Int32Array(n);
    randomWords(stream, n, (i, word) => {
      out[i] = low + mulHigh(word, count);
    });
    return out;
  },
  wgsl: `fn sample(words: vec4<u32>, a: u32, b: u32) -> vec4<OUT> {
  let steps = vec4<u32>(mulHigh(words.x, b), mulHigh(words.y, b), mulHigh(words.z, b), mulHigh(words.w, b));
  return vec4<i32>(vec4<u32>(a) + steps);
}
`,
  params: (low, count) => [{ i32: low }, count],
});

function make(call: string, op: Op<RandomAttrs>, shape: Shape, a: number, b: number, options: RandomOptions): Tensor {
  checkShape(call, shape);
  const { device = defaultDevice(), requiresGrad = false, stream } = options;
  const attrs = live(() => ({ shape, stream: stream ?? nextStream(), a, b }));
  const out = generate(op, device, attrs);
  out.requiresGrad = requiresGrad;
  return out;
}

/** Uniform numbers in [0, 1), multiples of 2^-24: the same bits on every device. */
export const rand = (shape: Shape, options: RandomOptions = {}): Tensor =>
  make('rand', uniformOp, shape, 0, 1, options);

/** Normal numbers with mean 0 and variance 1, by Box and Muller's method: the same on every device, but for rounding. */
export const randn = (shape: Shape, options: RandomOptions = {}): Tensor =>
  make('randn', normalOp, shape, 0, 1, options);

/** Whole numbers from `low` to `high` - 1 as int32, each as likely as the others to 1 in 2^32 / (high - low): the same on every device. */
export function randint(low: number, high: number, shape: Shape, options: RandomOptions = {}): Tensor {
  const whole = [low, high].every((v) => Number.isInteger(v) && v >= -(2 ** 31) && v <= 2 ** 31);
  if (!whole || low >= high) {
    throw new ShapeError(`randint: expected whole numbers low < high in the range of int32, got ${low} and ${high}`);
  }
  if (options.requiresGrad) throw new ShapeError('randint: only floats can require gradients, got int32');
  return make('randint', integersOp, shape, low, high - low, options);
}

/** 1 with the probability that each element of p gives, else 0, as float32. Without a gradient. The same on every device. */
export function bernoulli(p: Tensor, stream?: Stream): Tensor {
  if (!(p instanceof Tensor) || p.dtype !== 'float32') {
    throw new ShapeError(
      `bernoulli: expected probabilities of dtype float32, got ${p instanceof Tensor ? p.dtype : p}`,
    );
  }
  p.view('bernoulli');
  return cast(lt(rand(p.shape, { device: p.device, stream }), p), 'float32');
}
