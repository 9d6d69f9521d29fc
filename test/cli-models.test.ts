// The models that the commands train: their sizes, for the images of each dataset.
import { imageCnn, init, nn, randn, referenceCnn } from 'downhill';
import { beforeAll, expect, test } from 'vitest';

beforeAll(async () => {
  await init({ device: 'cpu' });
});

const sizeOf = (model: nn.Module) => [...model.parameters()].reduce((total, { size }) => total + size, 0);
const convolutions = (model: nn.Module) =>
  [...model.namedChildren()].flatMap(([, layer]) => (layer instanceof nn.Conv2d ? [layer.weight.shape.join()] : []));

test('referenceCnn: weights and biases of two convolutions and a linear layer', () => {
  expect(sizeOf(referenceCnn())).toBe(8 * 25 + 8 + 16 * 8 * 25 + 16 + 784 * 10 + 10);
  const other = referenceCnn({ shape: [3, 20, 9], classes: 4 });
  expect(other.call(randn([2, 3, 20, 9])).shape).toEqual([2, 4]);
  expect(sizeOf(other)).toBe(8 * 75 + 8 + 16 * 8 * 25 + 16 + 16 * 5 * 2 * 4 + 4);
});

test('imageCnn: blocks until the shorter side is at most 8', () => {
  expect(convolutions(imageCnn())).toEqual(['16,1,3,3', '16,16,3,3', '32,16,3,3', '32,32,3,3']);
  const shapes = { 1: [3, 6, 40], 2: [1, 28, 28], 3: [3, 64, 48] };
  for (const [blocks, shape] of Object.entries(shapes)) {
    const model = imageCnn({ shape, classes: 3, width: 2 }).eval();
    expect(convolutions(model)).toHaveLength(2 * Number(blocks));
    expect(model.call(randn([1, ...shape])).shape).toEqual([1, 3]);
  }
  const plain = imageCnn({ width: 4, batchNorm: false, dropout: 0 });
  expect(
    [...plain.namedChildren()].filter(([, layer]) => layer instanceof nn.BatchNorm2d || layer instanceof nn.Dropout),
  ).toEqual([]);
});

test('images that are too small, or no images, are refused', () => {
  expect(() => referenceCnn({ shape: [1, 3, 28] })).toThrow(
    'referenceCnn: expected images [C, H, W] of at least 4 by 4, got [1,3,28]',
  );
  expect(() => imageCnn({ shape: [28, 28] })).toThrow('imageCnn: expected images [C, H, W] of at least 2 by 2');
});
