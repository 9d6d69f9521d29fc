// Bundles the mutation run and starts it: Node runs no TypeScript, and the sources import shaders.
import { mkdir } from 'node:fs/promises';
import { build } from 'esbuild';

const outfile = 'node_modules/.cache/downhill/mutants.js';
await mkdir('node_modules/.cache/downhill', { recursive: true });
await build({
  entryPoints: ['tools/mutants/main.ts'],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  conditions: ['downhill-source'],
  packages: 'external',
  loader: { '.wgsl': 'text' },
  logLevel: 'warning',
});
process.argv[1] = `${process.cwd()}/${outfile}`; // what it forks
await import(process.argv[1]);
