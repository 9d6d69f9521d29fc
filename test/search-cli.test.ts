// `downhill search` as a user runs it: its output, its folder, going on after Ctrl-C, and lines that say what is wrong.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { spaceOf } from '../src/cli/search-space.ts';
import { decodeSafetensors, init, referenceCnn } from '../src/index.ts';
import { choice, fromSearch, logUniform, uniform } from '../src/search/index.node.ts';

const output = resolve('test/output/search-cli');
const command = join(output, 'downhill.js');
const out = (name: string) => join(output, name);

beforeAll(async () => {
  await rm(output, { recursive: true, force: true });
  await build({
    ...{ entryPoints: ['src/cli/main.ts'], outfile: command, bundle: true, format: 'esm', platform: 'node' },
    ...{ target: 'es2022', loader: { '.wgsl': 'text' }, packages: 'external', conditions: ['downhill-source'] },
    logLevel: 'warning',
  });
});

/** Runs `downhill search` to its end; `watch` sees its output so far each time there is more. */
function downhill(args: string, watch?: (stdout: string, child: ChildProcess) => void) {
  const child = spawn(process.execPath, [command, 'search', ...args.split(' ')], { stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text.stdout += chunk;
    watch?.(text.stdout, child);
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text.stderr += chunk;
  });
  return new Promise<{ code: number | null; stdout: string; stderr: string; lines: string[] }>((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => {
      // Dawn writes a word of its own on some adapters.
      const stderr = text.stderr.replace(/^Warning: max.*\n/gm, '');
      done({ code, stdout: text.stdout, stderr, lines: text.stdout.trimEnd().split('\n') });
    });
  });
}

describe('downhill search', () => {
  test('tries values on the default adapter, side by side, and leaves trials and charts', async () => {
    const flags =
      '--trials 2 --limit 64 --lr 1e-4:1e-2 --param dropout=0,0.25 --param weightDecay=1e-6:1e-2:log --jobs 2';
    const { code, lines, stderr } = await downhill(`mnist ${flags} --out ${out('first')}`);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(lines[0]).toBe('lr 1e-4 to 0.01, log scale; dropout 0, 0.25; weightDecay 1e-6 to 0.01, log scale');
    const ends = lines.filter((line) =>
      /^trial \d\/2 {2}validation \d+\.\d\d % {2}lr \S+, dropout \S+, weightDecay \S+ {2}in /.test(line),
    );
    expect(ends).toHaveLength(2);
    expect(lines.at(-1)).toMatch(/^best validation accuracy \d+\.\d\d %, of trial [12]$/);
    expect((await readdir(out('first'))).sort()).toEqual(['search.html', 'search.json', 'trial-0001', 'trial-0002']);
    const result = JSON.parse(await readFile(out('first/trial-0001/result.json'), 'utf8'));
    expect(result).toMatchObject({ trial: 1, stage: 1, status: 'done', params: { lr: expect.any(Number) } });
    const files = ['metrics.jsonl', `model-val${result.score.toFixed(4)}.safetensors`, 'params.json', 'result.json'];
    expect((await readdir(out('first/trial-0001'))).sort()).toEqual(files);
    await init({ device: 'cpu' });
    referenceCnn(result.params).loadStateDict(decodeSafetensors(await readFile(out(`first/trial-0001/${files[1]}`))));
    const html = await readFile(out('first/search.html'), 'utf8');
    expect(html).not.toMatch(/https?:|\b(src|href)=|@import|url\(|NaN|undefined/);
    expect(html).toContain('MNIST: search for hyperparameters');
    const ensemble = await fromSearch(({ dropout }) => referenceCnn({ dropout: dropout as number }), out('first'), {
      top: 2,
    });
    expect(ensemble.models).toHaveLength(2);
  });

  test('stops at Ctrl-C, goes on with --resume, and prints JSON', async () => {
    const flags = `mnist --trials 4 --stages 2 --growth 2 --limit 4 --batch 2 --lr 1e-3:1e20 --device cpu --seed 1 --out ${out('cut')}`;
    let sent = false;
    const cut = await downhill(flags, (stdout, child) => {
      if (sent || !stdout.includes('trial 1/4')) return;
      sent = true;
      child.kill('SIGINT');
    });
    expect(cut.code).toBe(130);
    expect(cut.stdout).toContain('stopping; the trials that are done stay, --resume goes on');
    const before = await readFile(out('cut/trial-0001/result.json'), 'utf8');
    expect(existsSync(out('cut/trial-0004'))).toBe(false);
    expect(await readFile(out('cut/search.html'), 'utf8')).toContain('Not finished');

    expect((await downhill(flags)).stderr).toMatch(
      /^error: .*cut holds a search already: resume it, or name another folder\n$/,
    );
    const other = await downhill(`${flags} --resume --epochs 2`);
    expect(other.stderr).toMatch(
      /^error: .*cut holds a search with other settings: .*"epochs":1.* there, .*"epochs":2.* here\n$/,
    );

    const { code, stdout, stderr } = await downhill(`${flags} --resume --json`);
    expect(code).toBe(0);
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({
      folder: out('cut'),
      complete: true,
      strategy: 'random',
      seed: 1,
      warnings: expect.any(Array),
    });
    expect(found.trials.map(({ trial, stage }: { trial: number; stage: number }) => [trial, stage])).toEqual([
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 2],
    ]);
    expect(await readFile(out('cut/trial-0001/result.json'), 'utf8')).toBe(before);
    expect(stderr).toContain('stage 2 of 2: lr ');
    // A step over 1e19 throws the weights out of all bounds; the second stage trains twice as long.
    const statuses = found.trials.map(({ status }: { status: string }) => status);
    expect(new Set(statuses)).toEqual(new Set(['done', 'stopped']));
    const last = found.trials.findLast(({ status }: { status: string }) => status === 'done').trial;
    const metrics = (await readFile(out(`cut/trial-000${last}/metrics.jsonl`), 'utf8')).trimEnd().split('\n');
    expect(JSON.parse(metrics.at(-1)!)).toEqual({
      ...{ epoch: last > 2 ? 2 : 1, cost: expect.any(Number), score: expect.any(Number) },
    });
  });

  test.each([
    ['mnist --lr fast', 'error: --lr fast: expected numbers above 0 for lr, got fast'],
    ['mnist --trials 3 --stages 2 --out OUT', 'search: expected at least 4 trials for 2 stages, got 3'],
    [
      'mnist --strategy grid --trials 3 --param dropout=0,0.5 --out OUT',
      'a grid over this space has at least 4 points',
    ],
    ['mnist --resume', '--resume needs --out, the folder of the search to go on with'],
    ['mnist --jobs 0', 'Expected a whole number of at least 1.'],
    ['mnist --data nowhere --out OUT', 'cannot read its files'],
    ['mnist --param width=4,8 --out OUT', '--width is of --model cnn alone'],
    ['mnist --momentum 0.5 --out OUT', '--momentum: it is of sgd alone, and the optimizer is adam'],
    ['nothing --out OUT', 'got nothing, and there is no such folder'],
  ])('downhill search %s is refused', async (args, expected) => {
    const { code, stderr } = await downhill(args.replace('OUT', out('refused')));
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toContain(expected);
    expect(code).toBe(1);
    expect(existsSync(out('refused'))).toBe(false);
  });

  test('help shows ranges and examples, and no inner command', async () => {
    const { code, stdout } = await downhill('--help');
    expect(code).toBe(0);
    for (const words of [
      '--param <name=range>',
      '--resume',
      '--json',
      'weightDecay',
      '$ downhill search mnist --trials 20',
    ]) {
      expect(stdout).toContain(words);
    }
    expect(stdout).not.toContain('search-trial');
  });
});

