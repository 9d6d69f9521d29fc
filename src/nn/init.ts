// Initial values of parameters, from the seeded stream, in float64. Each function overwrites a tensor in place and returns it.
import { truncatedNormal as draw } from '../ops/sampling.ts';
import { fromHost } from '../tensor/creation.ts';
import { isFloat } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { normal as normals, uniform as unit } from '../tensor/random.ts';
import { scope } from '../tensor/scope.ts';
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { copyInto } from './copy.ts';
import { orthonormalRows } from './orthonormal.ts';

/** What follows a layer, as far as the variance of its output goes. */
export type Nonlinearity = 'linear' | 'conv' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu';

/**
 * The factor on the deviation of weights that makes up for what a nonlinearity takes from it: 1 for linear layers,
 * convolutions and sigmoid, 5/3 for tanh, sqrt(2) for relu, sqrt(2 / (1 + slope^2)) for leakyRelu, 3/4 for selu.
 */
export function calculateGain(nonlinearity: Nonlinearity, negativeSlope = 0.01): number {
  const gains: Record<Nonlinearity, number> = {
    linear: 1,
    conv: 1,
    sigmoid: 1,
    tanh: 5 / 3,
    relu: Math.SQRT2,
    leakyRelu: Math.sqrt(2 / (1 + negativeSlope ** 2)),
    selu: 3 / 4,
  };
  if (Object.hasOwn(gains, nonlinearity)) return gains[nonlinearity];
  throw new ShapeError(`calculateGain: expected one of ${Object.keys(gains).join(', ')}, got ${nonlinearity}`);
}

/**
 * How many inputs feed an output of a weight [out, in, ...], and how many outputs an input feeds: both times the elements of the
 * kernel. Throws a ShapeError below two dims.
 */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length < 2) throw new ShapeError(`fans: expected a weight of at least 2 dims, got ${format(shape)}`);
  const kernel = elementCount(shape.slice(2));
  return { fanIn: shape[1] * kernel, fanOut: shape[0] * kernel };
}

/** Throws a ShapeError for the first that is not a number, or is infinite or less than `least`. */
function checkNumbers(name: string, values: Record<string, number>, least = Number.NEGATIVE_INFINITY): void {
  for (const [option, value] of Object.entries(values)) {
    if (Number.isFinite(value) && value >= least) continue;
    const bound = least > Number.NEGATIVE_INFINITY ? ` of at least ${least}` : '';
    throw new ShapeError(`${name}: expected a finite ${option}${bound}, got ${value}`);
  }
}

/** Overwrites a tensor of floats. */
function assign(name: string, tensor: Tensor, values: Float64Array): Tensor {
  if (!isFloat(tensor.dtype)) throw new ShapeError(`${name}: expected a tensor of floats, got ${tensor.dtype}`);
  return tensor.assign(values);
}

/** Every value. */
export function constant(tensor: Tensor, value: number): Tensor {
  return tensor.assign(new Float64Array(tensor.size).fill(value));
}

export const zeros = (tensor: Tensor): Tensor => constant(tensor, 0);

export const ones = (tensor: Tensor): Tensor => constant(tensor, 1);

/** 1 on the diagonal of a matrix, 0 elsewhere: a linear layer that keeps its input. */
export function eye(tensor: Tensor): Tensor {
  if (tensor.rank !== 2) throw new ShapeError(`eye: expected a matrix, got ${format(tensor.shape)}`);
  const [rows, columns] = tensor.shape;
  const values = new Float64Array(tensor.size);
  for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i] = 1;
  return tensor.assign(values);
}

/**
 * 1 in the middle of the kernels of a weight [out, in / groups, ...] that join channel i to channel i, of each group, 0
 * elsewhere: a convolution that keeps its input.
 */
export function dirac(tensor: Tensor, { groups = 1 } = {}): Tensor {
  const [out, inner, ...kernel] = tensor.shape;
  if (kernel.length < 1 || !Number.isInteger(groups) || groups < 1 || out % groups !== 0) {
    const wanted = 'a weight [out, in / groups, ...] of at least 3 dims, with groups that divide out';
    throw new ShapeError(`dirac: expected ${wanted}, got ${format(tensor.shape)} and groups ${groups}`);
  }
  const taps = elementCount(kernel);
  const middle = kernel.reduce((at, size) => at * size + Math.floor(size / 2), 0);
  const values = new Float64Array(tensor.size);
  for (let o = 0; o < out; o++) {
    const i = o % (out / groups);
    if (i < inner) values[(o * inner + i) * taps + middle] = 1;
  }
  return tensor.assign(values);
}

