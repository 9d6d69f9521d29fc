// What a module of the user's may export beside its model: a penalty and a schedule; and the help of the whole command.
import { beforeAll, expect, test } from 'vitest';
import { line, prepare, writer } from './cli-inputs.ts';
import { commandIn } from './command.ts';

const { out, downhill } = commandIn('cli-module');
const cpu = ['--device', 'cpu'];
const write = writer(out);
beforeAll(() => prepare(write));

test('a penalty is added to the loss of training alone, and off where examples are learnt by heart', async () => {
  // So strong that nothing could be learnt with it.
  await write('held.js', `${line}export const penalty = (model) => model.weight.square().sum().mul(1e4).add(50);`);
  const flags = '--batch 20 --lr 1e-9 --json --out'.split(' ');
  const held = JSON.parse((await downhill(['train', 'held.js', ...cpu, ...flags, 'held'])).stdout);
  const free = JSON.parse((await downhill(['train', 'line.js', ...cpu, ...flags, 'free'])).stdout);
  expect(held.epochs[0].trainLoss).toBeGreaterThan(50 + free.epochs[0].trainLoss);
  expect(held.test.loss).toBeCloseTo(free.test.loss, 4);
  const { code, stdout } = await downhill(['sanity', 'held.js', ...cpu, '--lr', '0.1', '--json']);
  const { checks, regularization } = JSON.parse(stdout);
  expect(regularization).toBe("the module's penalty");
  expect(checks.map(({ name, passed }: { name: string; passed: boolean }) => [name, passed])).toContainEqual([
    'regularization raises the loss',
    true,
  ]);
  expect(code).toBe(0);
  await write('turned.js', `${line}export const penalty = (model) => model.weight.square().sum().neg();`);
  expect((await downhill(['sanity', 'turned.js', ...cpu, '--no-gradients'])).stdout).toContain(
    'The penalty is not above 0',
  );
  await write('named.js', `${line}export const penalty = 0.01;`);
  expect((await downhill(['train', 'named.js', ...cpu])).stderr).toBe(
    'error: named.js: expected penalty to be a function (model) => Tensor, got 0.01\n',
  );
});

test('sanity says which regularization it tries, and as JSON what it left out', async () => {
  const quick = [...cpu, '--no-gradients', '--lr', '0.1', '--json'];
  const sanity = async (...args: string[]) =>
    JSON.parse((await downhill(['sanity', 'line.js', ...quick, ...args])).stdout);
  const left = { name: 'gradients', why: 'as was asked' };
  const usual = await sanity();
  expect(usual).toMatchObject({ regularization: 'weight decay 0.001, tried since none was given', leftOut: [left] });
  expect(usual.checks).toHaveLength(6);
  expect((await sanity('--weight-decay', '0.5')).regularization).toBe('weight decay 0.5');
  const none = await sanity('--weight-decay', '0');
  expect(none.checks).toHaveLength(5);
  expect(none.leftOut).toEqual([expect.objectContaining({ name: 'regularization raises the loss' }), left]);
});

test('downhill --help has examples', async () => {
  const { code, stdout } = await downhill(['--help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Examples:\n {2}\$ downhill train mnist /);
  const { stdout: train } = await downhill(['train', '--help']);
  expect(train).not.toContain('what it makes of a picture');
});
