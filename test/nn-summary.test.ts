// summary: shapes, parameters, operations and bytes of each layer, without work, memory or traces on the model.
import { compile, init, manualSeed, memory, nn, randn, randomState, referenceCnn, type Tensor, zeros } from 'downhill';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { allOps } from '../src/autograd/op.ts';
import type { WebGpuBackend } from '../src/backends/webgpu/backend.ts';
import type { Device } from '../src/tensor/device.ts';
import { owned } from './training.ts';

let device: Device;
beforeAll(async () => {
  device = await init();
});
afterAll(() => device.destroy());

/** Rows that tell their operations while a test runs: so many for each call, and the others none. */
const restore: (() => void)[] = [];
afterEach(() => {
  for (const undo of restore.splice(0)) undo();
});
function telling(flops: Record<string, number>): void {
  for (const row of allOps()) {
    if (!('plan' in row)) continue;
    const before = row.flops;
    row.flops = row.name in flops ? () => flops[row.name] : undefined;
    restore.push(() => {
      row.flops = before;
    });
  }
}

test('a row for each layer, and totals', () => {
  telling({ conv2d: 1000, matmul: 10 });
  const model = owned(referenceCnn({ batchNorm: true, dropout: 0.5 }));
  const found = nn.summary(model, [2, 1, 28, 28]);
  expect(found.rows.map(({ name, type, depth, outputShape }) => [name, type, depth, outputShape])).toEqual([
    ['', 'Sequential', 0, [2, 10]],
    ['0', 'Conv2d', 1, [2, 8, 28, 28]],
    ['1', 'BatchNorm2d', 1, [2, 8, 28, 28]],
    ['2', 'ReLU', 1, [2, 8, 28, 28]],
    ['3', 'MaxPool2d', 1, [2, 8, 14, 14]],
    ['4', 'Conv2d', 1, [2, 16, 14, 14]],
    ['5', 'BatchNorm2d', 1, [2, 16, 14, 14]],
    ['6', 'ReLU', 1, [2, 16, 14, 14]],
    ['7', 'MaxPool2d', 1, [2, 16, 7, 7]],
    ['8', 'Flatten', 1, [2, 784]],
    ['9', 'Dropout', 1, [2, 784]],
    ['10', 'Linear', 1, [2, 10]],
  ]);
  expect(found.rows.map((row) => row.parameters)).toEqual([0, 208, 16, 0, 0, 3216, 32, 0, 0, 0, 0, 7850]);
  expect(found.rows.map((row) => row.buffers)).toEqual([0, 0, 16, 0, 0, 0, 32, 0, 0, 0, 0, 0]);
  expect(found.rows.map((row) => row.flops)).toEqual([
    null,
    1000,
    null,
    null,
    null,
    1000,
    null,
    null,
    null,
    null,
    null,
    10,
  ]);
  const image = 4 * 2 * 28 * 28;
  // Flatten is a view, and dropout does nothing in evaluation.
  expect(found.rows.map((row) => row.outputBytes / image)).toEqual([0, 8, 8, 8, 2, 4, 4, 4, 1, 0, 0, 20 / 1568]);
  expect([found.parameters, found.buffers, found.flops]).toEqual([11322, 48, 2010]);
  expect(found.parameterBytes).toBe(4 * (11322 + 48));
  expect(found.outputBytes).toBe(39 * image + 80);
  expect(found.parameters).toBe([...model.parameters()].reduce((sum, { size }) => sum + size, 0));
});

test('as a table', () => {
  telling({ matmul: 1500 });
  const model = new nn.Sequential(new nn.Linear(64, 32), new nn.ReLU(), new nn.Sequential(new nn.Linear(32, 2)));
  expect(String(nn.summary(owned(model), [16, 64]))).toBe(
    [
      'layer            output   parameters   bytes  FLOPs',
      'Sequential       [16,2]',
      '  0: Linear      [16,32]       2,080  2.0 KB  1,500',
      '  1: ReLU        [16,32]              2.0 KB',
      '  2: Sequential  [16,2]',
      '    2.0: Linear  [16,2]           66   128 B  1,500',
      '2,146 parameters and 0 other numbers: 8.4 KB',
      'a forward pass of [16,64]: 3,000 FLOPs, 4.1 KB of outputs',
    ].join('\n'),
  );
});

