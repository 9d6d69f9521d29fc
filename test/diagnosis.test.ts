// Each diagnosis, provoked by really training a small net, and named as what it is.
import { init, manualSeed, nn, noGrad, optim, randn, type Tensor, tensor } from 'downhill';
import { beforeAll, describe, expect, test } from 'vitest';
import { diagnose } from '../src/train/diagnose.ts';
import {
  deadDiagnosis,
  depthDiagnosis,
  depthLayers,
  type EpochFigures,
  type Finding,
  gapDiagnosis,
  saturationDiagnosis,
  updateDiagnosis,
} from '../src/train/diagnosis.ts';
import { lossDiagnosis } from '../src/train/diagnosis-loss.ts';
import type { ProbeRecord } from '../src/train/monitor-records.ts';
import { reportHtml } from '../src/train/report.ts';
import { monitored } from './monitored.ts';

beforeAll(async () => {
  await init({ device: 'cpu' });
});

/** Three spiral arms in the plane, the data of the notes' case study; no line parts them. */
function spirals(perArm: number): { x: Tensor; y: Tensor } {
  const [x, y] = [new Float32Array(6 * perArm), new Int32Array(3 * perArm)];
  for (let i = 0; i < 3 * perArm; i++) {
    const [arm, radius] = [i % 3, Math.floor(i / 3) / perArm];
    const angle = 4 * (arm + radius) + 0.2 * Math.sin(12.9898 * i);
    x.set([radius * Math.sin(angle), radius * Math.cos(angle)], 2 * i);
    y[i] = arm;
  }
  return { x: tensor(x, { shape: [3 * perArm, 2] }), y: tensor(y) };
}

/** Trains a net with one hidden layer on the spirals. */
async function onSpirals(lr: number, { steps = 300, batch = undefined as number | undefined, adam = false } = {}) {
  manualSeed(1);
  const { x, y } = spirals(50);
  const model = new nn.Sequential(new nn.Linear(2, 32), new nn.ReLU(), new nn.Linear(32, 3));
  const optimizer = adam
    ? new optim.Adam(model.parameters(), { lr })
    : new optim.SGD(model.parameters(), { lr, momentum: 0.9 });
  const { losses, probes } = await monitored(model, x, y, { steps, interval: 20, optimizer, batch });
  return { steps: losses, probes, epochs: [] as EpochFigures[], model };
}

const kinds = (findings: (Finding | null)[]) => findings.map((finding) => finding?.kind);

describe('learning rate', () => {
  test('far too high: the loss rises, or is no number', async () => {
    const risen = await onSpirals(10);
    expect(lossDiagnosis(risen.steps)).toMatchObject({ kind: 'rate too high' });
    expect(lossDiagnosis(risen.steps)!.text).toMatch(/rose from 1\.15 to \d.*: the learning rate of 10 is too high/);
    expect(diagnose(risen)[0].kind).toBe('rate too high');

    manualSeed(1);
    const model = new nn.Sequential(new nn.Linear(3, 8), new nn.Linear(8, 1));
    const { losses } = await monitored(model, randn([16, 3]), randn([16, 1]), {
      steps: 40,
      optimizer: new optim.SGD(model.parameters(), { lr: 1e3 }),
      loss: (output, target) => output.sub(target).square().mean(),
    });
    const { kind, text } = lossDiagnosis(losses)!;
    expect(kind).toBe('rate too high');
    expect(text).toMatch(/^The loss became (NaN|Infinity) at step \d+: the learning rate of 1000 is too high/);
    // As the records of a run have it, since JSON knows no NaN.
    const read = JSON.parse(JSON.stringify(losses));
    expect(lossDiagnosis(read)!.text).toContain('The loss became no number at step');
  });

  test('too high: the loss stays up, and jumps about', async () => {
    const run = await onSpirals(1, { batch: 32 });
    expect(lossDiagnosis(run.steps)).toMatchObject({ kind: 'rate too high' });
    expect(kinds(diagnose(run))).toContain('rate too high');
  });

  test('too low: the loss falls in a straight line, whatever the schedule, the batch and the optimizer', async () => {
    for (const run of [
      await onSpirals(0.001),
      await onSpirals(0.001, { batch: 32 }),
      await onSpirals(1e-4, { adam: true }),
    ]) {
      const { kind, text } = lossDiagnosis(run.steps)!;
      expect(kind).toBe('rate too low');
      expect(text).toMatch(/straight line, from 1\.[01]\d* to \d.*: the learning rate of \S+ is too low/);
      expect(diagnose(run)[0].kind).toBe('rate too low');
    }
    // A rate that falls to 0 bends the curve over steps, not the curve over what was learned.
    const steps = Array.from({ length: 400 }, (_, i) => {
      const progress = i / 400;
      return { step: i + 1, lr: 1e-5 * (1 - progress), loss: 2 - 0.4 * (2 * progress - progress ** 2) };
    });
    expect(lossDiagnosis(steps)).toMatchObject({ kind: 'rate too low' });
    // Hidden below the noise of batches, the size of the updates tells.
    const still = Array.from({ length: 400 }, (_, i) => ({
      step: i + 1,
      lr: 1e-6,
      loss: 2.3 + 0.05 * Math.sin(i * i),
    }));
    expect(lossDiagnosis(still, 1e-6)).toMatchObject({ kind: 'rate too low' });
    expect(lossDiagnosis(still, 1e-3)).toMatchObject({ kind: 'plateau' });
    expect(lossDiagnosis(still, 0.1)).toMatchObject({ kind: 'rate too high' });
  });

  test('as it should be: fast at first, slower later', async () => {
    for (const run of [
      await onSpirals(0.5),
      await onSpirals(0.1, { batch: 32 }),
      await onSpirals(0.01, { adam: true }),
    ]) {
      expect(lossDiagnosis(run.steps)).toMatchObject({ kind: 'good' });
      expect(kinds(diagnose(run))).not.toContain('rate too high');
    }
  });

  test('a loss that fell and rose again, and too few steps to tell', () => {
    const loss = (i: number) => (i < 100 ? 2 * 0.96 ** i : 0.04 + 0.006 * (i - 100));
    const steps = Array.from({ length: 300 }, (_, i) => ({ step: i + 1, lr: 0.1, loss: loss(i) }));
    expect(lossDiagnosis(steps)).toMatchObject({ kind: 'rate too high', text: expect.stringContaining('rose again') });
    expect(lossDiagnosis(steps.slice(0, 19))).toBeNull();
  });
});

