// The elementwise family: a row is a float64 function, a WGSL expression and a derivative per input.
import type { Autocast } from '../autograd/autocast.ts';
import { define, type Op, type Recorded } from '../autograd/op.ts';
import { apply, checkInputs } from '../autograd/tape.ts';
import type { CpuArray, Expression, Spec } from '../tensor/backend.ts';
import { zeros } from '../tensor/creation.ts';
import { type DType, FLOATS, isFloat, WGSL_TYPE } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { gather } from '../tensor/gather.ts';
import { broadcastShapes, contiguousLayout, elementCount, expandLayout, type Shape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { expand, sumTo } from './broadcast.ts';
import { NAMES, planElementwise } from './elementwise-plan.ts';
import { perOutput } from './flops.ts';

/** A tensor or a plain number; numbers go to the shader as uniforms. */
export type Operand = Tensor | number;

/** What arithmetic takes, and what copies and choices take. */
export const NUMBERS: DType[] = [...FLOATS, 'int32'];
export const ALL: DType[] = [...NUMBERS, 'bool'];

/**
 * Operands of a call: null marks a tensor, to be taken from the inputs in turn. Without operands all are tensors.
 * The scalars are the row's own.
 */
export interface ElementwiseAttrs {
  /** The public function, for messages. Default: the row's name. */
  as?: string;
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
  /** Which side of its kinks an element is on, as a number, where the function has any: gradcheck tells kinks by it. */
  branch?: (...values: number[]) => number;
  /**
   * A WGSL expression in x, y, z and the scalars a, b, c, which may call WGSL's functions and those of shader-math.ts.
   * NaN is told by isNan(x): compilers may take x != x for false.
   */
  wgsl: string;
  /** The same for int32 inputs, where it is not the same. What either gives is wrapped to 32 bits. */
  int32?: { cpu?: (...values: number[]) => number; wgsl?: string };
  /** d out / d input times g, before sums over broadcast dims; null where an input has no gradient. */
  vjp: (((d: Derivative) => Tensor) | null)[];
  /** Dtypes that the inputs may have; they must agree, but for the first of `where`. Default: floats. */
  dtypes?: DType[][];
  /** The float type of its inputs within autocast. Default: the widest of theirs. */
  autocast?: Autocast;
  /** Dtype of the output. Default: that of the inputs, but for the first of `where`; float32 where those are numbers. */
  out?: DType;
}

/**
 * Defines an elementwise op. Returns the function that applies it to operands (at least one of them a tensor) and scalars, in
 * the name of another one where that is given.
 */
export function elementwise(row: ElementwiseRow): (operands: Operand[], scalars?: number[], as?: string) => Tensor {
  const op: Op<ElementwiseAttrs> = define({
    name: row.name,
    outputs: (inputs, attrs) => [outputOf(row, attrs.as ?? row.name, inputs, operandsOf(inputs, attrs))],
    strided: (inputs) => inputs.map(() => true),
    autocast: row.autocast ?? 'widest',
    cpu: (inputs, [out], attrs) => compute(functionOf(row, inputs), inputs, out, attrs),
    winners: row.branch && ((inputs, [{ shape }], attrs) => branches(row.branch!, inputs, shape, attrs)),
    expression: (inputs, [out], attrs) => expression(row, inputs, out, attrs),
    flops: perOutput(1),
    plan: (inputs, [out], attrs) => planElementwise(expression(row, inputs, out, attrs), inputs, out),
    vjp: row.vjp.some((d) => d) ? ([g], call) => derivatives(row, g!, call) : null,
  });
  return (operands, scalars = [], as) => {
    const tensors = tensorsOf(as ?? row.name, operands);
    if (as) checkInputs(as, tensors);
    const odd = scalars.find((v) => typeof v !== 'number');
    if (odd !== undefined) throw new ShapeError(`${as ?? row.name}: expected numbers as options, got ${typeof odd}`);
    const marks = operands.map((v) => (v instanceof Tensor ? null : v));
    return apply(op, tensors, { as, operands: marks, scalars })[0];
  };
}

/** The tensors among operands. Throws where there are none, and for what is neither tensor nor number. */
export function tensorsOf(name: string, operands: Operand[]): Tensor[] {
  const tensors = operands.filter((v): v is Tensor => v instanceof Tensor);
  for (const v of operands) {
    if (!(v instanceof Tensor) && typeof v !== 'number') {
      throw new ShapeError(`${name}: expected tensors or numbers, got ${v === null ? 'null' : typeof v}`);
    }
  }
  if (tensors.length === 0) throw new ShapeError(`${name}: expected at least one tensor, got numbers only`);
  return tensors;
}

/** Checks what an op will check, but for dtypes, of operands that are cast before. */
export function checkOperands(name: string, operands: Operand[]): void {
  const tensors = tensorsOf(name, operands);
  checkInputs(name, tensors);
  broadcastShapes(name, ...tensors.map(({ shape }) => shape));
}

/** The numbers that may stand beside a dtype. */
export const FITS: Record<DType, { words: string; test: (v: number) => boolean }> = {
  float32: { words: 'a number', test: () => true },
  float16: { words: 'a number', test: () => true },
  int32: { words: 'a whole number of 32 bits', test: (v) => v === (v | 0) },
  bool: { words: '0 or 1', test: (v) => v === 0 || v === 1 },
};

function outputOf(row: ElementwiseRow, name: string, inputs: Spec[], operands: (number | null)[]): Spec {
  let next = 0;
  let common: DType | undefined;
  operands.forEach((value, i) => {
    if (value !== null) return;
    const { dtype } = inputs[next++];
    const allowed = row.dtypes?.[i] ?? FLOATS;
    if (!allowed.includes(dtype)) {
      throw new ShapeError(`${name}: expected ${NAMES[i]} of dtype ${allowed.join(' or ')}, got ${dtype}`);
    }
    if (allowed.length === 1 && allowed[0] === 'bool') return;
    common ??= dtype;
    if (dtype !== common) throw new ShapeError(`${name}: dtypes differ, ${common} and ${dtype}`);
  });
  const misfit = operands.find((v) => v !== null && !FITS[common ?? 'float32'].test(v));
  if (misfit !== undefined) {
    throw new ShapeError(`${name}: expected ${FITS[common!].words} beside ${common}, got ${misfit}`);
  }
  return {
    shape: broadcastShapes(name, ...inputs.map((x) => x.shape)),
    dtype: row.out ?? common ?? 'float32',
  };
}

/** The reference for these inputs; the CPU backend holds int32, and nothing else, in such arrays. */
const functionOf = ({ cpu, int32 }: ElementwiseRow, inputs: CpuArray[]) =>
  (inputs.some(({ data }) => data instanceof Int32Array) && int32?.cpu) || cpu;

function compute(f: ElementwiseRow['cpu'], inputs: CpuArray[], out: CpuArray, attrs: ElementwiseAttrs): void {
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
    out.data[i] = Number(f(...args));
  }
}

