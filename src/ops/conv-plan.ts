// How convolutions run on a GPU: as products by tiles where that pays; else the image and its gradient are gathered by one family
// of shaders, the weights' gradient by another.
import source from '../../shaders/conv2d.wgsl';
import rowsSource from '../../shaders/conv2dRows.wgsl';
import weightGradSource from '../../shaders/conv2dWeightGrad.wgsl';
import weightGradRowsSource from '../../shaders/conv2dWeightGradRows.wgsl';
import type { Dispatch, GpuTraits, Param, Plan } from '../tensor/backend.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import type { ConvAttrs } from './conv-attrs.ts';
import { gatherGemm, weightGemm } from './conv-gemm.ts';
import { type Gemm, nameOf, planTiles, summed } from './gemm.ts';
import { SHORT, THIN, tileOf } from './gemm-config.ts';
import { ceilDiv, constants, grid, putting, threads, withPut } from './launch.ts';
import { readingRows, rowsOf } from './rows.ts';

/** The shaders named *Rows slide a window along a row. They save loads, which are dear on software adapters; the others coalesce. */
const slides = ({ stride, dilation }: ConvAttrs, gpu: GpuTraits) =>
  gpu.software && stride[1] === 1 && dilation[1] === 1;

/** The plan by tiles of the GEMM core, where that pays: not in groups of few channels, depthwise ones above all. */
function planAsProduct(gemm: Gemm, gpu: GpuTraits): Plan | null {
  const direct = Math.min(gemm.M, gemm.N) <= THIN || gemm.K < SHORT;
  const tile = tileOf(nameOf(gemm), gemm, direct, gpu);
  return tile && planTiles(gemm, tile, gpu);
}

/** Fields of the uniform block that all shaders share. */
const geometry = (x: Shape, weight: Shape, out: Shape, { stride, padding, dilation }: ConvAttrs): Param[] => [
  ...x.slice(2),
  ...out.slice(2),
  ...weight.slice(2),
  ...stride,
  ...padding,
  ...dilation,
];

/** Products that are summed before they join the rest, and the number from which on a sum is cut like that. */
const BLOCK = 256;
const LONG = 1024;

/**
 * Plans the sum over the other channels of a group and the taps, for each element of out: conv2d, or with TRANSPOSED its
 * gradient of the image, where x is the gradient and out the image.
 */
export function planGather(
  x: Shape,
  weight: Shape,
  out: Shape,
  attrs: ConvAttrs,
  gpu: GpuTraits,
  TRANSPOSED: boolean,
): Plan {
  if (elementCount(out) === 0) return { dispatches: [] };
  const tiled = planAsProduct(gatherGemm(x, weight, out, attrs, TRANSPOSED), gpu);
  if (tiled) return tiled;
  const { groups } = attrs;
  const [N, channels, H, W] = out;
  const [O, I] = [channels / groups, x[1] / groups];
  const taps = weight[2] * weight[3];
  const WG = threads(gpu);
  const blockI = Math.max(1, Math.floor(BLOCK / taps));
  const BLOCKED = I * taps > LONG;
  const rows = slides(attrs, gpu) && !BLOCKED;
  const ROWS = rowsOf(O, rows ? 8 : 16, gpu);
  const segments = ceilDiv(W, 8);
  // Gradients of images by a stride are gathered by phases, those positions that are as many steps apart.
  const apart = TRANSPOSED ? attrs.stride : [1, 1];
  const phase = rows ? [H, W] : [ceilDiv(H, apart[0]), ceilDiv(W, apart[1])];
  const positions = N * elementCount(phase);
  const phaseGroups = ceilDiv(rows ? N * H * segments : ceilDiv(positions, 4), WG);
  const positionGroups = phaseGroups * (rows ? 1 : elementCount(apart));
  const strides = TRANSPOSED ? [taps, O * taps] : [I * taps, taps];
  const dispatch = withPut(2, {
    shader: {
      file: rows ? 'conv2dRows.wgsl' : 'conv2d.wgsl',
      source: rows ? rowsSource : source,
      preamble:
        readingRows(ROWS, 1, gpu) + constants({ WG, TRANSPOSED, UNIT: attrs.stride.every((s) => s === 1), BLOCKED }),
    },
    params: [
      ...[positions, O, I, groups, blockI, positionGroups],
      ...geometry(x, weight, out, attrs),
      ...strides,
      ...(rows ? [segments, N * H] : [...phase, phaseGroups]),
    ],
    workgroups: grid(positionGroups * groups * ceilDiv(O, ROWS)),
  });
  return { dispatches: [dispatch] };
}

/** Positions that one thread adds up before the sum is split into chunks, and the most partial sums that this may make. */
const CHUNK_POSITIONS = 512;
const MAX_PARTIALS = 2 ** 24;

/** Plans the gradient of the weights: the sum over all positions of g [N, O, outH, outW], for each element of weight. */
export function planWeightGrad(g: Shape, x: Shape, weight: Shape, attrs: ConvAttrs, gpu: GpuTraits): Plan {
  const tiled = planAsProduct(weightGemm(g, x, weight, attrs), gpu);
  if (tiled) return tiled;
  const [channels, I, KH, KW] = weight;
  const O = channels / attrs.groups;
  const columns = I * KH * KW;
  const WG = threads(gpu);
  const outputs = channels * columns;
  // Rows longer than a chunk are cut into segments, which count as rows.
  const segmentW = Math.min(g[3], CHUNK_POSITIONS);
  const segments = ceilDiv(g[3], segmentW);
  const rows = g[0] * g[2] * segments;
  const most = Math.max(1, Math.floor(MAX_PARTIALS / outputs));
  const chunkRows = Math.max(Math.floor(CHUNK_POSITIONS / segmentW), ceilDiv(rows, most));
  // Without images there are no rows, and one chunk of zeros.
  const chunks = Math.max(1, ceilDiv(rows, chunkRows));
  const sliding = slides(attrs, gpu);
  // In groups of few channels, depthwise ones above all, threads have elements of the gradient instead.
  const ROWS = O < 4 ? 1 : rowsOf(O, sliding ? 8 : 16, gpu);
  const items = (sliding ? I * KH : columns) * (ROWS === 1 ? channels : 1);
  const itemGroups = ceilDiv(items, WG * (sliding ? 1 : 4));
  const tiles = (ROWS === 1 ? 1 : attrs.groups * ceilDiv(O, ROWS)) * (sliding ? ceilDiv(KW, 8) : 1);
  const product: Dispatch = {
    shader: {
      file: sliding ? 'conv2dWeightGradRows.wgsl' : 'conv2dWeightGrad.wgsl',
      source: sliding ? weightGradRowsSource : weightGradSource,
      preamble: readingRows(ROWS, 0, gpu) + constants({ WG, ...(sliding && { WIDE: KW > 4 }) }) + putting(2),
    },
    params: [
      ...[columns, O, I, attrs.groups],
      ...geometry(x, weight, g, attrs),
      ...[rows, chunkRows, chunks, segments, segmentW, items, itemGroups, tiles],
    ],
    workgroups: grid(itemGroups * chunks * tiles),
  };
  return summed(product, chunks, outputs, gpu);
}
