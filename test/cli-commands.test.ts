// `downhill` beyond MNIST as a user runs it: folders, modules, other datasets, resuming, sanity, find-lr, predict.
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { CIFAR10_FILES } from '../src/data/index.ts';
import { decodeSafetensors } from '../src/io/safetensors.ts';
import { line, module, picture, prepare, writer } from './cli-inputs.ts';
import { commandIn, metricsIn } from './command.ts';

const { out, downhill } = commandIn('cli-commands');
const cpu = ['--device', 'cpu'];

const write = writer(out);
beforeAll(() => prepare(write));

const bytes = (path: string) => readFile(out(path));

describe('downhill train', () => {
  test('a folder of images, with JSON on stdout alone', async () => {
    const args = ['train', './photos', ...cpu, '--width', '4', '--epochs', '3', '--batch', '8', '--out', 'photos-run'];
    const { code, stdout, stderr } = await downhill([...args, '--json', '--tensorboard']);
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ folder: 'photos-run', step: 9, steps: 9, test: null, complete: true });
    expect(result.settings).toMatchObject({ model: 'imageCnn', width: '4', dataset: out('photos') });
    expect(result.epochs).toHaveLength(3);
    expect(stderr).toContain('22 images to train on, 2 to validate\n');
    expect(stderr).toMatch(/^validation accuracy \d/m);
    expect((await readdir(out('photos-run'))).filter((name) => name.includes('tfevents'))).toHaveLength(1);
    const [run] = await metricsIn(out('photos-run'));
    expect(run).toMatchObject({ kind: 'run', title: expect.stringMatching(/^PHOTOS: CNN of width 4, batch norm/) });
  });

  test('a module in TypeScript, with a model for its data and an optimizer', async () => {
    const { code, stderr, lines } = await downhill(['train', './my-model.ts', ...cpu, '--out', 'module-run']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(lines).toContain("model: ./my-model.ts, 1,172 parameters; the module's optimizer, lr 0.02, seed 0");
    expect((await readdir(out('.'))).filter((name) => name.endsWith('.mjs'))).toEqual([]);
  });

  test('a module in JavaScript, with data and a loss of its own', async () => {
    const args = ['train', 'line.js', ...cpu, '--epochs', '20', '--batch', '10', '--lr', '0.1', '--out', 'line-run'];
    const { code, stdout } = await downhill([...args, '--json']);
    expect(code).toBe(0);
    const { test, epochs, complete } = JSON.parse(stdout);
    expect(complete).toBe(true);
    expect(test).toMatchObject({ accuracy: null, images: 15 });
    expect(test.loss).toBeLessThan(0.1 * epochs[0].trainLoss);
  });

  test('Fashion-MNIST and CIFAR-10', async () => {
    for (let label = 0; label < 10; label++) {
      const rows = Array.from({ length: 6 }, (_, i) =>
        Array.from({ length: 784 }, (_, k) => (k * i + 20 * label) % 256),
      );
      await write(`fashion/${label}.json`, JSON.stringify({ data: rows }));
    }
    for (const [i, name] of [...CIFAR10_FILES.train, CIFAR10_FILES.test].entries()) {
      const records = Array.from({ length: 4 }, (_, r) => [(2 * i + r) % 10, ...new Array(3072).fill(20 * r)]);
      await write(`cifar/${name}`, Uint8Array.from(records.flat()));
    }
    const few = [...cpu, '--model', 'reference', '--limit', '6', '--json'];
    for (const [name, folder] of [
      ['fashion-mnist', 'fashion'],
      ['cifar10', 'cifar'],
    ]) {
      const { stdout, code } = await downhill(['train', name, '--data', folder, ...few, '--out', `${folder}-run`]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ complete: true, settings: { dataset: name } });
    }
    const lost = await downhill(['train', 'cifar10', ...cpu]);
    expect(lost.stderr).toMatch(/^error: cifar10 needs --data, .*\n$/);
  });

  test('--resume goes on to the same bits', async () => {
    const flags = '--epochs 15 --batch 8 --model reference --dropout 0.3 --checkpoint-every 2'.split(' ');
    await downhill(['train', 'photos', ...cpu, ...flags, '--out', 'whole']);
    const checkpoints = await cutAfter(4, ['train', 'photos', ...cpu, ...flags, '--out', 'cut']);
    expect(checkpoints).toBe(130);
    expect((await metricsIn(out('cut'))).filter(({ kind }) => kind === 'step').length).toBeLessThan(45);
    await rm(out('cut/model.safetensors'));
    const { code, stderr } = await downhill(['train', '--resume', 'cut']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    for (const name of ['model', 'last', 'best']) {
      const [whole, cut] = await Promise.all(['whole', 'cut'].map((run) => bytes(`${run}/${name}.safetensors`)));
      if (name === 'model') expect(cut.equals(whole)).toBe(true);
      expect(cut.length).toBeGreaterThan(0);
    }
    // The filters are looked at again where the run went on.
    const kinds = async (run: string) =>
      (await metricsIn(out(run)))
        .filter(({ kind }) => kind !== 'run' && kind !== 'filters')
        .map(({ kind, step, epoch }) => [kind, step, epoch]);
    expect(await kinds('cut')).toEqual(await kinds('whole'));
  });

  test('a run of a module is gone on with, and looked into, from another folder', async () => {
    await mkdir(out('elsewhere'), { recursive: true });
    const args = ['./my-model.ts', ...cpu, '--batch', '8', '--out', 'moved'];
    expect((await downhill(['train', ...args])).code).toBe(0);
    const from = { cwd: out('elsewhere') };
    const more = await downhill(['train', '--resume', '../moved', '--epochs', '2', '--json'], undefined, from);
    expect(more.code).toBe(0);
    expect(JSON.parse(more.stdout)).toMatchObject({ step: 6, settings: { model: out('my-model.ts') } });
    const seen = await downhill(['predict', '../moved', '../blue.png', ...cpu], undefined, from);
    expect(seen.stdout).toMatch(/^\.\.\/blue\.png: (blue|red) /);
  });

  /** Runs until so many steps are noted, then sends Ctrl-C; the exit code. */
  async function cutAfter(steps: number, args: string[]) {
    let sent = false;
    const run = args[args.indexOf('--out') + 1];
    const { code } = await downhill(args, (_, child) => {
      if (sent) return;
      sent = true;
      const wait = setInterval(async () => {
        const lines = await metricsIn(out(run)).catch(() => []);
        if (lines.filter(({ kind }) => kind === 'step').length < steps) return;
        clearInterval(wait);
        child.kill('SIGINT');
      }, 2);
      child.on('close', () => clearInterval(wait));
    });
    return code;
  }
});

