// Every public op function is called by a case that expects values of it: by what the cases call, not by what they name.
import { resolve } from 'node:path';
import type { Tensor } from 'downhill';
import type { Case } from 'downhill/check';
import { build, type Plugin } from 'esbuild';
import { expect, test } from 'vitest';
import type * as Evaluate from '../src/check/evaluate.ts';
import type * as Values from '../src/check/values.ts';
import type { Device } from '../src/tensor/device.ts';

const BUNDLE = 'test/output/case-functions.mjs';
const PUBLIC = ['index', 'functions', 'penalty', 'sampling'];

interface Bundle {
  /** The exports of the files that hand out ops. */
  ops: Record<string, unknown>[];
  cases: Case[];
  cpuDevice: () => Device;
  scope: (work: () => Tensor | Tensor[]) => Tensor | Tensor[];
  inputsOf: typeof Evaluate.inputsOf;
  place: typeof Values.place;
}

const entry = `
import './src/ops/methods.ts';
export { cases } from './src/check/cases/index.ts';
export { cpuDevice } from './src/backends/cpu/backend.ts';
export { scope } from './src/tensor/scope.ts';
export { inputsOf } from './src/check/evaluate.ts';
export { place } from './src/check/values.ts';
${PUBLIC.map((file) => `import * as ${file} from './src/ops/${file}.ts';`).join('\n')}
export const ops = [${PUBLIC}];
`;

/** What the files of cases import from src/ops/ comes to them with its calls recorded, by the function itself. */
const recorded: Plugin = {
  name: 'recorded',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/ops\// }, ({ path, importer, resolveDir }) =>
      importer.includes('/check/cases/') ? { path: resolve(resolveDir, path), namespace: 'recorded' } : null,
    );
    onLoad({ filter: /./, namespace: 'recorded' }, async ({ path }) => {
      const names = Object.entries(await import(path)).map(([name, value]) =>
        typeof value === 'function'
          ? `export const ${name} = (...args) => (globalThis.calledByCases.add(real.${name}), real.${name}(...args));`
          : `export const ${name} = real.${name};`,
      );
      return {
        contents: `import * as real from ${JSON.stringify(path)};\n${names.join('\n')}`,
        resolveDir: resolve('.'),
      };
    });
  },
};

test('every public op function is called by a case', { timeout: 120_000 }, async () => {
  await build({
    stdin: { contents: entry, resolveDir: resolve('.'), loader: 'ts' },
    bundle: true,
    outfile: BUNDLE,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    loader: { '.wgsl': 'text' },
    external: ['#gpu', '#files'],
    plugins: [recorded],
  });
  const called = new Set<unknown>();
  Object.assign(globalThis, { calledByCases: called });
  const { ops, cases, cpuDevice, scope, inputsOf, place }: Bundle = await import(/* @vite-ignore */ resolve(BUNDLE));
  // Cases build their inputs by ops, too, which is not what they are about.
  called.clear();
  const device = cpuDevice();
  for (const item of cases.filter(({ refuses, faults, large }) => !refuses && !faults && !large)) {
    const inputs = inputsOf(item).map((host) => place(host, device));
    scope(() => item.run(...inputs));
  }
  const functions = ops.flatMap((file) => Object.entries(file)).filter(([, value]) => typeof value === 'function');
  expect(functions.length).toBeGreaterThan(160);
  expect(functions.filter(([, value]) => !called.has(value)).map(([name]) => name)).toEqual([]);
});
