// What layers refuse: to be made with, and to be called with.
import { init, nn, randn, type Shape } from 'downhill';
import { beforeAll, expect, test } from 'vitest';
import { owned } from './training.ts';

beforeAll(() => init({ device: 'cpu' }));

test.each<[title: string, make: () => unknown, message: string]>([
  ['Linear', () => new nn.Linear(0.5, 3), 'Linear: expected inFeatures as a whole number of at least 1, got 0.5'],
  [
    'Conv2d, groups',
    () => new nn.Conv2d(4, 3, 3, { groups: 2 }),
    'Conv2d: expected groups that divide outChannels, got 2 and 3',
  ],
  [
    'Conv2d, kernel',
    () => new nn.Conv2d(1, 1, 0),
    'Conv2d: expected kernelSize as one or two whole numbers of at least 1, got 0',
  ],
  [
    'Conv2d, stride',
    () => new nn.Conv2d(1, 1, 3, { stride: 0 }),
    'Conv2d: expected stride as one or two whole numbers of at least 1, got 0',
  ],
  [
    'Conv2d, same',
    () => new nn.Conv2d(1, 1, 3, { stride: 2, padding: 'same' }),
    "Conv2d: padding 'same' needs stride 1, got 2",
  ],
  [
    'Conv1d, padding',
    () => new nn.Conv1d(1, 1, 3, { padding: -1 }),
    'Conv1d: expected padding as a whole number of at least 0, got -1',
  ],
  [
    'Conv1d, mode',
    () => new nn.Conv1d(1, 1, 3, { paddingMode: 'mirror' as 'reflect' }),
    'Conv1d: expected paddingMode zeros, reflect, replicate, circular, got mirror',
  ],
  [
    'ConvTranspose2d',
    () => new nn.ConvTranspose2d(1, 1, 3, { outputPadding: 0.5 }),
    'ConvTranspose2d: expected outputPadding as one or two whole numbers of at least 0, got 0.5',
  ],
  ['Embedding', () => new nn.Embedding(4, 2, { paddingIdx: 4 }), 'Embedding: expected paddingIdx from -4 to 3, got 4'],
  [
    'MaxPool2d',
    () => new nn.MaxPool2d(0),
    'MaxPool2d: expected kernelSize as one or two whole numbers of at least 1, got 0',
  ],
  [
    'BatchNorm2d',
    () => new nn.BatchNorm2d(3, { momentum: 2 }),
    'BatchNorm2d: expected momentum from 0 to 1, or null, got 2',
  ],
  ['GroupNorm', () => new nn.GroupNorm(2, 3), 'GroupNorm: expected numGroups that divide numChannels, got 2 and 3'],
  ['LayerNorm', () => new nn.LayerNorm([]), 'LayerNorm: expected normalizedShape of at least one dim, got []'],
  ['LayerNorm, eps', () => new nn.LayerNorm(3, { eps: -1 }), 'LayerNorm: expected eps of at least 0, got -1'],
  ['Dropout', () => new nn.Dropout(1.5), 'dropout: expected a probability from 0 to 1, got 1.5'],
  ['Maxout', () => new nn.Maxout(0), 'Maxout: expected pieces as a whole number of at least 1, got 0'],
  [
    'Sequential',
    () => new nn.Sequential(new nn.ReLU(), nn.Tanh as unknown as nn.Module),
    'Sequential: expected modules, got Tanh; make it new',
  ],
])('%s refuses what it cannot be made with', (_title, make, message) => {
  expect(make).toThrow(message);
});

test.each<[title: string, make: () => nn.Module, shape: Shape, message: string]>([
  ['Linear', () => new nn.Linear(4, 3), [2, 5], '[2,5]'],
  ['Conv2d', () => new nn.Conv2d(3, 3, 3), [1, 2, 5, 5], 'conv2d: weight expects 3 input channels, input has 2'],
  [
    'BatchNorm1d',
    () => new nn.BatchNorm1d(3),
    [2, 3, 4, 4],
    'BatchNorm1d: expected input [N, C] or [N, C, L], got [2,3,4,4]',
  ],
  ['BatchNorm2d', () => new nn.BatchNorm2d(3), [2, 3], 'BatchNorm2d: expected input [N, C, H, W], got [2,3]'],
  [
    'BatchNorm2d, channels',
    () => new nn.BatchNorm2d(3),
    [2, 4, 2, 2],
    'expected weight [4] for input [2,4,2,2], got [3]',
  ],
  ['LayerNorm', () => new nn.LayerNorm(3), [2, 4], 'layerNorm: expected input [..., 3], got [2,4]'],
  ['GroupNorm', () => new nn.GroupNorm(2, 4), [2, 6, 3], 'GroupNorm: expected input [N, 4, ...], got [2,6,3]'],
  [
    'InstanceNorm2d',
    () => new nn.InstanceNorm2d(4),
    [2, 4, 3],
    'InstanceNorm2d: expected input [N, C, H, W], got [2,4,3]',
  ],
  [
    'InstanceNorm1d',
    () => new nn.InstanceNorm1d(4),
    [2, 3, 3],
    'InstanceNorm1d: expected input [N, 4, ...], got [2,3,3]',
  ],
  ['Dropout1d', () => new nn.Dropout1d(), [2, 3], 'Dropout1d: expected input [N, C, L], got [2,3]'],
  ['Dropout2d', () => new nn.Dropout2d(), [2, 3], 'Dropout2d: expected input [N, C, H, W], got [2,3]'],
  [
    'Unflatten',
    () => new nn.Unflatten(1, [2, -1]),
    [2, 3],
    'Unflatten: expected dim 1 to divide into [2,-1], got input [2,3]',
  ],
  ['Embedding', () => new nn.Embedding(3, 3), [2, 3], 'embedding: expected int32 indices, got float32'],
])('%s refuses an input of another shape', (_title, make, shape, message) => {
  expect(() => owned(make()).call(owned(randn(shape)))).toThrow(message);
});