describe('downhill search', () => {
  test('over a folder of images, with a choice of widths', async () => {
    const flags = '--trials 2 --lr 1e-3:1e-2 --width 2 --param batch=4,8 --augment flip --out photos-search'.split(' ');
    const { code, stderr, lines } = await downhill(['search', './photos', ...cpu, ...flags]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(lines.at(-1)).toMatch(/^best validation accuracy \d+\.\d\d %, of trial [12]$/);
    expect(await readFile(out('photos-search/search.html'), 'utf8')).toContain('PHOTOS: search for hyperparameters');
    const { settings, goal } = JSON.parse(await readFile(out('photos-search/search.json'), 'utf8'));
    expect(goal).toBe('max');
    expect(settings).toMatchObject({ what: './photos', width: 2, augment: 'flip' });
  });

  test('over a module: hyperparameters of its own, and a loss where there is no accuracy', async () => {
    const made = line
      .replace('new nn.Linear(2, 1)', '({ params: { bias } }) => new nn.Linear(2, 1, { bias })')
      .replace('test: part', 'validation: part');
    await write('searched.js', made);
    const flags = '--epochs 2 --batch 10 --lr 0.1 --param bias=true,false --strategy grid --trials 2'.split(' ');
    const { code, stdout } = await downhill(['search', 'searched.js', ...cpu, ...flags, '--out', 'found', '--json']);
    expect(code).toBe(0);
    const { goal, best, trials } = JSON.parse(stdout);
    expect(goal).toBe('min');
    const scores = trials.map(({ score }: { score: number }) => score);
    expect(best.score).toBe(Math.min(...scores));
    const folders = trials.map(({ trial }: { trial: number }) => `found/trial-000${trial}`);
    for (const [i, { params, checkpoint }] of trials.entries()) {
      expect(checkpoint).toMatch(/^model-val\d+\.\d{4}\.safetensors$/);
      const tensors = decodeSafetensors(await bytes(`${folders[i]}/${checkpoint}`));
      expect(Object.keys(tensors).sort()).toEqual(params.bias ? ['bias', 'weight'] : ['weight']);
    }
  });

  test.each([
    ['line.js --lr 0.1', 'line.js: a search needs data to validate with'],
    ['photos --lr 5', '--lr 5 is one value, and all 20 trials would be the same'],
    ['line.js --param hidden=1,2', 'line.js: nothing takes hidden: export a function'],
    ['photos --param hidden=1,2', 'there is no hyperparameter hidden'],
    ['line.js --augment flip', '--augment changes images, and the data of line.js is no ImageSet'],
  ])('downhill search %s is refused before any trial', async (args, expected) => {
    const { code, stderr } = await downhill(['search', ...args.split(' '), ...cpu, '--out', 'refused']);
    expect(stderr).toContain(expected);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(code).toBe(1);
    expect(existsSync(out('refused'))).toBe(false);
  });
});

test('downhill sanity tells what passed, as text and as JSON', async () => {
  const { code, stdout } = await downhill(['sanity', './my-model.ts', ...cpu]);
  expect(stdout).toMatch(/^sanity: 7 of 7 checks passed$/m);
  expect(code).toBe(0);
  const few = await downhill(['sanity', './my-model.ts', ...cpu, '--steps', '1', '--no-gradients', '--json']);
  const { passed, checks } = JSON.parse(few.stdout);
  expect(passed).toBe(false);
  expect(checks).toHaveLength(6);
  expect(few.code).toBe(1);
});

test('downhill find-lr writes a page, and suggests a rate', async () => {
  const args = ['find-lr', './my-model.ts', ...cpu, '--steps', '40', '--from', '1e-5', '--to', '5', '--batch', '8'];
  const { code, lines } = await downhill(args);
  expect(code).toBe(0);
  expect(lines.at(-1)).toMatch(/^suggestion: --lr 0?\.?\d+/);
  const html = await readFile(out('lr.html'), 'utf8');
  expect(html).toContain('learning rate (log scale)');
  expect(html).toMatch(/class="line" style="--c:var\(--training\)" d="M[\d.]/);
  expect(html).not.toMatch(/https?:|\b(src|href)=|@import|url\(/);
  const json = JSON.parse((await downhill([...args, '--json', '--out', 'other.html'])).stdout);
  expect(json).toMatchObject({ page: 'other.html', suggestion: expect.any(Number) });
  expect(json.lrs).toHaveLength(json.losses.length);
});

describe('downhill predict', () => {
  test('brings images to the size of the input, and names classes', async () => {
    const { code, lines, stderr } = await downhill([
      'predict',
      'module-run',
      'blue.png',
      'gray.png',
      ...cpu,
      '--top',
      '2',
    ]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^blue\.png: blue \(\d+\.\d\d %\), then red \(\d+\.\d\d %\)$/);
    const json = await downhill(['predict', 'fashion-run', 'gray.png', ...cpu, '--json']);
    const [seen] = JSON.parse(json.stdout).predictions;
    expect(seen.classes).toHaveLength(10);
    expect(seen.classes[0]).toEqual({ class: seen.class, probability: seen.probability });
    const total = seen.classes.reduce((sum: number, one: { probability: number }) => sum + one.probability, 0);
    expect(total).toBeCloseTo(1, 9);
    const inverted = await downhill(['predict', 'fashion-run', 'gray.png', ...cpu, '--json', '--invert']);
    expect(inverted.stdout).not.toBe(json.stdout);
  });

  test('says what is wrong with a run or an image', async () => {
    await write('no.png', 'not a picture');
    await cp(out('module-run'), out('stale'), { recursive: true });
    const error = async (...args: string[]) => (await downhill(['predict', ...args, ...cpu])).stderr;
    expect(await error('nowhere', 'blue.png')).toBe('error: nowhere: there is no such folder\n');
    expect(await error('photos', 'blue.png')).toMatch(/^error: photos: expected the folder of a run, found no model/);
    expect(await error('photos-run', 'no.png')).toMatch(/^error: no\.png: not a whole PNG file/);
    expect(await error('photos-run', 'lost.png')).toMatch(/^error: lost\.png: cannot be read/);
    expect(await error('line-run', 'blue.png')).toMatch(/expected a model of images by class\n$/);
    await write('stale/model.safetensors', 'abc');
    expect(await error('stale', 'blue.png')).toMatch(
      /^error: stale\/model\.safetensors: safetensors: expected at least/,
    );
  });
});

describe('what a user can mend is one line, and exit code 1', () => {
  test.each([
    [
      'empty.js',
      'export const nothing = 1;',
      'expected an export named model, a Module or a function that makes one, got nothing',
    ],
    ['number.js', 'export const model = 7;', 'expected model to be a Module or a function that makes one, got 7'],
    ['made.js', 'export const model = () => ({ forward: 1 });', 'expected model to be a Module'],
    ['throws.js', 'export const model = () => { throw new Error("no such luck"); };', 'throws.js: model: no such luck'],
    ['syntax.ts', 'export const model = ;', 'syntax.ts, line 1: '],
    ['import.ts', 'import { x } from "not-there"; export const model = x;', "Cannot find package 'not-there'"],
    [
      'data.js',
      "import { nn } from 'downhill'; export const model = new nn.Linear(1, 1); export const data = 3;",
      'expected data to be a dataset',
    ],
    [
      'named.js',
      "import { nn } from 'downhill'; export const model = new nn.Linear(1, 1); export const data = 'lost';",
      'named.js: data: expected mnist',
    ],
    [
      'loss.js',
      "import { nn } from 'downhill'; export const model = new nn.Linear(1, 1); export const loss = 'l1';",
      'expected loss to be a function',
    ],
    [
      'step.js',
      "import { nn } from 'downhill'; export const model = new nn.Linear(1, 1); export const optimizer = 'adam';",
      'expected optimizer to be an Optimizer',
    ],
  ])('module %s', async (file, text, expected) => {
    await write(file, text);
    const { code, stderr } = await downhill(['train', file, ...cpu, '--out', 'none']);
    expect(stderr).toContain(expected);
    expect(stderr).toContain(file);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/^error: /);
    expect(code).toBe(1);
  });

  test('a module that fails while it is trained, and images that changed behind a run', async () => {
    await write(
      'narrow.ts',
      module.replace('nn.Linear(shape.reduce((a, b) => a * b), hidden)', 'nn.Linear(9, hidden)'),
    );
    for (const command of ['train', 'sanity', 'find-lr']) {
      const { code, stderr } = await downhill([command, 'narrow.ts', ...cpu]);
      expect(stderr).toMatch(/^error: narrow\.ts: linear: .*\n$/);
      expect(code).toBe(1);
    }
    await cp(out('photos-run'), out('changed'), { recursive: true });
    await write('photos/red/new.png', picture([200, 40, 30], 99));
    await appendFile(out('changed/metrics.jsonl'), '{"kind":"test","loss":0.5,"accuracy":1,"images":2}\n');
    const before = await bytes('changed/metrics.jsonl');
    const { stderr } = await downhill(['train', '--resume', 'changed']);
    await rm(out('photos/red/new.png'));
    expect(stderr).toMatch(/^error: resume: the checkpoint was made with examples 22, got 23\n$/);
    expect(String(await bytes('changed/metrics.jsonl'))).toBe(String(before));
  });

  test.each([
    ['train lost.ts', 'lost.ts: there is no such file'],
    ['train blue.png', 'expected a folder of images or a module'],
    ['train bin', 'expected a folder for each class, found none'],
    ['train photos --data x', '--data is of mnist, fashion-mnist, cifar10 alone'],
    ['train mnist --size 20', '--size is of folders of images'],
    ['train photos --size big', 'Expected a size in pixels, such as 64 or 48x64'],
    ['train mnist --width 8', '--width is of --model cnn alone'],
    ['train line.js --dropout 0.1', '--dropout is of the built-in models'],
    ['train line.js --size 9', 'line.js has data of its own'],
    ['train photos --size 1', 'expected images [C, H, W] of at least 2 by 2'],
    ['train --resume photos', 'expected the folder of a run, found no metrics.jsonl'],
    ['train --resume photos-run --lr 1', "--lr is the run's: leave it out with --resume"],
    ['train mnist --resume photos-run', '/photos, not mnist: leave it out'],
    ['train --resume photos-run --epochs 1', 'the run has 3 behind it'],
    ['sanity nothing', 'got nothing, and there is no such folder'],
    ['find-lr photos --from 1 --to 0.1', '--to 0.1: expected more than --from 1'],
    ['find-lr photos --lr 1', '--lr is what find-lr finds'],
  ])('downhill %s', async (args, expected) => {
    const { code, stderr } = await downhill([...args.split(' '), ...(args.includes('--resume') ? [] : cpu)]);
    expect(stderr).toContain(expected);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(code).toBe(1);
  });
});

test.each(['train', 'sanity', 'find-lr', 'predict', 'search', 'check', 'compare', 'race', 'tune'])(
  'downhill %s --help has examples',
  async (name) => {
    const { code, stdout } = await downhill([name, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples:\\n  \\$ downhill ${name} `));
    expect(stdout).toContain('--json');
  },
);
