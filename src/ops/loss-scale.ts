// Dynamic loss scaling on the device: gradients are unscaled, and the scale follows whether they were finite.
import unscaleSource from '../../shaders/unscale.wgsl';
import updateSource from '../../shaders/updateScale.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { elementCount } from '../tensor/shape.ts';
import { checkFlat, checkNumbers, flatPlan, floats } from './flat.ts';
import { shaderMath } from './shader-math.ts';

/** [g, scale]: g /= scale, in place. */
export const unscaleOp: Op<Record<string, never>> = define({
  name: 'unscale',
  mutates: 1,
  outputs: ([g, scale]) => {
    checkNumbers('unscale', [scale]);
    return checkFlat('unscale', [g]);
  },
  cpu: ([scale], [g]) => {
    for (let i = 0; i < g.data.length; i++) g.data[i] /= scale.data[0];
  },
  flops: (_inputs, [g]) => elementCount(g.shape),
  plan: (_inputs, [g]) => flatPlan({ file: 'unscale.wgsl', source: unscaleSource }, g.shape[0], []),
  vjp: null,
});

export interface ScaleAttrs {
  growth: number;
  backoff: number;
  interval: number;
}

/**
 * [scale, streak, found, norm], in place. Where the norm of the scaled gradients is infinite or NaN: found = 1, scale *= backoff,
 * streak = 0. Else found = 0, streak += 1; when that is `interval`, scale *= growth unless that is infinite, streak = 0.
 */
export const updateScaleOp: Op<ScaleAttrs> = define({
  name: 'updateScale',
  mutates: 3,
  outputs: (inputs) => {
    checkNumbers('updateScale', inputs);
    return [];
  },
  cpu: ([norm], [scale, streak, found], { growth, backoff, interval }) => {
    const bad = !Number.isFinite(Math.fround(norm.data[0]));
    found.data[0] = Number(bad);
    streak.data[0] = bad ? 0 : streak.data[0] + 1;
    if (bad) scale.data[0] *= backoff;
    if (streak.data[0] < interval) return;
    if (Number.isFinite(Math.fround(scale.data[0] * growth))) scale.data[0] *= growth;
    streak.data[0] = 0;
  },
  plan: (_inputs, _outputs, { growth, backoff, interval }) => ({
    dispatches: [
      {
        shader: { file: 'updateScale.wgsl', source: updateSource, preamble: shaderMath('isFinite(x)', updateSource) },
        params: floats(growth, backoff, interval),
        workgroups: [1, 1, 1],
      },
    ],
  }),
  vjp: null,
});