describe('ranges as they are written', () => {
  test('stand for a space', () => {
    const params = [
      'weightDecay=1e-6:1e-2:log',
      'dropout=0:0.5',
      'batch=32,64',
      'optimizer=sgd,adam',
      'batchNorm=true,false',
    ];
    expect(spaceOf('1e-6:10', [...params, 'momentum=0.9'], 'adam')).toEqual({
      lr: logUniform(1e-6, 10),
      weightDecay: logUniform(1e-6, 1e-2),
      dropout: uniform(0, 0.5),
      batch: choice(32, 64),
      optimizer: choice('sgd', 'adam'),
      batchNorm: choice(true, false),
      momentum: choice(0.9),
    });
    // A module of the user's has hyperparameters of its own.
    expect(spaceOf('0.1', ['hidden=8,16', 'gate=relu,tanh', 'deep=true', 'cut=0:1'], undefined, true)).toEqual({
      ...{ lr: choice(0.1), hidden: choice(8, 16), gate: choice('relu', 'tanh'), deep: choice(true) },
      cut: uniform(0, 1),
    });
    expect(spaceOf('0.1:0.2:linear', [], 'adam')).toEqual({ lr: uniform(0.1, 0.2) });
    expect(spaceOf('.1, 2e-3', [], 'adam')).toEqual({ lr: choice(0.1, 0.002) });
  });

  test.each([
    ['10:1', '', '--lr 10:1: logUniform: expected finite numbers 0 < min < max, got 10 and 1'],
    ['1:', '', '--lr 1:: expected numbers above 0 for lr, got nothing'],
    ['0x10', '', 'expected numbers above 0 for lr, got 0x10'],
    ['1', 'dropout', '--param dropout: expected name=values, such as dropout=0,0.25,0.5'],
    ['1', 'dropout=0:1', 'expected numbers of at least 0 and below 1 for dropout, got 1'],
    ['1', 'dropout=0:0.5:ln', 'expected low:high, low:high:log or low:high:linear, got 0:0.5:ln'],
    ['1', 'weightDecay=0:1:log', 'logUniform: expected finite numbers 0 < min < max, got 0 and 1'],
    ['1', 'batch=16:64', 'expected a list such as a,b,c for batch, got 16:64'],
    ['1', 'batch=1.5', 'expected whole numbers of at least 1 for batch, got 1.5'],
    ['1', 'optimizer=adagrad', 'expected adam or adamw or rmsprop or sgd for optimizer, got adagrad'],
    ['1', 'units=1,2', 'there is no hyperparameter units; there are lr, weightDecay, dropout'],
    ['1', 'lr=1,2', 'the learning rate has a flag of its own, --lr'],
    ['1', 'dropout=0,0', 'choice: expected each value once, got 0 twice'],
    ['1', 'dropout=0 dropout=0.1', 'dropout comes twice'],
    ['1', 'momentum=0.5,0.9', 'it is of sgd alone, and the optimizer is adam'],
  ])('--lr %s --param %s is refused', (lr, params, expected) => {
    expect(() => spaceOf(lr, params.split(' ').filter(Boolean), 'adam')).toThrow(expected);
  });
});
