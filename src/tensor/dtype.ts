// Element types, and how each is held on the host and on a device.

/**
 * Logical element types. `float32` is computed in float32 on WebGPU and in float64 on the CPU backend,
 * which is the reference; `bool` holds 0 or 1.
 */
export type DType = 'float32' | 'int32' | 'bool';

/** What `data()` gives back: Float64Array for float32 tensors on the CPU backend, else the array of the dtype. */
export type HostArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Bytes per element in GPU memory; WGSL has no host-shareable bool, so it is a u32 there. */
export const BYTES_PER_ELEMENT = 4;

/** The WGSL type that holds a dtype in a storage buffer. */
export const WGSL_TYPE: Record<DType, 'f32' | 'i32' | 'u32'> = { float32: 'f32', int32: 'i32', bool: 'u32' };

/** Host values as a backend takes them: bools are 0 or 1, whatever they were made of. */
export function toHost(values: ArrayLike<number>, dtype: DType): HostArray {
  return dtype === 'bool' ? Uint8Array.from(values, (v) => Number(v !== 0)) : (values as HostArray);
}
