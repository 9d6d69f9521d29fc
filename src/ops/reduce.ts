// The reduction family: how sum, mean, max and their like are planned over any dims, on one or two levels.
import columns from '../../shaders/reduceColumns.wgsl';
import rows from '../../shaders/reduceRows.wgsl';
import type { CpuArray, Dispatch, GpuTraits, Param, Plan, Slot } from '../tensor/backend.ts';
import { gather } from '../tensor/gather.ts';
import { collapse, contiguousLayout, elementCount, type Layout, type Shape } from '../tensor/shape.ts';
import { ceilDiv, constants, grid, threads } from './launch.ts';

/** Which dims go; sorted and not negative. */
export interface ReduceAttrs {
  dims: number[];
  keepdim: boolean;
}

/** A reduction: its float64 form over all values of one output, and its WGSL lines. */
export interface Reduction {
  name: string;
  cpu: (values: Float64Array) => number;
  /** Lines that declare `fn identity() -> f32` and `fn combine(a: f32, b: f32) -> f32`. */
  wgsl: string;
  /** Factor on the result, from the number of reduced elements. Default 1. */
  scale?: (count: number) => number;
}

const BLOCK = 16;
/** Elements that one workgroup (by rows) or one thread (by columns) reduces before the work is split further. */
const CHUNK = { rows: 4096, columns: 256 };
/** Outputs from which on a thread for each keeps a device busy. */
const MANY = 64;

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

/** Sizes and strides of collapsed dims. */
interface Dims {
  sizes: number[];
  steps: number[];
}

const MAX_DIMS = 4;

function collapsed(shape: Shape, strides: readonly number[]): Dims {
  const { sizes, strides: steps } = collapse(shape, strides);
  return { sizes, steps: steps[0] };
}

/** Padded in front with size 1, to what the shaders take. */
const four = ({ sizes, steps }: Dims): number[] => {
  const pad = MAX_DIMS - sizes.length;
  return [...Array(pad).fill(1), ...sizes, ...Array(pad).fill(0), ...steps];
};

/** Whether the shaders can walk x at its strides; always so for contiguous tensors up to rank 6. */
export function isReducible(x: Layout, { dims }: ReduceAttrs): boolean {
  const { kept, gone } = split(x, dims);
  return [kept, gone].every(({ shape, strides }) => collapsed(shape, strides).sizes.length <= MAX_DIMS);
}

/** Plans out = reduction of x over attrs.dims, on as many levels as the size asks for. */
export function planReduction(reduction: Reduction, x: Layout, attrs: ReduceAttrs, gpu: GpuTraits): Plan {
  const { kept, gone } = split(x, attrs.dims);
  const outputs = elementCount(kept.shape);
  const count = elementCount(gone.shape);
  return outputs === 0 ? { dispatches: [] } : planLevels(reduction, gpu, x, kept, gone, reduction.scale?.(count) ?? 1);
}

type Part = Pick<Layout, 'shape' | 'strides'>;

function planLevels(
  reduction: Reduction,
  gpu: GpuTraits,
  { offset }: Pick<Layout, 'offset'>,
  kept: Part,
  gone: Part,
  scale: number,
): Plan {
  const outputs = elementCount(kept.shape);
  const count = elementCount(gone.shape);
  // Over nothing there is one run of length 0, whatever the other dims are.
  const others = count === 0 ? { sizes: [0], steps: [0] } : collapsed(gone.shape, gone.strides);
  const longest = others.sizes.indexOf(Math.max(...others.sizes));
  const [run = count] = others.sizes.splice(longest, 1);
  const [runStride = 0] = others.steps.splice(longest, 1);
  // A thread per output pays where there are many outputs and the reduced elements are few or far apart.
  const byColumns = outputs >= MANY && (runStride !== 1 || count < MANY);
  const WG = threads(gpu);
  const parts = Math.max(1, ceilDiv(run, byColumns ? CHUNK.columns : CHUNK.rows));
  const chunks = parts * Math.max(1, elementCount(others.sizes));
  const params: Param[] = [
    ...[outputs, chunks, run, runStride, parts, ceilDiv(run, parts), offset],
    { f32: chunks === 1 ? scale : 1 },
    ...four(collapsed(kept.shape, kept.strides)),
    ...four(others),
  ];
  const level: Dispatch = {
    shader: {
      file: byColumns ? 'reduceColumns.wgsl' : 'reduceRows.wgsl',
      source: byColumns ? columns : rows,
      preamble: constants({ WG, BLOCK }) + reduction.wgsl,
    },
    params,
    workgroups: grid(byColumns ? ceilDiv(outputs * chunks, WG) : outputs * chunks),
  };
  if (chunks === 1) return { dispatches: [level] };
  // The partials [outputs, chunks] are reduced in turn.
  const rest = planLevels(
    reduction,
    gpu,
    { offset: 0 },
    { shape: [outputs], strides: [chunks] },
    { shape: [chunks], strides: [1] },
    scale,
  );
  return chain({ ...level, writes: [{ of: 'temp', index: 0 }] }, outputs * chunks, rest);
}

/** A dispatch whose result of `size` elements, in temp 0, is the input of a reduction planned by itself. */
export function chain(first: Dispatch, size: number, rest: Plan): Plan {
  const shift = (slot: Slot): Slot => (slot.of === 'temp' ? { of: 'temp', index: slot.index + 1 } : slot);
  const dispatches = rest.dispatches.map((dispatch) => ({
    ...dispatch,
    reads: dispatch.reads?.map(shift) ?? [{ of: 'temp', index: 0 } as const],
    writes: dispatch.writes?.map(shift),
  }));
  return { temps: [size, ...(rest.temps ?? [])], dispatches: [first, ...dispatches] };
}
