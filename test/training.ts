// What the tests of compile share: devices, a small model to train, and tidying up.
import { type Device, init, manualSeed, nn, type optim, randn, type Tensor, tensor } from 'downhill';
import { afterAll, beforeAll, onTestFinished } from 'vitest';

/** A device of each kind, open while the tests of a file run. The one on WebGPU is the default at first. */
export function openDevices(): Record<string, Device> {
  const devices: Record<string, Device> = {};
  beforeAll(async () => {
    devices.cpu = await init({ device: 'cpu' });
    devices.webgpu = await init();
  });
  afterAll(() => devices.webgpu.destroy());
  return devices;
}

export const values = async (tensors: Iterable<Tensor>) => Promise.all([...tensors].map((x) => x.tolist()));

/** Disposes of things at the end of the test. */
export function owned<T extends { dispose(): void }>(item: T): T {
  onTestFinished(() => item.dispose());
  return item;
}

/** A batch for the model below, from a seed. */
export function batch(rows: number, seed: number): { x: Tensor; y: Tensor } {
  manualSeed(seed);
  const x = owned(randn([rows, 5]));
  const y = owned(tensor(Int32Array.from({ length: rows }, (_, i) => (i * 7 + seed) % 3)));
  return { x, y };
}

/** A model, its optimizer and one step of training it, the same each time. */
export function training(make: (p: Iterable<Tensor>) => optim.Optimizer, { dropout = 0 } = {}) {
  manualSeed(3);
  const model = new nn.Sequential(new nn.Linear(5, 16), new nn.ReLU(), new nn.Dropout(dropout), new nn.Linear(16, 3));
  const optimizer = owned(make(model.parameters()));
  owned(model);
  const step = (x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const logits = model.forward(x);
    const loss = logits.crossEntropy(y);
    loss.backward();
    optimizer.step();
    return { loss, logits };
  };
  return { model, optimizer, step };
}
