// Runs every command and every example of the README. Long commands run with flags added that make them short.
import { execFile, spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { init } from 'downhill';
import { kernelCheck } from 'downhill/check';
import { createServer } from 'vite';
import { beforeAll, describe, expect, test } from 'vitest';
import { normal } from '../src/check/values.ts';
import { launchChromium } from './chromium.ts';
import { blocksOf } from './examples.ts';

const folder = join('test', 'output', 'readme');
const readme = await readFile('README.md', 'utf8');
const blocks = await blocksOf('README.md');
const examples = (language: string) => blocks.filter((block) => block.language === language).map(({ text }) => text);

// The user's shell has none of the test runner's variables.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_ENV|VITEST)/.test(name)));

async function run(program: string, ...args: string[]): Promise<string> {
  try {
    return (await promisify(execFile)(program, args, { env, maxBuffer: 2 ** 26 })).stdout;
  } catch (error) {
    const { message, stdout, stderr } = error as Error & { stdout: string; stderr: string };
    throw new Error([message, stdout, stderr].join('\n'));
  }
}

beforeAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run('npm', 'run', 'build');
});

/** The help of a command tells of a flag, an argument or an example. */
async function known(command: string, words: string): Promise<void> {
  expect(await run('npx', 'downhill', command, '--help')).toContain(words);
}

