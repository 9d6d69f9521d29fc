// What all pooling shares: windows over images, at fixed distances or adaptive, and the dispatches that walk them.

import { checkInputs } from '../autograd/tape.ts';
import type { GpuTraits, Param, Plan } from '../tensor/backend.ts';
import { ShapeError } from '../tensor/errors.ts';
import { elementCount, format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { floatOf } from './half.ts';
import { ceilDiv, constants, grid, threads, withPut } from './launch.ts';
import { reshape } from './movement.ts';
import { type Pair, pair } from './window.ts';

/** How many trailing dims are pooled: rows [N, C, L] or images [N, C, H, W]. */
export type Dims = 1 | 2;

/** Windows over an image. Pairs are for height and width. */
export interface Windows {
  /** The image. */
  size: Pair;
  /** How many windows there are. */
  count: Pair;
  kernel: Pair;
  stride: Pair;
  padding: Pair;
  dilation: Pair;
  /**
   * Instead of the four above: the windows share out the image as evenly as whole elements allow, window i from
   * floor(i size / count) to ceil((i + 1) size / count), which may overlap.
   */
  adaptive: boolean;
}

/** Elements of window i inside the image. */
function tapsOf({ size, count, kernel, stride, padding, dilation, adaptive }: Windows, d: 0 | 1, i: number): number[] {
  const first = adaptive ? Math.floor((i * size[d]) / count[d]) : i * stride[d] - padding[d];
  const length = adaptive ? Math.ceil(((i + 1) * size[d]) / count[d]) - first : kernel[d];
  return Array.from({ length }, (_, t) => first + t * dilation[d]).filter((at) => at >= 0 && at < size[d]);
}

/** The elements of all windows along one dim. */
export const allTaps = (windows: Windows, d: 0 | 1): number[][] =>
  Array.from({ length: windows.count[d] }, (_, i) => tapsOf(windows, d, i));

/** Calls `visit` for every element of every window, in row order: flat positions in the image and in the windows, and window (i, j). */
export function eachTap(
  planes: number,
  windows: Windows,
  visit: (element: number, window: number, i: number, j: number) => void,
): void {
  const [H, W] = windows.size;
  const [rows, columns] = [allTaps(windows, 0), allTaps(windows, 1)];
  let window = 0;
  for (let plane = 0; plane < planes; plane++) {
    rows.forEach((hs, i) => {
      columns.forEach((ws, j) => {
        for (const h of hs) for (const w of ws) visit((plane * H + h) * W + w, window, i, j);
        window++;
      });
    });
  }
}

/** How many taps all windows over the planes of images [N, C, ...] have. */
export function tapCount(images: Shape, windows: Windows): number {
  const [rows, columns] = ([0, 1] as const).map((d) =>
    allTaps(windows, d).reduce((total, taps) => total + taps.length, 0),
  );
  return planesOf(images) * rows * columns;
}

/** For the shaders, both dims at once; `params` is theirs. */
const WINDOWS = `struct Range { first: vec2<u32>, end: vec2<u32> }
// Part i of n elements shared out among m. Parts and elements are alike: the parts that hold element i are share(i, m, n).
fn share(i: vec2<u32>, n: vec2<u32>, m: vec2<u32>) -> Range {
  return Range(i * n / m, ((i + 1u) * n + m - 1u) / m);
}
// The windows over an element: those with i * stride <= element + padding < i * stride + span.
fn windowsOver(element: vec2<u32>) -> Range {
  if (ADAPTIVE) { return share(element, params.count, params.size); }
  let span = (params.kernel - 1u) * params.dilation + 1u;
  let p = element + params.padding;
  let first = select(vec2<u32>(), (p - span) / params.stride + 1u, p >= span);
  return Range(first, min(p / params.stride + 1u, params.count));
}
`;

/** A dispatch with one thread for four neighbours of a row of `target`, which is the image or its windows. */
export function planRows(
  { file, source, put }: { file: string; source: string; put: number },
  target: Shape,
  { size, count, kernel, stride, padding, dilation, adaptive }: Windows,
  gpu: GpuTraits,
  tunables: Record<string, number | boolean> = {},
  more: Param[] = [],
): Plan {
  const [N, C, H, W] = target;
  const quads = ceilDiv(W, 4);
  const rows = N * C * H;
  if (rows * quads === 0) return { dispatches: [] };
  const WG = threads(gpu);
  return {
    dispatches: [
      withPut(put, {
        shader: { file, source, preamble: constants({ WG, ADAPTIVE: adaptive, ...tunables }) + WINDOWS },
        params: [rows, quads, ...size, ...count, ...kernel, ...stride, ...padding, ...dilation, ...more],
        workgroups: grid(ceilDiv(rows * quads, WG)),
      }),
    ],
  };
}

/** The planes of a tensor [N, C, H, W]. */
export const planesOf = ([N, C]: Shape) => N * C;

export interface PoolOptions<Size = number | Pair> {
  /** Default: the kernel size, so that windows do not overlap. */
  stride?: Size;
  /** Rows and columns around the image. At most half the kernel. */
  padding?: Size;
  /** Whether windows may reach beyond the padding, if only they begin inside it on the left or inside the image. */
  ceilMode?: boolean;
}

/** Whole numbers for height and width, or (a row has no height) `missing` and one. */
function sizes(
  op: string,
  name: string,
  value: number | readonly number[],
  least: number,
  dims: Dims,
  missing: number,
): Pair {
  if (dims === 2) return pair(op, name, value, least);
  const [length, ...rest] = [value].flat();
  if (!Number.isInteger(length) || length < least || rest.length > 0) {
    throw new ShapeError(`${op}: expected ${name} as a whole number of at least ${least}, got ${value}`);
  }
  return [missing, length];
}

/** Height and width of x, which is checked. */
export function checkImages(op: string, x: Tensor, dims: Dims): Pair {
  const wanted = dims === 2 ? '[N, C, H, W] or [C, H, W]' : '[N, C, L] or [C, L]';
  checkInputs(op, [x]);
  if (x.rank !== dims + 1 && x.rank !== dims + 2) {
    throw new ShapeError(`${op}: expected input ${wanted}, got ${format(x.shape)}`);
  }
  floatOf(op, [x]);
  const plane = x.shape.slice(-dims);
  if (plane.includes(0)) throw new ShapeError(`${op}: expected planes that are not empty, got ${format(x.shape)}`);
  return [dims === 2 ? plane[0] : 1, plane[dims - 1]];
}

/**
 * Windows at fixed distances: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1 of them; with ceilMode
 * rounded up, less a last one that would begin in the padding on the right.
 */
export function slidingWindows(
  op: string,
  x: Tensor,
  dims: Dims,
  kernelSize: number | Pair,
  options: PoolOptions & { dilation?: number | Pair },
): Windows {
  const size = checkImages(op, x, dims);
  const kernel = sizes(op, 'kernelSize', kernelSize, 1, dims, 1);
  const stride = options.stride === undefined ? kernel : sizes(op, 'stride', options.stride, 1, dims, 1);
  const padding = sizes(op, 'padding', options.padding ?? 0, 0, dims, 0);
  const dilation = sizes(op, 'dilation', options.dilation ?? 1, 1, dims, 1);
  if (padding.some((p, d) => 2 * p > kernel[d])) {
    throw new ShapeError(
      `${op}: padding must be at most half the kernel, got padding [${padding}], kernel [${kernel}]`,
    );
  }
  const count = size.map((n, d) => {
    const span = dilation[d] * (kernel[d] - 1) + 1;
    const room = (n + 2 * padding[d] - span) / stride[d];
    const most = (options.ceilMode ? Math.ceil(room) : Math.floor(room)) + 1;
    if (most < 1) {
      throw new ShapeError(`${op}: a window of ${span} does not fit an image of ${n} with padding ${padding[d]}`);
    }
    return options.ceilMode && (most - 1) * stride[d] >= n + padding[d] ? most - 1 : most;
  }) as Pair;
  return { size, count, kernel, stride, padding, dilation, adaptive: false };
}

/** Sizes of adaptive pooling's output; null keeps the input's. */
export type OutputSize = number | null | [number | null, number | null];

/** Windows that share out the image; where all get the same, they are windows at fixed distances, which are simpler. */
export function adaptiveWindows(op: string, x: Tensor, dims: Dims, outputSize: OutputSize): Windows {
  const size = checkImages(op, x, dims);
  const wanted = Array.isArray(outputSize) ? outputSize.map((n, d) => n ?? size[d]) : (outputSize ?? size.slice(-dims));
  const count = sizes(op, 'outputSize', wanted, 0, dims, 1);
  const adaptive = size.some((n, d) => n % count[d] !== 0);
  if (adaptive && size.some((n, d) => (n + 1) * (count[d] + 1) > 2 ** 32)) {
    throw new ShapeError(
      `${op}: expected sizes that divide, or whose product is below 2^32, got [${size}] to [${count}]`,
    );
  }
  const share = size.map((n, d) => n / count[d]) as Pair;
  const kernel: Pair = adaptive ? [1, 1] : share;
  return { size, count, kernel, stride: kernel, padding: [0, 0], dilation: [1, 1], adaptive };
}

/** Pools x as images [N, C, H, W], with a height of 1 and without a batch of its own where it lacks them. */
export function onImages(x: Tensor, dims: Dims, pool: (images: Tensor) => Tensor[]): Tensor[] {
  if (x.rank === 4) return pool(x);
  const lead = x.shape.slice(0, -dims);
  const plane = dims === 2 ? x.shape.slice(-2) : [1, x.shape[x.rank - 1]];
  return pool(reshape(x, [elementCount(lead), 1, ...plane])).map((out) =>
    reshape(out, [...lead, ...out.shape.slice(-dims)]),
  );
}
