// A module of the user's: a file that exports a model, and perhaps data, a loss, a penalty, an optimizer and a schedule.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Module } from '../nn/module.ts';
import { Optimizer } from '../optim/index.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Data, Loss } from '../train/batch.ts';
import type { Splits } from './datasets.ts';
import { oneLine, UserError } from './errors.ts';
import type { ScheduleMaker } from './schedule.ts';

/** Values of hyperparameters by name. */
export type Values = Readonly<Record<string, number | string | boolean>>;

/** What the model is made for. Null where the data does not tell. */
export interface ModelInfo {
  shape: Shape | null;
  classes: number | null;
  /** What a search tries; empty where there is none. */
  params: Values;
}

/** What the file exports, checked for what it is. */
export interface UserModule {
  makeModel(info: ModelInfo): Promise<Module>;
  /** A dataset's name or a folder, or the data. */
  data(): Promise<string | Splits>;
  loss?: Loss;
  /** What training adds to the loss, to keep weights small. */
  penalty?(model: Module): Tensor;
  makeOptimizer?(parameters: Iterable<Tensor>, params: Values): Optimizer;
  makeSchedule?: ScheduleMaker;
  /** Whether values of a search reach the model or the optimizer. */
  takesParams: boolean;
}

const KINDS = new Set(['.js', '.mjs', '.ts', '.mts']);

export const isModulePath = (what: string): boolean => KINDS.has(extname(what));

/** Runs the file and takes what it exports. Throws a UserError that names the file and what was expected of it. */
export async function loadUserModule(path: string): Promise<UserModule> {
  const exported = await importFile(path);
  const wrong = (expected: string, got: unknown) => new UserError(`${path}: expected ${expected}, got ${words(got)}`);
  const { model, data, loss, penalty, optimizer, schedule } = exported;
  if (model === undefined) {
    const names = Object.keys(exported).join(', ') || 'nothing';
    throw new UserError(`${path}: expected an export named model, a Module or a function that makes one, got ${names}`);
  }
  if (!(model instanceof Module) && typeof model !== 'function') throw notOwn(path, 'model', model, Module);
  if (loss !== undefined && typeof loss !== 'function') {
    throw wrong('loss to be a function (output, target) => Tensor', loss);
  }
  if (penalty !== undefined && typeof penalty !== 'function') {
    throw wrong('penalty to be a function (model) => Tensor', penalty);
  }
  if (schedule !== undefined && typeof schedule !== 'function') {
    throw wrong('schedule to be a function (optimizer, { epochs, steps, stepsPerEpoch }) that makes one', schedule);
  }
  if (optimizer !== undefined && typeof optimizer !== 'function' && !(optimizer instanceof Optimizer)) {
    throw notOwn(path, 'optimizer', optimizer, Optimizer);
  }
  return {
    async makeModel(info) {
      const made = await running(path, 'model', async () => {
        if (model instanceof Module) return model;
        return model === Module || model.prototype instanceof Module ? new model() : model(info);
      });
      if (!(made instanceof Module)) throw notOwn(path, 'model', made, Module);
      return made;
    },
    async data() {
      const given = await running(path, 'data', async () => (typeof data === 'function' ? data() : data));
      if (given === undefined || typeof given === 'string') return given ?? 'mnist';
      const splits: Splits = isData(given) ? { train: given } : given;
      for (const name of ['train', 'validation', 'test'] as const) {
        const part = splits?.[name];
        if (isData(part) || (name !== 'train' && (part === undefined || part === null))) continue;
        throw wrong(
          'data to be a dataset (length and batch(indices)), { train, validation, test } of such, or the name of one',
          given,
        );
      }
      const { train, validation, test } = splits;
      return { train, validation: validation ?? undefined, test: test ?? undefined };
    },
    ...(loss && { loss }),
    ...(penalty && { penalty }),
    ...(schedule && { makeSchedule: schedule }),
    takesParams: typeof model === 'function' || typeof optimizer === 'function',
    ...(optimizer && {
      makeOptimizer(parameters: Iterable<Tensor>, params: Values) {
        const made = optimizer instanceof Optimizer ? optimizer : optimizer(parameters, params);
        if (!(made instanceof Optimizer)) throw notOwn(path, 'optimizer', made, Optimizer);
        return made;
      },
    }),
  };
}