/** How each command is tried: what it runs, and what its output must hold. */
const commands: Record<string, () => Promise<void>> = {
  'npm ci && npm run train': async () => {
    const out = await run('npm', 'run', 'train', '--', '--limit', '256', '--out', join(folder, 'first'));
    expect(out.trimEnd()).toMatch(/\ntest accuracy \d+\.\d\d %$/);
  },
  // This very run is it.
  'npm ci && npm test': async () => {
    expect(JSON.parse(await readFile('package.json', 'utf8')).scripts.test).toBe('vitest run');
  },
  'npm run demo': async () => {
    const child = spawn('npm', ['run', 'demo', '--', '--port', '0'], { env, detached: true });
    try {
      const address = await new Promise<string>((found) => {
        let text = '';
        child.stdout.on('data', (chunk) => {
          text += stripVTControlCharacters(String(chunk));
          const match = text.match(/http:\/\/localhost:\d+\//);
          if (match) found(match[0]);
        });
      });
      expect(await (await fetch(address)).text()).toContain('<title>');
    } finally {
      process.kill(-child.pid!);
    }
  },
  'npx downhill train mnist --help': async () => {
    expect(await run('npx', 'downhill', 'train', 'mnist', '--help')).toContain('--batch-norm');
  },
  'npx downhill train mnist --epochs 5 --batch-norm --dropout 0.3': async () => {
    const flags = '--epochs 5 --batch-norm --dropout 0.3 --limit 128'.split(' ');
    const out = await run('npx', 'downhill', 'train', 'mnist', ...flags, '--out', join(folder, 'second'));
    expect(out.trimEnd()).toMatch(/\ntest accuracy \d+\.\d\d %$/);
  },
  'npx downhill check': async () => {
    expect(await run('npx', 'downhill', 'check', '--op', 'add', 'sum', 'relu')).toMatch(/all ok\n$/);
  },
  'npx downhill check --op matmul conv2d': async () => {
    expect(await run('npx', 'downhill', 'check', '--op', 'matmul', 'conv2d')).toMatch(/matmul[\s\S]*conv2d/);
  },
  'npx downhill search mnist --trials 20 --stages 2 --jobs 2 --limit 2000': async () => {
    const flags = '--trials 4 --stages 2 --jobs 2 --limit 128'.split(' ');
    const out = await run('npx', 'downhill', 'search', 'mnist', ...flags, '--out', join(folder, 'search'));
    expect(out).toMatch(/search\.html/);
  },
  'npx downhill race': async () => {
    await run('npx', 'downhill', 'race', '--steps', '20', '--out', join(folder, 'race.png'));
    expect((await readFile(join(folder, 'race.png'))).subarray(1, 4).toString()).toBe('PNG');
  },
  'npx downhill tune': async () => {
    expect(await run('npx', 'downhill', 'tune', '--help')).toContain('--budget');
  },
  // The libraries compared with are not installed for tests: test/bench.test.ts runs the rest.
  'npm run bench -- --quick': async () => {
    expect(JSON.parse(await readFile('package.json', 'utf8')).scripts.bench).toBe('node bench/start.js');
  },
  'npm run mutants -- --sample 50': async () => {
    const out = await run('npm', 'run', 'mutants', '--', '--op', 'relu', '--sample', '5', '--least', '1');
    expect(out).toMatch(/\d tried in .* 100\.0 % caught\n$/);
  },
  // test/cli-commands.test.ts, test/cli-recipe.test.ts and test/train.test.ts try these, with models, images and runs of their own.
  'npx downhill train mnist --model cnn --epochs 5': () => known('train', '--model'),
  'npx downhill train ./photos --size 64 --epochs 10': () => known('train', '--size'),
  'npx downhill train ./my-model.ts': () => known('train', 'my-model.ts'),
  'npx downhill train cifar10 --data DIR --augment flip,shift=4 --schedule one-cycle --optimizer adamw --weight-decay 0.05':
    () => known('train', '--augment'),
  'npx downhill search ./my-model.ts --param hidden=16,32,64': () => known('search', '--param'),
  'npx downhill train fashion-mnist --epochs 20 --schedule step --every 8 --warmup 1 --clip 1 --ema 0.999': () =>
    known('train', '--warmup'),
  'npx downhill train --resume runs/mnist-20261121-213005': () => known('train', '--resume'),
  'npx downhill sanity ./my-model.ts': () => known('sanity', 'my-model.ts'),
  'npx downhill find-lr ./my-model.ts': () => known('find-lr', 'my-model.ts'),
  'npx downhill predict runs/mnist-20261121-213005 7.png': () => known('predict', '<images...>'),
  'npx downhill compare runs/a runs/b': () => known('compare', '<runs...>'),
  'npm run build': async () => {}, // by beforeAll
  'npm run lint': async () => {
    await run('npm', 'run', 'lint');
  },
  'npm run types': async () => {
    await run('npm', 'run', 'types');
  },
};
commands['npm test'] = commands['npm ci && npm test'];

describe('commands', () => {
  const lines = examples('sh').flatMap((text) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/\s+#.*/, '')),
  );
  test.each([...new Set(lines)])(
    '%s',
    async (line) => {
      expect(Object.keys(commands)).toContain(line);
      await commands[line]();
    },
    180_000,
  ); // products compile for a minute on SwiftShader

  test('none is tried that the README does not have', () => {
    expect(Object.keys(commands).filter((line) => !lines.includes(line))).toEqual([]);
  });
});

test('figures come with commands that are tried, and none is left open', () => {
  const section = readme.match(/^## Figures$(.*?)^## /ms)![1];
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) {
    const [, command, , ...figures] = row.split('|').map((cell) => cell.trim().replaceAll('`', ''));
    expect([command, `npm ci && ${command}`].some((line) => line in commands)).toBe(true);
    for (const figure of figures.slice(0, 2)) expect(figure).toMatch(/^[\d:,.]+( (%|s|min))?$/);
  }
});

describe('examples', () => {
  const [node, training, compiled, gradcheck, ...otherScripts] = examples('js');
  const [page, ...otherPages] = examples('html');
  const [row, ...otherRows] = examples('ts');

  test('all are known', () => {
    expect([otherScripts, otherPages, otherRows]).toEqual([[], [], []]);
  });

  test('in Node: the loss falls', async () => {
    await writeFile(join(folder, 'node.mjs'), node);
    const out = await run(process.execPath, join(folder, 'node.mjs'));
    const losses = [...out.matchAll(/step \d+: loss (\d\.\d+)/g)].map((match) => Number(match[1]));
    expect(losses.length).toBe(4);
    expect(losses[3]).toBeLessThan(losses[0] / 4);
  });

  test('fit trains what sanity finds well', async () => {
    await writeFile(join(folder, 'training.mjs'), training);
    const out = await run(process.execPath, join(folder, 'training.mjs'));
    expect(Number(out.match(/validation accuracy ([\d.]+)\n$/)![1])).toBeGreaterThan(0.85);
  });

  test('a compiled step trains, and explains itself', async () => {
    await writeFile(join(folder, 'compiled.mjs'), compiled);
    const out = await run(process.execPath, join(folder, 'compiled.mjs'));
    expect(out).toMatch(/^\d\.\d+\n\d\.\d+\n\d\.\d+\n[\s\S]*1 submit[\s\S]*matmul/);
  });

  test('gradcheck passes for a function and for a model, and prints reports', async () => {
    await writeFile(join(folder, 'gradcheck.mjs'), gradcheck);
    const out = await run(process.execPath, join(folder, 'gradcheck.mjs'));
    expect(out).toMatch(/\[1,2\][\s\S]*\[2,1\][\s\S]*0\.weight|\[1,2\][\s\S]*\[2,1\][\s\S]*weight \[8,4\]/);
    expect(out.match(/gradcheck passed/g)).toHaveLength(2);
  });

  test('in a web page: the minimum is found', async () => {
    await writeFile(join(folder, 'index.html'), page);
    const server = await createServer({
      root: folder,
      configFile: 'demo/vite.config.ts',
      logLevel: 'error',
      server: { port: 0, hmr: false, watch: null },
    });
    await server.listen();
    const browser = await launchChromium();
    try {
      const tab = await browser.newPage();
      await tab.goto(server.resolvedUrls!.local[0]);
      await tab.waitForFunction(() => document.querySelector('#log')?.textContent?.includes('minimum'));
      expect(await tab.textContent('#log')).toMatch(/^on .*\nthe minimum lies at 3\.00,0\.50\n$/);
    } finally {
      await browser.close();
      await server.close();
    }
  });

  test('how to add an op: the row passes the kernel check', async () => {
    const imports = `import { elementwise } from '../../../src/ops/define.ts';
import { add, div, mul, sqrt, square } from '../../../src/ops/elementwise.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
`;
    await writeFile(join(folder, 'squareplus.ts'), imports + row);
    const { squareplus } = await import(join(process.cwd(), folder, 'squareplus.ts'));
    const device = await init();
    const inputs = [normal([13])];
    const cases = [{ op: 'squareplus', title: 'a few', inputs, run: (x: unknown) => squareplus(x) }];
    const report = await kernelCheck(device, { ops: ['squareplus'], cases });
    expect(report.ops[0].failures).toEqual([]);
    expect(report.passed).toBe(true);
    device.destroy();
  });
});
