// Modules: how they are called, hooks, names of what they hold, and their state.
import { compile, nn, optim, type Tensor, tensor } from 'downhill';
import { describe, expect, test } from 'vitest';
import { openDevices, owned } from './training.ts';

const devices = openDevices();

/** Multiplies by a number and notes nothing. */
class Times extends nn.Module {
  readonly factor: Tensor;

  constructor(factor: number) {
    super();
    this.factor = nn.parameter(tensor([factor]));
  }

  override forward(x: Tensor): Tensor {
    return x.mul(this.factor);
  }
}

describe('hooks', () => {
  test('are called around every call, in order, until they are removed', () => {
    const [first, second] = [new Times(2), new Times(3)];
    const model = owned(new nn.Sequential(first, second));
    const seen: string[] = [];
    const nameOf = (module: nn.Module) => ['first', 'second', 'model'][[first, second, model].indexOf(module as Times)];
    const removals = [first, second, model].flatMap((module) => [
      module.registerForwardPreHook((m, input) => seen.push(`before ${nameOf(m)} ${input.shape}`)),
      module.registerForwardHook((m, input, output) => seen.push(`after ${nameOf(m)} ${input.shape} ${output.shape}`)),
    ]);
    const x = owned(tensor([[1, 2]]));
    const y = owned(model.call(x));
    expect(seen).toEqual([
      'before model 1,2',
      'before first 1,2',
      'after first 1,2 1,2',
      'before second 1,2',
      'after second 1,2 1,2',
      'after model 1,2 1,2',
    ]);
    expect(y.shape).toEqual([1, 2]);
    for (const remove of removals) remove();
    owned(model.call(x));
    expect(seen).toHaveLength(6);
  });

  test('are functions', () => {
    const module = owned(new Times(2));
    const message = 'hooks: expected a function, got undefined';
    expect(() => module.registerForwardHook(undefined as unknown as nn.ForwardHook)).toThrow(message);
  });

  test('see the very tensors that go in and come out; forward() alone calls none', async () => {
    const module = owned(new Times(2));
    const x = owned(tensor([3]));
    const seen: Tensor[] = [];
    module.registerForwardHook((_, input, output) => seen.push(input, output));
    const y = owned(module.call(x));
    owned(module.forward(x));
    expect(seen).toHaveLength(2);
    expect(seen[0]).toBe(x);
    expect(seen[1]).toBe(y);
    expect(await y.item()).toBe(6);
  });

  test('inside compile() are part of the trace, and leave with it', async () => {
    const inner = new Times(2);
    const model = owned(new nn.Sequential(inner, new Times(5)));
    let traced = 0;
    const run = owned(
      compile((x: Tensor) => {
        traced++;
        let seen: Tensor | null = null;
        const remove = inner.registerForwardHook((_, __, output) => {
          seen = output.add(1);
        });
        const out = model.call(x);
        remove();
        return { out, seen: seen as unknown as Tensor };
      }),
    );
    for (const value of [1, 2, 3]) {
      const { out, seen } = run(owned(tensor([value])));
      expect(await owned(out).item()).toBe(10 * value);
      expect(await owned(seen).item()).toBe(2 * value + 1);
    }
    expect(traced).toBe(1);
  });

  test('that come and go outside make compiled functions trace again, but only then', async () => {
    const inner = new Times(2);
    const model = owned(new nn.Sequential(inner));
    let [traced, called] = [0, 0];
    const run = owned(
      compile((x: Tensor) => {
        traced++;
        return model.call(x);
      }),
    );
    const x = owned(tensor([1]));
    const go = async () => expect(await owned(run(x)).item()).toBe(2);
    await go();
    await go();
    expect(traced).toBe(1);
    const remove = inner.registerForwardHook(() => called++);
    await go();
    await go();
    expect([traced, called]).toEqual([2, 1]);
    remove();
    await go();
    expect([traced, called]).toEqual([2, 1]); // the first trace fits again
  });

  test('of one compiled function do not disturb another', async () => {
    const model = owned(new Times(2));
    const traced = { plain: 0, probed: 0 };
    const plain = owned(
      compile((x: Tensor) => {
        traced.plain++;
        return model.call(x);
      }),
    );
    const probed = owned(
      compile((x: Tensor) => {
        traced.probed++;
        const remove = model.registerForwardHook(() => {});
        const y = model.call(x);
        remove();
        return y;
      }),
    );
    for (let i = 0; i < 3; i++) {
      const x = owned(tensor([i]));
      expect(await owned(plain(x)).item()).toBe(2 * i);
      expect(await owned(probed(x)).item()).toBe(2 * i);
    }
    expect(traced).toEqual({ plain: 1, probed: 1 });
  });
});

