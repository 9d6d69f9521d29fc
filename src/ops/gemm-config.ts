// Which kernel a matrix product gets: the tiles of the GEMM core, and the choice among them by problem and adapter.
import type { GpuTraits } from '../tensor/backend.ts';

/** A tile of the result for each workgroup, through workgroup memory; rows and columns are those that a thread computes. */
export interface TileConfig {
  M: number;
  N: number;
  /** Products that are brought to workgroup memory at a time. */
  K: number;
  rows: 4 | 8;
  columns: 4 | 8;
}

/**
 * The tiles of the GEMM core by name. Each fits WebGPU's default limits: at most 256 threads, 16 KB of workgroup memory;
 * and a step's blocks of 4 by 4, (M + N) * K / 16, are at most as many as threads.
 */
export const TILES: Readonly<Record<string, TileConfig>> = {
  '32x32': { M: 32, N: 32, K: 16, rows: 4, columns: 4 },
  '64x64': { M: 64, N: 64, K: 16, rows: 4, columns: 4 },
  '64x64 by 8': { M: 64, N: 64, K: 8, rows: 8, columns: 8 },
  '128x64': { M: 128, N: 64, K: 8, rows: 8, columns: 8 },
  '128x128': { M: 128, N: 128, K: 8, rows: 8, columns: 8 },
};

/** What a problem may get instead of a tile: a kernel without workgroup memory, of its own. */
export const DIRECT = 'direct';

/** All that a problem may get, by name. */
export const CONFIGURATIONS: readonly string[] = [DIRECT, ...Object.keys(TILES)];

/** What a choice of configuration goes by: which product it is, and how large. */
export interface GemmSize {
  M: number;
  N: number;
  K: number;
  batch: number;
}

export type GemmOp = 'matmul' | 'conv2d' | 'conv2dInputGrad' | 'conv2dWeightGrad';

/** Rows or columns up to which a tile would be mostly empty. */
export const THIN = 16;
/** Products of a sum below which bringing tiles of an image to workgroup memory does not pay. */
export const SHORT = 16;

/** The class of a problem: what one choice serves. */
export function classOf(op: GemmOp, layout: string, { M, N, K, batch }: GemmSize): string {
  const outputs = M * N * batch;
  const size = outputs <= 2 ** 14 ? 'small' : outputs <= 2 ** 18 ? 'medium' : 'large';
  return `${op} ${layout} ${Math.min(M, N) <= THIN ? 'thin' : K < SHORT ? 'short' : size}`;
}

/** Workgroups that keep a GPU busy. */
export const BUSY = 128;
/** Products of the shortest chunk that a sum is cut into. */
export const SHORTEST = 256;

/**
 * The tile of a problem, or null where it is computed directly: as tuned, else what is good on most adapters of this kind.
 * `direct`: whether that is good for the problem by itself.
 */
export function tileOf(name: string, size: GemmSize, direct: boolean, gpu: GpuTraits): TileConfig | null {
  const tuned = gpu.choice?.(name);
  if (tuned === DIRECT) return null;
  if (tuned !== undefined && Object.hasOwn(TILES, tuned)) return TILES[tuned];
  if (direct || gpu.software) return null;
  // The largest of which there are enough, with sums cut into chunks.
  const chunks = Math.ceil(size.K / SHORTEST);
  const enough = ({ M, N }: TileConfig) => Math.ceil(size.M / M) * Math.ceil(size.N / N) * size.batch * chunks >= BUSY;
  return TILES[['128x128', '64x64'].find((tile) => enough(TILES[tile])) ?? '32x32'];
}
