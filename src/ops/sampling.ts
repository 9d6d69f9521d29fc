// Random tensors, made on the device from the Philox stream: uniform, normal, whole numbers, coin tosses.
import normalPart from '../../shaders/parts/normal.wgsl';
import philox from '../../shaders/parts/philox.wgsl';
import truncatedPart from '../../shaders/parts/truncatedNormal.wgsl';
import source from '../../shaders/random.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { checkInputs, generate } from '../autograd/tape.ts';
import type { Param } from '../tensor/backend.ts';
import { type Device, defaultDevice } from '../tensor/device.ts';
import { type DType, WGSL_TYPE } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { live } from '../tensor/live.ts';
import { mulHigh, nextStream, normal, randomWords, type Stream, streamWords, uniform } from '../tensor/random.ts';
import { checkShape, elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, cast, clamp, div, gt, log, lt, mul, neg, where } from './elementwise.ts';
import { amax, argmax } from './extrema.ts';
import { ceilDiv, grid } from './launch.ts';
import { reshape } from './movement.ts';
import { normalCdf } from './reference-math.ts';
import { argsort, topk } from './sort.ts';
import { LARGEST, within } from './within.ts';

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

/** The number that a normal one stays below with probability p (Wichura, AS 241, the variant of 7 digits). */
function quantile(p: number): number {
  const q = p - 0.5;
  const ratio = (x: number, above: number[], below: number[]) => {
    const polynomial = (coefficients: number[]) => coefficients.reduce((sum, c) => sum * x + c, 0);
    return polynomial(above) / polynomial(below);
  };
  if (Math.abs(q) <= 0.425) {
    const above = [59.10937472, 159.29113202, 50.434271938, 3.3871327179];
    return q * ratio(0.180625 - q * q, above, [67.1875636, 78.757757664, 17.895169469, 1]);
  }
  const r = Math.sqrt(-Math.log(Math.max(Math.min(p, 1 - p), 1.17549435e-38)));
  const tail =
    r <= 5
      ? ratio(r - 1.6, [0.17023821103, 1.3067284816, 2.75681539, 1.4234372777], [0.12021132975, 0.7370016425, 1])
      : ratio(r - 5, [0.017337203997, 0.42868294337, 3.081226386, 6.657905115], [0.012258202635, 0.24197894225, 1]);
  return q < 0 ? -tail : tail;
}

const truncatedOp = distribution({
  name: 'truncatedNormal',
  dtype: 'float32',
  cpu: (n, stream, low, width) => uniform(n, stream).map((u) => quantile(low + width * u)),
  wgsl: truncatedPart,
  params: floats,
});

function make(call: string, op: Op<RandomAttrs>, shape: Shape, a: number, b: number, options: RandomOptions): Tensor {
  checkShape(call, shape);
  const { device = defaultDevice(), requiresGrad = false, stream } = options;
  const attrs = live(() => ({ shape, stream: stream ?? nextStream(), a, b }));
  const out = generate(op, device, attrs);
  out.requiresGrad = requiresGrad;
  return out;
}

/**
 * Uniform numbers in [0, 1), multiples of 2^-24, in the given shape: the same bits on every device. Throws a
 * ShapeError for a shape with sizes that are not whole numbers of at least 0.
 */
export const rand = (shape: Shape, options: RandomOptions = {}): Tensor =>
  make('rand', uniformOp, shape, 0, 1, options);

/**
 * Normal numbers with mean 0 and variance 1, in the given shape, by Box and Muller's method: the same on every
 * device, but for rounding. Throws a ShapeError for a shape with sizes that are not whole numbers of at least 0.
 */
export const randn = (shape: Shape, options: RandomOptions = {}): Tensor =>
  make('randn', normalOp, shape, 0, 1, options);

/**
 * Whole numbers from `low` to `high` - 1 as int32, in the given shape, each as likely as the others to 1 in 2^32 /
 * (high - low): the same on every device. Throws a ShapeError for an empty range or one beyond int32, for
 * `requiresGrad`, and for a shape with sizes that are not whole numbers of at least 0.
 */
export function randint(low: number, high: number, shape: Shape, options: RandomOptions = {}): Tensor {
  const whole = [low, high].every((v) => Number.isInteger(v) && v >= -(2 ** 31) && v <= 2 ** 31);
  if (!whole || low >= high || high - low >= 2 ** 32) {
    throw new ShapeError(
      `randint: expected whole numbers low < high in the range of int32, less than 2^32 apart, got ${low} and ${high}`,
    );
  }
  if (options.requiresGrad) throw new ShapeError('randint: only floats can require gradients, got int32');
  return make('randint', integersOp, shape, low, high - low, options);
}

export interface TruncatedNormalOptions extends RandomOptions {
  /** Default 0. */
  mean?: number;
  /** Default 1. */
  std?: number;
  /** Bounds of the values. Default -2 and 2, whatever mean and std are, as in PyTorch. */
  low?: number;
  high?: number;
}

