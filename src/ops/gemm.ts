// The GEMM core: plans out[s, m, n] = sum over k of A[s, m, k] * B[s, k, n] for matrices and for images seen as such.
import tileSource from '../../shaders/gemmTile.wgsl';
import common from '../../shaders/parts/gemm.wgsl';
import imagePart from '../../shaders/parts/gemmImage.wgsl';
import matrixPart from '../../shaders/parts/gemmMatrix.wgsl';
import outer from '../../shaders/parts/outer.wgsl';
import type { Dispatch, GpuTraits, Plan, Slot } from '../tensor/backend.ts';
import { addition } from './broadcast.ts';
import { BUSY, classOf, type GemmOp, type GemmSize, SHORTEST, type TileConfig } from './gemm-config.ts';
import { ceilDiv, constants, grid, putting } from './launch.ts';
import { chain, planReduction } from './reduce.ts';

/** Where index i lies in memory: i * step, or where there is `inner` (i / inner) * outer + (i % inner) * step. */
export interface Walk {
  step: number;
  inner?: number;
  outer?: number;
}

/** A matrix for each s: its element (r, k) lies at offset + s * batch + own(r) + k(k), r being m in A and n in B. */
export interface Matrix {
  /** Which input of the call. */
  input: number;
  offset: number;
  batch: number;
  own: Walk;
  k: Walk;
}

/** B gathered from an image, see shaders/parts/gemmImage.wgsl. Pairs are rows and columns. */
export interface Gather {
  input: number;
  /** What of the image is one group's: how far apart. */
  batch: number;
  /** The image. */
  size: readonly number[];
  /** n: its sizes (i, j), how far apart its planes p are, and where in the image (0, 0) and its neighbours begin. */
  n: { size: readonly number[]; plane: number; step: readonly number[]; origin: readonly number[] };
  /** k: its sizes (u, v), how far apart its planes q are, and the steps in the image. */
  k: { size: readonly number[]; plane: number; step: readonly number[] };
  /** Strides by which places in the image are divided. */
  divided: readonly number[];
}

export interface Gemm<B = Matrix | Gather> extends GemmSize {
  op: GemmOp;
  /** `own` of A, and of out, is a plain step. */
  a: Matrix;
  b: B;
  out: { batch: number; row: number; column: Walk };
}

/** What binds A and B. */
export const readsOf = ({ a, b }: Gemm): Slot[] => [a, b].map(({ input }) => ({ of: 'input', index: input }));

/** Products that are summed before they join the rest: short sums have small errors. */
const BLOCK = 256;
/** Products of one chunk where sums are cut, and the most partial sums that this may make. */
const CHUNK = 2048;
const MAX_PARTIALS = 2 ** 18;

const isGather = (b: Matrix | Gather): b is Gather => 'divided' in b;

/** Whether four neighbours can be read at once: along one walk all are neighbours, and all else is a multiple of four. */
export function inQuads({ offset, batch, own, k }: Matrix, along: Walk): boolean {
  const other = along === k ? own : k;
  const rest = [offset, batch, other.step, other.outer ?? 0, along.inner ?? 0, along.outer ?? 0];
  return along.step === 1 && rest.every((n) => n % 4 === 0);
}

/** Lines that declare an operand and its reader of four elements. */
export function reading(name: string, binding: number, quads: boolean): string {
  const at = (i: string) => `${name}[at.${i}]`;
  const value = quads ? `${name}[at.x / 4u]` : `vec4<f32>(${[...'xyzw'].map(at).join(', ')})`;
  return `@group(0) @binding(${binding}) var<storage, read> ${name}: array<${quads ? 'vec4<f32>' : 'f32'}>;
fn gather${name.toUpperCase()}(at: vec4<u32>) -> vec4<f32> { return ${value}; }
`;
}