describe('size of updates', () => {
  test('too large and too small are told with the parameter and the figure; about right is good', async () => {
    const large = updateDiagnosis((await onSpirals(0.3, { adam: true, steps: 60, batch: 16 })).probes)!;
    expect(large.kind).toBe('updates too large');
    expect(large.text).toMatch(/changes [02]\.weight by 0\.\d+ of its norm, where about 0\.001 is right/);
    const small = updateDiagnosis((await onSpirals(1e-6, { adam: true, steps: 60 })).probes)!;
    expect(small.kind).toBe('updates too small');
    expect(small.text).toMatch(/changes [02]\.weight by \d\.?\d*e-\d of its norm.*Raise the learning rate/);
    expect(updateDiagnosis((await onSpirals(0.5)).probes)).toMatchObject({ kind: 'good' });
    expect(updateDiagnosis([])).toBeNull();
  });
});

describe('gap of accuracies', () => {
  /** Trains in epochs of one batch each, and takes both accuracies after each. */
  async function trained(model: nn.Module, train: number, epochs: number, noise: number): Promise<EpochFigures[]> {
    const [{ shape }] = model.parameters();
    const data = (n: number) => {
      const x = randn([n, shape[1]]);
      // Labels by the first two of the features, and chance.
      const score = x
        .narrow(1, 0, 1)
        .mul(x.narrow(1, 1, 1))
        .add(randn([n, 1]).mul(noise));
      return { x, y: score.reshape([n]).gt(0).cast('int32') };
    };
    const [training, validation] = [data(train), data(train)];
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
    const figures: EpochFigures[] = [];
    const measure = ({ x, y }: { x: Tensor; y: Tensor }) =>
      noGrad(() => {
        const logits = model.call(x);
        return { loss: logits.crossEntropy(y), accuracy: logits.argmax(1).eq(y).cast('float32').mean() };
      });
    for (let epoch = 1; epoch <= epochs; epoch++) {
      for (let i = 0; i < 5; i++) {
        optimizer.zeroGrad();
        model.call(training.x).crossEntropy(training.y).backward();
        optimizer.step();
      }
      const [t, v] = [measure(training), measure(validation)];
      figures.push({
        epoch,
        trainLoss: await t.loss.item(),
        trainAccuracy: await t.accuracy.item(),
        validationLoss: await v.loss.item(),
        validationAccuracy: await v.accuracy.item(),
      });
    }
    return figures;
  }

  test('a net that learns its few examples by heart overfits', async () => {
    manualSeed(2);
    const wide = new nn.Sequential(new nn.Linear(20, 64), new nn.ReLU(), new nn.Linear(64, 2));
    const epochs = await trained(wide, 40, 20, 0.5);
    const { kind, text } = gapDiagnosis(epochs)!;
    expect(kind).toBe('overfitting');
    expect(text).toMatch(
      /^Overfitting: \d\d\.\d points lie between training accuracy \d+\.0 % and validation accuracy/,
    );
    // Told by the losses alone, where a task has no accuracy.
    const losses = epochs.map((epoch) => ({ ...epoch, trainAccuracy: null, validationAccuracy: null }));
    const byLoss = gapDiagnosis(losses)!;
    expect(byLoss).toMatchObject({ kind: 'overfitting', text: expect.stringContaining('validation loss rose from') });
    const steps = epochs.map(({ epoch, trainLoss }) => ({ step: epoch, loss: trainLoss, lr: 0.01 }));
    expect(diagnose({ steps, epochs, probes: [] })[0].kind).toBe('overfitting');
  });

  test('a line, asked to tell what no line parts, has too little capacity', async () => {
    manualSeed(3);
    const line = new nn.Sequential(new nn.Linear(4, 2));
    const epochs = await trained(line, 600, 30, 0);
    const { kind, text } = gapDiagnosis(epochs)!;
    expect(kind).toBe('too little capacity');
    expect(text).toMatch(/gap of −?\d\.\d points .* Make the model larger/);
    // Where the rate keeps it from learning, capacity is not to blame.
    const rising = Array.from({ length: 40 }, (_, i) => ({ step: i + 1, loss: 1 + i, lr: 1 }));
    expect(kinds(diagnose({ steps: rising, epochs, probes: [] }))).toEqual(['rate too high']);
  });

  test('enough data, and a net that can: nothing to mend', async () => {
    manualSeed(4);
    const wide = new nn.Sequential(new nn.Linear(4, 32), new nn.ReLU(), new nn.Linear(32, 2));
    expect(gapDiagnosis(await trained(wide, 600, 12, 0))).toMatchObject({ kind: 'good' });
    expect(gapDiagnosis([])).toBeNull();
    const untested = { epoch: 1, trainLoss: 1, trainAccuracy: 1, validationLoss: null, validationAccuracy: null };
    expect(gapDiagnosis([untested])).toBeNull();
  });
});

