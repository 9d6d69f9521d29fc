// Anomaly mode: the first op that made a NaN or an infinity is named, with the line that called it.
import { readFile } from 'node:fs/promises';
import { AnomalyError, compile, detectAnomaly, mul, nn, noGrad, setDefaultDevice, type Tensor, tensor } from 'downhill';
import { beforeEach, describe, expect, test } from 'vitest';
import { openDevices } from './training.ts';

const devices = openDevices();
const lines = (await readFile('test/anomaly.test.ts', 'utf8')).split('\n');

/** The error that anomaly mode throws, and the line of this file that it names. */
async function anomaly(fn: () => unknown, options?: Parameters<typeof detectAnomaly>[1]) {
  const error = await detectAnomaly(fn, options).then(
    () => null,
    (thrown) => thrown,
  );
  if (!(error instanceof AnomalyError)) throw error ?? new Error('no anomaly was found');
  const line = /anomaly\.test\.ts:(\d+)$/.exec(error.message)?.[1];
  return { error, line: line ? lines[Number(line) - 1] : null };
}

const leaf = (values: number[]) => tensor(values, { requiresGrad: true });

describe.each(['cpu', 'webgpu'])('on %s', (kind) => {
  beforeEach(() => setDefaultDevice(devices[kind]));

  test('a forward pass: the op, its value and place, and the line', async () => {
    const x = leaf([[1, 2] as never, [0, 3] as never]);
    const { error, line } = await anomaly(() => {
      const shifted = x.sub(1);
      const logs = shifted.log(); // the culprit
      return logs.exp().sum();
    });
    expect(error).toMatchObject({ op: 'log', phase: 'forward', index: [0, 0], shape: [2, 2], parameter: null });
    expect(error.value).toBe(Number.NEGATIVE_INFINITY);
    expect(error.message).toMatch(
      /^anomaly: log made -Infinity at \[0,0\] of \[2,2\], from finite \[2,2\], in the forward pass, at /,
    );
    expect(line).toContain('// the culprit');
  });

  test('a backward pass: the op whose gradient it is, and the line of its forward call', async () => {
    const x = leaf([4, 0]);
    const { error, line } = await anomaly(() => {
      const roots = x.sqrt(); // the culprit
      const loss = roots.mul(2).sum();
      loss.backward();
    });
    expect(error).toMatchObject({
      op: 'sqrt',
      phase: 'backward',
      index: [1],
      shape: [2],
      value: Number.POSITIVE_INFINITY,
    });
    expect(error.message).toContain('anomaly: the gradient of sqrt');
    expect(error.message).toContain('; its forward call is at ');
    expect(line).toContain('// the culprit');
  });

  test('infinities may pass', async () => {
    const x = leaf([4, 0]);
    const bad = () => {
      const y = x.log();
      return y.sub(y); // -inf - -inf
    };
    expect((await anomaly(bad)).error.op).toBe('log');
    const { error, line } = await anomaly(bad, { infinity: false });
    expect(error.op).toBe('sub');
    expect(error.value).toBeNaN();
    expect(line).toContain('// -inf - -inf');
  });

  test('the result comes back where all is well, and views and dtypes of every kind pass', async () => {
    const x = leaf([1, 2, 3, 4]);
    const result = await detectAnomaly(() => {
      const y = x.reshape([2, 2]).transpose(0, 1).contiguous();
      y.mul(y).sum().backward();
      return y.argmax(1);
    });
    expect(await result.tolist()).toEqual([1, 1]);
    expect(await x.grad!.tolist()).toEqual([2, 4, 6, 8]);
  });

  test('a compiled function is looked into', async () => {
    const f = compile((x: Tensor) => x.log().sum());
    expect((await anomaly(() => f(leaf([0])))).error.op).toBe('log');
    expect(await f(leaf([1])).item()).toBe(0);
    f.dispose();
  });
});

describe('a model', () => {
  beforeEach(() => setDefaultDevice(devices.cpu));

  class Block extends nn.Module {
    inner = new nn.Sequential(new nn.Linear(3, 3), new nn.ReLU());

    override forward(x: Tensor): Tensor {
      const h = this.inner.call(x);
      return h.div(0); // the culprit
    }
  }

  test('has its module named, and its parameters where they were bad before', async () => {
    const model = new nn.Sequential(new nn.Linear(3, 3), new Block());
    const x = tensor([[1, 2, 3]]);
    const { error, line } = await anomaly(() => model.call(x), { model });
    expect(error).toMatchObject({ op: 'div', module: '1 (Block)' });
    expect(error.message).toContain(', called by module 1 (Block), at ');
    expect(line).toContain('// the culprit');
    // Layers of the library call their ops themselves.
    const { weight } = model.layers[0] as nn.Linear;
    weight.assign(Array(9).fill(1e308));
    const overflow = await anomaly(() => model.call(x), { model });
    expect(overflow.error.module).toBe('0 (Linear)');
    // What watched is gone.
    expect(Object.getOwnPropertyNames(model)).not.toContain('forward');

    weight.assign([0, 0, 0, 0, Number.NaN, 0, 0, 0, 0]);
    const before = await anomaly(() => model.call(x), { model });
    expect(before.error).toMatchObject({ op: null, parameter: '0.weight', index: [1, 1] });
    expect(before.error.message).toBe(
      'anomaly: 0.weight [3,3] holds NaN at [1,1] already, before any op computed with it',
    );
  });

  test('inputs that were bad before are told from ops', async () => {
    const x = tensor([1, Number.NaN]);
    const { error } = await anomaly(() => x.add(1));
    expect(error).toMatchObject({ op: null, parameter: null, index: [1] });
    expect(error.message).toMatch(/^anomaly: a tensor \[2\] made by tensor holds NaN at \[1\] already/);
  });
});

test('an async function is refused, and an error of the function passes', async () => {
  setDefaultDevice(devices.cpu);
  await expect(detectAnomaly(async () => 1)).rejects.toThrow(/^detectAnomaly: expected a synchronous function/);
  await expect(
    detectAnomaly(() => {
      throw new Error('mine');
    }),
  ).rejects.toThrow('mine');
  // Nobody looks on any more.
  expect(await noGrad(() => mul(tensor([1]), Number.NaN)).item()).toBeNaN();
});
