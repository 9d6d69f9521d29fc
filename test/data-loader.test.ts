// Batches in seeded order that resumes to the bit, prefetch, and the lifetimes of tensors.
import { type Device, init, keep, manualSeed, memory, type Tensor } from 'downhill';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  DataError,
  DataLoader,
  type Example,
  epochOrder,
  fromArrays,
  type LoaderOptions,
  type Source,
  stream,
} from '../src/data/index.ts';
import { counted } from './counted.ts';

let gpu: Device;
let cpu: Device;
beforeAll(async () => {
  gpu = await init();
  cpu = await init({ device: 'cpu' });
});
afterAll(() => gpu.destroy());
beforeEach(() => manualSeed(0));

describe('DataLoader', () => {
  /** First numbers of each batch of a loop, at most `most` batches of it. */
  async function read(loader: DataLoader, most = Number.POSITIVE_INFINITY): Promise<number[][]> {
    const seen: number[][] = [];
    for await (const { x } of loader) {
      seen.push((await x.tolist()).map(([first]: number[]) => first));
      if (seen.length === most) break;
    }
    return seen;
  }
  const loaderOf = (n: number, options: LoaderOptions = {}) => new DataLoader(counted(n), { device: cpu, ...options });

  test('batches in order, the last one smaller or left out', async () => {
    const loader = loaderOf(5, { batchSize: 2 });
    expect(loader.length).toBe(3);
    expect(await read(loader)).toEqual([[0, 1], [2, 3], [4]]);
    const dropping = loaderOf(5, { batchSize: 2, dropLast: true });
    expect(dropping.length).toBe(2);
    expect(await read(dropping)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(await read(dropping)).toHaveLength(2);
    for await (const { x, y } of new DataLoader(counted(5), { batchSize: 5, device: gpu })) {
      expect(x.device).toBe(gpu);
      expect([x.dtype, y.dtype]).toEqual(['float32', 'int32']);
      expect(await y.tolist()).toEqual([0, 1, 2, 0, 1]);
    }
  });

  test('targets of several numbers keep their shape', async () => {
    const data = fromArrays([1, 2], [2, 1], [1, 2, 3, 4]);
    for await (const { y } of new DataLoader(data, { device: cpu }))
      expect(await y.tolist()).toEqual([
        [1, 2],
        [3, 4],
      ]);
  });

  test('shuffles every epoch anew, the same for the same seed', async () => {
    const epochs = async () => {
      manualSeed(7);
      const loader = loaderOf(20, { batchSize: 8, shuffle: true });
      return [await read(loader), await read(loader)].map((batches) => batches.flat());
    };
    const [first, second] = await epochs();
    expect(first).not.toEqual(second);
    expect([...first].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect([...second].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(await epochs()).toEqual([first, second]);
    expect(Array.from(epochOrder(20, { seed: 7, stream: 0 }, 1))).toEqual(second);
  });

  test('goes on from a state to the bit, in the midst of an epoch and at its end, whatever the seed is by then', async () => {
    const make = (seed: number) => {
      manualSeed(seed);
      return loaderOf(20, { batchSize: 6, shuffle: true });
    };
    const whole = make(3);
    const expected = [...(await read(whole)), ...(await read(whole))];
    for (const stop of [1, 3, 4]) {
      const before = make(3);
      expect(await read(before, stop)).toEqual(expected.slice(0, stop));
      const saved = JSON.parse(JSON.stringify(before.state()));
      const after = make(99);
      after.restore(saved);
      const rest = await read(after);
      if (stop < 4) rest.push(...(await read(after)));
      expect(rest).toEqual(expected.slice(stop, 8));
    }
    expect(() => make(3).restore({ ...whole.state(), length: 21 })).toThrow(/a loader of 20 examples/);
  });

  test('a loop that another one interferes with says so', async () => {
    const loader = loaderOf(6, { batchSize: 2 });
    const first = loader[Symbol.asyncIterator]();
    await first.next();
    await read(loader, 1);
    await expect(first.next()).rejects.toThrow(/read by another loop/);
  });

  test('makes the next batch while the consumer waits, and no more than that', async () => {
    const asked: number[] = [];
    const data = counted(8);
    const watched = {
      length: 8,
      batch(indices: ArrayLike<number>) {
        asked.push(indices[0]);
        return data.batch(indices);
      },
    };
    const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
    for await (const { x } of new DataLoader(watched, { batchSize: 2, device: cpu })) {
      const [[first]] = await x.tolist();
      if (first === 0) expect(asked).toEqual([0]);
      await pause();
      expect(asked.at(-1)).toBe(Math.min(first + 2, 6));
    }
    expect(asked).toEqual([0, 2, 4, 6]);
    asked.length = 0;
    for await (const { x } of new DataLoader(watched, { batchSize: 2, prefetch: 0, device: cpu })) {
      await pause();
      expect(asked.at(-1)).toBe((await x.tolist())[0][0]);
    }
  });

  test('a source may have to wait, and its failure reaches the loop', async () => {
    const data = counted(6);
    const batch = async (indices: ArrayLike<number>) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (indices[0] === 4) throw new DataError('photo 4: truncated');
      return data.batch(indices);
    };
    const seen: number[] = [];
    const loop = async () => {
      for await (const { x } of new DataLoader({ length: 6, batch }, { batchSize: 2, prefetch: 3, device: cpu })) {
        seen.push(x.shape[0]);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await expect(loop()).rejects.toThrow('photo 4: truncated');
    expect(seen).toEqual([2, 2]);
  });

  test('a batch lives until the next is asked for, and nothing is left behind', async () => {
    // A device of its own: the garbage of other tests may go at any time.
    const own = await init();
    const before = memory(own).bytes;
    let last: Tensor | undefined;
    let kept: Tensor | undefined;
    const loader = new DataLoader(counted(6), { batchSize: 2, device: own, augment: (x) => x.mul(2) });
    for await (const { x } of loader) {
      if (last && last !== kept) expect(last.released).toBe(true);
      expect(x.released).toBe(false);
      last = x;
      kept ??= keep(x);
    }
    expect(last?.released).toBe(true);
    expect(await kept!.tolist()).toEqual([
      [0, 0],
      [2, 20],
    ]);
    kept!.dispose();
    for await (const _ of loader) break;
    // What was made ahead is released by then, too.
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(memory(own).bytes).toBe(before);
    own.destroy();
  });

  test('options that make no sense', () => {
    expect(() => loaderOf(3, { batchSize: 0 })).toThrow('batch size of at least 1, got 0');
    expect(() => loaderOf(3, { prefetch: -1 })).toThrow('got -1');
    expect(() => loaderOf(3, { batchSize: 4, dropLast: true })).toThrow('3 examples make no batch of 4');
  });
});

test('stream: batches from an iterable without end, closed when the loop ends', async () => {
  let closed = false;
  function* endless() {
    try {
      for (let i = 0; ; i++) yield { x: [i, i + 0.5], y: i % 2 };
    } finally {
      closed = true;
    }
  }
  const seen: unknown[] = [];
  for await (const { x, y } of stream(endless(), { batchSize: 2, labels: true, device: cpu })) {
    expect(y.dtype).toBe('int32');
    seen.push(await x.tolist());
    if (seen.length === 2) break;
  }
  expect(seen).toEqual([
    [
      [0, 0.5],
      [1, 1.5],
    ],
    [
      [2, 2.5],
      [3, 3.5],
    ],
  ]);
  expect(closed).toBe(true);
  const ragged = stream(
    [
      { x: [1], y: 0 },
      { x: [1, 2], y: 0 },
    ],
    { device: cpu },
  );
  await expect(ragged.next()).rejects.toThrow('row 1: expected 1 numbers in x as before, got 2');
});

test('stream refuses what is no number or label when it would be handed out, by row and name', async () => {
  const good = { x: [1, 2], y: 1 };
  const refusal = async (bad: unknown, options: object = {}) => {
    const given: number[] = [];
    const read = async () => {
      const examples = [good, good, good, bad] as Example[];
      const batches = stream(examples, { batchSize: 2, device: cpu, labels: true, name: 'log', ...options });
      for await (const { x } of batches) given.push(x.shape[0]);
    };
    const error = await read().then(
      () => new Error('was not refused'),
      (caught: Error) => caught,
    );
    expect(given).toEqual([2]); // the batch before is handed out
    expect(error).toBeInstanceOf(DataError);
    return error.message;
  };
  expect(await refusal({ x: [1, Number.NaN], y: 0 })).toBe('log, row 3: x is NaN at element 1');
  expect(await refusal({ x: [1, 2], y: 0.5 })).toBe('log, row 3: expected a class index as label, got 0.5');
  expect(await refusal({ x: [1, 2], y: -4 })).toBe('log, row 3: label -4 is out of range, expected 0 or more');
  expect(await refusal({ x: [1, 2] })).toBe('log, row 3: expected an example { x, y } of numbers, got y undefined');
  expect(await refusal({ x: [1, 2], y: Number.POSITIVE_INFINITY }, { labels: false, name: undefined })).toBe(
    'row 3: y is Infinity',
  );
});

test('DataLoader refuses what is no number or label when it would be handed out, by the name that the data gives', async () => {
  const source = (spoil: { x?: number; y?: number }, more: Partial<Source> = {}): Source => ({
    length: 4,
    batch: (indices) => ({
      x: Float32Array.from(Array.from(indices).flatMap((i) => [i, i === 3 ? (spoil.x ?? 0) : 0])),
      y: Int32Array.from(indices, (i) => (i === 3 ? (spoil.y ?? 0) : 0)),
      shape: [indices.length, 2],
    }),
    where: (index) => `log, row ${index}`,
    ...more,
  });
  const read = async (data: Source) => {
    let batches = 0;
    try {
      for await (const _ of new DataLoader(data, { batchSize: 2, device: cpu })) batches++;
    } catch (error) {
      return [batches, (error as Error).message];
    }
    return [batches, ''];
  };
  expect(await read(source({ x: Number.NaN }))).toEqual([1, 'log, row 3: x is NaN at element 1']);
  expect(await read(source({ y: -4 }))).toEqual([1, 'log, row 3: label -4 is out of range, expected 0 or more']);
  expect(await read(source({ y: 2 }, { classes: ['a', 'b'] }))).toEqual([
    1,
    'log, row 3: label 2 is out of range, expected 0 to 1',
  ]);
  expect(await read(source({ x: Number.NaN }, { where: undefined }))).toEqual([1, 'row 3: x is NaN at element 1']);
  // What losses leave out, and what is known to be well.
  expect(await read(source({ y: -100 }))).toEqual([2, '']);
  expect(await read(source({ y: -4 }, { checked: true }))).toEqual([2, '']);
});
