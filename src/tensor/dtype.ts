// Element types, and how each is held on the host and on a device.

/**
 * Logical element types. Floats are computed in float32 on WebGPU and in float64 on the CPU backend, which is the
 * reference; `float16` is stored in half the memory where the adapter has shader-f16. `bool` holds 0 or 1.
 */
export type DType = 'float32' | 'float16' | 'int32' | 'bool';

/** The types that gradients flow through. */
export const FLOATS: DType[] = ['float32', 'float16'];

export const isFloat = (dtype: DType): dtype is 'float32' | 'float16' => FLOATS.includes(dtype);

/** What `data()` gives back: Float64Array for floats on the CPU backend, Float32Array on WebGPU, else the array of the dtype. */
export type HostArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Bytes per element in GPU memory; WGSL has no host-shareable bool, so it is a u32 there. */
export const BYTES: Record<DType, number> = { float32: 4, float16: 2, int32: 4, bool: 4 };

/** The WGSL type that holds a dtype in a storage buffer. */
export const WGSL_TYPE = { float32: 'f32', float16: 'f16', int32: 'i32', bool: 'u32' } as const;

/** Host values as a backend takes them: bools are 0 or 1, whatever they were made of. */
export function toHost(values: ArrayLike<number>, dtype: DType): HostArray {
  return dtype === 'bool' ? Uint8Array.from(values, (v) => Number(v !== 0)) : (values as HostArray);
}
