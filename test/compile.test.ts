// Compiled functions against the same functions run op by op: values, live attributes, memory.
import {
  compile,
  init,
  manualSeed,
  memory,
  nn,
  ones,
  optim,
  rand,
  randn,
  scope,
  setDefaultDevice,
  type Tensor,
  tensor,
} from 'downhill';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { batch, openDevices, owned, training, values } from './training.ts';

const devices = openDevices();

describe.each(['webgpu', 'cpu'])('on %s', (kind) => {
  beforeAll(() => setDefaultDevice(devices[kind]));

  test('a pure function gives what it gives op by op, for new contents each time', async () => {
    const fn = (x: Tensor, y: Tensor) => x.matmul(y).relu().add(x.sum()).softmax(-1);
    const compiled = owned(compile(fn));
    for (let seed = 1; seed <= 3; seed++) {
      manualSeed(seed);
      const [x, y] = [owned(randn([3, 4])), owned(randn([4, 5]))];
      expect(await owned(compiled(x, y)).tolist()).toEqual(await owned(fn(x, y)).tolist());
    }
  });

  const optimizers: [string, (p: Iterable<Tensor>) => optim.Optimizer][] = [
    ['SGD', (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.1 })],
    ['Adam', (p) => new optim.Adam(p, { lr: 0.05 })],
  ];

  test.each(optimizers)('20 steps of %s give the same parameters to the bit', async (_name, make) => {
    const [eager, compiled] = [training(make), training(make)];
    const step = owned(compile(compiled.step));
    for (let i = 0; i < 20; i++) {
      const { x, y } = batch(8, i);
      if (i === 10) eager.optimizer.lr = compiled.optimizer.lr = 0.01;
      const a = scope(() => eager.step(x, y));
      const b = step(x, y);
      expect(await b.loss.item()).toBe(await a.loss.item());
      expect(await b.logits.tolist()).toEqual(await a.logits.tolist());
      for (const t of [a.loss, a.logits, b.loss, b.logits]) t.dispose();
    }
    expect(await values(compiled.model.parameters())).toEqual(await values(eager.model.parameters()));
  });

  test('two compiled runs agree to the bit', async () => {
    const run = async () => {
      const { model, step } = training((p) => new optim.Adam(p, { lr: 0.05 }), { dropout: 0.3 });
      const compiled = owned(compile((x: Tensor, y: Tensor) => step(x, y).loss));
      manualSeed(5);
      const batches = [0, 1, 2].map((i) => batch(8, i));
      manualSeed(6);
      const losses = [...batches, ...batches].map(({ x, y }) => owned(compiled(x, y)));
      return [await values(losses), await values(model.parameters())];
    };
    expect(await run()).toEqual(await run());
  });

  test('lr is live', async () => {
    const { model, optimizer, step } = training((p) => new optim.SGD(p, { lr: 0.1 }));
    const compiled = owned(compile((x: Tensor, y: Tensor) => step(x, y).loss));
    const { x, y } = batch(4, 0);
    owned(compiled(x, y));
    const before = await values(model.parameters());
    optimizer.lr = 0;
    owned(compiled(x, y));
    expect(await values(model.parameters())).toEqual(before);
    optimizer.lr = 0.1;
    owned(compiled(x, y));
    expect(await values(model.parameters())).not.toEqual(before);
  });

  test('dropout takes the streams it would take op by op, backward with the mask of forward', async () => {
    const losses = async (wrap: <F extends (x: Tensor, y: Tensor) => { loss: Tensor }>(f: F) => F) => {
      const { step } = training((p) => new optim.SGD(p, { lr: 0.1 }), { dropout: 0.5 });
      const { x, y } = batch(6, 1);
      const run = wrap((a: Tensor, b: Tensor) => scope(() => ({ loss: step(a, b).loss })));
      manualSeed(9);
      const found: number[] = [];
      for (let i = 0; i < 5; i++) found.push(await owned(run(x, y).loss).item());
      // What is drawn next tells how many streams were taken.
      return [...found, ...(await owned(rand([2])).tolist())];
    };
    const eager = await losses((f) => f);
    expect(await losses((f) => owned(compile(f)) as unknown as typeof f)).toEqual(eager);
    expect(new Set(eager.slice(0, 5)).size).toBe(5);
  });

  test('random tensors are new at every call', async () => {
    const fn = (p: Tensor) => [rand([3]), randn([2]), p.bernoulli(), p.dropout2d(0.5), p.alphaDropout(0.3)];
    const compiled = owned(compile(fn));
    const p = owned(ones([2, 8, 2]).mul(0.5));
    manualSeed(4);
    const eager = [await values(fn(p)), await values(fn(p))];
    manualSeed(4);
    expect([await values(compiled(p)), await values(compiled(p))]).toEqual(eager);
    expect(eager[0]).not.toEqual(eager[1]);
  });

  test('batch norm updates its running statistics, and train() and eval() count', async () => {
    const [eager, compiled] = [0, 0].map(() => owned(new nn.BatchNorm2d(2)));
    const run = owned(compile((x: Tensor) => compiled.forward(x)));
    for (let i = 0; i < 6; i++) {
      manualSeed(i);
      const x = owned(randn([3, 2, 2, 2]));
      if (i === 3) for (const layer of [eager, compiled]) layer.eval();
      if (i === 5) for (const layer of [eager, compiled]) layer.train();
      expect(await owned(run(x)).tolist()).toEqual(await owned(eager.forward(x)).tolist());
      expect(await compiled.runningVar!.tolist()).toEqual(await eager.runningVar!.tolist());
    }
  });

  test('averages of weights and clipping work inside', async () => {
    const run = (wrap: (f: () => void) => () => void) => {
      const x = owned(tensor([1, 2, 3], { requiresGrad: true }));
      const optimizer = owned(new optim.Adam([x], { lr: 0.1 }));
      const averages = owned(new optim.EMA([x], { decay: 0.5 }));
      const step = wrap(() => {
        optimizer.zeroGrad();
        x.square().sum().backward();
        optimizer.clipGradNorm(0.5);
        optimizer.step();
        averages.update();
      });
      for (let i = 0; i < 4; i++) {
        if (i === 2) averages.decay = 0.25;
        step();
      }
      const swap = wrap(() => averages.swap());
      for (let i = 0; i < 3; i++) {
        swap();
        expect(averages.isSwapped).toBe(i % 2 === 0);
      }
      return x.tolist();
    };
    expect(await run((f) => owned(compile(f)))).toEqual(await run((f) => () => scope(f)));
  });

  test('gradients begin at none in every call, without zeroGrad too', async () => {
    const w = owned(tensor([1, 2], { requiresGrad: true }));
    const optimizer = owned(new optim.SGD([w], { lr: 0.5 }));
    const step = owned(
      compile((x: Tensor) => {
        w.mul(x).sum().backward();
        optimizer.step();
      }),
    );
    for (const x of [ones([2]), ones([2]), ones([1])]) step(owned(x));
    expect(await w.tolist()).toEqual([-0.5, 0.5]);
    await expect(w.grad!.data()).rejects.toThrow(/made inside compile; return it from the function to have it/);
    optimizer.zeroGrad();
  });

  test('memory is flat over 200 calls, and dispose() gives all of it back', async () => {
    // A device of its own: what other tests left may be collected meanwhile.
    const device = await init({ device: kind as 'cpu' });
    onTestFinished(() => {
      device.destroy();
      setDefaultDevice(devices[kind]);
    });
    const { step } = training((p) => new optim.Adam(p), { dropout: 0.2 });
    const { x, y } = batch(8, 0);
    const before = memory().bytes;
    const compiled = compile((a: Tensor, b: Tensor) => step(a, b).loss);
    compiled(x, y).dispose();
    const held = memory();
    for (let i = 0; i < 200; i++) {
      const loss = compiled(x, y);
      if (i % 20 === 0) await loss.item();
      loss.dispose();
    }
    expect(memory()).toEqual(held);
    const left = compiled(x, y);
    compiled.dispose();
    expect(Number.isFinite(await left.item())).toBe(true);
    left.dispose();
    expect(memory().bytes).toBe(before);
    const again = compiled(x, y);
    expect(Number.isFinite(await again.item())).toBe(true);
    compiled.dispose();
    again.dispose();
    expect(memory().bytes).toBe(before);
  });

  test('losses read at every step, late or at once, are those of the steps', async () => {
    const read = async (compiled: boolean, late: boolean) => {
      const { step } = training((p) => new optim.SGD(p, { lr: 0.1 }));
      const run = compiled ? owned(compile(step)) : step;
      const losses: Promise<number>[] = [];
      for (let i = 0; i < 12; i++) {
        const { x, y } = batch(6, i);
        const { loss, logits } = run(x, y);
        const value = loss.item();
        if (!late) await value;
        losses.push(value);
        for (const t of [x, y, loss, logits]) t.dispose();
      }
      return Promise.all(losses);
    };
    const eager = await read(false, false);
    expect(await read(true, false)).toEqual(eager);
    expect(await read(true, true)).toEqual(eager);
  });

  test('explain lists kernels, bytes and the peak', () => {
    const { step } = training((p) => new optim.Adam(p));
    const compiled = owned(compile(step));
    expect(() => compiled.explain()).toThrow('call the compiled function first');
    const { x, y } = batch(64, 0);
    const { loss, logits } = compiled(x, y);
    for (const t of [loss, logits]) t.dispose();
    const report = compiled.explain();
    expect(report.kernels.map(({ op }) => op)).toContain('adam');
    // [64, 5] times [5, 16], with 16 biases.
    const layer = kind === 'cpu' ? 'matmul' : 'matmul+add+relu';
    expect(report.kernels.find(({ op }) => op === layer)).toMatchObject({
      shapes: ['[64,16]'],
      bytesRead: 4 * (64 * 5 + 5 * 16 + (kind === 'cpu' ? 0 : 16)),
      bytesWritten: 4096,
      flops: 2 * 64 * 5 * 16 + (kind === 'cpu' ? 0 : 2 * 64 * 16),
    });
    expect(report.peakBytes).toBeLessThan(report.unsharedBytes);
    expect(report.submits).toBe(kind === 'cpu' ? 0 : 1);
    expect(String(report)).toMatch(/^step\(float32 \[64,5\], int32 \[64\]\): \d+ kernels, .*peak .* without sharing/);
  });

  test('a bad index is told as op by op', async () => {
    const logits = owned(randn([2, 3]));
    const run = owned(compile((y: Tensor) => logits.crossEntropy(y)));
    const good = owned(tensor(Int32Array.of(0, 1)));
    const bad = owned(tensor(Int32Array.of(0, 7)));
    for (let i = 0; i < 2; i++) {
      expect(Number.isFinite(await owned(run(good)).item())).toBe(true);
      const failed = async () => owned(run(bad)).item();
      await expect(failed()).rejects.toThrow(/crossEntropy: .*7/);
    }
  });
});
