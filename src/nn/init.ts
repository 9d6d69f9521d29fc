// Initial values of parameters, from the seeded stream.
import { fromHost } from '../tensor/creation.ts';
import { uniform as unit } from '../tensor/random.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Uniform numbers from low to high. */
export function uniform(shape: Shape, low: number, high: number): Tensor {
  const values = unit(elementCount(shape)).map((u) => low + (high - low) * u);
  return fromHost('init.uniform', values, shape);
}

/** Inputs that feed one output of a weight [out, in, ...]. */
export const fanIn = (shape: Shape): number => elementCount(shape.slice(1));

/** PyTorch's default for linear and convolution layers: uniform within 1 / sqrt(fan in), for weights and biases alike. */
export function layerDefault(shape: Shape, fan: number): Tensor {
  const bound = fan > 0 ? 1 / Math.sqrt(fan) : 0;
  return uniform(shape, -bound, bound);
}
