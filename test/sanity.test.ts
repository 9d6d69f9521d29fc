// sanity: a healthy model passes and is put back as it was; each check fails for a provoked cause, with the right advice.
import {
  add,
  type Data,
  init,
  l2Penalty,
  manualSeed,
  memory,
  mseLoss,
  mul,
  nn,
  optim,
  randomState,
  type SanityOptions,
  sanity,
  svmLoss,
  type Tensor,
} from 'downhill';
import { beforeEach, describe, expect, test } from 'vitest';
import { normal } from '../src/tensor/random.ts';
import { values } from './training.ts';

const FEATURES = 8;

beforeEach(async () => {
  await init({ device: 'cpu' });
});

/** Noise, whose classes can only be learnt by heart. */
function examples({ length = 60, scale = 1, classes = 10 } = {}): Data {
  const noise = normal(length * FEATURES, { seed: 5, stream: 0 });
  return {
    length,
    batch: (indices) => ({
      x: Float32Array.from(
        Array.from(indices, (i) => Array.from(noise.slice(i * FEATURES, (i + 1) * FEATURES))).flat(),
        (v) => v * scale,
      ),
      shape: [indices.length, FEATURES],
      y: Int32Array.from(indices, (i) => (i * 7) % classes),
    }),
  };
}

class Net extends nn.Module {
  first: nn.Linear;
  drop = new nn.Dropout(0.3);
  last: nn.Linear;

  constructor({ hidden = 48, outputs = 10 } = {}) {
    super();
    manualSeed(1);
    this.first = new nn.Linear(FEATURES, hidden);
    this.last = new nn.Linear(hidden, outputs);
  }

  override forward(x: Tensor): Tensor {
    return this.last.call(this.drop.call(this.first.call(x).relu()));
  }
}

const adam =
  (lr = 0.02) =>
  (parameters: Iterable<Tensor>) =>
    new optim.Adam(parameters, { lr });

/** Runs the checks, and sees to it that the model is as it was. */
async function checked(model: nn.Module, options: Partial<SanityOptions> = {}) {
  const state = async () => [await values(Object.values(model.stateDict())), randomState(), model.training];
  const before = await state();
  const report = await sanity(model, { data: examples(), optimizer: adam(), ...options });
  expect(await state()).toEqual(before);
  expect(report.passed).toBe(report.checks.every(({ passed }) => passed));
  for (const { passed, advice } of report.checks) expect(advice === null).toBe(passed);
  return { report, check: (name: string) => report.checks.find((item) => item.name === name)! };
}

/** The names of checks that fail, and what is advised. */
async function failing(model: nn.Module, options: Partial<SanityOptions> = {}) {
  const { report } = await checked(model, options);
  return Object.fromEntries(report.checks.flatMap(({ name, passed, advice }) => (passed ? [] : [[name, advice]])));
}

describe('what is well', () => {
  test('passes, with the loss at chance ln 10, and 9 for the SVM', async () => {
    const regularization = (model: nn.Module) => mul(l2Penalty(model.parameters()), 1e-3);
    const { report, check } = await checked(new Net().eval(), { regularization, classes: 10 });
    expect(report.checks.map(({ name }) => name)).toEqual([
      'data',
      'loss is a mean',
      'loss at chance',
      'regularization raises the loss',
      'gradients arrive',
      '20 examples by heart',
      'gradients',
    ]);
    expect(report.passed).toBe(true);
    expect(check('loss at chance').expected).toBe('about 2.303, all 10 classes alike');
    expect(String(report)).toMatch(/^sanity: 7 of 7 checks passed\n {2}ok {6}data: expected .*, got all of them\n/);

    const svm = await checked(new Net(), { loss: (x, y) => svmLoss(x, y) });
    expect(svm.report.passed).toBe(true);
    expect(svm.check('loss at chance').expected).toBe('about 9, all 10 classes alike');
  });

  test('leaves no memory behind', async () => {
    const model = new Net();
    await checked(model);
    const { bytes } = memory();
    await checked(model);
    expect(memory().bytes).toBe(bytes);
  });

  test('passes for batch norm, and for regression', async () => {
    manualSeed(2);
    const model = new nn.Sequential(
      new nn.Conv2d(1, 6, 3, { padding: 1 }),
      new nn.BatchNorm2d(6),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Linear(48, 10),
    );
    const { batch, length } = examples();
    const pictures: Data = {
      length,
      batch: async (indices) => ({ ...(await batch(indices)), shape: [indices.length, 1, 2, 4] }),
    };
    expect(await failing(model, { data: pictures })).toEqual({});

    const targets: Data = {
      length,
      batch: async (indices) => ({
        ...(await batch(indices)),
        y: Float32Array.from(indices, (i) => Math.cos(i)),
        yShape: [indices.length, 1],
      }),
    };
    expect(await failing(new Net({ outputs: 1 }), { data: targets, loss: (x, y) => mseLoss(x, y) })).toEqual({});
  });
});