/** Uniform numbers from low to high; by default from 0 to 1. */
export function uniform(tensor: Tensor, { low = 0, high = 1 } = {}): Tensor {
  checkNumbers('uniform', { low, high });
  if (low > high) throw new ShapeError(`uniform: expected low <= high, got ${low} and ${high}`);
  return assign(
    'uniform',
    tensor,
    unit(tensor.size).map((u) => low + (high - low) * u),
  );
}

/** Normal numbers. */
export function normal(tensor: Tensor, { mean = 0, std = 1 } = {}): Tensor {
  checkNumbers('normal', { mean });
  checkNumbers('normal', { std }, 0);
  return assign(
    'normal',
    tensor,
    normals(tensor.size).map((v) => mean + std * v),
  );
}

/** Normal numbers of which those outside low and high, -2 and 2 by default whatever mean and std are, are left out. */
export function truncatedNormal(tensor: Tensor, { mean = 0, std = 1, low = -2, high = 2 } = {}): Tensor {
  scope(() => copyInto(tensor, draw(tensor.shape, { mean, std, low, high, device: tensor.device })));
  return tensor;
}

/** Uniform within gain sqrt(6 / (fan in + fan out)): variance gain^2 2 / (fan in + fan out) (Glorot and Bengio, 2010). */
export function xavierUniform(tensor: Tensor, { gain = 1 } = {}): Tensor {
  checkNumbers('xavierUniform', { gain }, 0);
  const bound = Math.sqrt(3) * xavierDeviation(tensor, gain);
  return uniform(tensor, { low: -bound, high: bound });
}

/** Normal with variance gain^2 2 / (fan in + fan out) (Glorot and Bengio, 2010). */
export function xavierNormal(tensor: Tensor, { gain = 1 } = {}): Tensor {
  checkNumbers('xavierNormal', { gain }, 0);
  return normal(tensor, { std: xavierDeviation(tensor, gain) });
}

function xavierDeviation({ shape }: Tensor, gain: number): number {
  const { fanIn, fanOut } = fans(shape);
  return gain * Math.sqrt(2 / Math.max(1, fanIn + fanOut));
}

export interface KaimingOptions {
  /** What follows the layer. Default: leakyRelu. */
  nonlinearity?: Nonlinearity;
  /** The negative slope of leakyRelu. Default 0, which is relu. */
  a?: number;
  /** Whether the variance is kept on the way forward (default) or back. */
  mode?: 'fanIn' | 'fanOut';
}

/** Uniform within gain sqrt(3 / fan): variance gain^2 / fan (He et al., 2015), with gain sqrt(2) by default. */
export function kaimingUniform(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingDeviation('kaimingUniform', tensor, options);
  return uniform(tensor, { low: -bound, high: bound });
}

/** Normal with variance gain^2 / fan (He et al., 2015), with gain sqrt(2) by default. */
export function kaimingNormal(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  return normal(tensor, { std: kaimingDeviation('kaimingNormal', tensor, options) });
}

function kaimingDeviation(
  name: string,
  { shape }: Tensor,
  { nonlinearity = 'leakyRelu', a = 0, mode = 'fanIn' }: KaimingOptions,
): number {
  if (mode !== 'fanIn' && mode !== 'fanOut')
    throw new ShapeError(`${name}: expected mode fanIn or fanOut, got ${mode}`);
  checkNumbers(name, { a });
  return calculateGain(nonlinearity, a) / Math.sqrt(Math.max(1, fans(shape)[mode]));
}

/**
 * gain times a matrix whose rows, or columns where they are fewer, are orthogonal and of length 1 (Saxe et al., 2013): one of all such
 * matrices, each as likely as the others. A weight of more than two dims counts as a matrix [first dim, the rest].
 */
export function orthogonal(tensor: Tensor, { gain = 1 } = {}): Tensor {
  checkNumbers('orthogonal', { gain });
  const [rows, ...rest] = tensor.shape;
  if (rest.length < 1) {
    throw new ShapeError(`orthogonal: expected a tensor of at least 2 dims, got ${format(tensor.shape)}`);
  }
  const columns = elementCount(rest);
  const [few, many] = [Math.min(rows, columns), Math.max(rows, columns)];
  const basis = orthonormalRows(normals(few * many), few, many);
  const at = (i: number, j: number) => (rows <= columns ? basis[i * many + j] : basis[j * many + i]);
  const values = Float64Array.from({ length: tensor.size }, (_, k) => gain * at(Math.floor(k / columns), k % columns));
  return assign('orthogonal', tensor, values);
}

/**
 * @internal A new tensor as PyTorch's linear and convolution layers have it by default, weights and biases alike: uniform
 * within 1 / sqrt(fan in), which is kaimingUniform with a = sqrt(5).
 */
export function layerDefault(shape: Shape, fanIn: number): Tensor {
  const bound = 1 / Math.sqrt(fanIn);
  return fromHost(
    'init',
    unit(elementCount(shape)).map((u) => bound * (2 * u - 1)),
    shape,
  );
}
