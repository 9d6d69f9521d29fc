// The family of updates in place: rows that change flat arenas of equal length, element by element, in one dispatch.
import { define, type Op } from '../autograd/op.ts';
import type { Param, Plan, Shader, Slot, Spec } from '../tensor/backend.ts';
import type { HostArray } from '../tensor/dtype.ts';
import { ShapeError } from '../tensor/errors.ts';
import { format } from '../tensor/shape.ts';
import { perOutput } from './flops.ts';
import { ceilDiv, constants, grid } from './launch.ts';

/** A row of the family. Its arenas go by the same names in `cpu` and in the shader. */
export interface FlatRow<A> {
  name: string;
  shader: { file: string; source: string };
  /** Arenas that are updated in place, and arenas that are only read. A call takes them in this order. */
  updates: string[];
  reads: string[];
  /**
   * Arenas that only some variants of the shader update, behind the others, each with the `const` that tells whether
   * this row does. A shader with such arenas leaves its bindings to the preamble.
   */
  optional?: Record<string, { flag: string; on: boolean }>;
  /** Whether a call may take one number more, float32 []: where it is not 0, nothing is updated. */
  skips?: boolean;
  /** What the shader's uniform block holds behind the number of elements. */
  params: (attrs: A) => Param[];
  /** Floating-point operations for each element, by the formula. Default: it only moves them. */
  flops?: number;
  /** The float64 reference, on arenas by name. */
  cpu: (arenas: Record<string, HostArray>, attrs: A) => void;
}

/** A row that updates arenas in place. `apply` takes those that it updates, then those that it reads. */
export function flatRow<A>(row: FlatRow<A>): Op<A> {
  const { name, reads, optional = {}, skips = false } = row;
  const updates = [...row.updates, ...Object.keys(optional).filter((arena) => optional[arena].on)];
  const own = reads.length + updates.length;
  const shader = { ...row.shader, preamble: row.optional && declarations(reads, updates, optional) };
  const skipping = skips ? unless(shader, own + 1) : shader;
  return define<Op<A>>({
    name,
    mutates: updates.length,
    outputs: (inputs) => {
      if (skips) checkNumbers(name, inputs.slice(own));
      return checkFlat(name, skips ? inputs.slice(0, own) : inputs);
    },
    cpu: (inputs, outputs, attrs) => {
      const given = inputs.slice(0, reads.length);
      if (inputs.slice(given.length).some(({ data }) => data[0] !== 0)) return;
      const arenas = [...given, ...outputs].map(({ data }, i) => [[...reads, ...updates][i], data] as const);
      row.cpu(Object.fromEntries(arenas), attrs);
    },
    flops: row.flops === undefined ? undefined : perOutput(row.flops),
    plan: (inputs, [x], attrs) => {
      const plan = flatPlan(inputs.length > reads.length ? skipping : shader, x.shape[0], row.params(attrs));
      const slots = inputs.map((_, index): Slot => ({ of: 'input', index }));
      const bound = { reads: slots.slice(0, reads.length), more: { reads: slots.slice(reads.length), writes: [] } };
      return { dispatches: plan.dispatches.map((dispatch) => ({ ...dispatch, ...bound })) };
    },
    vjp: null,
  });
}

/** What every shader of the family begins with: threads beyond the end do nothing. */
const GUARD = 'if (i * 4u >= params.n) {';

/** A shader that does nothing where a number, at this binding, is not 0. */
function unless({ file, source, preamble = '' }: Shader, binding: number): Shader {
  const [before, after, ...others] = source.split(GUARD);
  if (after === undefined || others.length > 0) throw new Error(`${file}: expected once: ${GUARD}`);
  // By its bits, since compilers may take no number for NaN.
  const guard = GUARD.replace(') {', ' || (bitcast<u32>(skip[0]) & 0x7fffffffu) != 0u) {');
  return {
    file,
    source: before + guard + after,
    preamble: `${preamble}@group(0) @binding(${binding}) var<storage, read> skip: array<f32>;\n`,
  };
}

/** Bindings of all arenas that there are. The shader names the others too, in code that their flag turns off. */
function declarations(reads: string[], updates: string[], optional: NonNullable<FlatRow<unknown>['optional']>): string {
  const entries = Object.entries(optional);
  const lines = [...reads, ...updates].map((arena, i) => {
    const access = i < reads.length ? 'read' : 'read_write';
    return `@group(0) @binding(${i}) var<storage, ${access}> ${arena}: array<vec4<f32>>;\n`;
  });
  const missing = entries.filter(([, { on }]) => !on).map(([arena]) => `var<private> ${arena}: array<vec4<f32>, 1>;\n`);
  return [
    constants(Object.fromEntries(entries.map(([, { flag, on }]) => [flag, on]))),
    ...lines,
    ...missing,
    `@group(0) @binding(${lines.length}) var<uniform> params: Params;\n`,
  ].join('');
}

/** Throws where something is not one number, float32 []. */
export function checkNumbers(op: string, inputs: Spec[]): void {
  const other = inputs.find(({ shape, dtype }) => shape.length !== 0 || dtype !== 'float32');
  if (other) throw new ShapeError(`${op}: expected a number, float32 [], got ${other.dtype} ${format(other.shape)}`);
}

/** All inputs of an update are flat and of one length. It adds no outputs. */
export function checkFlat(op: string, inputs: Spec[]): Spec[] {
  for (const { shape, dtype } of inputs) {
    if (dtype !== 'float32') throw new ShapeError(`${op}: expected dtype float32, got ${dtype}`);
    if (shape.length !== 1 || shape[0] !== inputs[0].shape[0]) {
      throw new ShapeError(
        `${op}: expected flat tensors of one length, got ${inputs.map((x) => format(x.shape)).join(', ')}`,
      );
    }
  }
  return [];
}

/** One thread per quad of n elements. */
export const flatPlan = (shader: FlatRow<unknown>['shader'], n: number, params: Param[]): Plan => ({
  dispatches: n === 0 ? [] : [{ shader, params: [n, ...params], workgroups: grid(ceilDiv(ceilDiv(n, 4), 64)) }],
});

export const floats = (...values: number[]): Param[] => values.map((f32) => ({ f32 }));
