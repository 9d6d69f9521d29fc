// Element types: halves on the host and in memory, and what data may hold that is wrong.
import { cast, crossEntropy, type Device, init, randn, reshape, tensor, zeros } from 'downhill';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromHalf, toHalf } from '../src/tensor/half.ts';

let device: Device;
beforeAll(async () => {
  device = await init();
});
afterAll(() => device.destroy());

describe('halves', () => {
  test('all of them there and back', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = fromHalf(bits);
      if (!Number.isNaN(value)) expect(toHalf(value)).toBe(bits);
    }
    expect(fromHalf(toHalf(Number.NaN))).toBe(Number.NaN);
  });

  test('the nearest half, the even one of two', () => {
    const halves = [
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      2047 / 1024 + 2 ** -11,
      2 ** -25,
      2 ** -24,
      3 * 2 ** -25,
      65519,
      65520,
    ];
    expect(halves.map((v) => fromHalf(toHalf(v)))).toEqual([
      ...[1, 1 + 2 ** -9, 2, 0, 2 ** -24, 2 ** -23, 65504, Number.POSITIVE_INFINITY],
    ]);
    expect(halves.map((v) => fromHalf(toHalf(-v)))).toEqual(halves.map((v) => -fromHalf(toHalf(v))));
  });

  test('made, read, assigned, or refused by name', async () => {
    if (!device.info.features?.includes('shader-f16')) {
      expect(() => zeros([3], { dtype: 'float16' })).toThrow(/float16 needs the feature shader-f16/);
      return;
    }
    const x = tensor([1, 0.1, -3], { dtype: 'float16' });
    expect(await x.data()).toEqual(Float32Array.of(1, fromHalf(toHalf(0.1)), -3));
    x.assign([4, 5, 6]);
    expect(await cast(x, 'float32').data()).toEqual(Float32Array.of(4, 5, 6));
    const part = x.alias('part', { shape: [1], strides: [1], offset: 1 });
    expect(await part.data()).toEqual(Float32Array.of(5));
    expect(() => part.assign([7])).toThrow(/a part of float16 memory is written by pairs, got 1 elements at 1/);
  });
});

describe('indices out of range', () => {
  const logits = () => randn([2, 3]);
  const wrong = () => crossEntropy(logits(), tensor(Int32Array.of(0, 3)));

  test('the next read of any tensor rejects, later ones do not', async () => {
    const other = zeros([2]);
    wrong();
    await expect(other.data()).rejects.toThrow(/crossEntropy: expected labels from 0 to 2, got 3/);
    expect(await other.tolist()).toEqual([0, 0]);
  });

  test('a read of nothing tells, too', async () => {
    wrong();
    await expect(zeros([0]).data()).rejects.toThrow(/got 3/);
  });

  test('the first of several calls is named', async () => {
    crossEntropy(logits(), tensor(Int32Array.of(-1, 0)));
    wrong();
    await expect(zeros([1]).data()).rejects.toMatchObject({
      name: 'IndexError',
      message: expect.stringMatching(/got -1$/),
    });
  });
});

test('more dims than kernels walk', () => {
  const shape = [1, 1, 1, 1, 1, 1, 1, 1, 1];
  expect(() => zeros(shape)).toThrow(/^zeros: a tensor has at most 8 dims, got 9/);
  expect(() => reshape(zeros([1]), shape)).toThrow(/reshape: a tensor has at most 8 dims/);
});
