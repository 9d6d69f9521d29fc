// Elementwise ops joined, for compiled programs: as one kernel of their own, or behind the `put` or within the `take` of another.
import source from '../../shaders/elementwise.wgsl';
import type { Dispatch, Expression, Plan, Shader, Slot, TypedLayout } from '../tensor/backend.ts';
import { type DType, WGSL_TYPE } from '../tensor/dtype.ts';
import { collapse, elementCount, expandLayout, type Shape } from '../tensor/shape.ts';
import { computed, NAMES, type Reading, readingOf, SCALARS } from './elementwise-plan.ts';
import { ceilDiv, constants, enabling, grid, putting, taking } from './launch.ts';
import { shaderMath } from './shader-math.ts';

/** Where an operand of a member comes from. */
export type Operand =
  /** An input of the fused kernel, broadcast. */
  | { input: number }
  /** The result of a member before it. */
  | { member: number }
  /** What the kernel in front hands to `put`. */
  | { put: true };

/** One elementwise op among those that are joined. All have as many elements, which lie row-major. */
export interface Member {
  expression: Expression;
  /** An operand for each null of expression.operands. */
  operands: Operand[];
  dtype: DType;
}

/** Elementwise ops to be computed for each of n elements, in order. */
export interface Chain {
  n: number;
  /** For each input the shape, of n elements, that it is broadcast to. */
  shapes: Shape[];
  members: Member[];
  /** What the kernel in front computes, where there is one. */
  put?: DType;
  /** What is written, in the order of the outputs: a member, or 'put', what the kernel in front computes. */
  stored: (number | 'put')[];
}

/** Numbers are constants in compiled programs. WGSL has none that are not finite. */
export const isWritable = ({ operands, scalars }: Expression): boolean =>
  [...operands, ...scalars].every((v) => v === null || Number.isFinite(Math.fround(v)));

/** A number as WGSL. */
const literal = (value: number, type: string) =>
  type === 'f32' ? `f32(${Math.fround(value)})` : type === 'u32' ? `${value}u` : `i32(${value})`;

/** The functions of the members, `fused0` and so on with another prefix. */
function functions({ members }: Chain, typeOf: (operand: Operand) => string, prefix = 'fused'): string {
  return members
    .map(({ expression: { wgsl, operands, scalars, numberType }, operands: from, dtype }, m) => {
      let next = 0;
      const names = operands.flatMap((v, i) => (v === null ? [`${NAMES[i]}: ${computed(typeOf(from[next++]))}`] : []));
      const numbers = operands.flatMap((v, i) =>
        v === null ? [] : [`  let ${NAMES[i]} = ${literal(v, numberType)};\n`],
      );
      const lets = scalars.map((v, i) => `  let ${SCALARS[i]} = ${literal(v, 'f32')};\n`);
      const type = WGSL_TYPE[dtype];
      return `fn ${prefix}${m}(${names.join(', ')}) -> ${type} {\n${[...numbers, ...lets].join('')}  return ${type}(${wgsl.replace(/\bOUT\b/g, type)});\n}\n`;
    })
    .join('');
}

/** Lines that compute all members at one place. */
function lines(
  { members }: Chain,
  typeOf: (operand: Operand) => string,
  read: (input: number) => string,
  prefix = 'fused',
): string {
  const value = (operand: Operand) => {
    const type = typeOf(operand);
    const text = 'input' in operand ? read(operand.input) : 'member' in operand ? `v${operand.member}` : handed(type);
    return type === 'f16' ? `f32(${text})` : text;
  };
  return members.map(({ operands }, m) => `  let v${m} = ${prefix}${m}(${operands.map(value).join(', ')});\n`).join('');
}

/** What `put` is handed, as it would be read back from memory of a type. */
const handed = (type: string) => (type === 'f16' ? 'f16(value)' : 'value');

const typePut = ({ put = 'float32' }: Chain): string => WGSL_TYPE[put];

/** Which type each operand is stored as. */
const types =
  (chain: Chain, inputs: TypedLayout[]) =>
  (operand: Operand): string =>
    'input' in operand
      ? WGSL_TYPE[inputs[operand.input].dtype]
      : 'member' in operand
        ? WGSL_TYPE[chain.members[operand.member].dtype]
        : typePut(chain);

const storedType = (chain: Chain, stored: number | 'put') =>
  stored === 'put' ? typePut(chain) : WGSL_TYPE[chain.members[stored].dtype];

