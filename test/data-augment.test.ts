// Augmentation: what it may do to images and no more, the same on the CPU and the GPU for a seed, live inside compile().
import { compile, type Device, init, manualSeed, memory, nn, type Tensor, tensor } from 'downhill';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { augment, DataLoader, fromArrays } from '../src/data/index.ts';

const { Augment, colorJitter, compose, crop, flip, shift } = augment;

let gpu: Device;
let cpu: Device;
beforeAll(async () => {
  gpu = await init();
  cpu = await init({ device: 'cpu' });
});
afterAll(() => gpu.destroy());
beforeEach(() => manualSeed(5));

/** Images [N, C, H, W] whose pixels are all different, between 0.1 and 0.9. */
function images(shape: number[], device: Device = cpu): Tensor {
  const n = shape.reduce((a, b) => a * b);
  return tensor(
    Float32Array.from({ length: n }, (_, i) => 0.1 + (0.8 * ((i * 7919) % n)) / n),
    { shape, device },
  );
}

type Plane = number[][];
type Images = Plane[][];
const listed = async (x: Tensor): Promise<Images> => x.tolist();

const mirrored = (image: Plane[]) => image.map((plane) => plane.map((row) => [...row].reverse()));
/** The window of h by w pixels at (top, left), with zeros outside. */
const cut = (image: Plane[], top: number, left: number, h: number, w: number) =>
  image.map((plane) =>
    Array.from({ length: h }, (_, i) => Array.from({ length: w }, (_, j) => plane[top + i]?.[left + j] ?? 0)),
  );

describe('each image changes in its own way, and in no other', () => {
  test('flip: left and right, top and bottom, none, all', async () => {
    const x = images([64, 2, 3, 4]);
    const before = await listed(x);
    const after = await listed(flip()(x));
    const turned = after.map((image, i) => {
      const same = JSON.stringify(image) === JSON.stringify(before[i]);
      if (!same) expect(image).toEqual(mirrored(before[i]));
      return !same;
    });
    const count = turned.filter(Boolean).length;
    expect(count).toBeGreaterThan(16);
    expect(count).toBeLessThan(48);
    expect(await listed(flip(0)(x))).toEqual(before);
    expect(await listed(flip(1)(x))).toEqual(before.map(mirrored));
    expect(await listed(flip(1, { vertical: true })(x))).toEqual(
      before.map((image) => image.map((p) => [...p].reverse())),
    );
  });

  test('crop: every place is reached, with zeros around', async () => {
    const x = images([200, 2, 4, 5]);
    const before = await listed(x);
    const after = crop([3, 4], 1)(x);
    expect(after.shape).toEqual([200, 2, 3, 4]);
    const places = new Set<string>();
    (await listed(after)).forEach((image, i) => {
      for (let top = -1; top <= 2; top++) {
        for (let left = -1; left <= 2; left++) {
          if (JSON.stringify(image) === JSON.stringify(cut(before[i], top, left, 3, 4))) places.add(`${top},${left}`);
        }
      }
    });
    expect(places.size).toBe(16);
    expect(crop(3)(x).shape).toEqual([200, 2, 3, 3]);
  });

  test('shift: every image is itself, moved, with zeros or its own border behind', async () => {
    const x = images([100, 1, 4, 3]);
    const before = await listed(x);
    const places = new Set<string>();
    (await listed(shift(1)(x))).forEach((image, i) => {
      const found = [-1, 0, 1].flatMap((top) =>
        [-1, 0, 1]
          .filter((left) => JSON.stringify(image) === JSON.stringify(cut(before[i], top, left, 4, 3)))
          .map((left) => [top, left]),
      );
      expect(found).toHaveLength(1);
      places.add(String(found[0]));
    });
    expect(places.size).toBe(9);
    const ones = tensor(new Float32Array(8).fill(0.5), { shape: [1, 2, 2, 2], device: cpu });
    expect(await listed(shift(2, { mode: 'replicate' })(ones))).toEqual(await listed(ones));
    expect(await listed(shift(0)(x))).toEqual(before);
  });

  test('colorJitter: one factor for each image, of brightness, contrast and saturation', async () => {
    const x = images([40, 3, 2, 2]);
    const before = await listed(x);
    const gray = ([r, g, b]: Plane[], i: number, j: number) => 0.299 * r[i][j] + 0.587 * g[i][j] + 0.114 * b[i][j];
    const pixels = [0, 1].flatMap((i) => [0, 1].map((j) => [i, j]));
    const meanGray = (image: Plane[]) => pixels.reduce((sum, [i, j]) => sum + gray(image, i, j), 0) / 4;
    const cases = [
      [colorJitter({ brightness: 0.1 }), () => 0],
      [colorJitter({ contrast: 0.1 }), meanGray],
      [colorJitter({ saturation: [0.5, 0.9] }), gray],
    ] as const;
    for (const [k, [jitter, center]] of cases.entries()) {
      const [low, high] = k === 2 ? [0.5, 0.9] : [0.9, 1.1];
      const factors = (await listed(jitter(x))).map((image, n) => {
        const found = [0, 1, 2].flatMap((c) =>
          pixels.map(([i, j]) => {
            const from = center(before[n], i, j);
            return (image[c][i][j] - from) / (before[n][c][i][j] - from);
          }),
        );
        for (const factor of found) expect(factor).toBeCloseTo(found[0], 5);
        return found[0];
      });
      expect(Math.min(...factors)).toBeGreaterThanOrEqual(low - 1e-9);
      expect(Math.max(...factors)).toBeLessThanOrEqual(high + 1e-9);
      // Factors are spread over the range.
      expect(Math.max(...factors) - Math.min(...factors)).toBeGreaterThan(0.7 * (high - low));
    }
  });

  test('colorJitter: normalized images stay so, and black and white are the limits', async () => {
    const x = images([8, 3, 2, 2]);
    const [mean, std] = [
      [0.5, 0.4, 0.3],
      [0.2, 0.3, 0.25],
    ];
    const per = (values: number[]) => tensor(values, { shape: [3, 1, 1], device: cpu });
    const options = { brightness: 0.5, contrast: 0.5, saturation: 0.5 };
    const plain = colorJitter(options)(x);
    manualSeed(5);
    const normalized = colorJitter({ ...options, mean, std })(x.sub(per(mean)).div(per(std)));
    const [expected, actual] = [await plain.data(), await normalized.mul(per(std)).add(per(mean)).data()];
    expected.forEach((value, i) => {
      expect(actual[i]).toBeCloseTo(value, 10);
    });
    expect(Math.min(...(await colorJitter({ contrast: [9, 9] })(x).data()))).toBe(0);
    expect(Math.max(...(await colorJitter({ brightness: [9, 9] })(x).data()))).toBe(1);
    // A gray image has no saturation.
    const one = images([4, 1, 2, 2]);
    expect(await listed(colorJitter({ saturation: 0.9 })(one))).toEqual(await listed(one));
  });
});

