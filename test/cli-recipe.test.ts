// How the commands train: optimizers by name, and changes of training images as --augment has them.
import { init, manualSeed, optim, tensor, zeros } from 'downhill';
import { describe, expect, test } from 'vitest';
import { augmentationOf, changesOf, optimizerOf } from '../src/cli/recipe.ts';

test('optimizers by name take the rates that suit them, and what is given', async () => {
  await init({ device: 'cpu' });
  const made = (...given: Parameters<typeof optimizerOf> extends [infer N, unknown, ...infer R] ? [N, ...R] : never) =>
    optimizerOf(given[0], [zeros([2], { requiresGrad: true })], given[1]);
  expect(made('adam')).toBeInstanceOf(optim.Adam);
  expect(made('adamw').paramGroups[0]).toMatchObject({ lr: 0.003, weightDecay: 0.01 });
  expect(made('rmsprop', { weightDecay: 0.5 }).paramGroups[0]).toMatchObject({ lr: 0.001, weightDecay: 0.5 });
  expect(made('sgd', { lr: 2 }).paramGroups[0]).toMatchObject({ lr: 2, weightDecay: 0, momentum: 0.9 });
  expect(made('sgd', { momentum: 0 }).paramGroups[0]).toMatchObject({ lr: 0.05, momentum: 0 });
});

describe('changes of images', () => {
  const input = { shape: [1, 3, 3], classes: ['a', 'b'], mean: [0.5], std: [0.25] };

  test('are read with or without amounts', () => {
    expect(changesOf('flip, shift=4,contrast=0')).toEqual([
      ['flip', 0.5],
      ['shift', 4],
      ['contrast', 0],
    ]);
  });

  test.each([
    ['', 'Expected a list of flip=0.5, shift=2, brightness=0.2, contrast=0.2, saturation=0.2, got nothing'],
    ['flip,', 'got nothing'],
    ['turn', 'got turn'],
    ['flip=0.5=1', 'got flip=0.5=1'],
    ['flip=', 'Expected flip as a number from 0 to 1, got '],
    ['flip=1.5', 'Expected flip as a number from 0 to 1, got 1.5'],
    ['shift=1.5', 'Expected shift as a whole number from 0 to 64, got 1.5'],
    ['brightness=x', 'Expected brightness as a number from 0 to 1, got x'],
  ])('%j is refused', (text, expected) => {
    expect(() => changesOf(text)).toThrow(expected);
  });

  test('happen one after the other, normalized images staying so', async () => {
    await init({ device: 'cpu' });
    manualSeed(3);
    const rows = [
      [-2, 0, 2],
      [-1, 0, 1],
      [0, 1, 2],
    ];
    const x = tensor([[rows]]);
    const turned = await augmentationOf('flip=1', input)(x).tolist();
    expect(turned).toEqual([[rows.map((row) => row.toReversed())]]);
    const [seen] = [await augmentationOf('flip=1,brightness=0.5', input)(x).data()];
    // x = (pixel - mean) / std: all pixels have the same factor, and black stays black.
    const pixels = Array.from(seen, (v) => v * 0.25 + 0.5);
    const before = rows.flatMap((row) => row.toReversed()).map((v) => v * 0.25 + 0.5);
    const factor = pixels[1] / before[1];
    expect(factor).not.toBeCloseTo(1, 3);
    pixels.forEach((value, i) => {
      expect(value).toBeCloseTo(Math.min(1, before[i] * factor), 6);
    });
  });
});
