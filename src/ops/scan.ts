// Scans along a dim: cumsum and cumprod, with the linear recurrence that their gradients are made of.
import source from '../../shaders/scan.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import type { CpuArray, Dispatch, GpuTraits, Plan, Slot, TypedLayout } from '../tensor/backend.ts';
import { type DType, FLOATS, isFloat, WGSL_TYPE } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { collapse, contiguousLayout, elementCount, type Layout, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Accumulator, accumulatorLines, bindings, wordsOf } from './accumulator.ts';
import { add, mul } from './elementwise.ts';
import { perOutput } from './flops.ts';
import { ceilDiv, constants, enabling, grid, threads } from './launch.ts';
import { along } from './movement.ts';
import { four, MAX_DIMS } from './reduce.ts';

interface ScanAttrs {
  dim: number;
  /** From the end of the dim to its front. */
  reverse: boolean;
  /** Up to the element before, rather than to the element itself. */
  exclusive: boolean;
}

/** A scan of one or two inputs: its float64 form and its accumulator, whose `load` takes `value`, and `other` of the second. */
interface Scan extends Accumulator {
  name: string;
  inputs: 1 | 2;
  dtypes: DType[];
  out: (dtype: DType) => DType;
  cpu: { start: number; step: (before: number, value: number, other: number) => number };
}

function scanRow(scan: Scan, vjp: Op<ScanAttrs>['vjp']): Op<ScanAttrs> {
  const { name, dtypes, out } = scan;
  return define({
    name,
    outputs: ([x]) => {
      if (!dtypes.includes(x.dtype)) {
        throw new ShapeError(`${name}: expected dtype ${dtypes.join(' or ')}, got ${x.dtype}`);
      }
      return [{ shape: x.shape, dtype: out(x.dtype) }];
    },
    // Two inputs are walked in step, contiguous both.
    strided: scan.inputs === 1 ? ([x], { dim }) => [rowsOf(x, contiguousLayout(x.shape), dim) !== null] : undefined,
    cpu: (inputs, [to], attrs) => scanOnCpu(scan, inputs, to, attrs),
    // One of two inputs is a factor.
    flops: perOutput(scan.inputs),
    plan: (inputs, [to], attrs, gpu) => planScan(scan, inputs, to, attrs, gpu),
    vjp,
  });
}

/**
 * out[i + 1] = b[i] + a[i] * out[i], out[0] = 0: exclusive, so that its gradient is a recurrence again, backwards. With m
 * the recurrence of a and g in the other direction, d / d b = m and d / d a = m * out.
 */
const recurrenceOp = scanRow(
  {
    name: 'recurrence',
    inputs: 2,
    dtypes: FLOATS,
    out: (dtype) => dtype,
    cpu: { start: 0, step: (before, a, b) => b + (a === 0 || before === 0 ? 0 : a * before) },
    // The map from before to scale * before + shift.
    acc: ['scale: VALUE', 'shift: VALUE'],
    load: 'ACC(value, other)',
    identity: 'ACC(1.0, 0.0)',
    combine: 'ACC(times(a.scale, b.scale), times(a.shift, b.scale) + b.shift)',
    // Where nothing came before, an infinite factor leaves nothing, in whatever order parts are joined.
    lines: 'fn times(a: f32, b: f32) -> f32 { return select(a * b, 0.0, a == 0.0 || b == 0.0); }\n',
    finish: ['a.shift'],
  },
  ([g], { inputs: [a], outputs: [out], attrs: { dim, reverse } }) => {
    const back = recurrence(a, g!, dim, !reverse);
    return [mul(back, out), back];
  },
);

/** @internal Along `dim`: 0, b[0], b[1] + a[1] * b[0], ... */
export const recurrence = (a: Tensor, b: Tensor, dim: number, reverse = false): Tensor =>
  apply(recurrenceOp, [a, b], { dim, reverse, exclusive: true })[0];

const NUMBERS: Pick<Scan, 'inputs' | 'dtypes' | 'out'> = {
  inputs: 1,
  dtypes: [...FLOATS, 'int32', 'bool'],
  out: (dtype) => (isFloat(dtype) ? dtype : 'int32'),
};

const cumsumOp = scanRow(
  {
    ...NUMBERS,
    name: 'cumsum',
    cpu: { start: 0, step: (before, value) => before + value },
    identity: 'ACC()',
    combine: 'a + b',
  },
  ([g], { attrs }) => apply(cumsumOp, [g!], { ...attrs, reverse: !attrs.reverse }),
);

