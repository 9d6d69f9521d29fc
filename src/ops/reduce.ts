// The reduction family: a row is an accumulator, and this file plans it over any dims, on as many levels as it takes.
import columns from '../../shaders/reduceColumns.wgsl';
import rows from '../../shaders/reduceRows.wgsl';
import { define, type Op } from '../autograd/op.ts';
import type { CpuArray, Dispatch, GpuTraits, Param, Plan, Slot } from '../tensor/backend.ts';
import { type DType, FLOATS, WGSL_TYPE } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { gather } from '../tensor/gather.ts';
import {
  collapse,
  contiguousLayout,
  contiguousStrides,
  elementCount,
  type Layout,
  type Shape,
} from '../tensor/shape.ts';
import { type Accumulator, accumulatorLines, bindings, wordsOf } from './accumulator.ts';
import { perInput } from './flops.ts';
import { ceilDiv, constants, enabling, grid, inHalves, threads } from './launch.ts';

/** Which dims go; sorted and not negative. */
export interface ReduceAttrs {
  dims: number[];
  keepdim: boolean;
  /** What variances subtract from the count. */
  correction?: number;
  /** Whether max and min were called without a dim: NaN, where it is the result, then gets their gradient. */
  full?: boolean;
}

/**
 * A reduction: its float64 form over all values of one output, and its accumulator. `load` may use, beside the value, its
 * `index` among the reduced elements in row-major order, and `pivot`, the first of them; `finish` may use `divisor`.
 */
export interface Reduction extends Accumulator {
  name: string;
  /** Dtypes that it takes. Default: floats. */
  dtypes?: DType[];
  /** Dtypes of the outputs for that of the input. Default: one output, of the same. */
  out?: (dtype: DType) => DType[];
  /** What the outputs are, one number each. */
  cpu: (values: Float64Array, divisor: number) => number | number[];
  /** Which of the values the output follows, where it follows one, or which side of its kink they are on. */
  winner?: (values: Float64Array) => number;
  /** A number for `finish`, from the count of reduced elements. Default: the count. */
  divisor?: (count: number, attrs: ReduceAttrs) => number;
  /** Floating-point operations for each element of the input. Default: 1. */
  flops?: number;
}

/**
 * Accumulators that a thread combines before they join the rest: short sums have small errors. Drivers unroll the loop
 * over them, and take their time where combining takes several words.
 */
const BLOCK = { rows: 8, quads: 32, columns: 16, struct: 4 };
/**
 * Elements that one workgroup (by rows) or one thread (by columns) reduces before the work is split further: by quads more
 * where a workgroup costs more than it computes, on software adapters, with blocks that are as many more.
 */
const CHUNK = { rows: 2048, softwareQuads: 8192, columns: 256 };
/** Outputs from which on a thread for each keeps a device busy. */
const MANY = 64;

/** Makes the op of a reduction. */
export function reductionRow(reduction: Reduction, vjp: Op<ReduceAttrs>['vjp']): Op<ReduceAttrs> {
  const { name, dtypes = FLOATS, out = (dtype: DType) => [dtype], winner } = reduction;
  return define({
    name,
    outputs: ([x], attrs) => {
      if (!dtypes.includes(x.dtype)) {
        throw new ShapeError(`${name}: expected dtype ${dtypes.join(' or ')}, got ${x.dtype}`);
      }
      return out(x.dtype).map((dtype) => ({ shape: reducedShape(x.shape, attrs), dtype }));
    },
    strided: ([x], attrs) => [isReducible(x, attrs)],
    cpu: ([x], outputs, attrs) =>
      eachOutput(x, attrs, (values, o, divisor) => {
        [reduction.cpu(values, divisor)].flat().forEach((v, k) => {
          outputs[k].data[o] = v;
        });
      }),
    winners:
      winner &&
      (([x], [{ data }], attrs) => {
        const places = new Int32Array(data.length);
        eachOutput(x, attrs, (values, o) => {
          places[o] = winner(values);
        });
        return places;
      }),
    flops: perInput(reduction.flops ?? 1),
    takes: true,
    puts: (reduction.finish?.length ?? 1) === 1,
    plan: ([x], outputs, attrs, gpu) => inHalves(planReduction(reduction, x, attrs, gpu), [x], outputs),
    vjp,
  });

  function eachOutput(
    x: CpuArray,
    attrs: ReduceAttrs,
    visit: (values: Float64Array, o: number, divisor: number) => void,
  ): void {
    const { kept, gone } = split(contiguousLayout(x.shape), attrs.dims);
    const count = elementCount(gone.shape);
    const divisor = reduction.divisor?.(count, attrs) ?? count;
    const shape = [...kept.shape, ...gone.shape];
    const all = new Float64Array(gather(x.data, { shape, strides: [...kept.strides, ...gone.strides], offset: 0 }));
    const outputs = elementCount(kept.shape);
    for (let o = 0; o < outputs; o++) visit(all.subarray(o * count, (o + 1) * count), o, divisor);
  }
}

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

