// The reduction family: how sum, mean, max and their like are planned over any dims, on one or two levels.
import columns from '../../shaders/reduceColumns.wgsl';
import rows from '../../shaders/reduceRows.wgsl';
import type { CpuArray, Dispatch, Param, Plan, Slot, TypedLayout } from '../tensor/backend.ts';
import { ShapeError } from '../tensor/errors.ts';
import { gather } from '../tensor/gather.ts';
import { collapse, contiguousLayout, elementCount, type Layout, type Shape } from '../tensor/shape.ts';
import { ceilDiv, constants, grid } from './launch.ts';

/** Which dims go; sorted and not negative. */
export interface ReduceAttrs {
  dims: number[];
  keepdim: boolean;
}

/** A reduction: its float64 form over all values of one output, and its WGSL lines. */
export interface Reduction {
  name: string;
  cpu: (values: Float64Array) => number;
  /** Lines that declare `fn identity() -> f32`, `fn combine(a: f32, b: f32) -> f32` and `fn prepare(x: f32) -> f32`. */
  wgsl: string;
  /** Factor on the result, from the number of reduced elements. Default 1. */
  scale?: (count: number) => number;
}

const THREADS = 64;
const BLOCK = 16;
/** Elements that one workgroup (by rows) or one thread (by columns) reduces before the work is split further. */
const CHUNK = { rows: THREADS * BLOCK * 4, columns: BLOCK * 16 };

export function reducedShape(shape: Shape, { dims, keepdim }: ReduceAttrs): number[] {
  return keepdim ? shape.map((n, i) => (dims.includes(i) ? 1 : n)) : shape.filter((_, i) => !dims.includes(i));
}

/** x seen with its kept dims first and its reduced dims last. */
function split({ shape, strides }: Layout, dims: number[]) {
  const kept = shape.map((_, i) => i).filter((i) => !dims.includes(i));
  const pick = (list: readonly number[], at: number[]) => at.map((i) => list[i]);
  return {
    kept: { shape: pick(shape, kept), strides: pick(strides, kept) },
    gone: { shape: pick(shape, dims), strides: pick(strides, dims) },
  };
}

export function reduceOnCpu(reduction: Reduction, x: CpuArray, out: CpuArray, attrs: ReduceAttrs): void {
  const { kept, gone } = split(contiguousLayout(x.shape), attrs.dims);
  const count = elementCount(gone.shape);
  const values = gather(x.data, {
    shape: [...kept.shape, ...gone.shape],
    strides: [...kept.strides, ...gone.strides],
    offset: 0,
  });
  for (let o = 0; o < out.data.length; o++) {
    out.data[o] = reduction.cpu(Float64Array.from(values.subarray(o * count, (o + 1) * count)));
  }
}

/** At most three collapsed dims, padded with size 1 in front. */
function three(name: string, shape: Shape, strides: readonly number[]) {
  const {
    sizes,
    strides: [steps],
  } = collapse(shape, strides);
  if (sizes.length > 3) throw new ShapeError(`${name}: expected at most 6 dims that do not merge, got ${shape.length}`);
  const pad = 3 - sizes.length;
  return { sizes: [...Array(pad).fill(1), ...sizes], steps: [...Array(pad).fill(0), ...steps] };
}

export function planReduction(reduction: Reduction, x: TypedLayout, out: TypedLayout, attrs: ReduceAttrs): Plan {
  const { kept, gone } = split(x, attrs.dims);
  const outputs = elementCount(out.shape);
  const count = elementCount(gone.shape);
  if (outputs === 0) return { dispatches: [] };
  const outer = three(reduction.name, kept.shape, kept.strides);
  const inner = three(reduction.name, gone.shape, gone.strides);
  // A thread per output pays where there are many outputs and the reduced elements are not neighbours in memory.
  const byColumns = outputs >= THREADS && (inner.steps[2] !== 1 || count < BLOCK);
  const chunkLimit = byColumns ? CHUNK.columns : CHUNK.rows;
  const chunks = Math.max(1, ceilDiv(count, chunkLimit));
  const chunkSize = ceilDiv(Math.max(count, 1), chunks);
  const scale = reduction.scale?.(count) ?? 1;
  const first = pass(reduction, byColumns, chunks > 1 ? 1 : scale, {
    outputs,
    reduced: count,
    chunks,
    chunkSize,
    outer,
    inner,
    offset: x.offset,
  });
  if (chunks === 1) return { dispatches: [first] };
  // Second level: out[o] from the partials [o, chunk].
  const partials: Slot = { of: 'temp', index: 0 };
  const second = pass({ ...reduction, wgsl: reduction.wgsl.replace(/fn prepare.*/, IDENTITY_PREPARE) }, false, scale, {
    outputs,
    reduced: chunks,
    chunks: 1,
    chunkSize: chunks,
    offset: 0,
    outer: { sizes: [1, 1, outputs], steps: [0, 0, chunks] },
    inner: { sizes: [1, 1, chunks], steps: [0, 0, 1] },
  });
  return {
    temps: [outputs * chunks],
    dispatches: [
      { ...first, writes: [partials] },
      { ...second, reads: [partials] },
    ],
  };
}

/** Partials were prepared in the first level already. */
const IDENTITY_PREPARE = 'fn prepare(x: f32) -> f32 { return x; }';

interface Pass {
  outputs: number;
  reduced: number;
  chunks: number;
  chunkSize: number;
  offset: number;
  outer: { sizes: number[]; steps: number[] };
  inner: { sizes: number[]; steps: number[] };
}

function pass(reduction: Reduction, byColumns: boolean, scale: number, p: Pass): Dispatch {
  const params: Param[] = [p.outputs, p.reduced, p.chunks, p.chunkSize];
  for (const list of [p.outer.sizes, p.outer.steps, p.inner.sizes, p.inner.steps]) params.push(...list, 0);
  params.push(p.offset, { f32: scale });
  const tasks = p.outputs * p.chunks;
  return {
    shader: {
      file: byColumns ? 'reduceColumns.wgsl' : 'reduceRows.wgsl',
      source: byColumns ? columns : rows,
      preamble: constants({ WG: THREADS, BLOCK }) + reduction.wgsl,
    },
    params,
    workgroups: grid(byColumns ? ceilDiv(tasks, THREADS) : tasks),
  };
}
