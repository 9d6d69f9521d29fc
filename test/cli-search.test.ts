// `downhill search` over modules of the user's: what can be searched at all, and what its trials are good for afterwards.
import { cp, readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { line, module, prepare, writer } from './cli-inputs.ts';
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

/** The words of the command that a search ends with, without `downhill`. */
const wordsOf = (command: string) => command.split(' ').slice(1);

test('the command that a search ends with trains its best trial again, and its folder serves predict and compare', async () => {
  const space = '--lr 1e-3:1e-2 --param momentum=0.5,0.8 --param batchNorm=true,false --param batch=4,8';
  const flags = `--trials 2 --optimizer sgd --width 2 --warmup 0.5 --clip 2 --epochs 2 --out found`.split(' ');
  const { code, lines } = await downhill(['search', 'photos', ...cpu, ...space.split(' '), ...flags]);
  expect(code).toBe(0);
  const command = lines.at(-2)!.replace('train like it with: ', '');
  expect(command).toMatch(
    /^downhill train photos (?=.* --lr [\d.e-]+)(?=.* --momentum 0\.[58])(?=.* --epochs 2)(?=.* --warmup 0.5 --clip 2)/,
  );
  const best = Number(lines.at(-1)!.match(/of trial ([12])$/)![1]);
  const found = JSON.parse(String(await readFile(out(`found/trial-000${best}/result.json`))));
  const again = await downhill([...wordsOf(command), '--out', 'again', '--json']);
  expect(again.stderr).not.toContain('error');
  const { epochs, settings } = JSON.parse(again.stdout);
  expect(epochs.at(-1).validationAccuracy).toBe(found.score);
  expect(settings.momentum).toBe(String(found.params.momentum));

  const trial = `found/trial-000${best}`;
  const seen = await downhill(['predict', trial, 'blue.png', ...cpu, '--json']);
  const other = await downhill(['predict', 'again', 'blue.png', ...cpu, '--json']);
  expect(JSON.parse(seen.stdout).predictions).toEqual(JSON.parse(other.stdout).predictions);
  expect((await downhill(['predict', 'found', 'blue.png', ...cpu])).stderr).toBe(
    'error: found: holds a search; name one of its trials\n',
  );

  const compared = await downhill(['compare', trial, 'again', '--json']);
  expect(compared.stderr).toBe('');
  const [mine, its] = JSON.parse(compared.stdout).runs;
  expect(mine.steps).toBe(its.steps);
  expect(mine.epochs.map(({ trainLoss }: { trainLoss: number }) => trainLoss)).toEqual(
    its.epochs.map(({ trainLoss }: { trainLoss: number }) => trainLoss),
  );
  expect(String(await readFile(out('compare.html')))).not.toMatch(/NaN|undefined/);
  await cp(out(trial), out('alone'), { recursive: true });
  expect((await downhill(['compare', 'alone', 'again'])).stderr).toMatch(/^error: alone: a trial without its search/);
});

test('hyperparameters of a module: searched, trained with --param, and known to predict', async () => {
  const made = module
    .replace(
      '({ shape, classes }: Info)',
      '({ shape, classes, params: { hidden = 3 } }: Info & { params: { hidden?: number } })',
    )
    .replace("import { hidden } from './hidden.ts';", '')
    .replace('(parameters: Iterable<never>)', '(parameters: Iterable<never>, { momentum = 0 }: { momentum?: number })')
    .replace('{ lr: 0.02 }', '{ lr: 0.02, momentum }');
  await write('wide.ts', made);
  const flags = '--lr 0.01,0.02 --param hidden=5,7 --param momentum=0.5 --trials 1 --json --out wide'.split(' ');
  const { stdout } = await downhill(['search', './wide.ts', ...cpu, ...flags]);
  const { command, best } = JSON.parse(stdout);
  expect(command).toMatch(new RegExp(` --momentum 0.5 .*--param hidden=${best.params.hidden}$`));
  const again = await downhill([...wordsOf(command), '--out', 'wide-again', '--json']);
  expect(JSON.parse(again.stdout).epochs.at(-1).validationAccuracy).toBe(best.score);
  for (const folder of ['wide/trial-0001', 'wide-again']) {
    expect((await downhill(['predict', folder, 'blue.png', ...cpu])).stdout).toMatch(/^blue\.png: (blue|red) /);
  }
  const error = async (...args: string[]) => (await downhill(['train', ...args, ...cpu, '--out', 'none'])).stderr;
  expect(await error('wide.ts', '--param', 'hiden=3')).toBe(
    'error: wide.ts: --param hiden: neither model nor optimizer reads params.hiden\n',
  );
  expect(await error('wide.ts', '--param', 'hidden')).toContain('expected name=value, such as hidden=32');
  expect(await error('wide.ts', '--param', 'weightDecay=1')).toContain('it has a flag of its own, --weight-decay');
  expect(await error('line.js', '--param', 'hidden=3')).toContain('line.js: nothing takes hidden: export a function');
  expect(await error('line.js', '--momentum', '0.5')).toContain(
    '--momentum: it is of sgd alone, and the optimizer is adam',
  );
  expect(await error('photos', '--momentum', '0.5')).toContain(
    '--momentum: it is of sgd alone, and the optimizer is adam',
  );
  expect(await error('photos', '--param', 'batchNorm=true')).toContain('batchNorm has a flag of its own, --batch-norm');
  expect(await error('photos', '--momentum', '1')).toContain('Expected a number of at least 0 and below 1.');
});
