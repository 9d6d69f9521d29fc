// How rows are sorted: blocks of them within workgroups, then neighbouring runs merged, twice as long each time.
import blocksSource from '../../shaders/sortBlocks.wgsl';
import mergeSource from '../../shaders/sortMerge.wgsl';
import type { Dispatch, GpuTraits, Param, Slot, TypedLayout } from '../tensor/backend.ts';
import type { DType } from '../tensor/dtype.ts';
import { collapse, elementCount } from '../tensor/shape.ts';
import { ceilDiv, constants, grid, threads } from './launch.ts';

const KEYS = {
  // By bits: negative numbers fall as their bits rise, both zeros are one, and all NaNs are the largest.
  float32: `fn keyOf(bits: u32) -> u32 {
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0xffffffffu; }
  return select(0x80000000u + size, 0x80000000u - size, bits != size);
}
`,
  int32: 'fn keyOf(bits: u32) -> u32 { return bits ^ 0x80000000u; }\n',
  bool: 'fn keyOf(bits: u32) -> u32 { return bits; }\n',
};

/** What can be sorted. */
export const SORTABLE = Object.keys(KEYS) as DType[];

/** `out` as pairs (key, place in the row) of rows [rows, n]. */
const PAIRS = `@group(0) @binding(1) var<storage, read_write> out: array<vec2<u32>>;
fn put(row: u32, at: u32, pair: vec2<u32>) { out[row * params.n + at] = pair; }
`;

/** `out` as the places of the first pairs of a row, in a tensor that goes by `inner` in the sorted dim. */
const PLACES = `@group(0) @binding(1) var<storage, read_write> out: array<u32>;
fn put(row: u32, at: u32, pair: vec2<u32>) {
  if (at < params.taken) { out[(row / params.inner * params.taken + at) * params.inner + row % params.inner] = pair.y; }
}
`;

/** Sizes and strides as vec4s of a uniform block, outermost dim first; at least one dim. */
export function walk(sizes: readonly number[], ...strides: (readonly number[])[]): number[][] {
  const collapsed = collapse(sizes, ...strides);
  const dims = collapsed.sizes.map((size, d) => [size, ...[0, 1, 2].map((k) => collapsed.strides[k]?.[d] ?? 0)]);
  return dims.length > 0 ? dims : [[1, 0, 0, 0]];
}

/** The most that a workgroup sorts by itself: 4 KB of its memory, twice. SwiftShader takes seconds to compile that. */
const BLOCK = { hardware: 512, software: 128 };
/** What one thread of a merge takes. */
const ITEMS = 8;

/**
 * Dispatches that sort x along `dim`, stable, for x with elements. Their temps are 0 and 1, and each row of x becomes a row of
 * pairs [rows, n], the rows in the order of the other dims, at `result`; or, with `taken`, the places of its first so many
 * elements, in output 0 in the dims of x.
 */
export function planSort(
  x: TypedLayout,
  input: Slot,
  dim: number,
  { descending, taken }: { descending: boolean; taken: number | null },
  gpu: GpuTraits,
): { temps: number[]; dispatches: Dispatch[]; result: Slot } {
  const others = (list: readonly number[]) => list.filter((_, d) => d !== dim);
  const n = x.shape[dim];
  const total = elementCount(x.shape);
  const rows = total / n;
  const block = Math.min(gpu.software ? BLOCK.software : BLOCK.hardware, 2 ** Math.ceil(Math.log2(n)));
  const blocks = ceilDiv(n, block);
  const passes = Math.ceil(Math.log2(blocks));
  const parts = ceilDiv(n, ITEMS);
  const dims = walk(others(x.shape), others(x.strides));
  const WG = threads(gpu);
  const places = [n, taken ?? n, elementCount(x.shape.slice(dim + 1))];
  const flip: Param = descending ? 0xffffffff : 0;
  // Pass 0 sorts blocks, pass k merges; they write the temps in turn.
  const after = (pass: number): Slot =>
    pass === passes && taken !== null ? { of: 'output', index: 0 } : { of: 'temp', index: pass % 2 };
  const put = (pass: number) => (after(pass).of === 'output' ? PLACES : PAIRS);
  const first: Dispatch = {
    shader: {
      file: 'sortBlocks.wgsl',
      source: blocksSource,
      preamble: constants({ WG, BLOCK: block, RANK: dims.length }) + KEYS[x.dtype as keyof typeof KEYS] + put(0),
    },
    reads: [input],
    writes: [after(0)],
    params: [rows, ...places, blocks, x.offset, x.strides[dim], flip, ...dims.flat()],
    workgroups: grid(rows * blocks),
  };
  const merges = Array.from(
    { length: passes },
    (_, k): Dispatch => ({
      shader: { file: 'sortMerge.wgsl', source: mergeSource, preamble: constants({ WG, ITEMS }) + put(k + 1) },
      reads: [after(k)],
      writes: [after(k + 1)],
      params: [rows, ...places, parts, block * 2 ** k],
      workgroups: grid(ceilDiv(rows * parts, WG)),
    }),
  );
  const pairs = passes + Number(taken === null);
  return { temps: Array(Math.min(pairs, 2)).fill(2 * total), dispatches: [first, ...merges], result: after(passes) };
}
