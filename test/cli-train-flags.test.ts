// Flags of `downhill train` that change how it trains: early stopping and half precision.
import { beforeAll, expect, test } from 'vitest';
import { prepare, writer } from './cli-inputs.ts';
import { commandIn } from './command.ts';

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
