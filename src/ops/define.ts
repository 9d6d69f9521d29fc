// The elementwise family: a row is a float64 function, a WGSL expression and a derivative per input.
import source from '../../shaders/elementwise.wgsl';
import { define, type Op, type Recorded } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import type { CpuArray, Plan, Spec, TypedLayout } from '../tensor/backend.ts';
import { type DType, WGSL_TYPE } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { gather } from '../tensor/gather.ts';
import {
  broadcastShapes,
  collapse,
  contiguousLayout,
  elementCount,
  expandLayout,
  isContiguous,
  type Layout,
  type Shape,
} from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { sumTo } from './broadcast.ts';
import { ceilDiv, constants, grid } from './launch.ts';

const NAMES = ['x', 'y', 'z'] as const;
const SCALARS = ['a', 'b', 'c'] as const;

/** A tensor or a plain number; numbers go to the shader as uniforms. */
export type Operand = Tensor | number;

/**
 * Operands of a call: null marks a tensor, to be taken from the inputs in turn. Without operands all are tensors.
 * The scalars are the row's own.
 */
export interface ElementwiseAttrs {
  operands?: (number | null)[];
  scalars?: number[];
}

const operandsOf = (inputs: unknown[], { operands }: ElementwiseAttrs) => operands ?? inputs.map(() => null);

/** What a derivative may use. */
export interface Derivative {
  g: Tensor;
  x: Operand;
  y: Operand;
  z: Operand;
  out: Tensor;
  scalars: number[];
}

export interface ElementwiseRow {
  name: string;
  /** The float64 function of the inputs, then the scalars. */
  cpu: (...values: number[]) => number;
  /** A WGSL expression in x, y, z and the scalars a, b, c. NaN is told by isNan(x): compilers may take x != x for false. */
  wgsl: string;
  /** d out / d input times g, before sums over broadcast dims; null where an input has no gradient. */
  vjp: (((d: Derivative) => Tensor) | null)[];
  /** Dtypes that the inputs may have; they must agree, but for the first of `where`. Default: float32. */
  dtypes?: DType[][];
  /** Dtype of the output. Default: that of the inputs, but for the first of `where`; float32 where those are numbers. */
  out?: DType;
}

/** Defines an elementwise op. Returns the function that applies it to operands (at least one of them a tensor) and scalars. */
export function elementwise(row: ElementwiseRow): (operands: Operand[], scalars?: number[]) => Tensor {
  const op: Op<ElementwiseAttrs> = define({
    name: row.name,
    outputs: (inputs, attrs) => [outputOf(row, inputs, operandsOf(inputs, attrs))],
    strided: (inputs) => inputs.map(() => true),
    cpu: (inputs, [out], attrs) => compute(row, inputs, out, attrs),
    plan: (inputs, [out], attrs) => plan(row, inputs, out, attrs),
    vjp: row.vjp.some((d) => d) ? ([g], call) => derivatives(row, g!, call) : null,
  });
  return (operands, scalars = []) => {
    const tensors = operands.filter((v): v is Tensor => v instanceof Tensor);
    for (const v of operands) {
      if (!(v instanceof Tensor) && typeof v !== 'number') {
        throw new ShapeError(`${row.name}: expected tensors or numbers, got ${v === null ? 'null' : typeof v}`);
      }
    }
    if (tensors.length === 0) throw new ShapeError(`${row.name}: expected at least one tensor, got numbers only`);
    const marks = operands.map((v) => (v instanceof Tensor ? null : v));
    return apply(op, tensors, { operands: marks, scalars })[0];
  };
}

function outputOf(row: ElementwiseRow, inputs: Spec[], operands: (number | null)[]): Spec {
  let next = 0;
  let common: DType | undefined;
  operands.forEach((value, i) => {
    if (value !== null) return;
    const { dtype } = inputs[next++];
    const allowed = row.dtypes?.[i] ?? ['float32'];
    if (!allowed.includes(dtype)) {
      throw new ShapeError(`${row.name}: expected ${NAMES[i]} of dtype ${allowed.join(' or ')}, got ${dtype}`);
    }
    if (allowed.length === 1 && allowed[0] === 'bool') return;
    common ??= dtype;
    if (dtype !== common) throw new ShapeError(`${row.name}: dtypes differ, ${common} and ${dtype}`);
  });
  const fraction = operands.find((v) => v !== null && !Number.isInteger(v));
  if (common === 'int32' && fraction !== undefined) {
    throw new ShapeError(`${row.name}: expected a whole number beside int32, got ${fraction}`);
  }
  return {
    shape: broadcastShapes(row.name, ...inputs.map((x) => x.shape)),
    dtype: row.out ?? common ?? 'float32',
  };
}

function compute(row: ElementwiseRow, inputs: CpuArray[], out: CpuArray, attrs: ElementwiseAttrs): void {
  const operands = operandsOf(inputs, attrs);
  const { scalars = [] } = attrs;
  let next = 0;
  const values = operands.map((v) => (v === null ? broadcast(inputs[next++], out.shape) : v));
  const args = [...operands.map(() => 0), ...scalars];
  for (let i = 0; i < out.data.length; i++) {
    for (let k = 0; k < values.length; k++) {
      const v = values[k];
      args[k] = typeof v === 'number' ? v : v[i];
    }
    out.data[i] = Number(row.cpu(...args));
  }
}