test('weight decay is a penalty, and off where examples are learnt by heart', async () => {
  const heard: string[] = [];
  const onCheck = (name: string, done: number, all: number) => void heard.push(`${done}/${all} ${name}`);
  const optimizer = (parameters: Iterable<Tensor>) => new optim.AdamW(parameters, { lr: 0.01, weightDecay: 50 });
  const { checks } = await sanity(new Net(), { data: examples(), optimizer, gradients: false, onCheck });
  expect(checks.map(({ name, passed }) => [name, passed])).toEqual([
    ['data', true],
    ['loss is a mean', true],
    ['loss at chance', true],
    ['regularization raises the loss', true],
    ['gradients arrive', true],
    ['20 examples by heart', true],
  ]);
  // What is not looked at is told, too.
  const bare = await sanity(new Net(), { data: examples(), gradients: false });
  expect(bare.leftOut.map(({ name }) => name)).toEqual(['regularization raises the loss', 'gradients']);
  expect(String(bare)).toContain(
    '  --      regularization raises the loss: left out, since neither weight decay nor a penalty was given\n',
  );
  const words = ['data', 'mean', 'chance', 'regularization', 'parameters', 'learning by heart'];
  expect(heard).toEqual(words.map((name, i) => `${i}/6 ${name}`));
});

