// What a report says of real runs: fit with monitors at their default interval on handwritten digits, good runs and bad.
import { type Data, init, manualSeed, monitors, nn, optim, fit as train } from 'downhill';
import { loadMnist } from 'downhill/node';
import { beforeAll, describe, expect, test } from 'vitest';
import { diagnose } from '../src/train/diagnose.ts';
import type { Finding, FindingKind } from '../src/train/diagnosis.ts';
import { reportHtml } from '../src/train/report.ts';
import { type RunLine, reportOf } from '../src/train/report-records.ts';
import { collector } from './fitting.ts';
import { owned } from './training.ts';

const WIDTH = 49;
let digits: (from: number, count: number) => Data;

beforeAll(async () => {
  await init({ device: 'cpu' });
  const { train: set } = await loadMnist();
  // Squares of 4 by 4 pixels as one, so that the reference in float64 trains in a second or two.
  digits = (from, count) => ({
    length: count,
    checked: true,
    batch(indices) {
      const { x, y } = set.batch(Array.from(indices, (i) => from + i));
      const small = new Float32Array(indices.length * WIDTH);
      x.forEach((pixel, i) => {
        const [image, row, column] = [Math.floor(i / 784), Math.floor((i % 784) / 28), i % 28];
        small[image * WIDTH + 7 * Math.floor(row / 4) + Math.floor(column / 4)] += pixel / 8;
      });
      return { x: small, y, shape: [indices.length, WIDTH] };
    },
  });
});

/** One hidden layer. */
const shallow = (activation: nn.Module = new nn.ReLU()) =>
  new nn.Sequential(new nn.Linear(WIDTH, 24), activation, new nn.Linear(24, 10));

interface Run {
  epochs: number;
  examples?: number;
  batchSize?: number;
  schedule?: (progress: number) => number;
}

/** Trains, and returns what the run's report says, read back from its lines of JSON. */
async function told(
  make: () => nn.Module,
  optimizerOf: (model: nn.Module) => optim.Optimizer,
  { epochs, examples = 640, batchSize = 32, schedule }: Run,
) {
  manualSeed(1);
  const model = owned(make());
  const [watch, kept] = [monitors(), collector()];
  const data = digits(0, examples);
  const options = { data, validation: digits(1000, 300), optimizer: owned(optimizerOf(model)), schedule };
  await train(model, { ...options, epochs, batchSize, callbacks: [watch, kept] });
  const lines = [
    ...kept.steps.map((step) => ({ kind: 'step', ...step })),
    ...kept.epochs.map((epoch) => ({ kind: 'epoch', ...epoch })),
    ...watch.records,
  ];
  const report = reportOf(JSON.parse(JSON.stringify(lines)) as RunLine[]);
  const findings = diagnose({ ...report, probes: report.probes! });
  const of = (kind: FindingKind): Finding => findings.find((finding) => finding.kind === kind)!;
  return { findings, kinds: findings.map(({ kind }) => kind), of, html: reportHtml(report), probes: report.probes! };
}

const sgd =
  (lr: number, momentum = 0.9) =>
  (model: nn.Module) =>
    new optim.SGD(model.parameters(), { lr, momentum });
const adam = (lr: number) => (model: nn.Module) => new optim.Adam(model.parameters(), { lr });

describe('a learning rate', () => {
  test('far too high: it jumps, switches all units off, and nothing that contradicts this is said', async () => {
    const { kinds, of, html, probes } = await told(() => shallow(), sgd(20), { epochs: 6 });
    expect(probes.map(({ step }) => step)).toEqual([1, 51, 101]);
    expect(kinds).toEqual(['rate too high', 'dead layer']);
    expect(of('rate too high').text).toMatch(/the learning rate of 20 is too high/);
    expect(of('dead layer').text).toContain('all 24 units of 1 (ReLU) gave 0');
    expect(html).toContain('Dead ReLU units');
    expect(html).not.toMatch(/plateau|Make the model larger|where about 0\.001 is right|No overfitting/);
  });

  test('units that it switched off are seen in two probes after step 1, of ReLU6 too', async () => {
    const { kinds, of } = await told(() => shallow(new nn.ReLU6()), sgd(20), { epochs: 6 });
    expect(kinds.slice(0, 2)).toEqual(['rate too high', 'dead units']);
    expect(of('dead units').text).toMatch(/\d+ of 24 units \(\d+ %\) of 1 \(ReLU6\) .* of the last 2 probes/);
    expect(kinds).not.toContain('good');
  });

  test('too low, with Adam: the run is over before anything happens', async () => {
    const { kinds, of } = await told(() => shallow(), adam(1e-5), { epochs: 4, schedule: (progress) => 1 - progress });
    expect(kinds[0]).toBe('rate too low');
    expect(of('rate too low').text).toContain('the learning rate of 1e-5 is too low');
    expect(kinds).not.toContain('plateau');
    expect(kinds).not.toContain('too little capacity');
    expect(kinds).not.toContain('good');
  });

  test('as it should be, in runs of any length: no false alarm', async () => {
    for (const run of [
      { epochs: 4 }, // 80 steps, of which the probes show two
      { epochs: 1, examples: 128 }, // 4 steps
      { epochs: 3, schedule: (progress: number) => 1 - progress },
    ]) {
      const { kinds, html } = await told(() => shallow(), adam(0.01), run);
      expect([...new Set(kinds)]).toEqual(['good']);
      expect(html).not.toMatch(/Lower the learning rate|Raise the learning rate|a gap of −/);
    }
  });
});

test('vanishing activations: the weights are to blame, no advice on the rate or the size', async () => {
  const deep = () => {
    const layers = Array.from({ length: 6 }, (_, i) => {
      const layer = new nn.Linear(i === 0 ? WIDTH : 24, 24);
      nn.init.normal(layer.weight, { std: 0.01 });
      nn.init.zeros(layer.bias!);
      return layer;
    });
    return new nn.Sequential(...layers.flatMap((layer) => [layer, new nn.Tanh()]), new nn.Linear(24, 10));
  };
  const { kinds, of } = await told(deep, sgd(0.01, 0), { epochs: 3 });
  expect([...new Set(kinds)]).toEqual(['vanishing']);
  expect(of('vanishing').text).toMatch(/^Vanishing activations: .* Begin with Xavier weights/);
});
