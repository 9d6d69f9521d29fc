// The tape: accumulation, second derivatives, noGrad, and refusals.
import { defaultDevice, grad, init, noGrad, ones, optim, randn, scope, tensor } from 'downhill';
import { beforeAll, expect, test } from 'vitest';
import type { CpuBackend } from '../src/backends/cpu/backend.ts';

beforeAll(async () => {
  await init({ device: 'cpu' });
});

test('backward of a product of matrices', async () => {
  const x = tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { requiresGrad: true },
  );
  x.matmul(x).relu().sum().backward();
  expect(await x.grad!.tolist()).toEqual([
    [7, 11],
    [9, 13],
  ]);
});

test('gradients add up over uses and over calls, until they are dropped', async () => {
  const x = tensor([2, 3], { requiresGrad: true });
  x.mul(x).add(x).sum().backward();
  expect(await x.grad!.tolist()).toEqual([5, 7]);
  x.sum().backward();
  expect(await x.grad!.tolist()).toEqual([6, 8]);
});

test('two leaves that get the same gradient own it apart', async () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const y = tensor([3, 4], { requiresGrad: true });
  x.add(y).sum().backward();
  x.grad!.dispose();
  expect(await y.grad!.tolist()).toEqual([1, 1]);
});

test('parts of a tensor give it one gradient, not one each to be added up', async () => {
  const backend = defaultDevice().backend as CpuBackend;
  const x = randn([6, 4], { requiresGrad: true });
  const loss = x.split(2).reduce((total, part, k) => total.add(part.mul(k).sum()), tensor(0));
  const ran: string[] = [];
  backend.observer = ({ name }, _, [out]) => out.shape.length === 2 && out.shape[0] === 6 && ran.push(name);
  loss.backward();
  backend.observer = null;
  expect(ran).toEqual(['concat']);
  expect(await x.grad!.tolist()).toEqual([0, 0, 1, 1, 2, 2].map((k) => [k, k, k, k]));
});

test('second and third derivatives', async () => {
  const x = tensor([2], { requiresGrad: true });
  const y = x.mul(x).mul(x);
  const [first] = grad(y, [x], { createGraph: true });
  const [second] = grad(first!, [x], { createGraph: true });
  const [third] = grad(second!, [x]);
  expect([await first!.item(), await second!.item(), await third!.item()]).toEqual([12, 12, 6]);
});

test('grad of an intermediate tensor, and null where there is no path', async () => {
  const x = tensor([3], { requiresGrad: true });
  const y = x.mul(2);
  const other = tensor([1], { requiresGrad: true });
  const [byY, byX, none] = grad(y.square().sum(), [y, x, other]);
  expect([await byY!.item(), await byX!.item(), none]).toEqual([12, 24, null]);
});

test('a gradient outlives the scope of its step, as its leaf does', async () => {
  const x = tensor([1, 2], { requiresGrad: true });
  scope(() => {
    x.square().sum().backward();
  });
  expect(await x.grad!.tolist()).toEqual([2, 4]);
});

test('noGrad records nothing, and detach leaves the tape', () => {
  const x = tensor([1], { requiresGrad: true });
  expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false);
  expect(x.detach().requiresGrad).toBe(false);
  expect(x.mul(2).requiresGrad).toBe(true);
});

test('integers and comparisons carry no gradient', () => {
  const x = tensor([1, 2], { requiresGrad: true });
  expect(x.gt(1).requiresGrad).toBe(false);
  expect(() => tensor(new Int32Array([1]), { requiresGrad: true })).toThrow(
    'only floats can require gradients, got int32',
  );
});

test('backward refuses what it cannot do', () => {
  const x = tensor([1, 2], { requiresGrad: true });
  expect(() => x.mul(2).backward()).toThrow('backward: expected a scalar, got [2]; pass the gradient');
  expect(() => x.mul(2).backward(ones([3]))).toThrow('backward: expected a gradient [2], got [3]');
  expect(() => ones([1]).backward()).toThrow('backward: tensor [1] does not require gradients');
});

test('a saved tensor that was updated in place is noticed', () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const y = x.square().sum();
  x.assign([5, 6]);
  expect(() => y.backward()).toThrow(/^backward of square: tensor \[2\] made by tensor was updated in place/);
});

test('a saved tensor that was released is noticed', () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const h = x.mul(2);
  const y = h.square().sum();
  h.dispose();
  expect(() => y.backward()).toThrow(/tensor \[2\] made by mul was released/);
});

test('a long chain does not overflow the stack', async () => {
  const x = tensor([1], { requiresGrad: true });
  let y = x;
  for (let i = 0; i < 20_000; i++) y = y.add(0);
  y.backward();
  expect(await x.grad!.item()).toBe(1);
});

test('a gradient of a broadcast is summed back', async () => {
  const x = randn([3, 1], { requiresGrad: true });
  const y = randn([4], { requiresGrad: true });
  x.mul(0).add(y.mul(0)).add(1).sum().backward();
  expect(x.grad!.shape).toEqual([3, 1]);
  expect(y.grad!.shape).toEqual([4]);
});

test('a gradient of another device or dtype is refused', async () => {
  const x = tensor([1, 2], { requiresGrad: true });
  expect(() => x.mul(2).backward(tensor(Int32Array.of(1, 1)))).toThrow(
    'backward: expected a float32 gradient, got int32',
  );
  const other = await init({ device: 'cpu' });
  expect(() => x.mul(2).backward(ones([2], { device: other }))).toThrow(/^backward: inputs are on two devices/);
});

test('leaves share the memory of their gradients with nobody', async () => {
  const [a, b] = [tensor([1, 2], { requiresGrad: true }), tensor([3, 4], { requiresGrad: true })];
  const g = ones([2]);
  a.add(b).backward(g);
  a.grad!.assign([5, 5]);
  expect([await b.grad!.tolist(), await g.tolist()]).toEqual([
    [1, 1],
    [1, 1],
  ]);
});

test('a parameter that an optimizer moved and stepped is noticed, whatever its version count', () => {
  const w = ones([2], { requiresGrad: true });
  w.assign([1, 1]).assign([1, 1]);
  const y = w.square().sum();
  const optimizer = new optim.SGD([w], { lr: 1 });
  w.grad = ones([2]);
  optimizer.step();
  expect(() => y.backward()).toThrow(/was updated in place/);
});

test('an asynchronous noGrad is refused', () => {
  expect(() => noGrad(async () => 1)).toThrow('noGrad: expected a synchronous function');
});