const isData = (value: unknown): value is Data =>
  typeof (value as Data)?.length === 'number' && typeof (value as Data).batch === 'function';

/** A value in a few words. */
const words = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? `an object of ${Object.keys(value).join(', ') || 'nothing'}`
    : typeof value === 'string'
      ? JSON.stringify(value)
      : String(value);

/** The error for an export that is no Module or Optimizer, or one of another copy of the library. */
function notOwn(path: string, name: string, value: unknown, base: typeof Module | typeof Optimizer): UserError {
  // A build may have put an underscore in front of the class's own name.
  const [article, kind] = base === Module ? ['a', 'Module'] : ['an', 'Optimizer'];
  for (let of = Object.getPrototypeOf(value ?? {}); of; of = Object.getPrototypeOf(of)) {
    if (of.constructor?.name.replace(/^_/, '') !== kind) continue;
    return new UserError(
      `${path}: its ${name} is of another copy of downhill than this command; run the copy that the file imports, as npx downhill does`,
    );
  }
  return new UserError(
    `${path}: expected ${name} to be ${article} ${kind} or a function that makes one, got ${words(value)}`,
  );
}

/** Does what the user wrote; what it throws is the user's to mend. */
async function running<T>(path: string, what: string, work: () => Promise<T>): Promise<T> {
  return work().catch((error) => {
    throw new UserError(`${path}: ${what}: ${error?.message ?? error}`, { cause: error });
  });
}

// biome-ignore lint/suspicious/noExplicitAny: whatever a user's file exports
async function importFile(path: string): Promise<Record<string, any>> {
  const whole = resolve(path);
  await readFile(whole).catch((error) => {
    throw new UserError(`${path}: cannot be read (${error.message})`);
  });
  const load = (file: string) => running(path, 'cannot be run', () => import(pathToFileURL(file).href));
  if (!/ts$/.test(extname(path))) return load(whole);
  const esbuild = await findEsbuild(whole);
  if (!esbuild) {
    // Newer Nodes take types away by themselves.
    if ((process.features as { typescript?: unknown }).typescript) return load(whole);
    throw new UserError(
      `${path}: TypeScript needs esbuild (npm i -D esbuild) or Node 22.18 or newer; a .js file works`,
    );
  }
  // Beside the file, so that its imports are found from where it is; downhill is this one, whatever a tsconfig.json says.
  const draft = join(dirname(whole), `.${basename(path)}.${process.pid}.mjs`);
  try {
    const { outputFiles } = await esbuild.build({
      ...{ entryPoints: [whole], bundle: true, write: false, packages: 'external', format: 'esm', platform: 'node' },
      ...{ target: 'node20', external: ['downhill', 'downhill/*'], sourcemap: 'inline', logLevel: 'silent' },
    });
    await writeFile(draft, outputFiles[0].contents);
    // Stacks name lines of the user's file, not of the draft. This package first, whose frames keep the names they have.
    await Promise.all([import('../index.ts'), import('../node.ts')]);
    process.setSourceMapsEnabled(true);
  } catch (error) {
    throw new UserError(`${path}: ${firstOf(error as BuildFailure)}`, { cause: error });
  }
  try {
    return await load(draft);
  } finally {
    await rm(draft, { force: true });
  }
}

interface BuildFailure extends Error {
  errors?: { text: string; location: { file: string; line: number } | null }[];
}

/** The first error of a build, with its file and line. */
function firstOf({ errors, message }: BuildFailure): string {
  const [first] = errors ?? [];
  if (!first) return oneLine(message);
  return first.location ? `${first.location.file}, line ${first.location.line}: ${first.text}` : first.text;
}

interface Esbuild {
  build(options: object): Promise<{ outputFiles: { contents: Uint8Array }[] }>;
}

/** esbuild as installed for the user's file, or for this command. */
async function findEsbuild(file: string): Promise<Esbuild | null> {
  for (const from of [pathToFileURL(file), import.meta.url]) {
    try {
      return await import(pathToFileURL(createRequire(from).resolve('esbuild')).href);
    } catch {}
  }
  return null;
}
