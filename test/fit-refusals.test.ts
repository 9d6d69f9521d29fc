// What fit refuses before anything is trained.
import {
  crossEntropy,
  type Data,
  type Examples,
  findLr,
  ImageSet,
  mseLoss,
  nn,
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
