// Work on arenas, flat memory that holds many tensors: packing, the norm and the clipping of all gradients, averages.
import clipGradNormSource from '../../shaders/clipGradNorm.wgsl';
import clipGradValueSource from '../../shaders/clipGradValue.wgsl';
import emaSource from '../../shaders/ema.wgsl';
import gradNormSource from '../../shaders/gradNorm.wgsl';
import packSource from '../../shaders/pack.wgsl';
import swapSource from '../../shaders/swap.wgsl';
import { define, type Op } from '../autograd/op.ts';
import type { Dispatch, Plan, Slot } from '../tensor/backend.ts';
import { ShapeError } from '../tensor/errors.ts';
import { ALIGNMENT, elementCount, format, type Shape } from '../tensor/shape.ts';
import { checkFlat, flatPlan, flatRow, floats } from './flat.ts';
import { perInput, perOutput } from './flops.ts';
import { ceilDiv, constants, grid, threads } from './launch.ts';

/** Elements that an arena sets aside for a tensor: whole alignments, and one for a tensor without elements. */
const room = (shape: Shape) => Math.max(1, ceilDiv(elementCount(shape), ALIGNMENT)) * ALIGNMENT;

/** Where an arena holds tensors of these shapes, one behind the other, and its size. */
export function places(shapes: Shape[]): { offsets: number[]; size: number } {
  let size = 0;
  const offsets = shapes.map((shape) => {
    const offset = size;
    size += room(shape);
    return offset;
  });
  return { offsets, size };
}

/** Inputs that one dispatch of pack takes: with the output, WebGPU's default of 8 storage buffers. */
const PACKED = 7;

/** out[places[k] + i] = inputs[k][i], and zeros up to the next place: copies tensors into an arena, up to 7 per dispatch. */
export const packOp: Op<Record<string, never>> = define({
  name: 'pack',
  outputs: (inputs) => {
    const other = inputs.find(({ dtype }) => dtype !== 'float32');
    if (other) throw new ShapeError(`pack: expected dtype float32, got ${other.dtype}`);
    return [{ shape: [places(inputs.map((x) => x.shape)).size], dtype: 'float32' }];
  },
  cpu: (inputs, [out]) => {
    const { offsets } = places(inputs.map((x) => x.shape));
    out.data.fill(0);
    inputs.forEach(({ data }, k) => {
      out.data.set(data, offsets[k]);
    });
  },
  plan: (inputs): Plan => {
    const { offsets } = places(inputs.map((x) => x.shape));
    const dispatches: Dispatch[] = [];
    for (let from = 0; from < inputs.length; from += PACKED) {
      const part = inputs.slice(from, from + PACKED).map((x) => x.shape);
      // The last input stands in for those that are missing; no workgroup asks for them.
      const reads = Array.from({ length: PACKED }, (_, k): Slot => {
        return { of: 'input', index: Math.min(from + k, inputs.length - 1) };
      });
      const segments = part.flatMap((shape, k) => [elementCount(shape), offsets[from + k], room(shape), 0]);
      dispatches.push({
        shader: { file: 'pack.wgsl', source: packSource, preamble: constants({ PACKED }) },
        reads,
        params: [...segments, ...Array(4 * (PACKED - part.length)).fill(0)],
        workgroups: grid(Math.max(...part.map(room)) / 64, part.length),
      });
    }
    return { dispatches };
  },
  vjp: null,
});

/** Elements that a workgroup of gradNorm takes at least, and workgroups at most: a second dispatch has no more to take. */
const CHUNK = 4096;
const GROUPS = 1024;
const BLOCK = 16;

