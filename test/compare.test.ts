// `downhill compare` as a user runs it: the page, and one line for each folder that is no run.
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { encodeSafetensors } from 'downhill';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium } from './chromium.ts';

const output = resolve('test/output/compare');
const command = join(output, 'downhill.js');

beforeAll(async () => {
  await rm(output, { recursive: true, force: true });
  await build({
    entryPoints: ['src/cli/main.ts'],
    outfile: command,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    loader: { '.wgsl': 'text' },
    packages: 'external',
    conditions: ['downhill-source'],
    logLevel: 'warning',
  });
});

function compare(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [command, 'compare', ...args], { cwd: output }, (error, stdout, stderr) =>
      done({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

/** Writes the folder of a run of 60 steps and 3 epochs, as training does. */
async function run(name: string, { rate = 0.01, loss = 1, flags = {} as Record<string, string> } = {}) {
  const folder = join(output, name);
  await mkdir(folder, { recursive: true });
  const lines: object[] = [];
  for (let i = 0; i < 60; i++) {
    const epoch = 1 + Math.floor(i / 20);
    const figures = { loss: loss * (0.1 + Math.exp(-i / 10)), accuracy: 1 - 0.8 * Math.exp(-i / 15), lr: rate };
    lines.push({ kind: 'step', step: i + 1, steps: 60, epoch, ...figures, imagesPerSecond: 1000 });
    if (i % 20 !== 19) continue;
    const held = { trainLoss: 0.2, trainAccuracy: 0.93, validationLoss: 0.25, validationAccuracy: 0.9 + 0.01 * epoch };
    lines.push({ kind: 'epoch', epoch, ...held, seconds: 5 });
  }
  lines.push({ kind: 'test', loss: 0.2, accuracy: 0.9 + loss / 100, images: 10 });
  await writeFile(join(folder, 'metrics.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const metadata = { dataset: 'mnist', lr: String(rate), ...flags };
  await writeFile(join(folder, 'model.safetensors'), encodeSafetensors({}, metadata));
  return lines;
}

describe('downhill compare', () => {
  test('puts the runs on one page: curves, results, the flags that differ', async () => {
    await run('one');
    await run('two', { rate: 0.02, loss: 2, flags: { 'batch-norm': 'true' } });
    await run('deep/<three>', { loss: 3 });
    const { code, stdout, stderr } = await compare('one', 'two/', 'deep/<three>', 'one');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toBe('wrote compare.html, of 3 runs\n');
    const html = await readFile(join(output, 'compare.html'), 'utf8');
    expect(html).not.toMatch(/https?:|\b(src|href)=|@import|url\(/);
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
    expect(html).toContain('3 runs compared');
    expect(html).toContain('&#60;three&#62;');
    const cells = (name: string) =>
      [
        ...(html.match(new RegExp(`<th scope="row">${name}</th>(.*?)</tr>`))?.[1] ?? '').matchAll(/<td>(.*?)<\/td>/g),
      ].map(([, text]) => text);
    expect(cells('test accuracy')).toEqual(['91.00 %', '92.00 %', '93.00 %']);
    expect(cells('training took')).toEqual(['0:15', '0:15', '0:15']);
    expect(cells('lr')).toEqual(['0.01', '0.02', '0.01']);
    expect(cells('batch-norm')).toEqual(['–', 'true', '–']);
    expect(cells('dataset')).toEqual([]);
    expect(html.match(/The loss fell from/g)).toHaveLength(3);
    const { page, runs } = JSON.parse((await compare('one', 'two', '--json', '--out', 'told.html')).stdout);
    expect(page).toBe('told.html');
    expect(runs.map(({ folder }: { folder: string }) => folder)).toEqual(['one', 'two']);
    expect(runs[1]).toMatchObject({ steps: 60, seconds: 15, flags: { lr: '0.02' }, test: { accuracy: 0.92 } });
    expect(runs[1].epochs).toHaveLength(3);

    const browser = await launchChromium();
    try {
      for (const width of [1280, 390]) {
        const page = await browser.newPage({ viewport: { width, height: 800 } });
        const faults: string[] = [];
        page.on('pageerror', (error) => faults.push(String(error)));
        await page.setContent(html);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
        await page.locator('.area:visible').first().hover();
        expect(await page.locator('.tip:visible').textContent()).toMatch(
          /^step \d+, epoch .*one \d.*two \d.*three> \d/,
        );
        expect(faults).toEqual([]);
        await page.close();
      }
    } finally {
      await browser.close();
    }
  });

  test('reads runs that were cut short, and such as never became a model', async () => {
    const lines = await run('whole');
    await mkdir(join(output, 'killed'));
    const begun = lines.slice(0, 12).map((line) => JSON.stringify(line));
    await writeFile(join(output, 'killed/metrics.jsonl'), `${begun.join('\n')}\n{"kind":"step","st`);
    const page = join(output, 'killed.html');
    const { code } = await compare('whole', 'killed', '--out', page);
    expect(code).toBe(0);
    const html = await readFile(page, 'utf8');
    expect(html).toContain('<td>12 of 60</td>');
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
    await writeFile(join(output, 'killed/metrics.jsonl'), JSON.stringify({ ...lines[0], loss: null }));
    expect((await compare('whole', 'killed', '--out', page)).code).toBe(0);
    expect(await readFile(page, 'utf8')).toContain('The loss became NaN at step 1');
  });

  test('says in one line what is no run, and what cannot be written', async () => {
    await run('good');
    await mkdir(join(output, 'empty'));
    for (const [name, text] of [
      ['garbled', 'no JSON\n{"kind":"step"}\n'],
      ['stepless', '{"kind":"epoch"}\n'],
    ]) {
      await mkdir(join(output, name));
      await writeFile(join(output, name, 'metrics.jsonl'), text);
    }
    await run('spoilt');
    await writeFile(join(output, 'spoilt/model.safetensors'), 'no model');
    const cases: [string[], RegExp][] = [
      [['good'], /expected at least two folders of runs, got good/],
      [['good', 'missing'], /missing: there is no such folder/],
      [['good', 'empty'], /empty: expected the folder of a run, found no metrics\.jsonl in it/],
      [['good', 'garbled'], /garbled\/metrics\.jsonl: line 1 is no record of a run/],
      [['good', 'stepless'], /stepless\/metrics\.jsonl: holds no training step/],
      [['good', 'spoilt'], /spoilt\/model\.safetensors: expected a model in the safetensors format/],
      [['good', 'whole', '--out', 'nowhere/page.html'], /--out: cannot write nowhere\/page\.html/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await compare(...args);
      expect(stderr).toMatch(message);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
      expect(code).toBe(1);
    }
    const help = await compare('--help');
    expect(help.stdout).toContain('downhill compare runs/');
  });
});

afterAll(() => rm(output, { recursive: true, force: true }));
