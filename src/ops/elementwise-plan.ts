// How an elementwise expression becomes a kernel: bindings, and how four neighbouring elements are read at once.
import source from '../../shaders/elementwise.wgsl';
import type { Expression, Param, Plan, TypedLayout } from '../tensor/backend.ts';
import { WGSL_TYPE } from '../tensor/dtype.ts';
import { collapse, elementCount, expandLayout, isContiguous, type Layout } from '../tensor/shape.ts';
import { ceilDiv, constants, enabling, grid } from './launch.ts';
import { shaderMath } from './shader-math.ts';

/** Names of the inputs and of the scalars in expressions. */
export const NAMES = ['x', 'y', 'z'] as const;
export const SCALARS = ['a', 'b', 'c'] as const;
/** The WGSL type in which expressions take what is stored as another: halves are only stored. */
export const computed = (type: string) => type.replace('f16', 'f32');

const LANES = ['x', 'y', 'z', 'w'] as const;

/**
 * How the four elements of a quad lie in an input: `whole`, as an aligned vec4 in memory; `same`, one element for all
 * four; `apart`, anywhere.
 */
export type Reading = 'whole' | 'same' | 'apart';

/** An input's strides over the collapsed dims, and how its quads are read. */
interface Walk {
  type: string;
  offset: number;
  strides: number[];
  reading: Reading;
}

/** One dispatch for out = expression of the inputs, broadcast. */
export function planElementwise(expression: Expression, inputs: TypedLayout[], out: TypedLayout): Plan {
  const n = elementCount(out.shape);
  if (n === 0) return { dispatches: [] };
  const flat = inputs.every((x) => isWhole(x, n) || elementCount(x.shape) === 1);
  const collapsed = collapse(out.shape, ...inputs.map((x) => expandLayout(x, out.shape).strides));
  const sizes = flat ? [n] : collapsed.sizes;
  const quads = sizes.at(-1)! % 4 === 0;
  const walks = inputs.map((x, k): Walk => {
    const strides = collapsed.strides[k];
    const reading = flat ? (isWhole(x, n) ? 'whole' : 'same') : quads ? readingOf(x, strides) : 'apart';
    return { type: WGSL_TYPE[x.dtype], offset: x.offset, strides, reading };
  });
  const { operands, scalars, numberType } = expression;
  // Numbers among the operands take the uniforms behind the scalars; beside int32 and bool they go as their bits.
  const asBits = (v: number): Param => (numberType === 'f32' ? { f32: v } : { i32: v });
  const numbers = operands.filter((v) => v !== null).map(asBits);
  const [a = 0, b = 0, c = 0] = [...scalars.map((f32): Param => ({ f32 })), ...numbers];
  const offsets = [0, 1, 2].map((k) => walks[k]?.offset ?? 0);
  const dims = sizes.flatMap((size, d) => [size, ...[0, 1, 2].map((k) => (flat ? 0 : (walks[k]?.strides[d] ?? 0)))]);
  const places = flat ? FLAT : quads ? QUADS : STRIDED;
  const preamble = program(expression, walks, WGSL_TYPE[out.dtype], places) + constants({ RANK: sizes.length });
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

const isWhole = (x: Layout, n: number) => isContiguous(x) && x.offset === 0 && elementCount(x.shape) === n;

/** Where a quad never goes on in another row: the innermost dim is a multiple of 4, or the only one. */
export function readingOf({ offset }: Layout, strides: number[]): Reading {
  if (strides.at(-1) === 0) return 'same';
  const aligned = offset % 4 === 0 && strides.slice(0, -1).every((stride) => stride % 4 === 0);
  return strides.at(-1) === 1 && aligned ? 'whole' : 'apart';
}

/** Lines that find the places of a quad's elements in input k, and the place of each lane. */
interface Places {
  lines: string;
  whole: (k: number) => string;
  lane: (k: number, lane: number) => string;
}

/** All inputs are contiguous or single: no coordinates are needed. */
const FLAT: Places = { lines: '', whole: () => 'quad', lane: (k) => `params.offsets[${k}]` };

/** The four elements differ in their innermost coordinate only. */
const QUADS: Places = {
  lines: '  let at = offsetsOf(quad * 4u);\n  let step = params.dims[RANK - 1u].yzw;\n',
  whole: (k) => `at[${k}] / 4u`,
  lane: (k, lane) => (lane === 0 ? `at[${k}]` : `at[${k}] + ${lane}u * step[${k}]`),
};

/** Each element has coordinates of its own. */
const STRIDED: Places = {
  lines: LANES.map((_, lane) => `  let at${lane} = offsetsOf(quad * 4u + ${lane}u);\n`).join(''),
  whole: () => '',
  lane: (k, lane) => `at${lane}[${k}]`,
};

/** Bindings, the function f of one element, and `compute`, which writes a quad of results. */
function program(
  { wgsl, operands, scalars, numberType }: Expression,
  walks: Walk[],
  out: string,
  places: Places,
): string {
  const bindings = walks.map(({ type, reading }, k) => {
    const element = reading === 'whole' ? `vec4<${type}>` : type;
    return `@group(0) @binding(${k}) var<storage, read> in${k}: array<${element}>;\n`;
  });
  const reads = walks.map(({ type, reading }, k) => {
    const lane = (i: number) => `in${k}[${places.lane(k, i)}]`;
    if (reading === 'whole') return `  let v${k} = in${k}[${places.whole(k)}];\n`;
    const values = reading === 'same' ? lane(0) : [0, 1, 2, 3].map(lane).join(', ');
    return `  let v${k} = vec4<${type}>(${values});\n`;
  });
  let input = 0;
  let uniform = scalars.length;
  const args = operands.map((v) => {
    if (v === null) return { type: computed(walks[input].type), value: `v${input++}.` };
    return { type: numberType, value: `bitcast<${numberType}>(params.${SCALARS[uniform++]})` };
  });
  const at =
    (lane: string) =>
    ({ type, value }: (typeof args)[number]) =>
      value.endsWith('.') ? `${type}(${value}${lane})` : value;
  const f = (lane: string) => `f(${args.map(at(lane)).join(', ')})`;
  return `${enabling([out, ...walks.map(({ type }) => type)])}alias OUT = ${out};
${bindings.join('')}\
@group(0) @binding(${walks.length}) var<storage, read_write> out: array<vec4<OUT>>;
@group(0) @binding(${walks.length + 1}) var<uniform> params: Params;
${shaderMath(wgsl)}\
fn f(${args.map(({ type }, i) => `${NAMES[i]}: ${type}`).join(', ')}) -> OUT {
${scalars.map((_, i) => `  let ${SCALARS[i]} = params.${SCALARS[i]};\n`).join('')}\
  return OUT(${wgsl});
}
fn compute(quad: u32) {
${places.lines}${reads.join('')}\
  out[quad] = vec4<OUT>(${LANES.map(f).join(', ')});
}
`;
}
