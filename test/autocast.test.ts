// Autocast: which ops take and give float16, that gradients of parameters are float32, and that compiled is as eager.
import {
  autocast,
  compile,
  conv2d,
  crossEntropy,
  exp,
  grad,
  layerNorm,
  matmul,
  maxPool2d,
  mseLoss,
  relu,
  softmax,
  sum,
  type Tensor,
  tensor,
  zeros,
} from 'downhill';
import { describe, expect, test } from 'vitest';
import type { Device } from '../src/tensor/device.ts';
import { normal } from '../src/tensor/random.ts';
import { openDevices, owned } from './training.ts';

const devices = openDevices();

/** Whether a device has float16; what comes of one without is tested, too. */
const hasHalves = ({ kind, info }: Device) => kind === 'cpu' || info.features!.includes('shader-f16');

const random = (device: Device, shape: number[], stream: number, requiresGrad = false) =>
  owned(
    tensor(
      normal(
        shape.reduce((a, b) => a * b, 1),
        { seed: 4, stream },
      ),
      { shape, device, requiresGrad },
    ),
  );

/** A convolution, a pooling and a layer with their losses, and the gradients of its parameters. */
function network(device: Device) {
  const parameters = [
    random(device, [6, 2, 3, 3], 1, true),
    random(device, [6], 2, true),
    random(device, [5, 54], 3, true),
    random(device, [5], 4, true),
  ];
  const [taps, shift, weight, bias] = parameters;
  const labels = owned(tensor([0, 4, 2], { dtype: 'int32', device }));
  const run = (x: Tensor) => {
    const maps = maxPool2d(relu(conv2d(x, taps, shift, { padding: 1 })), 2);
    const logits = maps.reshape([3, 54]).matmul(weight.transpose(0, 1)).add(bias);
    const loss = crossEntropy(logits, labels);
    const gradients = grad(loss, parameters) as Tensor[];
    return { loss, gradients, logits };
  };
  return { run, x: random(device, [3, 2, 6, 6], 0) };
}

const values = (tensors: Tensor[]) => Promise.all(tensors.map(async (x) => Array.from(await x.data())));

/** The largest difference of two lists, over the largest number of the second. */
function distance(a: number[], b: number[]): number {
  const scale = Math.max(...b.map(Math.abs));
  return Math.max(...a.map((v, i) => Math.abs(v - b[i]))) / scale;
}

describe.each(['webgpu', 'cpu'])('%s', (kind) => {
  test('products and convolutions take float16, and what adds up takes float32', () => {
    const device = devices[kind];
    const [a, image, taps] = [
      random(device, [4, 4], 1),
      random(device, [1, 1, 4, 4], 2),
      random(device, [2, 1, 3, 3], 3),
    ];
    if (!hasHalves(device)) {
      expect(() => autocast(() => matmul(a, a))).toThrow(/float16 needs the feature shader-f16/);
      return;
    }
    const dtypes = autocast(() => {
      const y = matmul(a, a);
      const target = zeros([4, 4], { device });
      return Object.entries({
        matmul: y,
        conv2d: conv2d(image, taps),
        maxPool2d: maxPool2d(conv2d(image, taps), 2),
        relu: relu(y),
        softmax: softmax(y),
        layerNorm: layerNorm(y, [4]),
        sum: sum(y),
        exp: exp(y),
        mixed: y.add(a),
        mseLoss: mseLoss(y, target),
        off: autocast(() => matmul(a, a), { enabled: false }),
      }).map(([name, x]) => [name, owned(x).dtype]);
    });
    expect(Object.fromEntries(dtypes)).toEqual({
      matmul: 'float16',
      conv2d: 'float16',
      maxPool2d: 'float16',
      relu: 'float16',
      softmax: 'float32',
      layerNorm: 'float32',
      sum: 'float32',
      exp: 'float32',
      mixed: 'float32',
      mseLoss: 'float32',
      off: 'float32',
    });
    const half = owned(a.cast('float16'));
    expect(() => matmul(half, a)).toThrow(/matmul: dtypes differ, float16 and float32/);
    expect(() => conv2d(image, owned(taps.cast('float16')))).toThrow(/conv2d: dtypes differ, float32 and float16/);
    expect(owned(matmul(half, half)).dtype).toBe('float16');
  });

  test('the loss and the gradients of a network are as in float32, but for the rounding', async ({ skip }) => {
    const device = devices[kind];
    skip(!hasHalves(device), 'no shader-f16');
    const { run, x } = network(device);
    const full = run(x);
    const halves = autocast(() => run(x));
    for (const t of [full, halves].flatMap(({ loss, gradients, logits }) => [loss, logits, ...gradients])) owned(t);
    expect(halves.logits.dtype).toBe('float32'); // a product of halves and a bias that is not
    expect(halves.gradients.map(({ dtype }) => dtype)).toEqual(Array(4).fill('float32'));
    const [wanted, got] = await Promise.all([full, halves].map((r) => values([r.loss, r.logits, ...r.gradients])));
    // Halves are rounded by up to 2^-11; the CPU does not round at all.
    wanted.forEach((v, i) => {
      expect(distance(got[i], v)).toBeLessThan(kind === 'cpu' ? 1e-12 : 6e-3);
    });
  });

  test('compiled with float16 it is what it is op by op', async ({ skip }) => {
    const device = devices[kind];
    skip(!hasHalves(device), 'no shader-f16');
    const { run, x } = network(device);
    const step = owned(compile(run, { dtype: 'float16' }));
    const eager = autocast(() => run(x));
    const compiled = step(x);
    for (const t of [eager, compiled].flatMap(({ loss, gradients, logits }) => [loss, logits, ...gradients])) owned(t);
    const [wanted, got] = await Promise.all([eager, compiled].map((r) => values([r.loss, r.logits, ...r.gradients])));
    wanted.forEach((v, i) => {
      expect(distance(got[i], v)).toBeLessThan(2e-3);
    });
    if (kind !== 'webgpu') return;
    // What lies between the convolution and the pooling takes half the memory that it takes in float32.
    const whole = owned(compile(run));
    for (const t of Object.values(whole(x)).flat()) owned(t);
    const written = (use: { op: string; bytesWritten: number }) =>
      use.op.startsWith('conv2d+') ? [use.bytesWritten] : [];
    expect(step.explain().kernels.flatMap(written)[0]).toBeLessThan(whole.explain().kernels.flatMap(written)[0]);
  });

  test('a compiled function heeds the scope that it is called in', async ({ skip }) => {
    const device = devices[kind];
    skip(!hasHalves(device), 'no shader-f16');
    const a = random(device, [4, 4], 1);
    const product = owned(compile((x: Tensor) => matmul(x, x)));
    expect(owned(product(a)).dtype).toBe('float32');
    expect(autocast(() => owned(product(a)).dtype)).toBe('float16');
    expect(owned(product(a)).dtype).toBe('float32');
  });
});

test('what is no scope or no dtype is refused', () => {
  expect(() => autocast(async () => 1)).toThrow(/autocast: expected a synchronous function/);
  expect(() => compile(() => 1, { dtype: 'int32' as 'float32' })).toThrow(
    /compile: expected dtype float32 or float16, got int32/,
  );
});
