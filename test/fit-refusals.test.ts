// What fit refuses before anything is trained.
import {
  crossEntropy,
  type Data,
  type Examples,
  evaluate,
  findLr,
  ImageSet,
  mseLoss,
  nn,
  sanity,
  setDefaultDevice,
  type Tensor,
  fit as train,
} from 'downhill';
import { describe, expect, test } from 'vitest';
import { concat, fromArrays, subset } from '../src/data/index.ts';
import { adam, examples, network } from './fitting.ts';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();

describe('refuses, before anything is trained,', () => {
  const refused = async (options: object, outputs = 3): Promise<string> => {
    setDefaultDevice(devices.cpu);
    const model = network(outputs);
    const before = await values(model.parameters());
    const data = examples(10);
    const training = train(model, { data, optimizer: adam(model), batchSize: 4, ...options });
    const message = await training.then(
      () => 'was not refused',
      (error: Error) => error.message,
    );
    expect(await values(model.parameters())).toEqual(before);
    return message;
  };

  test.each([
    [{ epoch: 2 }, 'fit: there is no option epoch; there are data, validation, loss, optimizer, epochs, batchSize'],
    [{ bachSize: 8 }, 'fit: there is no option bachSize; there are '],
    [{ batchSize: 0 }, 'fit: expected batchSize to be a whole number of at least 1, got 0'],
    [{ epochs: 1.5 }, 'fit: expected epochs to be a whole number of at least 1, got 1.5'],
    [{ accumulate: -1 }, 'fit: expected accumulate to be a whole number of at least 1, got -1'],
    [{ data: examples(0) }, 'fit: expected at least one training example, got none'],
    [{ data: examples(9, { classes: 4 }) }, "fit: label 3 of example 2 is out of range for the model's 3 classes"],
    [
      { validation: examples(9, { classes: 5 }) },
      "fit: validation: label 3 of example 1 is out of range for the model's 3 classes",
    ],
    [
      { loss: (x: Tensor, y: Tensor) => crossEntropy(x, y, { reduction: 'none' }) },
      'fit: expected the loss to be one number, got [4]',
    ],
  ])('%j', async (options, message) => {
    expect(await refused(options)).toContain(message);
  });

  test('data that is not had by indices', async () => {
    const rows = [{ x: [1], y: 0 }];
    const words = 'data.fromIterable() makes it of examples { x, y }';
    const wanted = 'expected data with length and batch(indices), got';
    expect(await refused({ data: rows })).toBe(`fit: ${wanted} an array: ${words}`);
    expect(await refused({ data: new Set(rows) })).toBe(`fit: ${wanted} an object without them: ${words}`);
    expect(await refused({ data: undefined })).toBe(`fit: ${wanted} undefined: ${words}`);
    expect(await refused({ validation: rows })).toBe(`fit: validation: ${wanted} an array: ${words}`);
    const model = network();
    const data = rows as unknown as Data;
    await expect(findLr(model, { data, optimizer: adam(model) })).rejects.toThrow(`findLr: ${wanted} an array`);
    await expect(sanity(model, { data })).rejects.toThrow(`sanity: ${wanted} an array`);
    await expect(evaluate(model, data)).rejects.toThrow(`evaluate: ${wanted} an array`);
  });

  test('labels that come with their batches, before the step that has them', async () => {
    const { batch } = examples(10);
    const data: Data = {
      length: 10,
      batch: (indices) => {
        const { x, shape } = batch(indices) as ReturnType<typeof batch> & { x: Float32Array; shape: number[] };
        return { x, shape, y: Int32Array.from(indices, (i) => (i === 3 ? -1 : 0)) };
      },
    };
    expect(await refused({ data })).toBe("fit: label -1 of example 3 is out of range for the model's 3 classes");
    const model = network();
    const history = await train(model, {
      data,
      optimizer: adam(model),
      ignoreIndex: -1,
      loss: (x, y) => crossEntropy(x, y, { ignoreIndex: -1 }),
    });
    expect(history[0].trainLoss).toBeGreaterThan(0);
  });

  test('NaN and infinities, wherever they are, by the name that the data gives them', async () => {
    const spoilt = (row: number, value: number, part: 'x' | 'y' = 'x'): Data => {
      const { batch } = examples(10, { floats: true });
      return {
        length: 10,
        batch: async (indices) => {
          const made = await batch(indices);
          const size = made[part].length / indices.length;
          Array.from(indices).forEach((i, at) => {
            if (i === row) made[part][at * size + size - 1] = value;
          });
          return made;
        },
        where: (index) => `points.csv, row ${index}`,
      };
    };
    const loss = mseLoss;
    expect(await refused({ data: spoilt(7, Number.NaN), loss }, 1)).toBe(
      'fit: points.csv, row 7: x is NaN at element 5',
    );
    const validation = spoilt(9, Number.POSITIVE_INFINITY, 'y');
    expect(await refused({ data: spoilt(-1, 0), validation, loss }, 1)).toBe(
      'fit: validation: points.csv, row 9: y is Infinity',
    );
    const model = network(1);
    await expect(findLr(model, { data: spoilt(7, Number.NaN), loss, optimizer: adam(model) })).rejects.toThrow(
      'findLr: points.csv, row 7: x is NaN at element 5',
    );
    // Who asks for it trains on.
    const [epoch] = await train(model, { data: spoilt(7, Number.NaN), loss, optimizer: adam(model), check: false });
    expect(epoch.trainLoss).toBeNaN();
  });

  /** Rows of 6 numbers and a target, but for one with other lengths; named, and joined as users join them. */
  const ragged = (row: number, { x = 6, y = 1, fromRows = false, length = 300 } = {}): Data => ({
    length,
    batch: (indices) => {
      const rows = Array.from(indices, (i) => ({
        x: new Array<number>(i === row ? x : 6).fill(i),
        y: new Array<number>(i === row ? y : 1).fill(i),
      }));
      const joined = Float32Array.from(rows.flatMap((one) => one.x));
      const shape = [indices.length, fromRows ? joined.length / indices.length : 6];
      return { x: joined, shape, y: Float32Array.from(rows.flatMap((one) => one.y)) };
    },
    where: (index) => `file.bin, row ${index}`,
  });

  test('examples of another size, by name', async () => {
    const loss = (output: Tensor, target: Tensor) => mseLoss(output, target.reshape(output.shape));
    const of = (data: Data) => refused({ data, loss }, 1);
    expect(await of(ragged(150, { x: 7 }))).toBe('fit: file.bin, row 150: expected 6 numbers in x, got 7');
    expect(await of(ragged(299, { x: 5, fromRows: true }))).toBe(
      'fit: file.bin, row 299: expected 6 numbers in x, got 5',
    );
    expect(await of(ragged(2, { y: 2 }))).toBe('fit: file.bin, row 2: expected 1 numbers in y, got 2');
    expect(await refused({ data: ragged(-1), validation: ragged(260, { x: 0 }), loss }, 1)).toBe(
      'fit: validation: file.bin, row 260: expected 6 numbers in x, got 0',
    );
    const model = network(1);
    await expect(findLr(model, { data: ragged(150, { x: 7 }), loss, optimizer: adam(model) })).rejects.toThrow(
      'findLr: file.bin, row 150: expected 6 numbers in x, got 7',
    );
    // Unlooked at, the step that has it is refused.
    await expect(train(model, { data: ragged(150, { x: 7 }), loss, optimizer: adam(model), check: false }))
      .rejects //
      .toThrow(/^fit: file\.bin, row \d+ and the \d+ of its batch: expected x of shape \[\d+,6\], got \d+ numbers$/);
  });

  test('batches of another shape that the model does not take, and no others', async () => {
    const longer = (from: number): Data => ({
      ...ragged(-1),
      batch: (indices) => {
        const width = Array.from(indices).some((i) => i >= from) ? 8 : 6;
        const n = indices.length;
        return { x: new Float32Array(n * width), shape: [n, width], y: new Float32Array(n) };
      },
    });
    const loss = (output: Tensor, target: Tensor) => mseLoss(output.mean(1), target);
    expect(await refused({ data: longer(256), loss })).toMatch(
      /^fit: file\.bin, row 256 and the 43 of its batch: examples are \[8\] and \[\] here, \[6\] and \[\] before \(linear.*8/,
    );
    class Mean extends nn.Module {
      last = new nn.Linear(1, 1);
      override forward(x: Tensor): Tensor {
        return this.last.call(x.mean(1, true));
      }
    }
    const model = owned(new Mean());
    expect(await train(model, { data: longer(200), loss, optimizer: adam(model) })).toHaveLength(1);
  });

  test('nothing of pixels, which are known to be finite', async () => {
    const pixels = { images: new Uint8Array(40).fill(9), labels: Uint8Array.of(0, 1, 2, 0, 1), shape: [2, 2, 2] };
    const data = new ImageSet({ ...pixels, classes: ['a', 'b', 'c'], mean: 0, std: 1 });
    const asked: number[] = [];
    const batch = (indices: ArrayLike<number>) => {
      asked.push(indices.length);
      return data.batch(indices);
    };
    setDefaultDevice(devices.cpu);
    const model = owned(new nn.Sequential(new nn.Flatten(), new nn.Linear(8, 3)));
    const { length, labels } = data;
    for (const checked of [true, false]) {
      await train(model, { data: { length, labels, checked, batch }, optimizer: adam(model), batchSize: 5 });
    }
    // The first batch tells what the task is.
    expect(asked).toEqual([5, 5, 5, 5, 5]);
  });

  test('a class of which there is no example, but for parts and samples', async () => {
    const classes = ['a', 'b', 'c'];
    const { batch, length } = examples(10);
    const two: Data = {
      length,
      classes,
      batch: (indices) => {
        const made = batch(indices) as Examples;
        return { ...made, y: made.y.map((label) => (label === 1 ? 2 : label)) };
      },
    };
    const message = 'fit: class 1 (b) has no example among 10';
    expect(await refused({ data: two })).toBe(message);
    expect(
      await refused({ data: { ...examples(10), labels: [0, 2, 0, 2, 0, 2, 0, 2, 0, 2], classes, checked: true } }),
    ).toBe(message);
    const images = { images: new Uint8Array(18), shape: [1, 1, 6], classes, mean: 0, std: 1 };
    const set = new ImageSet({ ...images, labels: Uint8Array.of(0, 1, 2) });
    const rows = fromArrays(new Float32Array(60), [10, 6], new Int32Array(10), { classes: 3, allowEmpty: true });
    setDefaultDevice(devices.cpu);
    const wide = owned(new nn.Sequential(new nn.Flatten(), new nn.Linear(6, 3)));
    for (const data of [
      subset(set, [0, 2]),
      set.slice(0, 2),
      rows,
      { ...two, partial: true },
      concat(subset(set, [0])),
    ]) {
      expect(await train(wide, { data, optimizer: adam(wide) })).toHaveLength(1);
    }
    // What is only validated on may lack one.
    await train(wide, { data: set, validation: two, optimizer: adam(wide) });
  });

  test('an optimizer of another model, and shapes that do not fit', async () => {
    const other = network();
    expect(await refused({ optimizer: adam(other) })).toContain("an optimizer over the model's parameters");
    const data: Data = {
      length: 4,
      batch: (at) => ({ x: new Float32Array(at.length * 5), shape: [at.length, 5], y: new Int32Array(at.length) }),
    };
    expect(await refused({ data })).toMatch(/linear.*5/);
    const fewer: Data = { length: 4, batch: () => ({ x: new Float32Array(6), shape: [1, 6], y: new Int32Array(1) }) };
    expect(await refused({ data: fewer })).toContain('asked the data for 4 examples, got a batch of shape [1,6]');
  });
});
