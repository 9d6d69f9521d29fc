// Cases of the kernel check for every op, forward and backward, compiled: the same bits as op by op.
import { compile, grad, manualSeed, scope, type Tensor } from 'downhill';
import { type Case, cases } from 'downhill/check';
import { expect, test } from 'vitest';
import { inputsOf } from '../src/check/evaluate.ts';
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
  for (const item of usable.filter((item) => item.op === op).slice(0, SAMPLES)) {
    if (item.needs && !device.info.features!.includes(item.needs)) continue;
    const fn = whole(item);
    const compiled = compile(fn);
    const run = (f: typeof fn) =>
      scope(() => {
        manualSeed(7);
        return f(inputsOf(item).map((host) => place(host, device))).map((x) => x.data());
      });
    const eager = await Promise.all(run(fn));
    for (let i = 0; i < 2; i++) expect(await Promise.all(run(compiled)), item.title).toEqual(eager);
    compiled.dispose();
  }
});