describe('units', () => {
  test('ReLUs that one large step switched off are dead, once they have been for two probes after step 1', async () => {
    const { probes } = await onSpirals(10, { steps: 80 });
    expect(probes).toHaveLength(4);
    const [{ kind, text }] = deadDiagnosis(probes);
    expect(kind).toBe('dead layer');
    expect(text).toMatch(
      /^Dead ReLU units: all 32 units of 1 \(ReLU\) gave 0 for every example at step 61, so that no/,
    );
    // A layer that is off as a whole shows so at once.
    expect(deadDiagnosis(probes.slice(0, 2))).toMatchObject([{ kind: 'dead layer' }]);
    const some = structuredClone(probes);
    for (const { layers } of some) layers[1].dead = layers[1].dead!.filter((unit) => unit > 3);
    const found = deadDiagnosis(some);
    expect(found).toMatchObject([{ kind: 'dead units' }]);
    expect(found[0].text).toMatch(
      /^Dead ReLU units: 28 of 32 units \(88 %\) of 1 \(ReLU\) gave 0 for every example of the last 3/,
    );
    expect(deadDiagnosis(some.slice(0, 3))[0].text).toContain('of the last 2 probes');
    expect(deadDiagnosis(some.slice(0, 2))).toEqual([]);
    // A unit that fired in one of the three is not dead.
    some[2].layers[1].dead = [];
    expect(deadDiagnosis(some)).toEqual([]);
  });

  test('tanh and sigmoid with large weights are saturated, named with their share', async () => {
    manualSeed(5);
    const wide = (factor: number) => {
      const layer = new nn.Linear(16, 24);
      layer.weight.assign(Array.from({ length: 16 * 24 }, (_, i) => factor * Math.sin(7 * i * i)));
      return layer;
    };
    for (const squash of [new nn.Tanh(), new nn.Sigmoid()]) {
      const make = (factor: number) => new nn.Sequential(wide(factor), squash, new nn.Linear(24, 2));
      const y = tensor(Int32Array.from({ length: 10 }, (_, i) => i % 2));
      const x = randn([10, 16]);
      const large = await monitored(make(10), x, y, { steps: 3 });
      const [{ kind, text }] = saturationDiagnosis(large.probes);
      expect(kind).toBe('saturation');
      expect(text).toMatch(/^Saturation: \d\d % of the outputs of 1 \((Tanh|Sigmoid)\) lie at the bounds/);
      expect(saturationDiagnosis((await monitored(make(0.05), x, y, { steps: 3 })).probes)).toEqual([]);
    }
  });
});