/** The place in an input of the element whose row-major index in `shape` is `i`, as WGSL. Shapes are constants here. */
function placeOf(input: TypedLayout, shape: Shape, i: string): string {
  const {
    sizes,
    strides: [steps],
  } = collapse(shape, expandLayout(input, shape).strides);
  const terms = input.offset === 0 ? [] : [`${input.offset}u`];
  let inner = elementCount(shape);
  sizes.forEach((size, d) => {
    inner /= size;
    if (steps[d] === 0) return;
    const whole = inner === 1 ? i : `(${i}) / ${inner}u`;
    const coordinate = d === 0 ? whole : `(${whole}) % ${size}u`;
    terms.push(steps[d] === 1 ? coordinate : `(${coordinate}) * ${steps[d]}u`);
  });
  return terms.length > 0 ? terms.join(' + ') : '0u';
}

/** How the four elements of a quad lie in an input that is walked by itself. */
function quadsOf(input: TypedLayout, shape: Shape): Reading {
  const {
    sizes,
    strides: [steps],
  } = collapse(shape, expandLayout(input, shape).strides);
  if (sizes.length === 0) return 'same';
  return sizes.length > 1 && sizes.at(-1)! % 4 !== 0 ? 'apart' : readingOf(input, steps);
}

const LANES = [0, 1, 2, 3];