/** A layer that is used twice, a weight of its own, one that is tied, and a layer that is never called. */
class Odd extends nn.Module {
  readonly embed = new nn.Embedding(10, 4);
  readonly twice = new nn.Linear(4, 4);
  readonly spare = new nn.Linear(4, 2);
  readonly scale = nn.parameter(zeros([4]));
  readonly tied = this.embed.weight;

  override forward(x: Tensor): Tensor {
    const inner = this.twice.call(this.embed.call(x));
    return this.twice.call(inner.mul(this.scale)).linear(this.tied);
  }
}

test('layers that are called twice count once, spare ones too, and what a model does itself is its own', () => {
  telling({ matmul: 7, mul: 3 });
  const found = nn.summary(owned(new Odd()), [3, 5], { dtype: 'int32' });
  const seen = found.rows.map((row) => [row.name, row.outputShape, row.parameters, row.flops, row.outputBytes]);
  expect(seen).toEqual([
    // The product of the last layer, the scaled values in between, and both own weights.
    ['', [3, 5, 10], 44, 10, 600 + 240],
    ['embed', [3, 5, 4], 0, null, 240],
    ['twice', [3, 5, 4], 20, 7, 240],
    ['twice', [3, 5, 4], 0, 7, 240],
    ['spare', null, 10, null, 0],
  ]);
  expect(String(found)).toContain('  twice: Linear');
  expect(String(found)).toMatch(/spare: Linear +not called +10/);
});

test('computes nothing, takes nothing, and leaves the model as it was', async () => {
  const model = owned(new nn.Sequential(new nn.Linear(8, 8), new nn.BatchNorm1d(8), new nn.VanillaDropout(0.5)));
  const [, norm, dropout] = model.layers as [nn.Linear, nn.BatchNorm1d, nn.VanillaDropout];
  norm.eval();
  manualSeed(9);
  const [seed, before] = [randomState(), memory().bytes];
  const dispatched: string[] = [];
  const backend = device.backend as WebGpuBackend;
  backend.observer = (op) => dispatched.push(op);
  // A batch that would not fit into memory.
  const found = nn.summary(model, [1e9, 8]);
  backend.observer = null;
  expect(found.outputBytes).toBe(3 * 32e9);
  expect(dispatched).toEqual([]);
  expect(memory().bytes).toBe(before);
  expect(randomState()).toEqual(seed);
  expect([model.training, norm.training, dropout.training]).toEqual([true, false, true]);
  expect(await norm.runningMean!.tolist()).toEqual(Array(8).fill(0));
  let called = 0;
  const remove = model.registerForwardHook(() => called++);
  nn.summary(model, [2, 8]);
  remove();
  expect(called).toBe(1);
  // Compiled functions stand.
  let traced = 0;
  const run = owned(
    compile((x: Tensor) => {
      traced++;
      return model.call(x);
    }),
  );
  const x = owned(randn([4, 8]));
  owned(run(x));
  nn.summary(model, [2, 8]);
  owned(run(x));
  expect(traced).toBe(1);
});

test('bad input, and errors of the model, which is put back', () => {
  const model = owned(new nn.Sequential(new nn.Linear(4, 4)));
  expect(() => nn.summary(model, [2, 5])).toThrow(/^(linear|matmul): .*5/);
  expect(model.training).toBe(true);
  expect(nn.summary(model, [2, 4]).rows).toHaveLength(2);
  expect(() => nn.summary(model, [2, -1])).toThrow('summary: sizes must be whole numbers of at least 0, got [2,-1]');
  const inside = compile((x: Tensor) => {
    nn.summary(model, [2, 4]);
    return model.call(x);
  });
  expect(() => inside(owned(randn([2, 4])))).toThrow('compile: summary() inside would be the same at every call');
});
