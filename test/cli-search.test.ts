// `downhill search` over modules of the user's: what can be searched at all, and what its trials are good for afterwards.
import { beforeAll, expect, test } from 'vitest';
import { line, prepare, writer } from './cli-inputs.ts';
import { commandIn } from './command.ts';

const { out, downhill } = commandIn('cli-search');
const cpu = ['--device', 'cpu'];
const write = writer(out);
beforeAll(() => prepare(write));

test('a module with batch norm of features, which makes nothing of a single example', async () => {
  const normed = line
    .replace('new nn.Linear(2, 1)', 'new nn.Sequential(new nn.BatchNorm1d(2), new nn.Linear(2, 1))')
    .replace('test: part', 'validation: part');
  await write('normed.js', normed);
  const flags = '--lr 0.01,0.1 --trials 2 --batch 20 --out normed --json'.split(' ');
  const { code, stdout } = await downhill(['search', 'normed.js', ...cpu, ...flags]);
  expect(code).toBe(0);
  const statuses = JSON.parse(stdout).trials.map(({ status }: { status: string }) => status);
  expect(statuses).toEqual(['done', 'done']);
});