/** Sizes and strides of collapsed dims. */
interface Dims {
  sizes: number[];
  steps: number[];
}

/** Collapsed dims that the shaders walk: four that are kept, four that go. */
export const MAX_DIMS = 4;

function collapsed(shape: Shape, strides: readonly number[]): Dims {
  const { sizes, strides: steps } = collapse(shape, strides);
  return { sizes, steps: steps[0] };
}

/** Padded in front to what the shaders take. */
export const four = (list: readonly number[], padding: number): number[] => [
  ...Array(MAX_DIMS - list.length).fill(padding),
  ...list,
];

/** Whether the shaders can walk x at its strides; always so for contiguous tensors. */
function isReducible(x: Layout, { dims }: ReduceAttrs): boolean {
  const { kept, gone } = split(x, dims);
  return [kept, gone].every(({ shape, strides }) => collapsed(shape, strides).sizes.length <= MAX_DIMS);
}

/** Plans out = reduction of x over attrs.dims, on as many levels as the size asks for. x is of float32 unless it says. */
export function planReduction(
  reduction: Reduction,
  x: Layout & { dtype?: DType },
  attrs: ReduceAttrs,
  gpu: GpuTraits,
): Plan {
  const { kept, gone } = split(x, attrs.dims);
  if (elementCount(kept.shape) === 0) return { dispatches: [] };
  const count = elementCount(gone.shape);
  const divisor = reduction.divisor?.(count, attrs) ?? count;
  return planLevels({ reduction, gpu, dtype: x.dtype ?? 'float32', divisor }, x.offset, kept, gone, true);
}

type Part = Pick<Layout, 'shape' | 'strides'>;

/** What all levels have in common. */
interface Job {
  reduction: Reduction;
  gpu: GpuTraits;
  dtype: DType;
  divisor: number;
}

/** Reduces elements of x on the first level, and partial results, which are ACCs, on those behind it. */
function planLevels(job: Job, offset: number, kept: Part, gone: Part, first: boolean): Plan {
  const { reduction, gpu, divisor } = job;
  const outputs = elementCount(kept.shape);
  const count = elementCount(gone.shape);
  // Over nothing there is one run of length 0, whatever the other dims are.
  const others = count === 0 ? { sizes: [0], steps: [0] } : collapsed(gone.shape, gone.strides);
  // How far apart neighbours along each dim are in the row-major order of the reduced elements.
  const indices = contiguousStrides(others.sizes);
  const longest = others.sizes.indexOf(Math.max(...others.sizes));
  const [run = count] = others.sizes.splice(longest, 1);
  const [runStride = 0] = others.steps.splice(longest, 1);
  const [runIndex = 0] = indices.splice(longest, 1);
  // A thread per output pays where there are many outputs and the reduced elements are few or far apart.
  const byColumns = outputs >= MANY && (runStride !== 1 || count < MANY);
  const WG = threads(gpu);
  const rest = collapsed(kept.shape, kept.strides);
  // Where four neighbours lie in one vec4, a thread takes them at once.
  const steps = [run, offset, ...rest.steps, ...others.steps];
  const QUADS = first && !byColumns && runStride === 1 && steps.every((step) => step % 4 === 0);
  const kind = wordsOf(reduction) > 1 ? 'struct' : byColumns ? 'columns' : QUADS ? 'quads' : 'rows';
  const chunk = kind === 'quads' && gpu.software ? CHUNK.softwareQuads : byColumns ? CHUNK.columns : CHUNK.rows;
  const parts = Math.max(1, ceilDiv(run, chunk));
  const chunks = parts * Math.max(1, elementCount(others.sizes));
  const partSize = QUADS ? 4 * ceilDiv(run, 4 * parts) : ceilDiv(run, parts);
  const params: Param[] = [
    ...[outputs, chunks, run, runStride, parts, partSize, offset],
    { f32: divisor },
    ...[...four(rest.sizes, 1), ...four(rest.steps, 0)],
    ...[...four(others.sizes, 1), ...four(others.steps, 0), ...four(indices, 0)],
    runIndex,
  ];
  const level: Dispatch = {
    shader: {
      file: byColumns ? 'reduceColumns.wgsl' : 'reduceRows.wgsl',
      source: byColumns ? columns : rows,
      preamble:
        program(job, first, chunks === 1, QUADS) +
        constants({ WG, BLOCK: BLOCK[kind], ...(!byColumns && { LANES: QUADS ? 4 : 1 }) }),
    },
    params,
    ...(first ? { take: { binding: 0, quads: QUADS } } : {}),
    ...(hands(job, chunks === 1) ? { put: 1 } : {}),
    workgroups: grid(byColumns ? ceilDiv(outputs * chunks, WG) : outputs * chunks),
  };
  if (chunks === 1) return { dispatches: [level] };
  // The partial results [outputs, chunks] are reduced in turn.
  const partials = { kept: { shape: [outputs], strides: [chunks] }, gone: { shape: [chunks], strides: [1] } };
  return chain(
    { ...level, writes: [{ of: 'temp', index: 0 }] },
    outputs * chunks * wordsOf(reduction),
    planLevels(job, 0, partials.kept, partials.gone, false),
  );
}