describe('state', () => {
  /** Two layers that share a weight, and a buffer. */
  class Tied extends nn.Module {
    readonly first = new nn.Linear(2, 2);
    readonly second = new nn.Linear(2, 2, { bias: false });
    readonly count = nn.buffer(tensor([1]));
    readonly blocks = [new nn.Linear(2, 1), new nn.ReLU()];

    constructor() {
      super();
      this.second.weight.dispose();
      this.second.weight = this.first.weight;
    }

    override forward(x: Tensor): Tensor {
      return this.blocks[0].call(this.second.call(this.first.call(x))).mul(this.count);
    }
  }

  const names = (pairs: Iterable<[string, unknown]>) => [...pairs].map(([name]) => name);

  test('parameters come once, stateDict has them wherever they stand', () => {
    const model = owned(new Tied());
    expect(names(model.namedParameters())).toEqual(['first.weight', 'first.bias', 'blocks.0.weight', 'blocks.0.bias']);
    expect([...model.parameters()]).toHaveLength(4);
    expect(names(model.namedBuffers())).toEqual(['count']);
    expect([...model.buffers()]).toEqual([model.count]);
    expect(Object.keys(model.stateDict())).toEqual([
      'count',
      'first.weight',
      'first.bias',
      'second.weight',
      'blocks.0.weight',
      'blocks.0.bias',
    ]);
    expect(names(model.namedModules())).toEqual(['', 'first', 'second', 'blocks.0', 'blocks.1']);
    expect([...model.modules()][0]).toBe(model);
    expect([...model.children()]).toEqual([model.first, model.second, ...model.blocks]);
  });

  test('apply() reaches children first, zeroGrad() drops gradients', () => {
    const model = owned(new Tied());
    const seen: nn.Module[] = [];
    expect(model.apply((module) => seen.push(module))).toBe(model);
    expect(seen.at(-1)).toBe(model);
    expect(seen).toHaveLength(5);
    model
      .call(owned(tensor([[1, 2]])))
      .sum()
      .backward();
    expect([...model.parameters()].every(({ grad }) => grad)).toBe(true);
    model.zeroGrad();
    expect([...model.parameters()].map(({ grad }) => grad)).toEqual([null, null, null, null]);
  });

  test('loads from another model on the device, also into an optimizer, and stays apart from it', async () => {
    const [from, to] = [owned(new nn.Linear(3, 2)), owned(new nn.Linear(3, 2))];
    const optimizer = owned(new optim.SGD(to.parameters(), { lr: 1 }));
    expect(to.loadStateDict(from.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    const wanted = await from.weight.tolist();
    expect(await to.weight.tolist()).toEqual(wanted);
    expect(await to.bias!.tolist()).toEqual(await from.bias!.tolist());
    // Behind the two biases the optimizer's arena still has zeros.
    const { offset } = to.bias!.view('test');
    const quad = owned(to.bias!.alias('test', { shape: [4], strides: [1], offset }));
    expect((await quad.tolist()).slice(2)).toEqual([0, 0]);
    to.call(owned(tensor([[1, 1, 1]])))
      .sum()
      .backward();
    optimizer.step();
    expect(await to.weight.tolist()).not.toEqual(wanted);
    expect(await from.weight.tolist()).toEqual(wanted);
    from.loadStateDict(from.stateDict());
    expect(await from.weight.tolist()).toEqual(wanted);
  });

  const host = (shape: number[], value = 0) => ({
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value),
  });

  test('of another model is refused with all that does not fit, and nothing is lost', async () => {
    const model = owned(new nn.Linear(2, 3));
    const before = await model.weight.tolist();
    const state = { weight: host([3, 3]), gain: host([1]), ...{ toString: host([2]) } };
    expect(() => model.loadStateDict(state)).toThrow(
      'loadStateDict: missing bias; unexpected gain; unexpected toString; weight is [3,3], expected [3,2]',
    );
    expect(() => model.loadStateDict({ weight: host([3, 2]), bias: { shape: [3], data: [1, 2] } })).toThrow(
      'loadStateDict: bias [3] comes with 2 values',
    );
    const elsewhere = owned(tensor([1, 2, 3], { device: devices.cpu }));
    expect(() => model.loadStateDict({ weight: host([3, 2]), bias: elsewhere })).toThrow(
      /^loadStateDict: bias is Tensor\(\[3\], float32, CPU, float64\), expected Tensor\(\[3\], float32, /,
    );
    expect(await model.weight.tolist()).toEqual(before);
  });

  test('with strict off loads what fits', async () => {
    const model = owned(new nn.Linear(2, 3));
    const bias = await model.bias!.tolist();
    const report = model.loadStateDict({ weight: host([3, 2], 5), gain: host([1]) }, { strict: false });
    expect(report).toEqual({ missingKeys: ['bias'], unexpectedKeys: ['gain'] });
    expect(await model.weight.tolist()).toEqual([
      [5, 5],
      [5, 5],
      [5, 5],
    ]);
    expect(await model.bias!.tolist()).toEqual(bias);
    expect(() => model.loadStateDict({ weight: host([2, 2]) }, { strict: false })).toThrow(
      'weight is [2,2], expected [3,2]',
    );
  });

  test('of PyTorch is loaded by names in camelCase', async () => {
    class Net extends nn.Module {
      readonly conv = new nn.Conv2d(1, 2, 3, { bias: false });
      readonly bn = new nn.BatchNorm2d(2);
      readonly selfAttn = new nn.MultiheadAttention(4, 2);

      override forward(x: Tensor): Tensor {
        return this.bn.call(this.conv.call(x));
      }
    }
    const shapes: Record<string, number[]> = {
      'conv.weight': [2, 1, 3, 3],
      'bn.weight': [2],
      'bn.bias': [2],
      'bn.running_mean': [2],
      'bn.running_var': [2],
      'bn.num_batches_tracked': [],
      'self_attn.in_proj_weight': [12, 4],
      'self_attn.in_proj_bias': [12],
      'self_attn.out_proj.weight': [4, 4],
      'self_attn.out_proj.bias': [4],
    };
    const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
    const state = Object.fromEntries(Object.entries(shapes).map(([name, shape], i) => [camel(name), host(shape, i)]));
    const model = owned(new Net());
    const report = model.loadStateDict(state, { strict: false });
    // The count of batches is there where the running statistics need it: with momentum null.
    expect(report).toEqual({ missingKeys: [], unexpectedKeys: ['bn.numBatchesTracked'] });
    expect(await model.bn.runningVar!.tolist()).toEqual([4, 4]);
    expect(await model.selfAttn.outProj.bias!.tolist()).toEqual([9, 9, 9, 9]);
  });
});
