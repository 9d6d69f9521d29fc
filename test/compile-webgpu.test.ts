// Compiled functions on WebGPU: submits, dispatches, order, buffers.
import { compile, init, memory, ones, optim, scope, setDefaultDevice, type Tensor, tensor } from 'downhill';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { WebGpuBackend } from '../src/backends/webgpu/backend.ts';
import { planMemory } from '../src/backends/webgpu/memory-plan.ts';
import { batch, openDevices, owned, training, values } from './training.ts';

const devices = openDevices();

const counts = () => (devices.webgpu.backend as WebGpuBackend).counts();

describe('on WebGPU', () => {
  beforeAll(() => setDefaultDevice(devices.webgpu));

  test('a call is one submit, of no more dispatches than op by op', async () => {
    const { model, step } = training((p) => new optim.Adam(p), { dropout: 0.1 });
    const run = owned(compile(step));
    const { x, y } = batch(8, 0);
    const measure = async (fn: () => { loss: Tensor; logits: Tensor }) => {
      const before = counts();
      const { loss, logits } = fn();
      for (const t of [loss, logits]) t.dispose();
      await [...model.parameters()][0].data();
      const after = counts();
      return { dispatches: after.dispatches - before.dispatches, submits: after.submits - before.submits };
    };
    const eager = await measure(() => scope(() => step(x, y)));
    await measure(() => run(x, y));
    const replay = await measure(() => run(x, y));
    expect(replay.dispatches).toBeLessThanOrEqual(eager.dispatches);
    expect(replay.dispatches).toBe(run.explain().dispatches);
    // One of the call, and one of the read behind it.
    expect(replay.submits).toBe(2);
  });

  test('equal calls are made once, and calls that nobody needs not at all', async () => {
    const run = owned(
      compile((x: Tensor) => {
        x.exp();
        return [x.relu().add(1), x.relu().add(1), x.relu().add(-0), x.relu().add(0)];
      }),
    );
    const found = run(owned(tensor([-1, 2])));
    expect(run.explain().kernels.map(({ op }) => op)).toEqual(['relu+add+add+add']);
    expect(await values(found)).toEqual([
      [1, 3],
      [1, 3],
      [0, 2],
      [0, 2],
    ]);
    expect(new Set(found).size).toBe(4);
  });

  test('many calls at once go through in order', async () => {
    const total = owned(tensor([0], { requiresGrad: true }));
    const optimizer = owned(new optim.SGD([total], { lr: 1 }));
    const run = owned(
      compile((x: Tensor) => {
        optimizer.zeroGrad();
        total.mul(x).sum().neg().backward();
        optimizer.step();
        return total.detach().add(0);
      }),
    );
    const sums: Promise<number>[] = [];
    for (let i = 1; i <= 40; i++) {
      const x = tensor([i]);
      const sum = run(x);
      if (i % 5 === 0) sums.push(sum.item());
      x.dispose();
      sum.dispose();
    }
    expect(await Promise.all(sums)).toEqual([5, 10, 15, 20, 25, 30, 35, 40].map((n) => (n * (n + 1)) / 2));
  });

  test('few calls are under way on the device at a time; the others wait, while the caller goes on', async () => {
    const { queue } = (devices.webgpu.backend as unknown as { device: GPUDevice }).device;
    const done: (() => void)[] = [];
    const spy = vi.spyOn(queue, 'onSubmittedWorkDone').mockImplementation(() => {
      return new Promise<undefined>((resolve) => done.push(() => resolve(undefined)));
    });
    onTestFinished(() => spy.mockRestore());
    const x = owned(ones([4]));
    const run = owned(compile((x: Tensor) => x.add(1)));
    await owned(run(x)).data();
    const start = counts().submits;
    const results = Array.from({ length: 10 }, () => owned(run(x)));
    const submits: number[] = [];
    for (let i = 0; i < 8 && counts().submits < start + 10; i++) {
      submits.push(counts().submits - start);
      for (const resolve of done.splice(0)) resolve();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(submits[0]).toBe(3);
    submits.slice(1).forEach((n, i) => {
      expect(n - submits[i]).toBeLessThanOrEqual(3);
    });
    expect(counts().submits).toBe(start + 10);
    expect(await values(results)).toEqual(Array(10).fill([2, 2, 2, 2]));
  });

  test('all pipelines compile side by side, before anything is submitted', async () => {
    const device = await init();
    onTestFinished(() => {
      device.destroy();
      setDefaultDevice(devices.webgpu);
    });
    const backend = device.backend as WebGpuBackend;
    const { device: gpu } = backend as unknown as { device: GPUDevice };
    const build = gpu.createComputePipelineAsync.bind(gpu);
    let open = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const asked = vi.spyOn(gpu, 'createComputePipelineAsync').mockImplementation(async (descriptor) => {
      const pipeline = await build(descriptor);
      await gate;
      return pipeline;
    });
    const atOnce = vi.spyOn(gpu, 'createComputePipeline');
    onTestFinished(() => {
      for (const spy of [asked, atOnce]) spy.mockRestore();
    });
    const run = owned(compile((x: Tensor, y: Tensor) => [x.matmul(y).relu(), x.softmax(-1), y.flip(0)]));
    const [x, y] = [owned(tensor([[1, 2]])), owned(tensor([[3], [4]]))];
    const found = run(x, y).map((t) => owned(t));
    expect(run.explain().kernels.flatMap(({ shaders }) => shaders)).toHaveLength(3);
    expect(asked).toHaveBeenCalledTimes(3);
    expect(backend.counts().submits).toBe(0);
    open();
    const [product, , flipped] = await values(found);
    expect([product, flipped]).toEqual([[[11]], [[4], [3]]]);
    expect(asked).toHaveBeenCalledTimes(3);
    expect(atOnce).not.toHaveBeenCalled();
  });

  test('a loss that is being read holds up no later call', async () => {
    const device = await init();
    onTestFinished(() => {
      device.destroy();
      setDefaultDevice(devices.webgpu);
    });
    const backend = device.backend as WebGpuBackend;
    const { device: gpu } = backend as unknown as { device: GPUDevice };
    const x = owned(ones([4]));
    const run = owned(compile((x: Tensor) => x.sum()));
    const first = owned(run(x));
    // From here on no staging buffer is mapped before the gate opens.
    let open = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const make = gpu.createBuffer.bind(gpu);
    const spy = vi.spyOn(gpu, 'createBuffer').mockImplementation((descriptor) => {
      const buffer = make(descriptor);
      if ((descriptor.usage & GPUBufferUsage.MAP_READ) === 0) return buffer;
      const map = buffer.mapAsync.bind(buffer);
      const late = (...args: Parameters<GPUBuffer['mapAsync']>) => gate.then(() => map(...args));
      return Object.defineProperty(buffer, 'mapAsync', { value: late });
    });
    onTestFinished(() => spy.mockRestore());
    const losses = [first.item()];
    // Until what the first call needs is compiled, it waits, and all behind it.
    await vi.waitFor(() => expect(backend.counts().submits).toBe(2), { timeout: 600_000 });
    for (let i = 0; i < 2; i++) losses.push(owned(run(x)).item());
    expect(backend.counts().submits).toBe(6);
    open();
    expect(await Promise.all(losses)).toEqual([4, 4, 4]);
  });

  test('halves, of odd counts and at odd places', async () => {
    if (!devices.webgpu.info.features!.includes('shader-f16')) {
      expect(() => tensor([1], { dtype: 'float16' })).toThrow(/float16 needs the feature shader-f16/);
      return;
    }
    const fn = (x: Tensor) => [x.mul(2), x.slice(0, 1, 4)];
    const run = owned(compile(fn));
    const all = owned(tensor([1, 2, 3, 4, 5, 6, 7], { dtype: 'float16' }));
    for (const x of [all.slice(0, 1, 6), all.slice(0, 2, 7)]) {
      expect(await values(run(owned(x)))).toEqual(await values(fn(x)));
    }
  });

  test('a plan past the limits of the adapter is refused, and holds nothing', () => {
    const size = Math.ceil((devices.webgpu.info.limits!.maxStorageBufferBindingSize + 4) / 4);
    const x = owned(ones([1]));
    const before = memory().bytes;
    const run = owned(compile((x: Tensor) => x.add(1).expand([size]).relu().cumsum(0).sum()));
    expect(() => run(x)).toThrow(/needs a buffer of \d+ bytes, the adapter's maxS?\w+ is \d+/);
    expect(memory().bytes).toBeLessThanOrEqual(before);
  });

  test('memory is shared by what is not needed at the same time', () => {
    const need = (bytes: number, first: number, last: number) => ({ bytes, first, last });
    expect(planMemory([need(8, 0, 1), need(4, 1, 2), need(8, 2, 3), need(2, 4, 4)])).toEqual({
      buffers: [0, 1, 0, 1],
      sizes: [8, 4],
    });
    const many = Array.from({ length: 60 }, (_, i) =>
      need(((i * 37) % 11) + 1, (i * 13) % 20, ((i * 13) % 20) + (i % 4)),
    );
    const { buffers, sizes } = planMemory(many);
    many.forEach((a, i) => {
      expect(sizes[buffers[i]]).toBeGreaterThanOrEqual(a.bytes);
      many.slice(0, i).forEach((b, j) => {
        if (buffers[i] === buffers[j]) expect(a.last < b.first || b.last < a.first).toBe(true);
      });
    });
  });
});
