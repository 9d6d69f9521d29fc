// Flags of `downhill train` that change how it trains: early stopping, half precision, schedules, clipping and averages.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { decodeSafetensors } from '../src/io/safetensors.ts';
import { prepare, writer } from './cli-inputs.ts';
import { commandIn, metricsIn } from './command.ts';

const { out, downhill } = commandIn('cli-train-flags');
const cpu = ['--device', 'cpu'];

beforeAll(() => prepare(writer(out)));

test('--patience stops where nothing gets better, with the weights of the best epoch', async () => {
  const flags = '--epochs 20 --patience 2 --lr 1e-12 --model reference --batch 8 --json --out patient'.split(' ');
  const { code, stdout, stderr } = await downhill(['train', 'photos', ...cpu, ...flags]);
  expect(code).toBe(0);
  const stopped = expect.stringMatching(/^accuracy [\d.]+ was not bettered for 2 epochs$/);
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({ step: 9, steps: 60, stopped, complete: true, settings: { patience: '2' } });
  expect(result.epochs).toHaveLength(3);
  expect(stderr).toContain('for 2 epochs; back to the weights of the best epoch\n');
});

test('--precision float16', async () => {
  const flags = '--precision float16 --model reference --limit 8 --json --out halves'.split(' ');
  const { code, stdout } = await downhill(['train', 'photos', ...cpu, ...flags]);
  expect(code).toBe(0);
  const { settings, epochs } = JSON.parse(stdout);
  expect(settings.precision).toBe('float16');
  expect(epochs[0].trainLoss).toBeLessThan(3);
  const both = await downhill(['train', 'photos', ...cpu, ...flags, '--anomaly']);
  expect(both.stderr).toMatch(/^error: --anomaly takes infinite gradients for an error, .*\n$/);
});

test('--schedule step, --warmup, --accumulate and --clip', async () => {
  const flags = '--epochs 4 --batch 4 --accumulate 2 --optimizer sgd --lr 0.01 --model reference --json'.split(' ');
  const moving = '--schedule step --every 1 --gamma 0.5 --warmup 1 --clip 1e-6 --anneal-momentum --out moving'.split(
    ' ',
  );
  const { code, stdout } = await downhill(['train', 'photos', ...cpu, ...flags, ...moving]);
  expect(code).toBe(0);
  const { settings, steps } = JSON.parse(stdout);
  const words = { schedule: 'step', every: '1', gamma: '0.5', warmup: '1', accumulate: '2', clip: '0.000001' };
  expect(settings).toMatchObject({ ...words, 'anneal-momentum': '0.5:0.99' });
  // 22 images: a step takes 8 of them.
  expect(steps).toBe(12);
  const told = (await metricsIn(out('moving'))).filter(({ kind }) => kind === 'step');
  const rates = told.map(({ lr }) => Number(lr.toPrecision(6)));
  expect(rates).toEqual([0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01, 0.005, 0.005, 0.005, 0.0025, 0.0025, 0.0025]);
  // Clipped to next to nothing, no step does anything.
  const losses = JSON.parse(stdout).epochs.map(({ validationLoss }: { validationLoss: number }) => validationLoss);
  expect(losses[3]).toBeCloseTo(losses[0], 5);
});

test('--drop-last leaves out what does not fill a batch', async () => {
  const flags = '--batch 7 --epochs 2 --model reference --json --drop-last --out full'.split(' ');
  const { code, stdout } = await downhill(['train', 'photos', ...cpu, ...flags]);
  expect(code).toBe(0);
  // Of 22 images 21, in 3 batches.
  expect(JSON.parse(stdout)).toMatchObject({ steps: 6, settings: { 'drop-last': 'yes' } });
  expect((await metricsIn(out('full'))).filter(({ kind }) => kind === 'step')).toHaveLength(6);
});

test('--ema saves averages of the weights', async () => {
  const flags = '--epochs 3 --batch 8 --lr 0.01 --model reference --json --out'.split(' ');
  const weights = async (...given: string[]) => {
    const { code, stderr } = await downhill(['train', 'photos', ...cpu, ...flags, ...given]);
    expect(code).toBe(0);
    const model = decodeSafetensors(await readFile(out(`${given[0]}/model.safetensors`)));
    return { stderr, model: Object.values(model)[0].data };
  };
  const plain = await weights('plain');
  const averaged = await weights('averaged', '--ema', '0.9');
  expect(averaged.stderr).toContain('the model has averages of the weights, as --ema asks\n');
  expect(averaged.model).not.toEqual(plain.model);
  const none = await weights('none', '--ema', '0');
  expect(none.model).toEqual(plain.model);
  const both = await downhill(['train', 'photos', ...cpu, '--ema', '0.9', '--patience', '2']);
  expect(both.stderr).toMatch(/^error: --patience goes back to .*: give one\n$/);
});

test('--resume goes on with plateaus, averages and annealed momentum', async () => {
  const flags = '--schedule plateau --every 1 --gamma 0.5 --lr 1e-9 --optimizer sgd --anneal-momentum --ema 0.9'.split(
    ' ',
  );
  const run = async (...given: string[]) => (await downhill(['train', ...given, '--json'])).code;
  const begin = ['photos', ...cpu, '--model', 'reference', '--batch', '22', ...flags];
  expect(await run(...begin, '--epochs', '3', '--out', 'cut')).toBe(0);
  expect(await run('--resume', 'cut', '--epochs', '5')).toBe(0);
  expect(await run(...begin, '--epochs', '5', '--out', 'whole')).toBe(0);
  const rates = async (folder: string) =>
    (await metricsIn(out(folder))).filter(({ kind }) => kind === 'step').map(({ lr }) => lr);
  const whole = await rates('whole');
  expect(new Set(whole).size).toBeGreaterThan(1);
  expect(await rates('cut')).toEqual(whole);
});

test.each([
  ['--schedule steps', "argument 'steps' is invalid. Allowed choices are linear, cosine, one-cycle"],
  ['--gamma 2 --schedule step', 'Expected a number above 0 and below 1.'],
  ['--gamma 0.5', '--gamma is of --schedule step'],
  ['--warmup 1', '--warmup 1: expected fewer epochs than the 1 of training'],
  ['--anneal-momentum 0.5 --epochs 2', 'Expected two numbers above 0 and below 1, such as 0.5:0.99.'],
  ['--anneal-momentum --epochs 2 --optimizer rmsprop', 'expected an optimizer with momentum'],
  ['--accumulate 0', 'Expected a whole number of at least 1.'],
  ['--clip 0', 'Expected a number above 0.'],
])('downhill train %s is refused', async (flags, expected) => {
  const { code, stderr } = await downhill(['train', 'photos', ...cpu, ...flags.split(' ')]);
  expect(stderr).toContain(expected);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(code).toBe(1);
  expect(existsSync(out('runs'))).toBe(false);
});
