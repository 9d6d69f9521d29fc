// The engine's promises: lifetimes, batching, flat memory, and errors that come at once or with the next read.
import {
  DeviceError,
  defaultDevice,
  init,
  keep,
  manualSeed,
  memory,
  ones,
  optim,
  ReleasedError,
  randn,
  referenceCnn,
  ShaderError,
  scope,
  setDefaultDevice,
  tensor,
  zeros,
} from 'downhill';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Op } from '../src/autograd/op.ts';
import { apply } from '../src/autograd/tape.ts';
import type { WebGpuBackend } from '../src/backends/webgpu/backend.ts';
import { BufferPool } from '../src/backends/webgpu/buffers.ts';
import type { Device } from '../src/tensor/device.ts';

let gpu: Device;
let cpu: Device;

beforeAll(async () => {
  cpu = await init({ device: 'cpu' });
  gpu = await init();
});
afterAll(() => gpu.destroy());

const counts = () => (gpu.backend as WebGpuBackend).counts();

/** A row with one kernel of its own, for provoking errors. */
function brokenOp(source: string, workgroups: [number, number, number]): Op {
  const shader = { file: 'broken.wgsl', source };
  return {
    name: 'broken',
    outputs: ([x]) => [{ shape: x.shape, dtype: 'float32' }],
    cpu: () => {},
    plan: () => ({ dispatches: [{ shader, params: [1], workgroups }] }),
    vjp: null,
  };
}

const COPY = `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> n: vec4<u32>;
@compute @workgroup_size(1) fn main() { out[0] = x[n.x]; }
`;

describe('device', () => {
  test('init says which adapter it took and whether it is software', () => {
    expect(gpu.info.kind).toBe('webgpu');
    expect(gpu.info.adapter).not.toBe('');
    expect(typeof gpu.info.software).toBe('boolean');
    expect(cpu.info).toMatchObject({ kind: 'cpu', software: true });
  });

  test('init names what it expected', async () => {
    await expect(init({ device: 'tpu' as 'cpu' })).rejects.toThrow('expected device webgpu or cpu, got tpu');
  });

  test('tensors of two devices are refused', () => {
    const a = ones([2], { device: cpu });
    const b = ones([2], { device: gpu });
    expect(() => a.add(b)).toThrow(/^add: inputs are on two devices, CPU, float64 and /);
    a.dispose();
    b.dispose();
  });
});

