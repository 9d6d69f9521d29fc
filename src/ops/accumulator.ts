// Accumulators in WGSL: what reductions and scans keep of the elements they have seen, and how two of them join.

import { type DType, isFloat } from '../tensor/dtype.ts';
import { putting, taking } from './launch.ts';

/**
 * A monoid as WGSL expressions. VALUE is the type in which elements are computed, f32 for floats and i32 for the others;
 * there are `lowest()`, `highest()` and `isNan(v)` of it, and `isFinite(v)` of f32. ACC is the type of an accumulator.
 */
export interface Accumulator {
  /** The type of ACC, or the fields of a struct, one word each. Default: VALUE. */
  acc?: string | string[];
  /** An ACC of one element, from `value` and what else the family offers. Default: the value itself. */
  load?: string;
  /** The ACC of no elements. */
  identity: string;
  /** The ACC of all elements of the ACCs a and b. */
  combine: string;
  /** What is written to each output, from the ACC a. Default: a itself, to one output. */
  finish?: string[];
  /** Functions that the expressions call. */
  lines?: string;
}

/** The type in which elements of a dtype are computed. */
const valueType = (dtype: DType) => (isFloat(dtype) ? 'f32' : 'i32');

/** Words of memory that an ACC takes. */
export const wordsOf = ({ acc }: Accumulator) => (Array.isArray(acc) ? acc.length : 1);

/** NaN is told by its bits, since compilers take v != v for false; infinity has no literal in WGSL. */
const VALUE_LINES = {
  f32: `alias VALUE = f32;
var<private> highestBits: u32 = 0x7f800000u;
fn highest() -> f32 { return bitcast<f32>(highestBits); }
fn lowest() -> f32 { return -bitcast<f32>(highestBits); }
fn isNan(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }
fn isFinite(v: f32) -> bool { return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u; }
`,
  i32: `alias VALUE = i32;
fn highest() -> i32 { return 2147483647; }
fn lowest() -> i32 { return -2147483648; }
fn isNan(v: i32) -> bool { return false; }
`,
};

/** Lines that declare VALUE, ACC, `identity()` and `combine(a, b)`. */
export function accumulatorLines({ acc, identity, combine, lines = '' }: Accumulator, dtype: DType): string {
  const type = Array.isArray(acc) ? `struct ACC { ${acc.join(', ')} }` : `alias ACC = ${acc ?? 'VALUE'};`;
  return `${VALUE_LINES[valueType(dtype)]}${type}
${lines}\
fn identity() -> ACC { return ${identity}; }
fn combine(a: ACC, b: ACC) -> ACC { return ${combine}; }
`;
}

/**
 * Lines that declare the bindings, in their order: inputs ({ take: its type }, where one is read by `take`, and maybe by
 * `takeFour`), outputs (or 'put'), and the uniform `params`.
 */
export function bindings(
  inputs: ([name: string, type: string] | { take: string; quads?: boolean })[],
  outputs: ([name: string, type: string] | 'put')[],
): string {
  const all = [...inputs, ...outputs].map((binding, k) => {
    if (binding === 'put') return putting(k);
    if ('take' in binding) return taking(k, binding.take, binding.quads);
    const [name, type] = binding;
    const access = k < inputs.length ? 'read' : 'read_write';
    return `@group(0) @binding(${k}) var<storage, ${access}> ${name}: array<${type}>;\n`;
  });
  return `${all.join('')}@group(0) @binding(${all.length}) var<uniform> params: Params;\n`;
}