const storedTypes = ({ reduction, dtype }: Job) => (reduction.out?.(dtype) ?? [dtype]).map((d) => WGSL_TYPE[d]);

/** Whether a level hands its results to `put`: the last one, where there is one output of floats. */
const hands = (job: Job, last: boolean) => last && ['f32', 'f16'].includes(storedTypes(job).join());

/** The body of `withElements` by quads: a small tree, which errs less than a row. */
const FOUR = `  let four = takeFour(at);
  let low = combine(load(four.x, index, start), load(four.y, index + params.runIndex, start));
  let high = combine(load(four.z, index + 2u * params.runIndex, start), load(four.w, index + 3u * params.runIndex, start));
  return combine(before, combine(low, high));`;

/** Lines that declare the bindings, the accumulator, `withElements` and `store`. */
function program(job: Job, first: boolean, last: boolean, quads: boolean): string {
  const { reduction, dtype } = job;
  const { load = 'ACC(value)', finish = ['a'] } = reduction;
  const stored = first ? WGSL_TYPE[dtype] : 'ACC';
  const types = last ? storedTypes(job) : ['ACC'];
  const stores = hands(job, last)
    ? [`  put(at, f32(${finish[0]}));\n`]
    : finish.map((expression, k) => `  out${k}[at] = ${types[k]}(${expression});\n`);
  return `${enabling([stored, ...types])}alias IN = ${stored};
${accumulatorLines(reduction, dtype)}\
${bindings([{ take: 'IN', quads }], hands(job, last) ? ['put'] : types.map((type, k) => [`out${k}`, type]))}\
fn load(stored: IN, index: u32, start: IN) -> ACC {
${first ? `  let value = VALUE(stored);\n  let pivot = VALUE(start);\n  return ${load};` : '  return stored;'}
}
fn withElements(before: ACC, at: u32, index: u32, start: IN) -> ACC {
${quads ? FOUR : '  return combine(before, load(take(at), index, start));'}
}
fn store(at: u32, a: ACC) {
${last ? `  let divisor = params.divisor;\n${stores.join('')}` : '  out0[at] = a;\n'}\
}
`;
}

/** A dispatch whose result, `size` words in temp 0, is the input of a reduction planned by itself. */
export function chain(first: Dispatch, size: number, rest: Plan): Plan {
  const shift = (slot: Slot): Slot => (slot.of === 'temp' ? { of: 'temp', index: slot.index + 1 } : slot);
  const dispatches = rest.dispatches.map((dispatch) => ({
    ...dispatch,
    reads: dispatch.reads?.map(shift) ?? [{ of: 'temp', index: 0 } as const],
    writes: dispatch.writes?.map(shift),
  }));
  return { temps: [size, ...(rest.temps ?? [])], dispatches: [{ ...first, put: undefined }, ...dispatches] };
}
