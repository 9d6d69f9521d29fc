// Random numbers: the published Philox vectors, the same bits on every device, and moments.
import {
  init,
  manualSeed,
  multinomial,
  ones,
  permutation,
  rand,
  randint,
  randn,
  randomState,
  setRandomState,
  tensor,
  truncatedNormal,
} from 'downhill';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../src/tensor/device.ts';
import { philox, shuffled } from '../src/tensor/random.ts';

let gpu: Device;
let cpu: Device;
beforeAll(async () => {
  gpu = await init();
  cpu = await init({ device: 'cpu' });
});
afterAll(() => gpu.destroy());

test.each([
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [Array(4).fill(0xffffffff), Array(2).fill(0xffffffff), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
])('Philox4x32-10 of %j with key %j, as published', (counter, key, expected) => {
  expect(philox(counter, key)).toEqual(expected);
});

test.each([0, 2 ** 40 + 5])('dropout masks are the same on CPU and GPU, seed %d', async (seed) => {
  const masks = [];
  for (const device of [cpu, gpu]) {
    manualSeed(seed);
    const x = ones([1013], { device });
    masks.push(
      [...(await x.dropout(0.4).data())].map((v) => v !== 0),
      [...(await x.dropout(0.4).data())].map((v) => v !== 0),
    );
  }
  expect(masks[2]).toEqual(masks[0]);
  expect(masks[3]).toEqual(masks[1]);
  expect(masks[1]).not.toEqual(masks[0]);
  expect(masks[0].filter(Boolean).length / 1013).toBeCloseTo(0.6, 1);
});

test('a seed gives the same numbers again, and a saved state goes on', async () => {
  manualSeed(7);
  const a = await rand([5], { device: cpu }).data();
  const saved = randomState();
  const b = await randn([5], { device: cpu }).data();
  setRandomState(saved);
  expect(await randn([5], { device: cpu }).data()).toEqual(b);
  manualSeed(7);
  expect(await rand([5], { device: cpu }).data()).toEqual(a);
  expect(() => manualSeed(-1)).toThrow('manualSeed: expected a whole number from 0 to 2^53 - 1, got -1');
});

test('moments of rand and randn', async () => {
  manualSeed(3);
  const n = 100_000;
  const moments = (v: ArrayLike<number>) => {
    const list = Array.from(v);
    const mean = list.reduce((a, b) => a + b) / n;
    return [mean, list.reduce((a, b) => a + (b - mean) ** 2, 0) / n];
  };
  const [mean, variance] = moments(await rand([n], { device: cpu }).data());
  expect(mean).toBeCloseTo(0.5, 2);
  expect(variance).toBeCloseTo(1 / 12, 2);
  const [center, spread] = moments(await randn([n], { device: cpu }).data());
  expect(Math.abs(center)).toBeLessThan(0.02);
  expect(spread).toBeCloseTo(1, 1);
});

test('shuffled is a permutation', () => {
  manualSeed(0);
  const order = shuffled(1000);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  expect(order.slice(0, 10)).not.toEqual(Uint32Array.from({ length: 10 }, (_, i) => i));
});

describe('distributions', () => {
  const share = (values: ArrayLike<number>, holds: (v: number) => boolean) =>
    Array.from(values).filter(holds).length / values.length;

  test('truncatedNormal: between its bounds, with the shares of a normal distribution', async () => {
    const values = await truncatedNormal([20_000], { stream: { seed: 1, stream: 1 } }).data();
    expect(Math.max(...values)).toBeLessThanOrEqual(2);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-2);
    // 68.27 % of all lie within 1, 95.45 % within 2.
    expect(share(values, (v) => Math.abs(v) < 1)).toBeCloseTo(0.6827 / 0.9545, 1.9);
    const right = await truncatedNormal([20_000], { low: 1, high: 9, stream: { seed: 1, stream: 2 } }).data();
    // 15.87 % lie beyond 1, 2.275 % beyond 2.
    expect(share(right, (v) => v > 2)).toBeCloseTo(0.02275 / 0.1587, 1.9);
  });

  test('permutation: each number once, in an order that is no other’s', async () => {
    const [a, b] = [await permutation(1000).tolist(), await permutation(1000).tolist()];
    expect(a).not.toEqual(b);
    expect([...a].sort((x, y) => x - y)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });

  test('multinomial: shares in proportion to the weights; without replacement each once', async () => {
    const weights = tensor([1, 0, 2, 5]);
    const drawn = await multinomial(weights, 20_000, { replacement: true, stream: { seed: 1, stream: 3 } }).data();
    for (const [i, p] of [0.125, 0, 0.25, 0.625].entries()) expect(share(drawn, (v) => v === i)).toBeCloseTo(p, 1.9);
    expect((await multinomial(weights, 4).tolist()).sort()).toEqual([0, 1, 2, 3]);
    const two = await multinomial(weights.expand([500, 4]), 2).tolist();
    expect(two.every(([a, b]: [number, number]) => a !== b && a !== 1 && b !== 1)).toBe(true);
  });
});

test('randint: all of a range, evenly, at both ends of int32', async () => {
  const counts = new Map<number, number>();
  for (const v of await randint(-3, 4, [7000], { stream: { seed: 1, stream: 4 } }).data())
    counts.set(v, (counts.get(v) ?? 0) + 1);
  expect([...counts.keys()].sort((a, b) => a - b)).toEqual([-3, -2, -1, 0, 1, 2, 3]);
  for (const n of counts.values()) expect(Math.abs(n - 1000)).toBeLessThan(120);
  const wide = await randint(-(2 ** 31), 2 ** 31 - 1, [1000]).data();
  expect(Math.min(...wide)).toBeLessThan(-(2 ** 31) + 2 ** 26);
  expect(Math.max(...wide)).toBeGreaterThan(2 ** 31 - 2 ** 26);
});