describe('depth', () => {
  /** Ten tanh layers of 128 units, with weights as `scale` says, over data with mean 0 and variance 1. */
  async function deepTanh(scale: (fanIn: number) => number): Promise<ProbeRecord[]> {
    manualSeed(6);
    const width = 128;
    const layers = Array.from({ length: 10 }, () => {
      const layer = new nn.Linear(width, width, { bias: false });
      const weights = noGrad(() => randn([width, width]).mul(scale(width)));
      return [layer, weights] as const;
    });
    for (const [layer, weights] of layers) layer.weight.assign(await weights.data());
    const model = new nn.Sequential(...layers.flatMap(([layer]) => [layer, new nn.Tanh()]), new nn.Linear(width, 10));
    const y = tensor(Int32Array.from({ length: 32 }, (_, i) => i % 10));
    const { probes } = await monitored(model, randn([32, width]), y, { steps: 1 });
    return probes;
  }
  const spreads = (probes: ProbeRecord[]) => depthLayers(probes[0]).map(({ activation }) => activation.std!);
  const page = (probes: ProbeRecord[]) =>
    reportHtml({
      ...{
        title: 'Ten layers of tanh',
        device: 'CPU',
        flags: {},
        stepsPerEpoch: 1,
        filters: null,
        test: null,
        seconds: 1,
      },
      ...{ steps: [], epochs: [], probes },
    });

  test('small random weights: the activations of a tanh net vanish layer by layer, and the report shows it', async () => {
    const probes = await deepTanh(() => 0.01);
    const stds = spreads(probes);
    // The notes' table has 500 units a layer, which shrink by 0.01 sqrt(500) = 0.22 each; 128 units by 0.11.
    expect(stds).toHaveLength(10);
    for (const [i, std] of stds.entries()) expect(std / (0.01 * Math.sqrt(128)) ** (i + 1)).toBeCloseTo(1, 0);
    const findings = depthDiagnosis(probes);
    expect(kinds(findings)).toEqual(['vanishing', 'vanishing']);
    expect(findings[0].text).toMatch(
      /^Vanishing activations: their standard deviation falls from 0\.1\d* at 1 \(Tanh\) to \d\.?\d*e-10 at 19 \(Tanh\)/,
    );
    expect(findings[1].text).toMatch(/^Vanishing gradients: .* at 19 \(Tanh\) to .* at 1 \(Tanh\)\. Begin with Xavier/);
    const html = page(probes);
    expect(html).toContain('Vanishing activations');
    for (const { name, activation } of depthLayers(probes[0])) {
      const row = html.match(new RegExp(`<tr><th scope="row">${name} <small>Tanh</small></th>.*?</tr>`))![0];
      const [mean, std] = [...row.matchAll(/<td>([\d.e−]+)/g)].map(([, text]) => Number(text.replaceAll('−', '-')));
      expect(std / activation.std!).toBeCloseTo(1, 1);
      expect(Math.abs(mean - activation.mean!)).toBeLessThan(0.06 * Math.abs(activation.mean!));
    }
  });

  test('Xavier weights mend it', async () => {
    const probes = await deepTanh((fan) => 1 / Math.sqrt(fan));
    const stds = spreads(probes);
    expect(Math.min(...stds)).toBeGreaterThan(0.2);
    expect(Math.max(...stds)).toBeLessThan(0.7);
    expect(depthDiagnosis(probes)).toEqual([]);
    expect(page(probes)).not.toContain('Vanishing');
  });

  test('large weights saturate; without tanh they explode', async () => {
    expect(kinds(saturationDiagnosis(await deepTanh(() => 1)))).toEqual(Array(10).fill('saturation'));
    manualSeed(7);
    const layers = Array.from({ length: 6 }, () => {
      const layer = new nn.Linear(32, 32, { bias: false });
      layer.weight.assign(Array.from({ length: 32 * 32 }, (_, i) => Math.sin(5 * i * i)));
      return layer;
    });
    const model = new nn.Sequential(...layers, new nn.Linear(32, 2));
    const y = tensor(Int32Array.from({ length: 8 }, (_, i) => i % 2));
    const { probes } = await monitored(model, randn([8, 32]), y, { steps: 1 });
    const findings = depthDiagnosis(probes);
    expect(kinds(findings)).toContain('exploding');
    expect(findings[0].text).toMatch(
      /^Exploding activations: .* grows from \S+ at 0 \(Linear\) to \S+ at 5 \(Linear\)/,
    );
  });
});
