// Copies by index arithmetic: what placing, padding, flipping, rolling and joining share.
import source from '../../shaders/copy.wgsl';
import type { CpuArray, Dispatch, Param, TypedLayout } from '../tensor/backend.ts';
import { type DType, isFloat } from '../tensor/dtype.ts';
import { contiguousStrides, elementCount, type Layout, type Shape } from '../tensor/shape.ts';
import { ceilDiv, constants, grid } from './launch.ts';

/**
 * Where a coordinate t of the output comes from in a dim of x with `count` elements; from nowhere where the result is not
 * one of 0 to count - 1. For step 1 all are the identity on these.
 */
const SOURCE = {
  /** Every step-th element is one of x's. */
  place: (t: number, step: number) => (t % step === 0 ? t / step : -1),
  /** Mirrored at the first and the last element, once. */
  reflect: (t: number, _step: number, count: number) => count - 1 - Math.abs(count - 1 - Math.abs(t)),
  /** The first and the last element repeated. */
  replicate: (t: number, _step: number, count: number) => Math.min(Math.max(t, 0), count - 1),
  /** x repeated; t is at least -count. */
  circular: (t: number, _step: number, count: number) => (t + count) % count,
};

export type Mode = keyof typeof SOURCE;
const MODES = Object.keys(SOURCE);

/** For each dim, where element 0 of x lies in the output, and how far apart the next ones lie. */
export interface Mapping {
  mode: Mode;
  start: readonly number[];
  /** Default: 1. */
  step?: readonly number[];
  /** What stands where no element of x does. Default: 0. */
  value?: number;
}

/** Of rank dims: `at` in dim `dim`, else `other`. */
export const only = (rank: number, dim: number, at: number, other: number): number[] =>
  Array.from({ length: rank }, (_, d) => (d === dim ? at : other));

export function copyOnCpu(x: CpuArray, out: CpuArray, { mode, start, step, value = 0 }: Mapping): void {
  const strides = contiguousStrides(x.shape);
  for (let i = 0; i < out.data.length; i++) {
    let rest = i;
    let at = 0;
    for (let d = out.shape.length - 1; d >= 0; d--) {
      const size = out.shape[d];
      const from = SOURCE[mode]((rest % size) - start[d], step?.[d] ?? 1, x.shape[d]);
      at += from >= 0 && from < x.shape[d] ? from * strides[d] : Number.NaN;
      rest = Math.floor(rest / size);
    }
    out.data[i] = Number.isNaN(at) ? value : x.data[at];
  }
}

/** Lines that declare T, which holds a dtype bit by bit, and its value of 32 bits. Halves have no whole number as wide. */
export const bitsOf = (dtype: DType): string =>
  dtype === 'float16'
    ? 'enable f16;\nalias T = f16;\nfn fill(bits: u32) -> T { return T(bitcast<f32>(bits)); }\n'
    : 'alias T = u32;\nfn fill(bits: u32) -> T { return bits; }\n';

const bitPattern = (value: number, dtype: DType): Param => (isFloat(dtype) ? { f32: value } : { i32: value });

/** A dim of the output, and of x behind it. */
interface Walk {
  size: number;
  start: number;
  step: number;
  count: number;
  stride: number;
}

const isIdentity = ({ size, start, step, count }: Walk) => start === 0 && step === 1 && count === size;

/** The fewest dims: neighbours that are copied whole are merged where x's strides allow it. */
function walksOf(x: Layout, shape: Shape, { start, step }: Mapping): Walk[] {
  const walks: Walk[] = [];
  shape.forEach((size, d) => {
    const walk = { size, start: start[d], step: step?.[d] ?? 1, count: x.shape[d], stride: x.strides[d] };
    const last = walks.at(-1);
    if (size === 1 && isIdentity(walk)) return;
    if (last && isIdentity(last) && isIdentity(walk) && last.stride === size * walk.stride) {
      last.size *= size;
      last.count *= size;
      last.stride = walk.stride;
    } else {
      walks.push(walk);
    }
  });
  return walks.length > 0 ? walks : [{ size: 1, start: 0, step: 1, count: 1, stride: 0 }];
}

/** A box within the output: runs of `inner` neighbours, `pitch` apart, from `to` on. */
export interface Box {
  inner: number;
  pitch: number;
  to: number;
}

/** The dispatch that fills `shape`, the output or a box in it, from x, which is read by its strides; none for no elements. */
export function planCopy(x: TypedLayout, shape: Shape, mapping: Mapping, box?: Box): Dispatch[] {
  const n = elementCount(shape);
  if (n === 0) return [];
  const { inner, pitch, to } = box ?? { inner: n, pitch: n, to: 0 };
  const walks = walksOf(x, shape, mapping);
  const sizes = Array.from({ length: 8 }, (_, d) => walks[d]?.size ?? 1);
  const fill = bitPattern(mapping.value ?? 0, x.dtype);
  const dims = walks.flatMap(({ start, step, count, stride }) => [{ i32: start }, { i32: step }, count, stride]);
  const tunables = constants({ RANK: walks.length, MODE: MODES.indexOf(mapping.mode) });
  return [
    {
      shader: { file: 'copy.wgsl', source, preamble: bitsOf(x.dtype) + tunables },
      params: [n, inner, pitch, to, x.offset, fill, 0, 0, ...sizes, ...dims],
      workgroups: grid(ceilDiv(n, 64)),
    },
  ];
}