/** sqrt(sum of g^2), or the largest |g|, as a tensor of rank 0; of many elements in two dispatches. NaN where g has one. */
export const gradNormOp: Op<{ normType: number }> = define({
  name: 'gradNorm',
  outputs: ([g]) => {
    checkFlat('gradNorm', [g]);
    return [{ shape: [], dtype: 'float32' }];
  },
  cpu: ([g], [out], { normType }) => {
    let total = 0;
    for (const v of g.data) total = normType === 2 ? total + v * v : Math.max(total, Math.abs(v));
    out.data[0] = normType === 2 ? Math.sqrt(total) : total;
  },
  flops: perInput(2),
  plan: ([g], _outputs, { normType }, gpu): Plan => {
    const [n] = g.shape;
    const groups = Math.min(GROUPS, Math.max(1, ceilDiv(n, CHUNK)));
    const level = (n: number, groups: number, FIRST: boolean): Dispatch => {
      const consts = { WG: threads(gpu), BLOCK, LARGEST: normType !== 2, FIRST, LAST: groups === 1 };
      return {
        shader: { file: 'gradNorm.wgsl', source: gradNormSource, preamble: constants(consts) },
        params: [n, ceilDiv(n, groups)],
        workgroups: [groups, 1, 1],
      };
    };
    if (groups === 1) return { dispatches: [level(n, 1, true)] };
    const parts: Slot[] = [{ of: 'temp', index: 0 }];
    return {
      temps: [groups],
      dispatches: [
        { ...level(n, groups, true), writes: parts },
        { ...level(groups, 1, false), reads: parts },
      ],
    };
  },
  vjp: null,
});

/** [g, norm]: g *= min(1, maxNorm / (norm + 1e-6)), in place; all NaN where the norm is NaN. */
export const clipGradNormOp: Op<{ maxNorm: number }> = define({
  name: 'clipGradNorm',
  mutates: 1,
  outputs: ([g, norm]) => {
    if (norm.shape.length !== 0 || norm.dtype !== 'float32') {
      throw new ShapeError(`clipGradNorm: expected a norm float32 [], got ${norm.dtype} ${format(norm.shape)}`);
    }
    return checkFlat('clipGradNorm', [g]);
  },
  cpu: ([norm], [g], { maxNorm }) => {
    const scale = Math.min(1, maxNorm / (norm.data[0] + 1e-6));
    for (let i = 0; i < g.data.length; i++) g.data[i] *= scale;
  },
  flops: perOutput(1),
  plan: (_inputs, [g], { maxNorm }) =>
    flatPlan({ file: 'clipGradNorm.wgsl', source: clipGradNormSource }, g.shape[0], floats(maxNorm)),
  vjp: null,
});

/** [g]: g = min(max(g, -limit), limit), in place; NaN stays. */
export const clipGradValueOp: Op<{ limit: number }> = flatRow({
  name: 'clipGradValue',
  shader: { file: 'clipGradValue.wgsl', source: clipGradValueSource },
  flops: 2,
  updates: ['g'],
  reads: [],
  params: ({ limit }) => floats(limit),
  cpu: ({ g }, { limit }) => {
    for (let i = 0; i < g.length; i++) g[i] = Math.min(Math.max(g[i], -limit), limit);
  },
});

/** [a, x]: a += (1 - decay) (x - a), in place: the exponential moving average of x. */
export const emaOp: Op<{ decay: number }> = flatRow({
  name: 'ema',
  shader: { file: 'ema.wgsl', source: emaSource },
  flops: 3,
  updates: ['a'],
  reads: ['x'],
  params: ({ decay }) => floats(1 - decay),
  cpu: ({ a, x }, { decay }) => {
    for (let i = 0; i < a.length; i++) a[i] += (1 - decay) * (x[i] - a[i]);
  },
});

/** [x, y]: x and y trade their values, in place. */
export const swapOp: Op<Record<string, never>> = flatRow({
  name: 'swap',
  shader: { file: 'swap.wgsl', source: swapSource },
  updates: ['x', 'y'],
  reads: [],
  params: () => [],
  cpu: ({ x, y }) => {
    for (let i = 0; i < x.length; i++) [x[i], y[i]] = [y[i], x[i]];
  },
});
