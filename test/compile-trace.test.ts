// What a compiled function takes and returns, when it is traced again, and what cannot be traced.
import { readFile } from 'node:fs/promises';
import {
  CompileError,
  compile,
  grad,
  manualSeed,
  memory,
  nn,
  noGrad,
  ones,
  optim,
  ReleasedError,
  randn,
  setDefaultDevice,
  type Tensor,
  tensor,
  zeros,
} from 'downhill';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Op } from '../src/autograd/op.ts';
import { apply } from '../src/autograd/tape.ts';
import { live } from '../src/tensor/live.ts';
import { openDevices, owned, training, values } from './training.ts';

const devices = openDevices();

describe.each(['webgpu', 'cpu'])('on %s', (kind) => {
  beforeAll(() => setDefaultDevice(devices[kind]));

  test('modes set inside are set at every call', async () => {
    const layer = owned(new nn.Sequential(new nn.Dropout(0.5)));
    const info = vi.spyOn(console, 'info').mockImplementation(() => {});
    onTestFinished(() => info.mockRestore());
    const run = owned(compile((x: Tensor) => layer.eval().forward(x).add(0), { verbose: true }));
    const x = owned(ones([8]));
    for (let i = 0; i < 2; i++) {
      layer.train();
      expect(await owned(run(x)).tolist()).toEqual(Array(8).fill(1));
      expect(layer.training).toBe(false);
    }
    expect(info).toHaveBeenCalledTimes(1);
  });

  test('another shape, dtype or value traces again, and verbose mode says so', async () => {
    const info = vi.spyOn(console, 'info').mockImplementation(() => {});
    onTestFinished(() => info.mockRestore());
    let runs = 0;
    const scaled = (x: Tensor, options: { by: number }) => {
      runs++;
      return x.mul(options.by);
    };
    const compiled = owned(compile(scaled, { verbose: true }));
    const [a, b, c] = [owned(ones([2])), owned(ones([3])), owned(tensor(new Int32Array(2)))];
    for (let i = 0; i < 3; i++) {
      expect(await owned(compiled(a, { by: 2 })).tolist()).toEqual([2, 2]);
      expect(await owned(compiled(b, { by: 2 })).tolist()).toEqual([2, 2, 2]);
      expect(await owned(compiled(a, { by: 3 })).tolist()).toEqual([3, 3]);
      expect(await owned(compiled(c, { by: 3 })).tolist()).toEqual([0, 0]);
    }
    expect(runs).toBe(4);
    expect(info.mock.calls.map(([line]) => line)).toEqual([
      expect.stringMatching(/^compile: traced scaled\(float32 \[2\], { by: 2 }\): 1 kernel, /),
      expect.stringMatching(/^compile: traced scaled\(float32 \[3\], { by: 2 }\): /),
      expect.stringMatching(/^compile: traced scaled\(float32 \[2\], { by: 3 }\): /),
      expect.stringMatching(/^compile: traced scaled\(int32 \[2\], { by: 3 }\): /),
    ]);
  });

  test('inference in noGrad, with views as arguments and as results', async () => {
    const { model } = training((p) => new optim.SGD(p));
    const fn = (x: Tensor) => ({
      logits: model.forward(x),
      weight: [...model.parameters()][0].transpose(),
      x,
      flat: x.reshape([-1]),
    });
    const predict = owned(compile(fn));
    const whole = owned(randn([5, 4]));
    const x = owned(whole.transpose());
    for (let i = 0; i < 2; i++) {
      const a = noGrad(() => fn(x));
      const b = noGrad(() => predict(x));
      for (const key of ['logits', 'weight', 'x', 'flat'] as const) {
        expect(await owned(b[key]).tolist()).toEqual(await a[key].tolist());
        if (key !== 'x') a[key].dispose();
      }
    }
  });

  test('results are structured as returned, outlive later calls, and tensors made outside stay themselves', async () => {
    const constant = owned(ones([2]));
    const run = owned(compile((x: Tensor) => ({ list: [x.add(1), 5], constant, name: 'n', none: null })));
    const first = run(owned(tensor([1, 2])));
    const second = run(owned(tensor([3, 4])));
    expect(first).toMatchObject({ list: [expect.anything(), 5], name: 'n', none: null });
    expect(first.constant).toBe(constant);
    expect(second.constant).toBe(constant);
    expect(await owned(first.list[0] as Tensor).tolist()).toEqual([2, 3]);
    expect(await owned(second.list[0] as Tensor).tolist()).toEqual([4, 5]);
  });

  test('gradients of arguments, second derivatives and parts of tensors', async () => {
    const fn = (x: Tensor, part: Tensor) => {
      const [g] = grad(x.square().mul(x).mul(part).sum(), [x], { createGraph: true });
      const [h] = grad(g!.sum(), [x]);
      return [g!, h!];
    };
    const compiled = owned(compile(fn));
    const x = owned(tensor([1, 2, 3], { requiresGrad: true }));
    const all = owned(tensor([9, 1, 2, 3, 4]));
    for (const part of [all.slice(0, 1, 4), all.slice(0, 2, 5)]) {
      const [eager, ours] = [fn(x, owned(part)), compiled(x, part)];
      expect(await values(ours)).toEqual(await values(eager));
      for (const t of [...eager, ...ours]) t.dispose();
    }
  });

  test('constants made inside stay as they are, even where a call changes them', async () => {
    const fn = (x: Tensor) => {
      const [mean, variance] = [zeros([2]), ones([2])];
      x.batchNorm({ runningMean: mean, runningVar: variance, training: true });
      return [mean.add(tensor([1, 2])), variance];
    };
    const compiled = owned(compile(fn));
    const x = owned(randn([4, 2]));
    const eager = await values(fn(x));
    for (let i = 0; i < 3; i++) expect(await values(compiled(x))).toEqual(eager);
  });

  test('a parameter moved by a later optimizer is followed', async () => {
    const w = owned(tensor([1, 2], { requiresGrad: true }));
    const alias = owned(w.detach());
    const double = owned(compile(() => noGrad(() => w.mul(2))));
    owned(double());
    owned(new optim.SGD([w]));
    w.assign([5, 6]);
    expect(await owned(double()).tolist()).toEqual([10, 12]);
    expect(await alias.tolist()).toEqual([1, 2]);
  });

  test('counts of updates that an eager step made uneven trace again', async () => {
    const run = async (wrap: <F extends (x: Tensor) => void>(f: F) => F) => {
      const [a, b] = [owned(tensor([1], { requiresGrad: true })), owned(tensor([2], { requiresGrad: true }))];
      const optimizer = owned(new optim.Adam([a, b], { lr: 0.1 }));
      const step = wrap((x: Tensor) => {
        optimizer.zeroGrad();
        a.mul(b).mul(x).sum().backward();
        optimizer.step();
      });
      const x = owned(ones([1]));
      step(x);
      optimizer.zeroGrad();
      a.square().sum().backward();
      optimizer.step();
      for (let i = 0; i < 3; i++) step(x);
      optimizer.zeroGrad();
      return values([a, b]);
    };
    expect(await run((f) => owned(compile(f)) as unknown as typeof f)).toEqual(await run((f) => f));
  });

  test('values that need other dispatches trace again, without being asked for twice', async () => {
    let asked = 0;
    const fill: Op<{ value: number; size: number }> = {
      name: 'fill',
      outputs: () => [{ shape: [4], dtype: 'float32' }],
      flops: () => 4,
      cpu: (_inputs, [out], { value }) => out.data.fill(value),
      plan: (_inputs, _outputs, { value, size }) => {
        const source = `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> params: vec4<f32>;
@compute @workgroup_size(SIZE) fn main(@builtin(global_invocation_id) id: vec3<u32>) { out[id.x] = params.x; }`;
        const shader = { file: 'fill.wgsl', source, preamble: `const SIZE = ${size}u;\n` };
        return { dispatches: [{ shader, params: [{ f32: value }], workgroups: [4 / size, 1, 1] }] };
      },
      vjp: null,
    };
    const run = owned(
      compile((x: Tensor) => {
        const attrs = live(() => ({ value: asked++, size: asked > 2 ? 1 : 4 }));
        return apply(fill, [x], attrs)[0];
      }),
    );
    const x = owned(ones([4]));
    for (let i = 0; i < 4; i++) expect(await owned(run(x)).tolist()).toEqual(Array(4).fill(i));
    expect(asked).toBe(4);
    expect(run.explain().flops).toBe(4);
  });

  test('a compiled function inside another is part of it', async () => {
    const inner = owned(compile((x: Tensor) => x.add(1)));
    const outer = owned(compile((x: Tensor) => inner(x).mul(2)));
    const x = owned(tensor([1, 2]));
    for (let i = 0; i < 2; i++) expect(await owned(outer(x)).tolist()).toEqual([4, 6]);
    expect(() => inner.explain()).toThrow();
  });

  describe('errors', () => {
    const here = /compile-trace\.test\.ts:\d+/;

    /** The message of what a compiled function throws at its first call. */
    function refusal(fn: (x: Tensor) => unknown, x = owned(ones([2]))): Error {
      const before = memory().bytes;
      try {
        owned(compile(fn))(x);
      } catch (error) {
        expect(memory().bytes).toBeLessThanOrEqual(before);
        return error as Error;
      }
      throw new Error('expected an error');
    }

    test('name the line of what cannot be traced', () => {
      const w = owned(ones([2]));
      const p = owned(tensor([1, 2], { requiresGrad: true }));
      const number = (x: Tensor) => x as unknown as number;
      const other = owned(ones([2], { device: devices[kind === 'cpu' ? 'webgpu' : 'cpu'] }));
      const passing = ones([2]);
      const cases: [(x: Tensor) => unknown, RegExp][] = [
        [(x) => void x.sum().item(), /a tensor's value cannot be read inside/],
        [(x) => void w.add(x).tolist(), /a tensor's value cannot be read inside/],
        // What JavaScript takes for a number: control flow on data, and shapes that depend on it.
        [(x) => (number(x.sum()) > 0 ? x : x.neg()), /a tensor's value cannot be read inside/],
        [(x) => ones([number(x.sum()) * 2]), /a tensor's value cannot be read inside/],
        [(x) => ones([Math.max(1, number(x.sum()))]), /a tensor's value cannot be read inside/],
        [() => w.assign([3, 4]), /cannot be assigned/],
        [(x) => x.assign([3, 4]), /cannot be assigned/],
        [(x) => x.add(1).assign([3, 4]), /cannot be assigned/],
        [() => manualSeed(1), /manualSeed inside/],
        [() => new optim.SGD([p]), /made outside, cannot be moved inside/],
        [() => other.add(1), /works on one device/],
        [() => tensor([1], { device: other.device }), /works on one device/],
        [
          (x) => {
            const sum = passing.add(x);
            passing.dispose();
            return sum;
          },
          /made outside is used and then released inside/,
        ],
        [
          (x) =>
            x
              .reshape([2, 1])
              .batchNorm({ runningMean: x.slice(0, 0, 1), runningVar: w.slice(0, 0, 1), training: true }),
          /would change an argument in place/,
        ],
      ];
      for (const [fn, words] of cases) {
        const error = refusal(fn);
        expect(error, String(fn)).toBeInstanceOf(CompileError);
        expect(error.message).toMatch(words);
        expect(error.message).toMatch(here);
      }
      const x = owned(tensor([1, 2], { requiresGrad: true }));
      expect(refusal((a) => a.square().sum().backward(), x).message).toMatch(
        /gradient of argument 0, \[2\], would be lost/,
      );
      expect(p.requiresGrad && !p.released).toBe(true);
    });

    test('a released tensor throws, with the line that uses it', async () => {
      const w = ones([2]);
      const run = owned(compile((x: Tensor) => x.add(w)));
      const x = owned(ones([2]));
      owned(run(x));
      w.dispose();
      const lines = (await readFile(import.meta.filename, 'utf8')).split('\n');
      const line = lines.findIndex((text) => text.includes('x.add(w)')) + 1;
      expect(() => run(x)).toThrow(`compile-trace.test.ts:${line}`);
      expect(() => run(x)).toThrow(ReleasedError);
      expect(() => run(x)).toThrow(
        /add: tensor \[2\] made by ones was released by dispose.*compile-trace\.test\.ts:\d+/,
      );
      const gone = ones([2]);
      gone.dispose();
      expect(() => run(gone)).toThrow(ReleasedError);
    });

    test('a tensor that leaves the function by another way counts as released', () => {
      let leak: Tensor | undefined;
      const run = owned(
        compile((x: Tensor) => {
          leak = x.add(1);
        }),
      );
      run(owned(ones([2])));
      expect(leak!.released).toBe(true);
      expect(() => leak!.add(1)).toThrow(/made inside compile; return it from the function to have it/);
    });

    test('what is no synchronous function of tensors of one device is refused', () => {
      expect(() => compile(3 as never)).toThrow('expected a function');
      expect(() => compile(async () => 1)).toThrow('expected a synchronous function');
      expect(refusal(() => Promise.resolve(1)).message).toMatch('expected a synchronous function');
      const run = owned(compile((...xs: unknown[]) => (xs[0] as Tensor).add(1)));
      const [a, b] = [owned(ones([2], { device: devices.cpu })), owned(ones([2], { device: devices.webgpu }))];
      expect(() => run(a, b)).toThrow(/arguments are on two devices/);
      expect(() => run(a, new Float32Array(2))).toThrow(/got Float32Array; make a tensor of it/);
    });

    test('an error inside leaves the device as it was', async () => {
      const x = owned(ones([2]));
      expect(refusal((a) => a.matmul(ones([3]))).message).toMatch(/matmul/);
      expect(await owned(x.add(1)).tolist()).toEqual([2, 2]);
    });
  });
});
