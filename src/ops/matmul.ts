// Matrix products: batched, with either operand read transposed where its strides say so.
import source from '../../shaders/matmul.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply, checkInputs } from '../autograd/tape.ts';
import type { CpuArray, Dispatch, GpuTraits, Plan, TypedLayout } from '../tensor/backend.ts';
import { ShapeError } from '../tensor/errors.ts';
import { gather } from '../tensor/gather.ts';
import {
  broadcastShapes,
  collapse,
  contiguousLayout,
  elementCount,
  expandLayout,
  format,
  type Layout,
  type Shape,
} from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expand, sumTo } from './broadcast.ts';
import { chunksOf, type Gemm, inQuads, type Matrix, nameOf, planTiles, reading, readsOf, summed } from './gemm.ts';
import { BUSY, THIN, tileOf } from './gemm-config.ts';
import { biased, factor, floatOf } from './half.ts';
import { ceilDiv, constants, grid, inHalves, MAX_WORKGROUPS, putting, threads } from './launch.ts';
import { reshape, transpose } from './movement.ts';
import { readingRows, rowsOf } from './rows.ts';

type NoAttrs = Record<string, never>;

const matmulOp: Op<NoAttrs> = define({
  name: 'matmul',
  outputs: ([a, b]) => [{ shape: productShape(a.shape, b.shape), dtype: floatOf('matmul', [a, b]) }],
  autocast: 'float16',
  strided: (inputs) => inputs.map((x) => isMatrixReadable(x, inputs)),
  cpu: ([a, b], [out]) => matmulOnCpu(a, b, out),
  flops: ([a], [out]) => 2 * elementCount(out.shape) * a.shape.at(-1)!,
  puts: true,
  plan: (inputs, outputs, _attrs, gpu) => inHalves(planMatmul(inputs, outputs[0], gpu), inputs, outputs),
  vjp: ([g], { inputs: [a, b], needs }) => [
    needs[0] ? sumTo(productLike(a, g!, transpose(b)), a.shape) : null,
    needs[1] ? sumTo(productLike(b, transpose(a), g!), b.shape) : null,
  ],
});

/** a @ b, the gradient of x: where x is read transposed, so is the gradient, which then lies as what x is a view of. */
function productLike(x: Tensor, a: Tensor, b: Tensor): Tensor {
  const { strides } = x.view('matmul');
  const transposed = strides.at(-2) === 1 && strides.at(-1) !== 1;
  return transposed ? transpose(matmul(transpose(b), transpose(a))) : matmul(a, b);
}

function productShape(a: Shape, b: Shape): number[] {
  if (a.at(-1) !== b.at(-2)) throw new ShapeError(`matmul: inner dimensions differ, ${format(a)} @ ${format(b)}`);
  return [...broadcastShapes('matmul', a.slice(0, -2), b.slice(0, -2)), a.at(-2)!, b.at(-1)!];
}

/**
 * Matrix product over the last two dims, batched and broadcast over the dims before them, of float32 or float16, summed
 * in float32. A vector on the left is a row, on the right a column, and its dim is dropped from the result.
 * [..., M, K] @ [..., K, N] = [..., M, N], out[m, n] = sum over k of a[m, k] b[k, n]. Throws a ShapeError for rank 0, for
 * other dtypes or two of them, and where inner sizes differ or batches do not broadcast.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkInputs('matmul', [a, b]);
  floatOf('matmul', [a, b]);
  for (const x of [a, b]) {
    if (x.rank === 0) throw new ShapeError(`matmul: expected at least 1 dim, ${format(a.shape)} @ ${format(b.shape)}`);
  }
  if (a.rank === 1 && b.rank === 1 && a.size !== b.size) {
    throw new ShapeError(`matmul: inner dimensions differ, ${format(a.shape)} @ ${format(b.shape)}`);
  }
  // One matrix on the right makes one matrix of all on the left, whose gradient is one product too.
  if (a.rank > 2 && b.rank === 2 && a.size > 0 && a.shape.at(-1) === b.shape[0]) {
    return reshape(matmul(reshape(a, [-1, b.shape[0]]), b), [...a.shape.slice(0, -1), b.shape[1]]);
  }
  const left = a.rank === 1 ? reshape(a, [1, a.size]) : a;
  const right = b.rank === 1 ? reshape(b, [b.size, 1]) : b;
  const [out] = apply(matmulOp, walkable(left, right), {});
  const shape = out.shape.filter(
    (_, i) => !(a.rank === 1 && i === out.rank - 2) && !(b.rank === 1 && i === out.rank - 1),
  );
  return shape.length === out.rank ? out : reshape(out, shape);
}

/** Batch dims that broadcast in part are no one stride, not even in a copy: such operands are expanded first. */
function walkable(a: Tensor, b: Tensor): Tensor[] {
  const [batch, ...own] = [productShape(a.shape, b.shape), a.shape, b.shape].map((shape) => shape.slice(0, -2));
  return [a, b].map((x, i) => {
    const whole = [1, elementCount(batch)].includes(elementCount(own[i]));
    return whole ? x : expand(x, [...batch, ...x.shape.slice(-2)]);
  });
}