/**
 * out[.., i, ..] = sum of x[.., 0, ..] to x[.., i, ..] along `dim`; int32 for int32 and bool. In the shape of x.
 * Throws a ShapeError for a dim that x lacks.
 */
export function cumsum(x: Tensor, dim: number): Tensor {
  return along('cumsum', x, dim, (x, dim) => apply(cumsumOp, [x], { dim, reverse: false, exclusive: false }))[0];
}

const cumprodOp = scanRow(
  {
    ...NUMBERS,
    name: 'cumprod',
    cpu: { start: 1, step: (before, value) => before * value },
    identity: 'ACC(1)',
    combine: 'a * b',
  },
  // d / d x[i] = (product of what lies before i) * (sum over k from i on of g[k] * product of what lies between i and k):
  // no division, so zeros are like other numbers.
  ([g], { inputs: [x], attrs: { dim, reverse, exclusive } }) => {
    const before = productsBefore(x, dim, reverse);
    const behind = exclusive ? recurrence(x, g!, dim, !reverse) : add(g!, recurrence(x, mul(x, g!), dim, !reverse));
    return [mul(before, behind)];
  },
);

/** @internal Products of the elements along `dim` before each one, or behind it where `reverse`. */
export const productsBefore = (x: Tensor, dim: number, reverse = false): Tensor =>
  apply(cumprodOp, [x], { dim, reverse, exclusive: true })[0];

/**
 * out[.., i, ..] = product of x[.., 0, ..] to x[.., i, ..] along `dim`; int32 for int32 and bool. The gradient is
 * right where there are zeros; that of NaN or an infinity itself is finite, where PyTorch's is NaN. In the shape of x.
 * Throws a ShapeError for a dim that x lacks.
 */
export function cumprod(x: Tensor, dim: number): Tensor {
  return along('cumprod', x, dim, (x, dim) => apply(cumprodOp, [x], { dim, reverse: false, exclusive: false }))[0];
}

/** The sum over ones: how many elements lie before each, along one dim of the input; the others get size 1. */
const count: Scan = {
  ...NUMBERS,
  name: 'positions',
  out: () => 'int32',
  cpu: { start: 0, step: (before) => before + 1 },
  load: '1',
  acc: 'i32',
  identity: '0',
  combine: 'a + b',
};

const line = ({ shape }: { shape: Shape }, dim: number) => shape.map((n, d) => (d === dim ? n : 1));

const positionsOp: Op<ScanAttrs> = define({
  name: count.name,
  outputs: ([x], { dim }) => [{ shape: line(x, dim), dtype: 'int32' }],
  strided: () => [true],
  cpu: (_inputs, [out], attrs) => scanOnCpu(count, [out], out, attrs),
  plan: ([x], [out], attrs, gpu) => planScan(count, [{ ...out, dtype: x.dtype }], out, attrs, gpu),
  vjp: null,
});

/** @internal 0, 1, 2, ... along a dim of x, as int32, with size 1 in the other dims. */
export const positions = (x: Tensor, dim: number): Tensor =>
  apply(positionsOp, [x], { dim, reverse: false, exclusive: true })[0];

function scanOnCpu({ cpu }: Scan, inputs: CpuArray[], out: CpuArray, { dim, reverse, exclusive }: ScanAttrs): void {
  const n = out.shape[dim];
  const inner = elementCount(out.shape.slice(dim + 1));
  const [x, y = x] = inputs.map(({ data }) => data);
  for (let row = 0; row < out.data.length / n; row++) {
    const from = Math.floor(row / inner) * n * inner + (row % inner);
    let total = cpu.start;
    for (let j = 0; j < n; j++) {
      const at = from + (reverse ? n - 1 - j : j) * inner;
      const next = cpu.step(total, x[at], y[at]);
      out.data[at] = exclusive ? total : next;
      total = next;
    }
  }
}

/** The dims of rows, collapsed, with their strides in x and in out; null where they are too many for the shader. */
function rowsOf(x: Layout, out: Layout, dim: number) {
  const others = (list: readonly number[]) => list.filter((_, d) => d !== dim);
  const { sizes, strides } = collapse(others(x.shape), others(x.strides), others(out.strides));
  return sizes.length > MAX_DIMS ? null : { sizes, strides: strides[0], outStrides: strides[1] };
}