describe('lifetimes', () => {
  test('a scope releases what was made inside, except what it returns', async () => {
    const before = memory().bytes;
    const kept = scope(() => {
      const x = randn([100]);
      const y = x.relu().add(1);
      return { y };
    });
    expect(memory().bytes - before).toBe(400);
    expect((await kept.y.data()).length).toBe(100);
    kept.y.dispose();
    expect(memory().bytes).toBe(before);
  });

  test('a nested scope hands its result to the scope around it', () => {
    const before = memory().bytes;
    scope(() => {
      scope(() => ones([8]));
      expect(memory().bytes - before).toBe(32);
    });
    expect(memory().bytes).toBe(before);
  });

  test('keep takes a tensor out of all scopes', () => {
    const x = scope(() => scope(() => [keep(ones([3])), 1] as const))[0];
    expect(x.released).toBe(false);
    x.dispose();
  });

  test('what a scope throws away when it fails is released too', () => {
    const before = memory().bytes;
    expect(() =>
      scope(() => {
        ones([5]).matmul(ones([4]));
      }),
    ).toThrow('matmul: inner dimensions differ, [5] @ [4]');
    expect(memory().bytes).toBe(before);
  });

  test('an asynchronous scope is refused', () => {
    expect(() => scope(async () => 1)).toThrow('scope: expected a synchronous function');
  });

  test('a released tensor throws an error that names op and tensor', async () => {
    const x = ones([2, 3]);
    x.dispose();
    expect(() => x.relu()).toThrow(ReleasedError);
    expect(() => x.relu()).toThrow(/^relu: tensor \[2,3\] made by ones was released by dispose/);
    await expect(x.data()).rejects.toThrow(ReleasedError);
  });

  test('a view keeps the memory alive', async () => {
    const x = tensor([1, 2, 3, 4]);
    const y = x.reshape([2, 2]);
    x.dispose();
    expect(await y.tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    y.dispose();
  });

  test('`using` releases at the end of the block', () => {
    const before = memory().bytes;
    {
      using x = zeros([16]);
      expect(x.size).toBe(16);
    }
    expect(memory().bytes).toBe(before);
  });

  test('training steps leave memory flat', async () => {
    manualSeed(1);
    const model = referenceCnn({ batchNorm: true, dropout: 0.3 });
    const optimizer = new optim.Adam(model.parameters());
    const step = () =>
      scope(() => {
        optimizer.zeroGrad();
        const loss = model.forward(randn([4, 1, 28, 28])).crossEntropy(tensor(new Int32Array([0, 1, 2, 3])));
        loss.backward();
        optimizer.step();
        return loss;
      });
    const used: number[] = [];
    const held: number[] = [];
    for (let i = 0; i < 6; i++) {
      const loss = step();
      await loss.item();
      loss.dispose();
      used.push(memory().bytes);
      held.push(memory().reserved);
    }
    expect(new Set(used.slice(1)).size).toBe(1);
    expect(new Set(held.slice(1)).size).toBe(1);
    optimizer.zeroGrad();
    optimizer.dispose();
    model.dispose();
  });
});

describe('queue', () => {
  test('many ops go in one submit', async () => {
    const x = ones([64]);
    await x.relu().data(); // compiles
    const before = counts();
    const y = scope(() => {
      let v = x;
      for (let i = 0; i < 30; i++) v = v.relu();
      return v;
    });
    await y.data();
    const after = counts();
    expect(after.dispatches - before.dispatches).toBe(30);
    expect(after.submits - before.submits).toBe(1);
    x.dispose();
    y.dispose();
  });

  test('a write after a queued read of the same memory does not overtake it', async () => {
    const x = tensor([1, 2, 3]);
    const y = x.mul(10);
    x.assign([7, 8, 9]);
    const z = x.mul(10);
    expect(await y.tolist()).toEqual([10, 20, 30]);
    expect(await z.tolist()).toEqual([70, 80, 90]);
    for (const t of [x, y, z]) t.dispose();
  });
});

describe('creation', () => {
  test('bools are 0 or 1, whatever they are made of, on both devices', async () => {
    for (const device of [cpu, gpu]) {
      const x = tensor([0.5, 0, 256, -1], { dtype: 'bool', device });
      expect(await x.tolist()).toEqual([1, 0, 1, 1]);
      const y = x.where(1, 0);
      expect(await y.tolist()).toEqual([1, 0, 1, 1]);
      for (const t of [x, y]) t.dispose();
    }
  });

  test('a tensor is text where text is wanted, and never taken for a number', () => {
    const x = tensor([1, 2], { device: cpu });
    expect(`${x}`).toBe('Tensor([2], float32, CPU, float64)');
    for (const use of [() => Number(x), () => (x as unknown as number) > 0, () => (x as unknown as number) + 1]) {
      expect(use).toThrow('expected a number, got Tensor([2], float32, CPU, float64): its value comes by await item()');
    }
    x.dispose();
  });

  test('a shape that is no list is refused', () => {
    expect(() => zeros(3 as never)).toThrow('zeros: expected a shape such as [2, 3], got 3');
  });
});

describe('errors', () => {
  test('a shader that does not compile names file, line and source text', async () => {
    await onOwnDevice(async () => {
      const x = ones([1]);
      const [y] = apply(brokenOp(COPY.replace('x[n.x]', 'x[n.x] +'), [1, 1, 1]), [x], {});
      const error = await y.data().catch((e) => e);
      expect(error).toBeInstanceOf(ShaderError);
      expect(error.message).toMatch(/broken: broken\.wgsl:4:\d+: /);
      expect(error.message).toContain('out[0] = x[n.x] +');
    });
  });

  test('a GPU validation error rejects the next read with the name of the op', async () => {
    await onOwnDevice(async () => {
      const x = ones([1]);
      const [y] = apply(brokenOp(COPY, [70_000, 1, 1]), [x], {});
      const error = await y.data().catch((e) => e);
      expect(error).toBeInstanceOf(DeviceError);
      expect(error.message).toMatch(/^GPU error in .*broken/);
      await expect(x.data()).rejects.toThrow(DeviceError);
    });
  });

  test('a destroyed device rejects reads', async () => {
    await onOwnDevice(async (device) => {
      const x = ones([1]);
      device.destroy();
      await expect(x.data()).rejects.toThrow('the device was destroyed');
    });
  });

  test('a tensor past the adapter’s limit names op and limit', () => {
    const limit = gpu.info.limits!.maxStorageBufferBindingSize;
    const x = ones([1]);
    const size = Math.ceil((limit + 4) / 4);
    expect(() => x.expand([size]).relu()).toThrow(/^relu: needs a buffer of \d+ bytes, the adapter's maxS?\w+ is \d+/);
    x.dispose();
    // A byte for each on the host, a word on the device.
    const flags = new Uint8Array(size);
    const before = memory(gpu);
    expect(() => tensor(flags, { dtype: 'bool', device: gpu })).toThrow(
      /^tensor: needs a buffer of \d+ bytes, the adapter's maxS?\w+ is \d+/,
    );
    expect(memory(gpu)).toEqual(before);
  });

  test('out of memory is reported with the op that asked', async () => {
    const messages: string[] = [];
    const fake = {
      limits: { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 2 ** 30 },
      pushErrorScope: () => {},
      createBuffer: () => ({}),
      popErrorScope: async () => ({ message: 'no memory' }),
    };
    const pool = new BufferPool(fake as unknown as GPUDevice, (report, describe) => {
      report.then((error) => error && messages.push(describe(error.message)));
    });
    pool.allocate('conv2d', 1000);
    await new Promise((resolve) => setTimeout(resolve));
    expect(messages).toEqual(['conv2d: out of GPU memory, asked for 1024 bytes with 0 held already']);
  });
});

/** Runs a test that breaks its device on a device of its own. */
async function onOwnDevice(body: (device: Device) => Promise<void>): Promise<void> {
  const before = defaultDevice();
  const device = await init();
  try {
    await body(device);
  } finally {
    device.destroy();
    setDefaultDevice(before);
  }
}