/**
 * out = x @ weight^T + bias, as in PyTorch: x [..., in], weight [out, in], bias [out] give [..., out]; weight [in]
 * and bias [] give [...]. Throws a ShapeError for shapes that do not fit, and for other dtypes than float32 and
 * float16, or two of them.
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  checkInputs('linear', [x, weight], bias);
  if (![1, 2].includes(weight.rank) || x.rank === 0 || x.shape.at(-1) !== weight.shape.at(-1)) {
    throw new ShapeError(
      `linear: expected input [..., in] and weight [out, in] or [in], got ${format(x.shape)} and ${format(weight.shape)}`,
    );
  }
  const features = weight.shape.slice(0, -1);
  if (bias && format(bias.shape) !== format(features)) {
    throw new ShapeError(`linear: expected bias ${format(features)}, got ${format(bias.shape)}`);
  }
  floatOf('linear', bias ? [x, weight, bias] : [x, weight]);
  const factors = factor(weight);
  const out = matmul(x, weight.rank === 1 ? factors : transpose(factors));
  return bias ? biased(out, bias) : out;
}

function matmulOnCpu(a: CpuArray, b: CpuArray, out: CpuArray): void {
  const [M, N] = out.shape.slice(-2);
  const K = a.shape.at(-1)!;
  const batch = out.shape.slice(0, -2);
  const x = gather(a.data, expandLayout(contiguousLayout(a.shape), [...batch, M, K]));
  const y = gather(b.data, expandLayout(contiguousLayout(b.shape), [...batch, K, N]));
  for (let s = 0; s < elementCount(batch); s++) {
    for (let m = 0; m < M; m++) {
      const row = (s * M + m) * N;
      for (let k = 0; k < K; k++) {
        const v = x[(s * M + m) * K + k];
        const from = (s * K + k) * N;
        for (let n = 0; n < N; n++) out.data[row + n] += v * y[from + n];
      }
    }
  }
}

/** One of the two matrix dims must have stride 1, and the batch dims must be one stride. */
function isMatrixReadable(x: Layout, inputs: Layout[]): boolean {
  const rank = x.shape.length;
  const unit = [rank - 1, rank - 2].some((d) => x.strides[d] === 1 || x.shape[d] === 1);
  return unit && batchStride(x, inputs) !== null;
}

function batchStride(x: Layout, inputs: Layout[]): number | null {
  const batch = broadcastShapes('matmul', ...inputs.map(({ shape }) => shape.slice(0, -2)));
  const layout = { shape: x.shape.slice(0, -2), strides: x.strides.slice(0, -2), offset: 0 };
  const { strides } = collapse(batch, expandLayout(layout, batch).strides);
  return strides[0].length > 1 ? null : (strides[0][0] ?? 0);
}

/** Products that are summed before they join the rest: short sums have small errors. */
const BLOCK = 64;

function planMatmul(inputs: TypedLayout[], out: TypedLayout, gpu: GpuTraits): Plan {
  const gemm = problemOf(inputs, out);
  if (gemm.M * gemm.N * gemm.batch === 0) return { dispatches: [] };
  const tile = tileOf(nameOf(gemm), gemm, Math.min(gemm.M, gemm.N) <= THIN, gpu);
  return tile ? planTiles(gemm, tile, gpu) : planDirect(gemm, gpu);
}

/** The product as the GEMM core takes it; or its transpose, b^T @ a^T, which is the same in memory, where that is fuller. */
function problemOf(inputs: TypedLayout[], out: TypedLayout): Gemm<Matrix> {
  const [M, N] = out.shape.slice(-2);
  const K = inputs[0].shape.at(-1)!;
  const batch = elementCount(out.shape.slice(0, -2));
  const [a, b] = inputs.map((x, i): Matrix => {
    const [row, column] = x.strides.slice(-2);
    const [own, k] = i === 0 ? [row, column] : [column, row];
    return { input: i, offset: x.offset, batch: batchStride(x, inputs)!, own: { step: own }, k: { step: k } };
  });
  const size = { op: 'matmul', K, batch } as const;
  return fullness(N, M) > fullness(M, N)
    ? { ...size, M: N, N: M, a: b, b: a, out: { batch: M * N, row: 1, column: { step: N } } }
    : { ...size, M, N, a, b, out: { batch: M * N, row: N, column: { step: 1 } } };
}

/** How much of the smallest tile, 8 rows and 32 columns, a thin product fills. */
const fullness = (M: number, N: number) => Math.min(M, 8) * Math.min(N, 32);

/** Without workgroup memory: for adapters that compute on the CPU, and for thin products. */
function planDirect(gemm: Gemm<Matrix>, gpu: GpuTraits): Plan {
  const { M, N, K, batch, a, b, out } = gemm;
  const WG = threads(gpu);
  const ROWS = rowsOf(M, 16, gpu);
  const tilesOf = (columns: number) => ceilDiv(M, ROWS) * ceilDiv(N, columns * WG);
  // Wide threads load less for each product, and are fewer, which GPUs mind where not enough are left.
  const WIDE = ROWS <= 8 && N > 4 * WG && (gpu.software || tilesOf(8) * batch >= BUSY);
  const columns = WIDE ? 8 : 4;
  const tiles = tilesOf(columns);
  const QUADS = N % 4 === 0 && inQuads(b, b.own);
  const { chunks, chunkK } = chunksOf(gemm, gpu.software ? 1 : ceilDiv(BUSY, tiles * batch), 1);
  const product: Dispatch = {
    shader: {
      file: 'matmul.wgsl',
      source,
      preamble: readingRows(ROWS, 0, gpu) + constants({ WG, BLOCK, WIDE, QUADS }) + reading('b', 1, QUADS) + putting(2),
    },
    reads: readsOf(gemm),
    params: [
      ...[M, N, K, ceilDiv(N, columns * WG), a.own.step, a.k.step, b.k.step, b.own.step],
      ...[a.batch, b.batch, a.offset, b.offset, batch, chunks, chunkK],
      ...[M * N, out.row, out.column.step],
    ],
    workgroups: grid(tiles, Math.min(batch * chunks, MAX_WORKGROUPS)),
  };
  return summed(product, chunks, M * N * batch, gpu);
}
