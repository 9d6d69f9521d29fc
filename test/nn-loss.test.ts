// Losses as modules: each is its op with all its options, and its tensors are state.
import * as ops from 'downhill';
import { gradcheckModule, init, manualSeed, nn, randn, type Tensor, tensor } from 'downhill';
import { beforeAll, describe, expect, test } from 'vitest';
import { owned } from './training.ts';

beforeAll(() => init({ device: 'cpu' }));

type Op = (input: Tensor, target: Tensor, options?: object) => Tensor;
interface Case {
  name: string;
  make: (options?: object) => nn.Module;
  op: Op;
  input: () => Tensor;
  target: () => Tensor;
  /** Options to try beside the defaults and the reductions. */
  options: object[];
}

const logits = () => randn([4, 3]);
const labels = () => tensor(Int32Array.of(0, 2, 1, 2));
const numbers = () => randn([4, 3]).mul(0.7);
const probabilities = () => randn([4, 3]).sigmoid();
const signs = () =>
  tensor([
    [1, -1, 1],
    [-1, -1, 1],
    [1, 1, 1],
    [-1, 1, -1],
  ]);
const weight = () => tensor([0.5, 2, 3]);

const cases: Case[] = [
  {
    name: 'CrossEntropyLoss',
    make: (o) => new nn.CrossEntropyLoss(o),
    op: ops.crossEntropy as Op,
    input: logits,
    target: labels,
    options: [{ ignoreIndex: 2 }, { labelSmoothing: 0.1 }],
  },
  {
    name: 'NLLLoss',
    make: (o) => new nn.NLLLoss(o),
    op: ops.nllLoss as Op,
    input: numbers,
    target: labels,
    options: [{ ignoreIndex: 1 }],
  },
  {
    name: 'MSELoss',
    make: (o) => new nn.MSELoss(o),
    op: ops.mseLoss as Op,
    input: numbers,
    target: numbers,
    options: [],
  },
  { name: 'L1Loss', make: (o) => new nn.L1Loss(o), op: ops.l1Loss as Op, input: numbers, target: numbers, options: [] },
  {
    name: 'SmoothL1Loss',
    make: (o) => new nn.SmoothL1Loss(o),
    op: ops.smoothL1Loss as Op,
    input: numbers,
    target: numbers,
    options: [{ beta: 0.3 }],
  },
  {
    name: 'HuberLoss',
    make: (o) => new nn.HuberLoss(o),
    op: ops.huberLoss as Op,
    input: numbers,
    target: numbers,
    options: [{ delta: 0.3 }],
  },
  {
    name: 'BCELoss',
    make: (o) => new nn.BCELoss(o),
    op: ops.bceLoss as Op,
    input: probabilities,
    target: probabilities,
    options: [],
  },
  {
    name: 'BCEWithLogitsLoss',
    make: (o) => new nn.BCEWithLogitsLoss(o),
    op: ops.bceWithLogitsLoss as Op,
    input: logits,
    target: probabilities,
    options: [],
  },
  {
    name: 'KLDivLoss',
    make: (o) => new nn.KLDivLoss(o),
    op: ops.klDivLoss as Op,
    input: numbers,
    target: probabilities,
    options: [{ logTarget: true }, { reduction: 'batchmean' }],
  },
  {
    name: 'MultiMarginLoss',
    make: (o) => new nn.MultiMarginLoss(o),
    op: ops.multiMarginLoss as Op,
    input: logits,
    target: labels,
    options: [{ p: 2 }, { margin: 0.4 }],
  },
  {
    name: 'SvmLoss',
    make: (o) => new nn.SvmLoss(o),
    op: ops.svmLoss as Op,
    input: logits,
    target: labels,
    options: [{ margin: 0.4 }],
  },
  {
    name: 'HingeLoss',
    make: (o) => new nn.HingeLoss(o),
    op: ops.hingeLoss as Op,
    input: logits,
    target: signs,
    options: [],
  },
  {
    name: 'HingeEmbeddingLoss',
    make: (o) => new nn.HingeEmbeddingLoss(o),
    op: ops.hingeEmbeddingLoss as Op,
    input: probabilities,
    target: signs,
    options: [{ margin: 0.6 }],
  },
];

describe.each(cases)('$name', ({ make, op, input, target, options }) => {
  test('hands its options to the op', async () => {
    manualSeed(1);
    const [x, y] = [owned(input()), owned(target())];
    const base = await owned(op(x, y)).tolist();
    expect(await owned(make().call(x, y)).tolist()).toEqual(base);
    for (const given of [{ reduction: 'sum' }, { reduction: 'none' }, ...options]) {
      const wanted = await owned(op(x, y, given)).tolist();
      expect(wanted).not.toEqual(base);
      expect(await owned(make(given).call(x, y)).tolist()).toEqual(wanted);
    }
    expect(() => make({ reduction: 'max' }).call(x, y)).toThrow(/expected reduction mean, sum,? .*got max/);
  });
});

test.each<[name: string, make: (options: object) => nn.Module, op: Op, target: () => Tensor, tensors: string[]]>([
  ['CrossEntropyLoss', (o) => new nn.CrossEntropyLoss(o), ops.crossEntropy as Op, labels, ['weight']],
  ['NLLLoss', (o) => new nn.NLLLoss(o), ops.nllLoss as Op, labels, ['weight']],
  ['MultiMarginLoss', (o) => new nn.MultiMarginLoss(o), ops.multiMarginLoss as Op, labels, ['weight']],
  [
    'BCEWithLogitsLoss',
    (o) => new nn.BCEWithLogitsLoss(o),
    ops.bceWithLogitsLoss as Op,
    probabilities,
    ['weight', 'posWeight'],
  ],
])('weights of %s are buffers, and can be loaded', async (_name, make, op, target, names) => {
  manualSeed(2);
  const [x, y] = [owned(logits()), owned(target())];
  const tensors = Object.fromEntries(names.map((name) => [name, weight()]));
  const module = owned(make({ ...tensors, reduction: 'sum' }));
  expect(Object.keys(module.stateDict())).toEqual(names);
  expect([...module.parameters()]).toEqual([]);
  const run = async () => owned(module.call(x, y)).item();
  const by = async (values: Record<string, Tensor>) => owned(op(x, y, { ...values, reduction: 'sum' })).item();
  expect(await run()).toBe(await by(tensors));
  const other = [3, 1, 0.25];
  module.loadStateDict(Object.fromEntries(names.map((name) => [name, { shape: [3], data: other }])));
  const loaded = owned(tensor(other));
  expect(await run()).toBe(await by(Object.fromEntries(names.map((name) => [name, loaded]))));
});

test('a loss trains a model, as a module in it or beside it', async () => {
  manualSeed(3);
  const model = owned(new nn.Linear(2, 3));
  const loss = new nn.CrossEntropyLoss({ labelSmoothing: 0.2 });
  const report = await gradcheckModule(model, (out, y) => loss.call(out, y), [owned(randn([4, 2])), owned(labels())]);
  expect(report.passed, String(report)).toBe(true);
});
