// From views and params to what a dispatch binds: ranges of buffers, and the words of its uniform block.
import type { Param, TypedLayout, View } from '../../tensor/backend.ts';
import { BYTES } from '../../tensor/dtype.ts';
import { DeviceError } from '../../tensor/errors.ts';
import { ALIGNMENT, extent } from '../../tensor/shape.ts';
import type { Buffer } from './buffers.ts';
import { type BindLayout, UNIFORM_BYTES } from './pipelines.ts';

/** A range of a buffer as a dispatch binds it, in bytes. */
export interface Range {
  buffer: Buffer;
  offset: number;
  size: number;
}

/** The layout as a plan sees it: memory is bound at the last aligned place before it. */
export const bound = ({ shape, strides, dtype, offset }: View): TypedLayout => ({
  shape,
  strides,
  dtype,
  offset: offset % ALIGNMENT,
});

/** The bytes a view touches, from the last aligned place before it, in whole vec4s. */
export function rangeOf(view: View, buffer = view.storage.handle as Buffer): Range {
  const lead = view.offset % ALIGNMENT;
  const length = Math.max(lead + extent(view), 1);
  return {
    buffer,
    offset: (view.offset - lead) * BYTES[view.dtype],
    size: Math.ceil(length / 4) * 4 * BYTES[view.dtype],
  };
}

const FLOATS = new Float32Array(1);
const BITS = new Uint32Array(FLOATS.buffer);

/** Writes the words of a uniform block to `into`, from `at` on. */
export function pack(params: Param[], fault: number, into: Uint32Array, at: number): void {
  if (params.length > UNIFORM_BYTES / 4) {
    throw new DeviceError(`a uniform block holds ${UNIFORM_BYTES / 4} words, got ${params.length}`);
  }
  for (let i = 0; i < params.length; i++) {
    const param = params[i];
    if (typeof param === 'number') into[at + i] = param;
    else if (param === 'fault') into[at + i] = fault;
    else if ('i32' in param) into[at + i] = param.i32;
    else {
      FLOATS[0] = param.f32;
      into[at + i] = BITS[0];
    }
  }
}

/** Words that a block of params takes, in whole vec4s. */
export const blockWords = (params: Param[]): number => Math.ceil(params.length / 4) * 4;

/** The bind group of a dispatch: its ranges, its uniform block, whose place comes with the dispatch, and `more` ranges. */
export function createGroup(
  device: GPUDevice,
  layout: BindLayout,
  ranges: readonly Range[],
  uniforms: GPUBuffer,
  label: string,
  more: readonly Range[] = [],
): GPUBindGroup {
  const resource = ({ buffer, offset, size }: Range): GPUBufferBinding => ({ buffer: buffer.gpu, offset, size });
  const block = { buffer: uniforms, size: UNIFORM_BYTES };
  const resources = [...ranges.map(resource), block, ...more.map(resource)];
  const entries = resources.map((resource, binding) => ({ binding, resource }));
  return device.createBindGroup({ label, layout: layout.group, entries });
}
