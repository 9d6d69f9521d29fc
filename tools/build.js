// Builds dist/: every file of src/ becomes one ES module of the same name, with its shaders inside as text.
import { readdir, rm } from 'node:fs/promises';
import { build } from 'esbuild';

// Elsewhere for tests, which leave dist/ alone.
const outdir = process.argv[2] ?? 'dist';
const sources = (await readdir('src', { recursive: true })).filter((name) => /(?<!\.d)\.ts$/.test(name));

// Module by module, not in one bundle: so a bundler of a web page can leave out what the page does not import, and all
// entry points share one op registry and one default device.
const keepModules = {
  name: 'keep-modules',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\/.*\.ts$/ }, ({ path, kind }) =>
      kind === 'entry-point' ? null : { path: path.replace(/\.ts$/, '.js'), external: true },
    );
  },
};

await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: sources.map((name) => `./src/${name}`),
  outbase: 'src',
  outdir,
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  loader: { '.wgsl': 'text' },
  plugins: [keepModules],
  packages: 'external',
  external: ['#gpu', '#files'],
  sourcemap: true,
  logLevel: 'warning',
});