/**
 * Normal numbers of which those outside low and high are left out, in the given shape: out = mean + std Q(a + u (b -
 * a)) with u uniform in [0, 1), Q the quantile of normal numbers, and a and b their probabilities below (low - mean)
 * / std and (high - mean) / std. The same on every device, but for rounding. Where the bounds hold less than 1e-6 of
 * all normal numbers, what is between them is coarse. Throws a ShapeError for a mean that is not finite, for a std
 * that is not above 0, where low is not below high, and for a shape with sizes that are not whole numbers of at least
 * 0.
 */
export function truncatedNormal(
  shape: Shape,
  { mean = 0, std = 1, low = -2, high = 2, requiresGrad = false, ...options }: TruncatedNormalOptions = {},
): Tensor {
  if (!(std > 0) || !Number.isFinite(mean + std) || !(low < high)) {
    throw new ShapeError(
      `truncatedNormal: expected a finite mean, a std above 0 and low < high, got ${mean}, ${std}, ${low} and ${high}`,
    );
  }
  // Probabilities near 1 have few digits, so what lies to the right is drawn on the left.
  const mirrored = low + high > 2 * mean;
  const [from, to] = mirrored ? [mean - high, mean - low] : [low - mean, high - mean];
  const [below, above] = [normalCdf(from / std), normalCdf(to / std)];
  const standard = make('truncatedNormal', truncatedOp, shape, below, above - below, options);
  const out = clamp(add(mul(standard, mirrored ? -std : std), mean), low, high);
  out.requiresGrad = requiresGrad;
  return out;
}

/**
 * The numbers 0 to n - 1 in random order, as int32 [n]: the places of sorted random words. The same on every device.
 * Throws a ShapeError for an n that is no whole number of at least 0.
 */
export function permutation(n: number, { device, stream }: Omit<RandomOptions, 'requiresGrad'> = {}): Tensor {
  checkShape('permutation', [n]);
  return argsort(randint(-(2 ** 31), 2 ** 31 - 1, [n], { device, stream }));
}

export interface MultinomialOptions {
  /** Whether an index may be drawn again. Default false. */
  replacement?: boolean;
  stream?: Stream;
}

/**
 * `count` indices (int32) out of C, drawn with probabilities p[c] = weights[c] / sum of weights, `weights` being [C]
 * or [N, C]: [count] or [N, count]. A weight of 0 is drawn only where nothing else is left. By exponential clocks:
 * the index whose clock, of rate weight, rings first is drawn. The same on every device, but where two clocks ring
 * within rounding. A weight that is negative, infinite or NaN, and a row without any above 0, is an IndexError, on
 * WebGPU at the next read. Throws a ShapeError for weights of another rank or dtype, or without classes, for a count
 * that is no whole number of at least 1, and for more than C indices without replacement.
 */
export function multinomial(
  weights: Tensor,
  count: number,
  { replacement = false, stream }: MultinomialOptions = {},
): Tensor {
  checkInputs('multinomial', [weights]);
  if (weights.dtype !== 'float32' || weights.rank < 1 || weights.rank > 2 || weights.shape.at(-1) === 0) {
    throw new ShapeError(
      `multinomial: expected weights [C] or [N, C] of dtype float32, got ${format(weights.shape)} of ${weights.dtype}`,
    );
  }
  const C = weights.shape.at(-1)!;
  if (!Number.isInteger(count) || count < 1 || (!replacement && count > C)) {
    const most = replacement ? '' : ` to ${C}`;
    throw new ShapeError(`multinomial: expected a count from 1${most}, got ${count}`);
  }
  const sound = within('multinomial: expected finite weights of at least 0', weights, { low: 0, high: LARGEST });
  const positive = { low: 0, high: LARGEST, open: true };
  const largest = within('multinomial: expected a weight above 0 in each row', amax(sound, -1, true), positive);
  // In proportion to the largest, so that no rate is infinite for being drawn soon.
  const shares = div(sound, largest);
  const rates = replacement ? reshape(shares, [...weights.shape.slice(0, -1), 1, C]) : shares;
  const draws = replacement ? [...weights.shape.slice(0, -1), count, C] : weights.shape;
  // Half a step up, so that no clock rings at once.
  const clocks = neg(log(add(rand(draws, { device: weights.device, stream }), 2 ** -25)));
  const keys = where(gt(rates, 0), div(rates, clocks), -1);
  return replacement ? argmax(keys, -1) : topk(keys.detach(), count)[1];
}

/**
 * out = 1 with the probability that each element of p gives, else 0, as float32. Without a gradient. The same on
 * every device. In the shape of p. A probability that is not from 0 to 1 is an IndexError, on WebGPU at the next
 * read. Throws a ShapeError where p is not float32.
 */
export function bernoulli(p: Tensor, stream?: Stream): Tensor {
  checkInputs('bernoulli', [p]);
  if (p.dtype !== 'float32') throw new ShapeError(`bernoulli: expected probabilities of dtype float32, got ${p.dtype}`);
  const sound = within('bernoulli: expected probabilities from 0 to 1', p, { low: 0, high: 1 });
  return cast(lt(rand(p.shape, { device: p.device, stream }), sound), 'float32');
}