/** Plans a product by tiles. It has elements. */
export function planTiles(gemm: Gemm, tile: TileConfig, gpu: GpuTraits): Plan {
  const { M, N, K, batch, a, b, out } = gemm;
  const [tilesM, tilesN] = [ceilDiv(M, tile.M), ceilDiv(N, tile.N)];
  const tiles = tilesM * tilesN;
  const { chunks, chunkK } = chunksOf(gemm, ceilDiv(BUSY, tiles * batch), tile.K);
  const { column } = out;
  const product: Dispatch = {
    shader: { file: 'gemmTile.wgsl', source: tileSource, preamble: preambleOf(gemm, tile, chunkK) },
    reads: readsOf(gemm),
    params: [
      ...[M, N, K, tilesM, tilesN, tile.K, batch, chunks, chunkK],
      ...[a.offset, a.batch, a.own.step, a.k.step, a.k.inner ?? 0, a.k.outer ?? 0],
      ...[M * N * batch, out.batch, out.row, column.step, column.inner ?? 0, column.outer ?? 0],
      ...paramsOfB(b),
    ],
    workgroups: grid(tiles * batch * chunks),
  };
  return summed(product, chunks, M * N * batch, gpu);
}

/**
 * Few outputs of long sums: the sums are cut into chunks, so that many threads have work and errors stay small. `wanted`
 * is how many there should be for the former; chunkK is a multiple of `unit`.
 */
export function chunksOf({ M, N, K, batch }: GemmSize, wanted: number, unit: number) {
  const least = Math.max(ceilDiv(K, CHUNK), Math.min(ceilDiv(K, SHORTEST), wanted));
  const most = Math.max(1, Math.min(least, Math.floor(MAX_PARTIALS / (M * N * batch))));
  const chunkK = Math.max(1, ceilDiv(ceilDiv(K, most), unit)) * unit;
  return { chunks: Math.max(1, ceilDiv(K, chunkK)), chunkK };
}

/** A product whose chunks, each of `planes` elements in the order of out, are summed by the shared reduction. */
export function summed(product: Dispatch, chunks: number, planes: number, gpu: GpuTraits): Plan {
  if (chunks === 1) return { dispatches: [{ ...product, put: 2 }] };
  const layout = { shape: [chunks, planes], strides: [planes, 1], offset: 0 };
  const total = planReduction(addition, layout, { dims: [0], keepdim: false }, gpu);
  return chain({ ...product, writes: [{ of: 'temp', index: 0 }] }, chunks * planes, total);
}

/** Whether A's, or B's, elements of one row, or column, are neighbours. */
const alongK = ({ k }: Matrix) => k.step === 1;

/** The name by which a problem is tuned. */
export function nameOf({ op, a, b, ...size }: Gemm): string {
  const layout = isGather(b) ? 'gather' : `${alongK(a) ? 'N' : 'T'}${alongK(b) ? 'T' : 'N'}`;
  return classOf(op, layout, size);
}

function preambleOf({ a, b, out }: Gemm, tile: TileConfig, chunkK: number): string {
  const image = isGather(b);
  const ALONG_A = alongK(a);
  const ALONG_B = !image && alongK(b);
  return [
    reading('a', 0, inQuads(a, ALONG_A ? a.k : a.own)),
    reading('b', 1, !image && inQuads(b, ALONG_B ? b.k : b.own)),
    putting(2),
    '@group(0) @binding(3) var<uniform> params: Params;\n',
    constants({
      ...{ ALONG_A, ALONG_B, SPLIT_A: a.k.inner !== undefined, SPLIT_N: out.column.inner !== undefined },
      ...(image ? { DIVIDED: b.divided.some((s) => s > 1) } : { SPLIT_B: b.k.inner !== undefined }),
      ...{ TILE_M: tile.M, TILE_N: tile.N, TILE_K: tile.K, TALL: tile.rows === 8, WIDE: tile.columns === 8 },
      ...{ BLOCKED: chunkK > BLOCK, BLOCK: BLOCK / tile.K },
    }),
    outer,
    common,
    image ? imagePart : matrixPart,
  ].join('');
}

function paramsOfB(b: Matrix | Gather): number[] {
  if (isGather(b)) {
    const { n, k } = b;
    return [
      ...[0, b.batch, n.plane, ...n.size, k.plane, 0, 0],
      ...[...b.size, ...n.step, ...n.origin, ...k.size, ...k.step, ...b.divided],
    ];
  }
  const { own, k } = b;
  return [b.offset, b.batch, own.step, own.inner ?? 0, own.outer ?? 0, k.step, k.inner ?? 0, k.outer ?? 0];
}
