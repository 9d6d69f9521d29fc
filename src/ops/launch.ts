// What plans share: workgroup counts that no adapter refuses, and lines that go in front of shaders.
import type { Dispatch, GpuTraits, Plan, Slot, TypedLayout } from '../tensor/backend.ts';

/** WebGPU's default limit on workgroups in one dimension. */
export const MAX_WORKGROUPS = 65535;

export const ceilDiv = (a: number, b: number) => Math.ceil(a / b);

/** A grid of at least n workgroups in x and y; shaders take workgroup y * (count in x) + x and skip what is past the end. */
export function grid(n: number, z = 1): [number, number, number] {
  const x = Math.min(Math.max(n, 1), MAX_WORKGROUPS);
  return [x, ceilDiv(Math.max(n, 1), x), z];
}

/**
 * Threads of a workgroup that reduces together or shares loads. GPUs want many; a software adapter, which runs a
 * workgroup on one core and pays for every barrier, wants about as many as it has SIMD lanes.
 */
export const threads = (gpu: GpuTraits) => (gpu.software ? 8 : 64);

/** `const NAME = value;` lines: the tunables of a shader. Whole numbers become u32. */
export function constants(values: Record<string, number | boolean>): string {
  return Object.entries(values)
    .map(([name, value]) => `const ${name} = ${typeof value === 'boolean' ? value : `${value}u`};\n`)
    .join('');
}

/** The line that a shader with halves in memory begins with, from the WGSL types of what it binds. */
export const enabling = (types: string[]) => (types.includes('f16') ? 'enable f16;\n' : '');

/**
 * Lines that declare the float32 output at `binding`, the number of reads, and `fn put(i: u32, value: f32)`, to which a
 * shader hands each result, i its row-major index. A dispatch with `put: binding` lets a compiled program replace them by
 * lines that go on computing with the value.
 */
export const putting = (binding: number) => `@group(0) @binding(${binding}) var<storage, read_write> out: array<f32>;
fn put(i: u32, value: f32) {
  out[i] = value;
}
`;

/**
 * Lines that declare the input at `binding` and `fn take(i: u32)`, by which a shader reads it, i an index into its memory; with
 * `quads` also `fn takeFour(i: u32)`, for four neighbours at once, i a multiple of 4. A dispatch with `take` lets a
 * compiled program replace them by lines that compute the elements.
 */
export const taking = (binding: number, type: string, quads = false) =>
  quads
    ? `@group(0) @binding(${binding}) var<storage, read> x: array<vec4<${type}>>;
fn take(i: u32) -> ${type} {
  return x[i / 4u][i % 4u];
}
fn takeFour(i: u32) -> vec4<${type}> {
  return x[i / 4u];
}
`
    : `@group(0) @binding(${binding}) var<storage, read> x: array<${type}>;
fn take(i: u32) -> ${type} {
  return x[i];
}
`;

/** A dispatch whose shader hands its results to `put`; its output 0 has this binding. */
export const withPut = (put: number, dispatch: Dispatch): Dispatch => ({
  ...dispatch,
  shader: { ...dispatch.shader, preamble: (dispatch.shader.preamble ?? '') + putting(put) },
  put,
});

/** A plan made for float32, of a call in which some inputs or outputs hold halves: they are only stored so, sums are in float32. */
export function inHalves({ temps, dispatches }: Plan, inputs: TypedLayout[], outputs: TypedLayout[]): Plan {
  const all = { input: inputs, output: outputs };
  const whole = (of: 'input' | 'output') => all[of].map((_, index): Slot => ({ of, index }));
  const isHalf = ({ of, index }: Slot) => of !== 'temp' && all[of][index].dtype === 'float16';
  return {
    temps,
    dispatches: dispatches.map((dispatch) => {
      const { shader, reads = whole('input'), writes = whole('output') } = dispatch;
      const halves = [...reads, ...writes].flatMap((slot, binding) => (isHalf(slot) ? [binding] : []));
      return halves.length === 0 ? dispatch : { ...dispatch, shader: { ...shader, halves } };
    }),
  };
}

/**
 * Lines that declare `fn fail(call: u32, value: i32)`, for a dispatch with `fault`. Its `call` is the field 'fault' of the
 * params, its `value` what the words are made of. `binding` is the number of reads and writes.
 */
export const failing = (binding: number) => `struct Fault { call: atomic<u32>, value: i32 }
@group(0) @binding(${binding}) var<storage, read_write> fault: Fault;
fn fail(call: u32, value: i32) {
  for (;;) {
    let before = atomicCompareExchangeWeak(&fault.call, 0u, call);
    if (before.exchanged) { fault.value = value; }
    if (before.exchanged || before.old_value != 0u) { return; }
  }
}
`;
