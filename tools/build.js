// Builds dist/: the core (which browsers load too), downhill/check, the command, and the two doors to WebGPU.
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

const outdir = 'dist';
const common = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  outdir,
  loader: { '.wgsl': 'text' },
  sourcemap: true,
  logLevel: 'warning',
};

await rm(outdir, { recursive: true, force: true });
await build({
  ...common,
  // One build with shared chunks, so that all entries see one op registry and one default device.
  entryPoints: { index: 'src/index.ts', check: 'src/check/index.ts', cli: 'src/cli/main.ts' },
  splitting: true,
  platform: 'neutral',
  conditions: ['node'],
  external: ['#gpu', 'node:*', 'commander', 'cli-progress'],
});
await build({
  ...common,
  entryPoints: {
    'door.node': 'src/backends/webgpu/door.node.ts',
    'door.browser': 'src/backends/webgpu/door.browser.ts',
  },
  platform: 'neutral',
  external: ['node:*', 'webgpu'],
});