const broadcast = ({ data, shape }: CpuArray, to: Shape) => gather(data, expandLayout(contiguousLayout(shape), to));

function derivatives(row: ElementwiseRow, g: Tensor, { inputs, outputs, attrs, needs }: Recorded<ElementwiseAttrs>) {
  const operands = operandsOf(inputs, attrs);
  let next = 0;
  const [x, y, z] = operands.map((v) => v ?? inputs[next++]);
  const d = { g, x, y, z, out: outputs[0], scalars: attrs.scalars ?? [] };
  const rules = row.vjp.filter((_, i) => operands[i] === null);
  return inputs.map((input, i) => (needs[i] && rules[i] ? sumTo(rules[i](d), input.shape) : null));
}

function plan(row: ElementwiseRow, inputs: TypedLayout[], out: TypedLayout, attrs: ElementwiseAttrs): Plan {
  const n = elementCount(out.shape);
  if (n === 0) return { dispatches: [] };
  const operands = operandsOf(inputs, attrs);
  const { scalars = [] } = attrs;
  const flat = inputs.every((x) => isQuads(x, n) || isSingle(x));
  const { sizes, strides } = collapse(out.shape, ...inputs.map((x) => expandLayout(x, out.shape).strides));
  const rank = flat ? 1 : Math.max(sizes.length, 1);
  const dims = flat
    ? [n, 0, 0, 0]
    : sizes.flatMap((size, d) => [size, strides[0]?.[d] ?? 0, strides[1]?.[d] ?? 0, strides[2]?.[d] ?? 0]);
  const offsets = [0, 1, 2].map((k) => inputs[k]?.offset ?? 0);
  // Numbers among the operands take the uniforms behind the row's own scalars; beside int32 they go as its bits.
  const whole = numberType(row, inputs, out) === 'i32';
  const numbers = operands.filter((v) => v !== null).map((v) => (whole ? { i32: v } : { f32: v }));
  const [a = 0, b = 0, c = 0] = [...scalars.map((f32) => ({ f32 })), ...numbers];
  const preamble = [
    constants({ FLAT: flat, QUADS: !flat && sizes.at(-1)! % 4 === 0, RANK: rank }),
    declarations(row, inputs, out, operands, scalars.length, flat),
  ].join('');
  return {
    dispatches: [
      {
        shader: { file: 'elementwise.wgsl', source, preamble },
        params: [n, a, b, c, ...offsets, 0, ...dims],
        workgroups: grid(ceilDiv(ceilDiv(n, 4), 64)),
      },
    ],
  };
}

const isQuads = (x: Layout, n: number) => isContiguous(x) && x.offset === 0 && elementCount(x.shape) === n;
const isSingle = (x: Layout) => elementCount(x.shape) === 1;

/** The WGSL type of numbers among the operands: the inputs' type, which the output has too unless the row names another. */
const numberType = (row: ElementwiseRow, inputs: TypedLayout[], out: TypedLayout) =>
  WGSL_TYPE[row.out ? inputs[0].dtype : out.dtype];

/** Bindings, the row's function f, and its two ways to read operands. */
function declarations(
  row: ElementwiseRow,
  inputs: TypedLayout[],
  out: TypedLayout,
  operands: (number | null)[],
  scalars: number,
  flat: boolean,
) {
  const n = elementCount(out.shape);
  const types = inputs.map((x) => WGSL_TYPE[x.dtype]);
  const result = WGSL_TYPE[out.dtype];
  const quads = inputs.map((x) => flat && isQuads(x, n));
  let next = 0;
  let uniform = scalars;
  const type = numberType(row, inputs, out);
  const args = operands.map((v) => {
    if (v !== null) {
      const text = `bitcast<${type}>(params.${SCALARS[uniform++]})`;
      return { type, flat: () => text, strided: text };
    }
    const k = next++;
    const single = `in${k}[params.offsets[${k}]]`;
    return {
      type: types[k],
      flat: (lane: number) => (quads[k] ? `in${k}[i][${lane}]` : single),
      strided: `in${k}[at[${k}]]`,
    };
  });
  const parameters = args.map((arg, i) => `${NAMES[i]}: ${arg.type}`).join(', ');
  const call = (values: string[]) => `f(${values.join(', ')})`;
  const lanes = [0, 1, 2, 3].map((lane) => call(args.map((arg) => arg.flat(lane)))).join(', ');
  return `alias OUT = ${result};
${types.map((t, k) => `@group(0) @binding(${k}) var<storage, read> in${k}: array<${quads[k] ? `vec4<${t}>` : t}>;\n`).join('')}\
@group(0) @binding(${types.length}) var<storage, read_write> out: array<vec4<OUT>>;
@group(0) @binding(${types.length + 1}) var<uniform> params: Params;
fn f(${parameters}) -> OUT {
${SCALARS.slice(0, scalars)
  .map((name) => `  let ${name} = params.${name};\n`)
  .join('')}\
  return OUT(${row.wgsl});
}
fn flat(i: u32) -> vec4<OUT> { return vec4<OUT>(${flat ? lanes : ''}); }
fn strided(at: vec3<u32>) -> OUT { ${flat ? 'return OUT(0);' : `return ${call(args.map((arg) => arg.strided))};`} }
`;
}