/** Neighbours that one thread takes, where a workgroup shares a row and where each thread has its own. */
const perThread = (lanes: number, gpu: GpuTraits) => (lanes === 1 || gpu.software ? 64 : 16);
/** Rows from which on a thread for each keeps a device busy. */
const MANY = 64;

/** One scan along rows: of the inputs on the first level, of the totals of chunks, which are ACCs, on those above it. */
interface Pass {
  n: number;
  rows: NonNullable<ReturnType<typeof rowsOf>>;
  /** Where rows begin and how far neighbours are apart, in the inputs and in the output. */
  places: [base: number, stride: number, outBase: number, outStride: number];
  from: Slot[];
  to: Slot;
  inner: boolean;
}

function planScan(
  scan: Scan,
  inputs: TypedLayout[],
  out: TypedLayout,
  { dim, reverse, exclusive }: ScanAttrs,
  gpu: GpuTraits,
): Plan {
  if (elementCount(out.shape) === 0) return { dispatches: [] };
  const temps: number[] = [];
  const take = (size: number): Slot => ({ of: 'temp', index: temps.push(size) - 1 });
  const WG = threads(gpu);

  const passes = ({ n, rows, places, from, to, inner }: Pass): Dispatch[] => {
    const count = elementCount(rows.sizes);
    const LANES = count >= MANY && (Math.abs(places[1]) !== 1 || n < MANY) ? 1 : WG;
    const PER = perThread(LANES, gpu);
    const chunks = ceilDiv(n, LANES * PER);
    const units = count * chunks;
    const launch = (reads: Slot[], write: Slot, TOTALS = false): Dispatch => {
      const carried = reads.length > from.length;
      const lines = program(scan, inputs[0].dtype, { inner, partial: inner || TOTALS, carried });
      const variant = { WG, LANES, PER, EXCLUSIVE: inner || exclusive, TOTALS };
      return {
        shader: { file: 'scan.wgsl', source, preamble: lines + constants(variant) },
        reads,
        writes: [write],
        params: [
          ...[n, count, units, ...places, 0],
          ...[...four(rows.sizes, 1), ...four(rows.strides, 0), ...four(rows.outStrides, 0)],
        ],
        workgroups: grid(ceilDiv(units, WG / LANES)),
      };
    };
    if (chunks === 1) return [launch(from, to)];
    const [totals, before] = [take(units * wordsOf(scan)), take(units * wordsOf(scan))];
    const above: Pass = {
      n: chunks,
      rows: { sizes: [count], strides: [1], outStrides: [1] },
      places: [0, count, 0, count],
      ...{ from: [totals], to: before, inner: true },
    };
    return [launch(from, totals, true), ...passes(above), launch([...from, before], to)];
  };

  const n = out.shape[dim];
  const ends = [inputs[0], out].flatMap(({ strides, offset }) =>
    reverse ? [offset + (n - 1) * strides[dim], -strides[dim]] : [offset, strides[dim]],
  ) as Pass['places'];
  const dispatches = passes({
    n,
    rows: rowsOf(inputs[0], out, dim)!,
    places: ends,
    from: inputs.map((_, index) => ({ of: 'input', index })),
    to: { of: 'output', index: 0 },
    inner: false,
  });
  return { temps, dispatches };
}

/** Lines that declare the bindings, the accumulator, `load`, `carried` and `store`. */
function program(scan: Scan, dtype: DType, { inner, partial, carried }: Record<string, boolean>): string {
  const stored = inner ? 'ACC' : WGSL_TYPE[dtype];
  const type = partial ? 'ACC' : WGSL_TYPE[scan.out(dtype)];
  const { load = 'ACC(value)', finish: [result] = ['a'] } = scan;
  const names = inner || scan.inputs === 1 ? ['x'] : ['x', 'y'];
  const reads = names.map((name): [string, string] => [name, stored]);
  const values = `let value = VALUE(x[at]);\n${names[1] ? '  let other = VALUE(y[at]);\n' : ''}  return ${load};`;
  return `${enabling([stored, type])}${accumulatorLines(scan, dtype)}\
${bindings(carried ? [...reads, ['before', 'ACC']] : reads, [['out', type]])}\
fn load(at: u32) -> ACC {
  ${inner ? 'return x[at];' : values}
}
fn carried(unit: u32) -> ACC { return ${carried ? 'before[unit]' : 'identity()'}; }
fn store(at: u32, a: ACC) { out[at] = ${partial ? 'a' : `${type}(${result})`}; }
`;
}
