// Cases of the kernel check for every op, forward and backward, compiled: what they are op by op, within the tolerance of the
// case, since joined kernels may round less; and the same bits every time.
import { compile, grad, manualSeed, scope, type Tensor } from 'downhill';
import { type Case, cases } from 'downhill/check';
import { expect, test } from 'vitest';
import { compareResults } from '../src/check/compare.ts';
import { inputsOf, TOLERANCE } from '../src/check/evaluate.ts';
import { refusalOf } from '../src/check/kernel-check.ts';
import { place } from '../src/check/values.ts';
import { openDevices } from './training.ts';

const devices = openDevices();

/** Outputs of a case, then the gradients of the inputs that get one. */
const whole = (item: Case) => (inputs: Tensor[]) => {
  const outputs = [item.run(...inputs)].flat();
  const roots = outputs.filter((x) => x.requiresGrad);
  const gradients = roots.map((x) => x.detach().mul(0.5).add(1));
  const wanted = inputs.filter((x) => x.requiresGrad);
  const found = item.gradients === 'none' || roots.length === 0 ? [] : grad(roots, wanted, { gradients });
  return [...outputs, ...found.filter((g) => g !== null)];
};

const usable = cases.filter(({ refuses, faults, large }) => !refuses && !faults && !large);

/** Cases of each op that are run: all of them take half a minute. */
const SAMPLES = 5;

test.each([...new Set(usable.map(({ op }) => op))])('%s', async (op) => {
  const device = devices.webgpu;
  // What the adapter lacks, the kernel check sees refused.
  const able = usable.filter((item) => item.op === op && !refusalOf(item, device));
  if (op !== 'toFloat16' || device.info.features?.includes('shader-f16')) expect(able).not.toEqual([]);
  for (const item of able.slice(0, SAMPLES)) {
    const fn = whole(item);
    const compiled = compile(fn);
    const run = (f: typeof fn) =>
      scope(() => {
        manualSeed(7);
        return f(inputsOf(item).map((host) => place(host, device))).map(async (x) => {
          const { shape, dtype } = x;
          return { shape, dtype, data: await x.data() };
        });
      });
    const eager = await Promise.all(run(fn));
    const [once, twice] = [await Promise.all(run(compiled)), await Promise.all(run(compiled))];
    expect(twice, item.title).toEqual(once);
    expect(once.length).toBe(eager.length);
    const { forward, gradient } = { ...TOLERANCE, ...item.tolerance };
    once.forEach((result, i) => {
      const { error, detail } = compareResults(result, eager[i]);
      expect(error, `${item.title}: ${detail}`).toBeLessThanOrEqual(Math.max(forward, gradient));
    });
    compiled.dispose();
  }
});