const all = (): augment.Augmentation =>
  compose(
    flip(0.3),
    crop(6, 2),
    shift(1, { mode: 'reflect' }),
    colorJitter({ brightness: 0.3, contrast: 0.3, saturation: 0.3 }),
  );

test('the same seed gives the same images on the CPU and the GPU', async () => {
  const run = async (device: Device, change: augment.Augmentation) => {
    manualSeed(11);
    return change(images([32, 3, 7, 6], device)).data();
  };
  // What only moves pixels gives the same bits.
  const moved = compose(flip(0.3), crop(6, 2), shift(1));
  expect(Float32Array.from(await run(cpu, moved))).toEqual(await run(gpu, moved));
  const [host, device] = [await run(cpu, all()), await run(gpu, all())];
  host.forEach((value, i) => {
    expect(Math.abs(device[i] - value)).toBeLessThan(2e-6);
  });
  expect(await run(gpu, all())).toEqual(device);
});

test('inside compile() every call draws anew, and gives what it gives outside', async () => {
  for (const device of [cpu, gpu]) {
    const x = images([8, 3, 6, 6], device);
    manualSeed(2);
    const eager = [await all()(x).data(), await all()(x).data(), await all()(x).data()];
    const compiled = compile(all());
    manualSeed(2);
    for (const expected of eager) {
      const actual = await compiled(x).data();
      expected.forEach((value, i) => {
        expect(Math.abs(actual[i] - value)).toBeLessThan(1e-6);
      });
    }
    expect(eager[1]).not.toEqual(eager[0]);
    compiled.dispose();
  }
});

test('a layer augments in training only', async () => {
  const model = new nn.Sequential(new Augment(flip(1)), new nn.ReLU());
  const x = images([2, 1, 2, 3]);
  expect(await listed(model.forward(x))).toEqual((await listed(x)).map(mirrored));
  model.eval();
  expect(await listed(model.forward(x))).toEqual(await listed(x));
});

test('a loader augments in the order of the program, and nothing is left behind', async () => {
  // A device of its own: the garbage of other tests may go at any time.
  const own = await init();
  const before = memory(own).bytes;
  const data = fromArrays(
    Float32Array.from({ length: 6 * 12 }, (_, i) => i),
    [6, 1, 3, 4],
  );
  const run = async (prefetch: number) => {
    manualSeed(1);
    const seen: number[] = [];
    for await (const { x } of new DataLoader(data, { batchSize: 2, prefetch, augment: all(), device: own })) {
      seen.push(...(await x.data()));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return seen;
  };
  const alone = await run(0);
  expect(alone).toHaveLength(6 * 36);
  expect(await run(2)).toEqual(alone);
  expect(memory(own).bytes).toBe(before);
  own.destroy();
});

test('arguments that make no sense', () => {
  const x = images([2, 2, 3, 3]);
  expect(() => flip(1.5)).toThrow('probability from 0 to 1, got 1.5');
  expect(() => crop(0)).toThrow('whole sizes of at least 1');
  expect(() => crop(4)(x)).toThrow('at most 3 by 3 pixels from [2,2,3,3] with padding 0, got 4 by 4');
  expect(() => shift(0.5)).toThrow('whole number of pixels, got 0.5');
  expect(() => shift(3, { mode: 'reflect' })(x)).toThrow('pad: expected at most 2 for reflect');
  expect(() => colorJitter({ brightness: -1 })).toThrow('expected brightness as a number of at least 0');
  expect(() => colorJitter({ contrast: [2, 1] })).toThrow('expected contrast');
  expect(() => colorJitter({ saturation: 1 })(x)).toThrow('1 or 3 channels for saturation, got [2,2,3,3]');
  expect(() => colorJitter({ contrast: 1, mean: [0, 0, 0] })(x)).toThrow('a mean for each of 2 channels, got 3');
  expect(() => flip()(tensor([[1, 2]], { device: cpu }))).toThrow('float32 images [N, C, H, W], got [1,2]');
});
