// The packed package as its users get it: in a fresh Node project, under tsc, and in a page that Vite bundles.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build, preview, type Rolldown } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as ops from '../src/ops/index.ts';
import { launchChromium } from './chromium.ts';

const repo = join(import.meta.dirname, '..');
let project: string;

/** Runs a program in the fresh project. What it prints belongs into the error if it fails: tsc complains on stdout. */
async function run(program: string, ...args: string[]): Promise<string> {
  // The user's shell has none of the test runner's variables.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_ENV|VITEST)/.test(name)));
  try {
    return (await promisify(execFile)(program, args, { cwd: project, env })).stdout;
  } catch (error) {
    const { message, stdout, stderr } = error as Error & { stdout: string; stderr: string };
    throw new Error([message, stdout, stderr].join('\n'));
  }
}

const write = (name: string, text: string) => writeFile(join(project, name), text);

/** d/dx of sum(relu(x x)), where only the second row of x x is positive: g = [[0, 0], [1, 1]], so g xT + xT g. */
const gradient = [3, 3, 3, 11];
const example = `
  const x = tensor([[1, -2], [3, 4]], { requiresGrad: true });
  x.matmul(x).relu().sum().backward();
  const gradient = [...(await x.grad.data())];
`;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'downhill-package-'));
  await write('package.json', JSON.stringify({ name: 'fresh', private: true, type: 'module' }));
  // Builds dist/ too, by `prepare`.
  await run('npm', 'pack', repo, '--loglevel=error');
  const [tarball] = (await readdir(project)).filter((name) => name.endsWith('.tgz'));
  await run('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', `./${tarball}`);
  // It carries SwiftShader, for machines without an adapter; 66 MB that need not be installed twice.
  await symlink(join(repo, 'node_modules/@sparticuz'), join(project, 'node_modules/@sparticuz'), 'dir');
});

afterAll(() => rm(project, { recursive: true, force: true }));

it('has what it needs and no more', async () => {
  const folder = join(project, 'node_modules/downhill');
  const files = (await readdir(folder, { recursive: true })).filter((name) => /\.|LICENSE/.test(name));
  const { exports } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  // The condition `downhill-source` is for this repository alone: the package has no src/.
  const published = Object.values<string | Record<string, string>>(exports)
    .flatMap((entry) => (typeof entry === 'string' ? entry : [entry.types, entry.default]))
    .map((path) => path.replace('./', ''));
  const needed = [...published, 'LICENSE', 'README.md', 'bin/downhill.js'];
  expect(needed.filter((name) => !files.includes(name))).toEqual([]);
  expect(files.filter((name) => !needed.includes(name) && !/^dist\/.*\.(js|js\.map|d\.ts)$/.test(name))).toEqual([]);
});

it.each([['{ device: "cpu" }'], ['']])('computes a gradient in Node: init(%s)', async (options) => {
  await write(
    'run.js',
    `import { init, tensor } from 'downhill';
    import { gradcheck } from 'downhill/check';
    const device = await init(${options});
    ${example}
    const { passed } = await gradcheck((y) => y.matmul(y).relu(), [x]);
    console.log(JSON.stringify({ kind: device.kind, gradient, passed }));`,
  );
  const kind = options ? 'cpu' : 'webgpu';
  // The exit is part of it: a GPU handle that is held keeps Node alive.
  expect(JSON.parse(await run(process.execPath, 'run.js'))).toEqual({ kind, gradient, passed: true });
});

it('brings the command', async () => {
  expect(await run('npx', '--no-install', 'downhill', '--help')).toMatch(/^Usage: downhill /);
});

it.each([
  ['nodenext', 'nodenext'],
  ['bundler', 'esnext'],
])('has types under moduleResolution %s', async (moduleResolution, module) => {
  await write(
    'user.ts',
    `import { init, relu, type Tensor, tensor } from 'downhill';
    import * as check from 'downhill/check';
    await init({ device: 'cpu' });
    using x: Tensor = tensor([[1, 2]], { requiresGrad: true });
    const method: () => Tensor = x.relu;
    const shape: readonly number[] = relu(x).sum(0).shape;
    // @ts-expect-error: an op that is not there, so x is not any
    x.reluu();
    // @ts-expect-error: nor are the arguments of methods
    x.matmul('x');
    console.log(method, shape, check);`,
  );
  const compilerOptions = {
    ...{ module, moduleResolution, target: 'ES2022', lib: ['ES2022', 'ESNext.Disposable', 'DOM'] },
    ...{ strict: true, noEmit: true, skipLibCheck: false, types: [] },
  };
  await write('tsconfig.json', JSON.stringify({ compilerOptions, include: ['user.ts'] }));
  await run(process.execPath, join(repo, 'node_modules/typescript/bin/tsc'));
});

it('bundles with Vite to what the page uses, without the Node door, and computes a gradient there', async () => {
  await write('index.html', '<!doctype html><title>fresh</title><script type="module" src="./page.js"></script>');
  await write(
    'page.js',
    `import { init, tensor } from 'downhill';
    globalThis.answer = (async () => {
      const device = await init();
      ${example}
      return { kind: device.kind, gradient, methods: Object.getOwnPropertyNames(Object.getPrototypeOf(x)) };
    })();`,
  );
  const vite = { root: project, configFile: false, logLevel: 'error' } as const;
  const { output } = (await build(vite)) as Rolldown.RolldownOutput;
  const chunks = output.filter((part) => part.type === 'chunk');
  const code = chunks.map((chunk) => chunk.code).join('\n');
  expect(code).toContain('navigator');
  expect(code.match(/["'`]node:|dawn\.node|createRequire/)).toBeNull();
  const modules = chunks.flatMap((chunk) => Object.entries(chunk.modules));
  const used = modules.filter(([, { renderedLength }]) => renderedLength > 0).map(([id]) => id);
  // All ops register themselves; the floors above them fall away where a page does not use them.
  expect(used.filter((id) => id.includes('/downhill/dist/ops/')).length).toBeGreaterThan(10);
  expect(used.filter((id) => /\/downhill\/dist\/(nn|optim|check|data|io|train|cli)\//.test(id))).toEqual([]);

  const server = await preview({ ...vite, preview: { host: '127.0.0.1', port: 0 } });
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    await page.goto(server.resolvedUrls!.local[0]);
    const answer = await page.evaluate(() => (globalThis as unknown as { answer: Promise<unknown> }).answer);
    expect(answer).toEqual({
      kind: 'webgpu',
      gradient,
      methods: expect.arrayContaining([...Object.keys(ops), 'backward']),
    });
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
    await server.close();
  }
});
