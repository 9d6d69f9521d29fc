// How sources with one index are summed without atomics: the indices are sorted, then each output sums its neighbours in blocks.
import blocksSource from '../../shaders/scatterBlocks.wgsl';
import startsSource from '../../shaders/scatterStarts.wgsl';
import sumsSource from '../../shaders/scatterSums.wgsl';
import type { Dispatch, GpuTraits, Plan, Slot, TypedLayout } from '../tensor/backend.ts';
import { WGSL_TYPE } from '../tensor/dtype.ts';
import { contiguousStrides, elementCount } from '../tensor/shape.ts';
import { ceilDiv, constants, failing, grid, threads } from './launch.ts';
import { planSort } from './sort-plan.ts';

/** Sources, or sums of them, that one thread sums for a block. */
const BLOCK = 16;

/** Plans out[.., j, ..] = sum of source[.., i, ..] over the i with index[.., i, ..] == j, along `dim`. */
export function planScatter(
  source: TypedLayout,
  index: TypedLayout,
  out: TypedLayout,
  dim: number,
  fault: (value: number) => string,
  gpu: GpuTraits,
): Plan {
  const n = elementCount(out.shape);
  if (n === 0) return { dispatches: [] };
  const WG = threads(gpu);
  const empty = elementCount(index.shape) === 0;
  const count = empty ? 0 : index.shape[dim];
  const lanes = empty ? 0 : elementCount(index.shape) / count;
  const limit = out.shape[dim];
  // Where indices are expanded, all lanes share one row of them.
  const rowShape = index.shape.map((size, d) => (d !== dim && index.strides[d] === 0 ? 1 : size));
  const rowStrides = contiguousStrides(rowShape.map((size, d) => (d === dim ? 1 : size)));
  const dims = out.shape.flatMap((size, d) => [
    size,
    index.shape[d],
    source.strides[d],
    rowShape[d] === 1 ? 0 : rowStrides[d],
  ]);
  const tunables = constants({ WG, RANK: out.shape.length, BLOCK });
  const alias = `alias T = ${WGSL_TYPE[source.dtype]};\n`;

  const sort = empty
    ? { temps: [4], dispatches: [], result: temp(0) }
    : planSort({ ...index, shape: rowShape }, INDEX, dim, { descending: false, taken: null }, gpu);
  const pairs = sort.result;
  const starts = temp(sort.temps.length);
  const blocks = temp(sort.temps.length + 1);

  const rows = empty ? 0 : elementCount(rowShape) / count;
  const startsSize = rows * (limit + 1);
  const startsStep: Dispatch = {
    shader: {
      file: 'scatterStarts.wgsl',
      source: startsSource,
      preamble: constants({ WG }) + failing(2),
    },
    reads: [pairs],
    writes: [starts],
    params: [startsSize, count, limit, 'fault'],
    fault,
    workgroups: grid(ceilDiv(startsSize, WG)),
  };

  // Level by level, whole blocks only: what does not fill one is summed where it is needed.
  const levels: Dispatch[] = [];
  let [from, to] = [0, 0];
  for (let length = Math.floor(count / BLOCK); length > 0; length = Math.floor(length / BLOCK)) {
    const size = length * lanes;
    levels.push({
      shader: {
        file: 'scatterBlocks.wgsl',
        source: blocksSource,
        preamble: tunables + constants({ FIRST: to === 0 }) + alias,
      },
      reads: [SOURCE, pairs],
      writes: [blocks],
      params: [size, dim, count, lanes, source.offset, source.strides[dim], from, to, ...dims],
      workgroups: grid(ceilDiv(size, WG)),
    });
    [from, to] = [to, to + size];
  }

  const sums: Dispatch = {
    shader: { file: 'scatterSums.wgsl', source: sumsSource, preamble: tunables + alias },
    reads: [SOURCE, pairs, starts, blocks],
    params: [n, dim, count, limit, source.offset, source.strides[dim], 0, 0, ...dims],
    workgroups: grid(ceilDiv(n, WG)),
  };
  return {
    temps: [...sort.temps, Math.max(startsSize, 1), Math.max(to, 1)],
    dispatches: [...sort.dispatches, ...(empty ? [] : [startsStep]), ...levels, sums],
  };
}

const SOURCE: Slot = { of: 'input', index: 0 };
const INDEX: Slot = { of: 'input', index: 1 };
const temp = (index: number): Slot => ({ of: 'temp', index });
