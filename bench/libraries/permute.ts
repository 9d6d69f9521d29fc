// Arrays on the host in another order of their axes.
import { sizeOf } from '../workloads/values.ts';

/** As x.permute(axes) of a row-major array, made contiguous. */
export function permuted(
  data: Float32Array<ArrayBuffer>,
  shape: readonly number[],
  axes: readonly number[],
): Float32Array<ArrayBuffer>;
export function permuted(data: Float32Array, shape: readonly number[], axes: readonly number[]): Float32Array;
export function permuted(data: Float32Array, shape: readonly number[], axes: readonly number[]): Float32Array {
  if (axes.every((axis, i) => axis === i)) return data;
  const strides = shape.map((_, d) => sizeOf(shape.slice(d + 1)));
  const out = new Float32Array(data.length);
  let at = 0;
  const walk = (depth: number, from: number) => {
    const [size, stride] = [shape[axes[depth]], strides[axes[depth]]];
    for (let i = 0; i < size; i++) {
      if (depth === axes.length - 1) out[at++] = data[from + i * stride];
      else walk(depth + 1, from + i * stride);
    }
  };
  walk(0, 0);
  return out;
}