describe('what fails, and why:', () => {
  const scaled = (by: number) => {
    const model = new Net();
    const { weight } = model.last;
    weight.assign(normal(weight.size, { seed: 1, stream: 1 }).map((v) => v * by));
    return model;
  };

  test('initial weights that are too large', async () => {
    expect((await failing(scaled(20)))['loss at chance']).toMatch(/outputs are too large: initial weights/);
  });

  test('inputs that are not normalized', async () => {
    const advice = (await failing(new Net(), { data: examples({ scale: 100 }) }))['loss at chance'];
    expect(advice).toMatch(/inputs are large \(standard deviation \d+(\.\d+)?; bring it to about 1\)/);
  });

  test('a loss below chance: a model that was trained before', async () => {
    const model = new Net();
    const data: Data = {
      length: 40,
      batch: (at) => ({
        x: new Float32Array(at.length * FEATURES),
        shape: [at.length, FEATURES],
        y: new Int32Array(at.length),
      }),
    };
    model.last.bias!.assign([9, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect((await failing(model, { data }))['loss at chance']).toMatch(/knows answers before training/);
  });

  test('fewer outputs than classes', async () => {
    const { check } = await checked(new Net({ outputs: 12 }), { classes: 10, gradients: false });
    expect(check('loss at chance')).toMatchObject({ expected: '10 classes', actual: '12 outputs' });
  });

  test('a loss that is a sum', async () => {
    const loss = (x: Tensor, y: Tensor) => x.crossEntropy(y, { reduction: 'sum' });
    const { check } = await checked(new Net(), { loss, gradients: false });
    expect(check('loss is a mean').advice).toMatch(/it is a sum/);
    expect(check('loss is a mean').actual).toBe('138.2 and 276.3');
  });

  test('a penalty of the wrong sign', async () => {
    const regularization = (model: nn.Module) => mul(l2Penalty(model.parameters()), -0.1);
    expect((await failing(new Net(), { regularization }))['regularization raises the loss']).toMatch(/sign/);
  });

  test('a layer that is cut off', async () => {
    class Cut extends Net {
      override forward(x: Tensor): Tensor {
        return this.last.call(this.first.call(x).relu().detach());
      }
    }
    const { check } = await checked(new Cut());
    expect(check('gradients arrive')).toMatchObject({
      actual: 'none for first.weight, first.bias',
      advice: expect.stringMatching(/detach\(\)/),
    });
  });

  test('dead units', async () => {
    const model = new Net();
    model.first.bias!.assign(new Float32Array(48).fill(-100));
    const { check } = await checked(model);
    expect(check('gradients arrive')).toMatchObject({
      actual: 'only zeros for first.weight, first.bias, last.weight',
      advice: expect.stringMatching(/dead/),
    });
  });

  test('a gradient that is wrong, and one that cannot be told', async () => {
    class Wrong extends Net {
      override forward(x: Tensor): Tensor {
        const hidden = this.first.call(x);
        // In the derivative of h * h one half is missing.
        return this.last.call(add(hidden.mul(hidden.detach()), hidden));
      }
    }
    const failed = await failing(new Wrong());
    expect(Object.keys(failed)).toEqual(['gradients']);
    expect(failed.gradients).toMatch(/A gradient is wrong/);
    // What drowns in the loss is not called proven.
    const loss = (output: Tensor, target: Tensor) => output.crossEntropy(target).mul(1e-9).add(1000);
    const { check } = await checked(new Net(), { loss });
    expect(check('gradients').actual).toMatch(/not proven for first\.weight, .*: gradients too small beside the loss/);
  });

  test('a learning rate too low, too high, and a model too small', async () => {
    const name = '20 examples by heart';
    expect((await failing(new Net(), { optimizer: adam(1e-7), steps: 50 }))[name]).toMatch(/does not move/);
    expect((await failing(new Net(), { optimizer: adam(1e-3), steps: 60 }))[name]).toMatch(/still falls/);
    const sgd = (parameters: Iterable<Tensor>) => new optim.SGD(parameters, { lr: 200 });
    expect((await failing(new Net(), { optimizer: sgd, steps: 60 }))[name]).toMatch(
      /learning rate 200 is probably too high/,
    );
    expect((await failing(new Net({ hidden: 1 }), { steps: 800 }))[name]).toMatch(/too small/);
    // What is no number before any update is no fault of the learning rate.
    const loss = (output: Tensor, target: Tensor) => output.crossEntropy(target).mul(Number.NaN);
    expect((await failing(new Net(), { loss }))[name]).toMatch(/^The loss is NaN before any step/);
  });

  test('targets that contradict each other, and targets that do not stay with their inputs', async () => {
    const { batch, length } = examples();
    const twins: Data = {
      length,
      batch: async (at) => ({ ...(await batch(at)), x: new Float32Array(at.length * FEATURES) }),
    };
    expect((await failing(new Net(), { data: twins, steps: 100 }))['20 examples by heart']).toMatch(/same input/);

    let calls = 0;
    const shuffled: Data = {
      length,
      batch: async (at) => {
        calls++;
        return { ...(await batch(at)), y: Int32Array.from(at, (i) => (i + calls) % 10) };
      },
    };
    expect((await failing(new Net(), { data: shuffled })).data).toMatch(/shuffled apart/);
  });

  test('inputs that are no numbers', async () => {
    const { batch, length } = examples();
    const holes: Data = {
      length,
      batch: async (at) => {
        const given = await batch(at);
        given.x[3] = Number.NaN;
        return given;
      },
    };
    const failed = await failing(new Net(), { data: holes, gradients: false, steps: 20 });
    expect(failed.data).toMatch(/not finite/);
    expect(failed['loss at chance']).toMatch(/detectAnomaly/);
  });

  test('a number that is not finite and a class without example, anywhere, by the name that the data gives', async () => {
    const { batch } = examples();
    const bad = (row: number, value: number): Data => ({
      length: 300,
      batch: async (at) => {
        const given = await batch(Array.from(at, (i) => i % 60));
        Array.from(at).forEach((i, k) => {
          if (i === row) given.x[k * FEATURES] = value;
        });
        return given;
      },
      where: (index) => `file.bin, row ${index}`,
    });
    const quick = { gradients: false, steps: 1 };
    const { check } = await checked(new Net(), { data: bad(290, Number.NaN), ...quick });
    expect(check('data')).toMatchObject({ passed: false, actual: 'file.bin, row 290: x is NaN at element 0' });
    const whole = await checked(new Net(), { data: bad(-1, 0), ...quick });
    expect(whole.check('data').passed).toBe(true);
    const classes = Array.from({ length: 10 }, (_, i) => `kind ${i}`);
    const lacks = { ...examples({ classes: 9 }), classes };
    const empty = await checked(new Net(), { data: lacks, ...quick });
    expect(empty.check('data').actual).toBe('class 9 (kind 9) has no example among 60');
  });

  test('labels out of range and examples of another size are an error at once, wherever they are', async () => {
    const { batch } = examples();
    const odd = (y: number, x: number[]): Data => ({
      length: 300,
      batch: async (at) => {
        const given = await batch(Array.from(at, (i) => i % 60));
        const k = Array.from(at).indexOf(290);
        if (k < 0) return given;
        (given.y as Int32Array)[k] = y;
        return { ...given, x: Float32Array.from([...given.x, ...x]) };
      },
      where: (index) => `file.bin, row ${index}`,
    });
    await expect(sanity(new Net(), { data: odd(12, []) })).rejects.toThrow(/label 12 of file\.bin, row 290 is out of/);
    await expect(sanity(new Net(), { data: odd(0, [1]) })).rejects.toThrow(
      'sanity: file.bin, row 290: expected 8 numbers in x, got 9',
    );
  });

  test('labels out of range are an error at once', async () => {
    await expect(sanity(new Net({ outputs: 9 }), { data: examples() })).rejects.toThrow(
      /label 9 of example \d+ is out of range/,
    );
  });
});
