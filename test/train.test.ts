// Runs `downhill train` as a user does: output, files, exit codes, and lines that say what is wrong.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeSafetensors, init, MNIST_FILES, referenceCnn } from '../src/index.ts';
import { commandIn, metricsIn } from './command.ts';

const { out, downhill } = commandIn('train');

/** The model file's tensors and metadata. */
async function modelIn(folder: string) {
  const bytes = await readFile(join(folder, 'model.safetensors'));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE())));
  return {
    bytes,
    tensors: decodeSafetensors(bytes),
    metadata: header.__metadata__ as Record<string, string>,
  };
}

const files = ['best.safetensors', 'last.safetensors', 'metrics.jsonl', 'model.safetensors', 'report.html'];

describe('downhill train', () => {
  test('trains on the default adapter, and leaves a model, metrics and a report', async () => {
    const folder = out('first');
    const { code, stdout, lines, stderr } = await downhill(['train', 'mnist', '--limit', '256', '--out', folder]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(lines[0]).toMatch(/^device: \S/);
    expect(lines.at(-1)).toMatch(/^test accuracy \d{1,3}\.\d\d %$/);
    const control = [...stdout].filter((character) => character < ' ' && character !== '\n');
    expect(control).toEqual([]);

    expect((await readdir(folder)).sort()).toEqual(files);
    const { tensors, metadata } = await modelIn(folder);
    expect(metadata).toMatchObject({ model: 'referenceCnn', seed: '0', optimizer: 'adam', epochs: '1', limit: '256' });
    await init({ device: 'cpu' });
    const model = referenceCnn();
    model.loadStateDict(tensors);
    expect(Array.from(await model.stateDict()['0.weight'].data())).toEqual(Array.from(tensors['0.weight'].data));

    const metrics = await metricsIn(folder);
    const of = (wanted: string) => metrics.filter(({ kind }) => kind === wanted);
    expect(metrics[0]).toMatchObject({ kind: 'run', title: 'MNIST: reference CNN', stepsPerEpoch: 4 });
    expect(metrics[0].flags).toMatchObject({ dataset: 'mnist', lr: '0.003' });
    expect(of('step').map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(of('step')[1]).toMatchObject({ steps: 4, epoch: 1, loss: expect.any(Number), lr: expect.any(Number) });
    expect(of('probe')).toMatchObject([{ step: 1, layers: expect.any(Array) }]);
    expect(of('filters').map(({ step }) => step)).toEqual([0, 4]);
    expect(of('epoch')[0].validationAccuracy).toBeGreaterThanOrEqual(0);
    expect(metrics.at(-1).kind).toBe('test');
    expect(lines.at(-1)).toContain((100 * metrics.at(-1).accuracy).toFixed(2));

    const html = await readFile(join(folder, 'report.html'), 'utf8');
    expect(html).not.toMatch(/https?:|\b(src|href)=|@import|url\(/);
    expect(html.match(/<title>filter/g)).toHaveLength(8);
  });

  test('gives the same bits for the same seed', async () => {
    const folder = out('second');
    await downhill(['train', 'mnist', '--limit', '256', '--out', folder]);
    const [first, second] = [await modelIn(out('first')), await modelIn(folder)];
    expect(second.bytes.equals(first.bytes)).toBe(true);
  });

  test('trains on the CPU, with every flag', async () => {
    const folder = out('cpu');
    const flags =
      '--device cpu --limit 8 --batch 4 --epochs 2 --lr 0.01 --optimizer sgd --seed 7 --batch-norm --dropout 0.2 ' +
      '--schedule one-cycle --weight-decay 0.001 --augment shift=1,brightness';
    const { code, lines } = await downhill(['train', 'mnist', ...flags.split(' '), '--out', folder]);
    expect(code).toBe(0);
    expect(lines[0]).toBe('device: CPU, float64');
    expect(lines.at(-1)).toMatch(/^test accuracy /);
    const { tensors, metadata } = await modelIn(folder);
    expect(metadata).toMatchObject({ seed: '7', 'batch-norm': 'true', dropout: '0.2', lr: '0.01', steps: '4' });
    expect(metadata).toMatchObject({
      schedule: 'one-cycle',
      'weight-decay': '0.001',
      augment: 'shift=1,brightness',
    });
    const rates = (await metricsIn(folder)).filter(({ kind }) => kind === 'step').map(({ lr }) => lr);
    expect(rates[0]).toBeCloseTo(0.01 / 25, 12);
    expect(rates[1]).toBeGreaterThan(rates[2]);
    expect(rates[2]).toBeGreaterThan(rates[3]);
    referenceCnn({ batchNorm: true, dropout: 0.2 }).loadStateDict(tensors);
  });

  test('keeps what was trained when Ctrl-C comes', async () => {
    const folder = out('interrupted');
    let sent = false;
    const args = ['train', 'mnist', '--limit', '2000', '--batch', '16', '--out', folder];
    const { code, lines } = await downhill(args, (stdout, child) => {
      if (sent || !stdout.includes('step 1/')) return;
      sent = true;
      child.kill('SIGINT');
    });
    expect(code).toBe(130);
    expect(lines.at(-1)).toMatch(/^stopped after step \d+ of 125, .*not tested$/);
    expect((await readdir(folder)).sort()).toEqual(files.filter((name) => name !== 'best.safetensors'));
    const { tensors, metadata } = await modelIn(folder);
    referenceCnn().loadStateDict(tensors);
    const steps = (await metricsIn(folder)).filter(({ kind }) => kind === 'step');
    expect(steps).toHaveLength(Number(metadata.steps));
    expect(steps.length).toBeLessThan(125);
    expect(lines.at(-2)).toBe(`go on with: downhill train --resume ${folder}`);
    expect(await readFile(join(folder, 'report.html'), 'utf8')).toContain('Stopped early');
  });

  test('says when the learning rate is too high', async () => {
    const args = ['train', 'mnist', '--device', 'cpu', '--limit', '40', '--batch', '2', '--optimizer', 'sgd'];
    const { code, stderr } = await downhill([...args, '--lr', '1e150', '--out', out('diverged')]);
    expect(stderr).toMatch(/^error: the loss became \S+ at step \d+: try a --lr below 1e\+150\n$/);
    expect(code).toBe(1);
    expect(await readdir(out('diverged'))).toEqual(['metrics.jsonl', 'report.html']);
  });
});

describe('what a user can mend is one line, and exit code 1', () => {
  const cpu = ['train', 'mnist', '--device', 'cpu', '--limit', '4'];
  const lineOf = async (args: string[]) => {
    const { code, stderr } = await downhill(args);
    expect(code).toBe(1);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    return stderr.trimEnd();
  };

  test.each([
    [['train', 'mnist', '--bogus'], "error: unknown option '--bogus'"],
    [['train', 'mnist', '--epoch', '3'], "error: unknown option '--epoch' (Did you mean --epochs?)"],
    [['train'], 'error: name what to train on: mnist, fashion-mnist, cifar10'],
    [
      ['train', 'cifar'],
      'expected mnist, fashion-mnist, cifar10, a folder of images or a module (.ts, .js), got cifar',
    ],
    [['train', 'mnist', '--optimizer', 'adagrad'], 'Allowed choices are adam, adamw, rmsprop, sgd.'],
    [
      ['train', 'mnist', '--schedule', 'wild'],
      'Allowed choices are linear, cosine, one-cycle, constant, step, exponential, inverse, plateau.',
    ],
    [['train', 'mnist', '--augment', 'flap'], 'Expected a list of flip=0.5, shift=2, '],
    [['train', 'mnist', '--weight-decay', '-1'], 'Expected a number of at least 0.'],
    [['train', 'mnist', '--epochs', '0'], 'Expected a whole number of at least 1.'],
    [['train', 'mnist', '--batch', '1.5'], 'Expected a whole number of at least 1.'],
    [['train', 'mnist', '--lr', '-1'], 'Expected a number above 0.'],
    [['train', 'mnist', '--dropout', '1'], 'Expected a number of at least 0 and below 1.'],
    [['train', 'mnist', '--device', 'cpu', '--adapter', 'software'], 'leave it out with --device cpu'],
    [['check', '--op', 'bogus'], 'there is no op named bogus'],
    [['practise'], "error: unknown command 'practise'"],
  ])('downhill %j', async (args, expected) => {
    expect(await lineOf(args)).toContain(expected);
  });

  test('an --out that cannot be written', async () => {
    await writeFile(out('a-file'), '');
    expect(await lineOf([...cpu, '--out', out('a-file/run')])).toMatch(/^error: --out: cannot write .*a-file/);
    // Node's own recursive mkdir never comes back from here.
    expect(await lineOf([...cpu, '--out', '/proc/run'])).toMatch(/^error: --out: cannot write .*proc/);
  });

  test('data that is missing or corrupt, with nothing written', async () => {
    const idx = (shape: number[], value = 0) => {
      const head = Buffer.from([0, 0, 8, shape.length, ...shape.flatMap((n) => [0, 0, n >> 8, n & 255])]);
      return Buffer.concat([
        head,
        Buffer.alloc(
          shape.reduce((a, b) => a * b),
          value,
        ),
      ]);
    };
    const good = {
      trainImages: idx([12, 28, 28]),
      trainLabels: Buffer.concat([idx([12]).subarray(0, 8), Buffer.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1])]),
      testImages: idx([4, 28, 28]),
      testLabels: idx([4]),
    };
    const folder = out('data');
    await mkdir(folder);
    const fails = async (replaced: Partial<typeof good>) => {
      for (const [key, bytes] of Object.entries({ ...good, ...replaced })) {
        await writeFile(join(folder, MNIST_FILES[key as keyof typeof good]), bytes);
      }
      const line = await lineOf([...cpu, '--data', folder, '--out', out('none')]);
      expect(existsSync(out('none'))).toBe(false);
      return line;
    };
    expect(await lineOf([...cpu, '--data', folder, '--out', out('none')])).toContain('cannot read its files');
    expect(await fails({ trainImages: good.trainImages.subarray(0, 5000) })).toContain(
      'train-images-idx3-ubyte, row 6: truncated, got 280 of 784 bytes',
    );
    expect(await fails({ testLabels: Buffer.from('<html>not found</html>') })).toContain('not an IDX file');
    expect(await fails({ trainLabels: idx([11]) })).toContain(
      'train-labels-idx1-ubyte: expected a label for each image, got 11 labels for 12 images of train-images-idx3-ubyte',
    );
    expect(await fails({ trainLabels: idx([12], 77) })).toContain('label 77');
    expect(await fails({ testImages: idx([4, 14, 14]) })).toContain(
      't10k-images-idx3-ubyte: expected test images of 28 by 28, got 14 by 14',
    );
  });
});

test('help shows the flags and examples', async () => {
  const { code, stdout } = await downhill(['train', '--help']);
  expect(code).toBe(0);
  for (const flag of ['--epochs', '--batch', '--lr', '--optimizer', '--seed', '--device', '--limit', '--out']) {
    expect(stdout).toContain(flag);
  }
  expect(stdout).toContain('$ downhill train mnist');
});
