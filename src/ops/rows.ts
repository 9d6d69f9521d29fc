// How kernels without workgroup memory read the rows of products that all threads of a workgroup compute with.
import outer from '../../shaders/parts/outer.wgsl';
import rows from '../../shaders/parts/rows.wgsl';
import rowsBySubgroup from '../../shaders/parts/rowsBySubgroup.wgsl';
import sums from '../../shaders/parts/sums.wgsl';
import type { GpuTraits } from '../tensor/backend.ts';
import { reading } from './gemm.ts';
import { constants } from './launch.ts';

/** Lanes that share loads: of software adapters, which load for each lane by itself, where kernels know how many. Else 0. */
const lanesOf = ({ software, subgroup }: GpuTraits) => (software && [4, 8].includes(subgroup) ? subgroup : 0);

/** Rows that a thread of an adapter computes, of so many and at most 16: more share loads, and need registers. */
export function rowsOf(all: number, most: 8 | 16, gpu: GpuTraits): 1 | 4 | 8 | 16 {
  if (all <= 1) return 1;
  if (all <= 4) return 4;
  return all <= 8 || most === 8 || lanesOf(gpu) < 8 ? 8 : 16;
}

/** The lines, first in the preamble, that declare ROWS and `a` at a binding, with `placesOf` and `rowsAt`, and the sums of products. */
export function readingRows(ROWS: number, binding: number, gpu: GpuTraits): string {
  const LANES = ROWS === 1 ? 0 : lanesOf(gpu);
  return [
    LANES > 0 ? 'enable subgroups;\n' : '',
    constants({ ROWS, LANES }),
    reading('a', binding, false),
    outer,
    sums,
    LANES > 0 ? rowsBySubgroup : rows,
  ].join('');
}
