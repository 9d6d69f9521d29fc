// What every op refuses, whatever its arguments: released tensors and tensors of two devices, before it takes any memory.
import { type Device, init, memory, scope } from 'downhill';
import { type Case, cases } from 'downhill/check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allOps } from '../src/autograd/op.ts';
import { cpuDevice } from '../src/backends/cpu/backend.ts';
import { Coverage } from '../src/check/coverage.ts';
import { inputsOf } from '../src/check/evaluate.ts';
import { type HostTensor, place } from '../src/check/values.ts';

let device: Device;
const other = cpuDevice();

beforeAll(async () => {
  device = await init();
});
afterAll(() => device.destroy());

/** Per op the first case that runs everywhere and uses its inputs as they are. */
const samples = allOps().flatMap(({ name }) => {
  const usable = (item: Case) => item.op === name && !item.refuses && !item.faults && !item.needs && !item.large;
  const item = cases.find((item) => usable(item) && item.inputs.length > 0 && !item.inputless);
  return item ? [{ name, item }] : [];
});

/** Whether a case runs nothing but its op: then what is refused must be so before any memory is taken. */
function isDirect(item: Case): boolean {
  const coverage = new Coverage(device);
  scope(() => item.run(...inputsOf(item).map((host) => place(host, device))));
  coverage.close();
  return [...coverage.ops].every((name) => name === item.op);
}

/** The error of a case whose input `k` is made otherwise, and the bytes it took before. */
function refusal(item: Case, make: (host: HostTensor, i: number) => ReturnType<typeof place>) {
  return scope(() => {
    const inputs = inputsOf(item).map(make);
    const before = memory(device).bytes;
    let error: unknown = null;
    try {
      item.run(...inputs);
    } catch (thrown) {
      error = thrown;
    }
    return { error: error as Error | null, taken: memory(device).bytes - before };
  });
}

describe('released tensors', () => {
  test.each(samples)('$name', ({ item }) => {
    item.inputs.forEach((_, k) => {
      const { error, taken } = refusal(item, (host, i) => {
        const x = place(host, device);
        if (i === k) x.dispose();
        return x;
      });
      expect(error, `input ${k}`).toMatchObject({ name: 'ReleasedError', message: expect.stringMatching(/released/) });
      if (isDirect(item)) expect(taken).toBe(0);
    });
  });
});

describe('tensors of two devices', () => {
  test.each(samples.filter(({ item }) => item.inputs.length > 1))('$name', ({ item }) => {
    item.inputs.forEach((_, k) => {
      const { error, taken } = refusal(item, (host, i) => place(host, i === k ? other : device));
      expect(error, `input ${k}`).toMatchObject({ name: 'ShapeError', message: expect.stringMatching(/device/) });
      if (isDirect(item)) expect(taken).toBe(0);
    });
  });
});