/** One dispatch that computes a chain by itself, by quads as elementwise ops do. */
export function planChain(chain: Chain, inputs: TypedLayout[]): Plan {
  const { n, shapes, members, stored } = chain;
  const typeOf = types(chain, inputs);
  const readings = inputs.map((input, k) => quadsOf(input, shapes[k]));
  const declared = inputs.map(({ dtype }, k) => {
    const type = readings[k] === 'whole' ? `vec4<${WGSL_TYPE[dtype]}>` : WGSL_TYPE[dtype];
    return `@group(0) @binding(${k}) var<storage, read> in${k}: array<${type}>;\n`;
  });
  const outs = stored.map((s, k) => {
    const type = `array<vec4<${storedType(chain, s)}>>`;
    return `@group(0) @binding(${inputs.length + k}) var<storage, read_write> out${k}: ${type};\n`;
  });
  const reads = inputs.map((input, k) => {
    const at = (lane: number) => `in${k}[${placeOf(input, shapes[k], lane === 0 ? 'i' : `i + ${lane}u`)}]`;
    const type = `vec4<${WGSL_TYPE[input.dtype]}>`;
    if (readings[k] === 'whole') return `  let x${k} = in${k}[(${placeOf(input, shapes[k], 'i')}) / 4u];\n`;
    return `  let x${k} = ${type}(${(readings[k] === 'same' ? [0] : LANES).map(at).join(', ')});\n`;
  });
  const results = stored.map((s, k) => `  r${k}: ${storedType(chain, s)},\n`).join('');
  const parameters = inputs.map(({ dtype }, k) => `x${k}: ${WGSL_TYPE[dtype]}`).join(', ');
  const lane = (l: number) => `  let r${l} = lane(${inputs.map((_, k) => `x${k}[${l}]`).join(', ')});\n`;
  const writes = stored.map((s, k) => {
    return `  out${k}[quad] = vec4<${storedType(chain, s)}>(${LANES.map((l) => `r${l}.r${k}`).join(', ')});\n`;
  });
  const wgsl = members.map(({ expression }) => expression.wgsl).join(' ');
  const preamble = `${enabling([...inputs.map(({ dtype }) => WGSL_TYPE[dtype]), ...members.map(({ dtype }) => WGSL_TYPE[dtype])])}\
${declared.join('')}${outs.join('')}\
@group(0) @binding(${inputs.length + stored.length}) var<uniform> params: Params;
${shaderMath(wgsl, source)}${functions(chain, typeOf)}\
struct Results {
${results}}
fn lane(${parameters}) -> Results {
${lines(chain, typeOf, (k) => `x${k}`)}  return Results(${stored.map((s) => `v${s}`).join(', ')});
}
fn compute(quad: u32) {
  let i = quad * 4u;
${reads.join('')}${LANES.map(lane).join('')}${writes.join('')}}
`;
  return {
    dispatches: [
      {
        shader: { file: 'elementwise.wgsl', source, preamble: preamble + constants({ RANK: 1 }) },
        params: [n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        workgroups: grid(ceilDiv(ceilDiv(n, 4), 64)),
      },
    ],
  };
}

/** A dispatch that compiled programs change, with all that it binds told. */
export type Told = Dispatch & { reads: Slot[]; writes: Slot[] };

/** The number of the first binding behind those of a dispatch so far. */
const nextBinding = ({ reads, writes, fault, more = { reads: [], writes: [] } }: Told) =>
  reads.length + writes.length + (fault ? 1 : 0) + 1 + more.reads.length + more.writes.length;

/** The shader with other lines in the place of those of its preamble that declare a binding, and the functions that these call. */
function replaced(told: Told, binding: number, lines: string, by: string, chain: Chain, dtypes: DType[]): Shader {
  const { file, preamble = '', source, halves } = told.shader;
  const [before, after, ...others] = preamble.split(lines);
  if (after === undefined || others.length > 0) throw new Error(`${file}: expected once in its preamble:\n${lines}`);
  const wgsl = chain.members.map(({ expression }) => expression.wgsl).join(' ');
  const half = before.startsWith('enable f16;') ? '' : enabling(dtypes.map((dtype) => WGSL_TYPE[dtype]));
  return {
    ...told.shader,
    preamble: half + before + shaderMath(wgsl, preamble + source) + by + after,
    halves: halves?.filter((k) => k !== binding),
  };
}

/** Lines that compute a chain at `i` from inputs whose arrays have these names. */
const at = (chain: Chain, inputs: TypedLayout[], name: string, prefix: string) =>
  lines(chain, types(chain, inputs), (k) => `${name}${k}[${placeOf(inputs[k], chain.shapes[k], 'i')}]`, prefix);

/** A dispatch whose `put` goes on with a chain of these inputs, bound as `reads`; what is stored goes to `writes`. */
export function putThrough(told: Told, chain: Chain, inputs: TypedLayout[], reads: Slot[], writes: Slot[]): Told {
  const put = told.put!;
  const first = nextBinding(told);
  const declared = inputs.map(({ dtype }, k) => {
    return `@group(0) @binding(${first + k}) var<storage, read> fusedIn${k}: array<${WGSL_TYPE[dtype]}>;\n`;
  });
  // The first takes the place of the output.
  const outs = chain.stored.map((s, k) => {
    const binding = k === 0 ? put : first + inputs.length + k - 1;
    return `@group(0) @binding(${binding}) var<storage, read_write> fusedOut${k}: array<${storedType(chain, s)}>;\n`;
  });
  const stores = chain.stored.map((s, k) => `  fusedOut${k}[i] = ${s === 'put' ? handed(typePut(chain)) : `v${s}`};\n`);
  const text = `${declared.join('')}${outs.join('')}${functions(chain, types(chain, inputs))}\
fn put(i: u32, value: f32) {
${at(chain, inputs, 'fusedIn', 'fused')}${stores.join('')}}
`;
  const dtypes = [...[...inputs, ...chain.members].map(({ dtype }) => dtype), chain.put ?? 'float32'];
  return {
    ...told,
    shader: replaced(told, put, putting(put), text, chain, dtypes),
    writes: told.writes.map((slot, w) => (w === put - told.reads.length ? writes[0] : slot)),
    more: { reads: [...(told.more?.reads ?? []), ...reads], writes: writes.slice(1) },
  };
}

/** Quads of what a chain computes: it reads its inputs at any place, one by one. */
const ONE_BY_ONE = `fn takeFour(i: u32) -> vec4<IN> {
  return vec4<IN>(take(i), take(i + 1u), take(i + 2u), take(i + 3u));
}
`;

/** A dispatch whose `take` computes the element by a chain of these inputs, bound as `reads`: the result of its last member. */
export function takeThrough(told: Told, chain: Chain, inputs: TypedLayout[], reads: Slot[]): Told {
  const { binding: take, quads } = told.take!;
  const first = nextBinding(told);
  // The first takes the place of the input.
  const declared = inputs.map(({ dtype }, k) => {
    const binding = k === 0 ? take : first + k - 1;
    return `@group(0) @binding(${binding}) var<storage, read> takenIn${k}: array<${WGSL_TYPE[dtype]}>;\n`;
  });
  const text = `${declared.join('')}${functions(chain, types(chain, inputs), 'taken')}\
fn take(i: u32) -> IN {
${at(chain, inputs, 'takenIn', 'taken')}  return v${chain.members.length - 1};
}
${quads ? ONE_BY_ONE : ''}`;
  const dtypes = [...inputs, ...chain.members].map(({ dtype }) => dtype);
  return {
    ...told,
    shader: replaced(told, take, taking(take, 'IN', quads), text, chain, dtypes),
    reads: told.reads.map((slot, r) => (r === take ? reads[0] : slot)),
    more: { reads: reads.slice(1), writes: [] },
  };
}
