// What a module of the user's may export beside its model: a penalty and a schedule; and the help of the whole command.
import { beforeAll, expect, test } from 'vitest';
import { line, prepare, writer } from './cli-inputs.ts';
import { commandIn, metricsIn } from './command.ts';

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

test('a schedule of its own, for train and search alike, which --schedule replaces', async () => {
  const text = line.replace('test: part', 'validation: part');
  const own = 'export const schedule = (optimizer) => new optim.lr.StepLR(optimizer, { stepSize: 1, gamma: 0.5 });';
  await write('moved.js', `${text}${own}`);
  const flags = '--batch 60 --epochs 3 --lr 0.08 --json --out'.split(' ');
  const rates = async (...given: string[]) => {
    const { stdout } = await downhill(['train', 'moved.js', ...cpu, ...flags, ...given]);
    const steps = (await metricsIn(out(given[0]))).filter(({ kind }) => kind === 'step');
    return { rates: steps.map(({ lr }) => lr), schedule: JSON.parse(stdout).settings.schedule };
  };
  expect(await rates('moved')).toEqual({ rates: [0.08, 0.04, 0.02], schedule: "the module's" });
  const constant = await rates('constant', '--schedule', 'constant');
  expect(constant).toEqual({ rates: [0.08, 0.08, 0.08], schedule: 'constant' });
  const search = async (...given: string[]) =>
    JSON.parse((await downhill(['search', 'moved.js', ...cpu, '--trials', '1', ...flags, ...given])).stdout);
  const scores = [await search('trials'), await search('still', '--schedule', 'constant')].map(
    ({ best }) => best.score,
  );
  expect(scores[0]).not.toBe(scores[1]);
  await write('named.js', `${line}export const schedule = 'cosine';`);
  expect((await downhill(['train', 'named.js', ...cpu])).stderr).toMatch(
    /^error: named\.js: expected schedule to be a function .* that makes one, got "cosine"\n$/,
  );
  await write('odd.js', `${line}export const schedule = () => 3;`);
  expect((await downhill(['train', 'odd.js', ...cpu])).stderr).toMatch(/^error: odd\.js: fit: expected schedule /);
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