function branches(f: ElementwiseRow['cpu'], inputs: CpuArray[], shape: Shape, attrs: ElementwiseAttrs): Int32Array {
  const data = new Int32Array(elementCount(shape));
  compute(f, inputs, { data, shape }, attrs);
  return data;
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

function expression(row: ElementwiseRow, inputs: Spec[], out: Spec, attrs: ElementwiseAttrs): Expression {
  const wgsl = (inputs.some((x) => x.dtype === 'int32') && row.int32?.wgsl) || row.wgsl;
  // Numbers have the inputs' type, which the output has too unless the row names another.
  const { dtype } = row.out ? inputs[0] : out;
  const numberType = WGSL_TYPE[isFloat(dtype) ? 'float32' : dtype];
  const { scalars = [] } = attrs;
  return { wgsl, operands: operandsOf(inputs, attrs), scalars, numberType };
}

/** A row of one operand, as a function. Inputs are floats unless the row says otherwise. */
export function unary(row: ElementwiseRow): (x: Tensor) => Tensor {
  const call = elementwise(row);
  return (x) => call([x]);
}

/** A row of two operands, as a function. They are floats or int32 unless the row says otherwise. */
export function binary(row: ElementwiseRow): (x: Operand, y: Operand) => Tensor {
  const call = elementwise({ dtypes: [NUMBERS, NUMBERS], ...row });
  return (x, y) => call([x, y]);
}

/** The derivative of what is constant between its jumps: zeros. */
export const flat = ({ g }: Derivative): Tensor => expand(zeros([], { dtype: g.dtype, device: g.device }), g.shape);
