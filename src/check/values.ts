// Inputs of checks: host arrays with a shape, made from a seed, and their way onto a device and back.
import { fromHost } from '../tensor/creation.ts';
import { type Device, defaultDevice, setDefaultDevice } from '../tensor/device.ts';
import type { DType, HostArray } from '../tensor/dtype.ts';
import { gather } from '../tensor/gather.ts';
import { normal as normals, type Stream, shuffled, uniform } from '../tensor/random.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A tensor's contents without a device. */
export interface HostTensor {
  data: HostArray;
  shape: Shape;
  dtype: DType;
  requiresGrad: boolean;
}

/** A recipe for a HostTensor. Floats are rounded to float32, so that every device sees the same values. */
export type Input = (stream: Stream) => HostTensor;

const floats =
  (shape: Shape, make: (n: number, stream: Stream) => ArrayLike<number>): Input =>
  (stream) => ({
    shape,
    dtype: 'float32',
    data: Float32Array.from(make(elementCount(shape), stream)),
    requiresGrad: true,
  });

/** Normal numbers. */
export const normal = (shape: Shape): Input => floats(shape, normals);

/** Uniform numbers. */
export const between = (low: number, high: number, shape: Shape): Input =>
  floats(shape, (n, stream) => uniform(n, stream).map((u) => low + (high - low) * u));

/** Whole numbers from -3 to 3: they, their products and sums of a few hundred of these are exact in any float type. */
export const digits = (shape: Shape): Input =>
  floats(shape, (n, stream) => uniform(n, stream).map((u) => Math.floor(7 * u) - 3));

/** Numbers of both signs, at least 0.1 and at most 2 away from 0: clear of the kink that many functions have there. */
export const nonzero = (shape: Shape): Input =>
  floats(shape, (n, stream) => uniform(n, stream).map((u) => (u < 0.5 ? -0.1 - 3.8 * u : 0.1 + 3.8 * (u - 0.5))));

/** Numbers in random order, each at least 1/16 from every other: no ties. */
export const apart = (shape: Shape): Input =>
  floats(shape, (n, stream) => Float64Array.from(shuffled(n, stream), (rank) => (rank - (n >> 1)) / 16));

/** The numbers given. */
export const given = (values: readonly number[], shape: Shape = [values.length]): Input => floats(shape, () => values);

const counts =
  (dtype: 'int32' | 'bool', shape: Shape, make: (n: number, stream: Stream) => Iterable<number>): Input =>
  (stream) => ({ shape, dtype, data: Int32Array.from(make(elementCount(shape), stream)), requiresGrad: false });

/** Whole numbers from low to high - 1, as int32. */
export const whole = (low: number, high: number, shape: Shape): Input =>
  counts('int32', shape, (n, stream) => uniform(n, stream).map((u) => low + Math.floor((high - low) * u)));

/** The whole numbers given, as int32. */
export const givenWhole = (values: readonly number[], shape: Shape = [values.length]): Input =>
  counts('int32', shape, () => values);

/** Coin tosses, as bool. */
export const coins = (shape: Shape): Input =>
  counts('bool', shape, (n, stream) => uniform(n, stream).map((u) => Number(u < 0.5)));

/** NaN, infinities, both zeros and plain numbers between them. */
export const SPECIAL = [0, -0, 1, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2.5, -2.5];

/**
 * More threads than fit WebGPU's 65,535 workgroups in one dimension, where plans choose their size by the adapter:
 * software ones get small workgroups.
 */
export const crowd = (x: Tensor): number => 65_535 * (x.device.info.software ? 8 : 64) + 1;

/** A leaf on a device. */
export const place = ({ data, shape, dtype, requiresGrad }: HostTensor, device: Device): Tensor =>
  fromHost('check', data, shape, { dtype, device, requiresGrad });

/** The values of a tensor on the CPU backend, at once. */
export function valuesOf(x: Tensor): HostArray {
  const view = x.view('check');
  return gather(view.storage.handle as HostArray, view);
}

/** Weights for the outputs of a function, which turn it into one number. Their sizes lie in [0.5, 1], so that none hides its output. */
export const direction = (shape: Shape, index: number): HostTensor => {
  const values = uniform(elementCount(shape), { seed: 2, stream: index });
  return { shape, dtype: 'float32', data: values.map((u) => (u < 0.5 ? u - 1 : u)), requiresGrad: false };
};

/** Runs `work`, which must be synchronous, with another default device. */
export function withDefaultDevice<T>(device: Device, work: () => T): T {
  let before: Device | null = null;
  try {
    before = defaultDevice();
  } catch {
    // No device yet: afterwards there is none again.
  }
  setDefaultDevice(device);
  try {
    return work();
  } finally {
    if (before) setDefaultDevice(before);
    else device.destroy();
  }
}
