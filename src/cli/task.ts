// What a command works on: a device, data, a model, its loss and its optimizer, as the arguments ask for them.

// Gives tensors their methods, backward() among them.
import '../ops/methods.ts';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { init } from '../backends/init.ts';
import type { AdapterChoice } from '../backends/webgpu/door.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Module } from '../nn/module.ts';
import { crossEntropy } from '../ops/index.ts';
import type { Optimizer } from '../optim/index.ts';
import type { Device } from '../tensor/device.ts';
import { DeviceError } from '../tensor/errors.ts';
import { manualSeed } from '../tensor/random.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Loss } from '../train/batch.ts';
import { imageCnn, referenceCnn } from '../train/models.ts';
import {
  DATASETS,
  type DataFlags,
  type ImageInput,
  inputOf,
  limited,
  loadSplits,
  type ModelName,
  placeOf,
  type Splits,
} from './datasets.ts';
import { asUserError, UserError } from './errors.ts';
import { flagOf } from './options.ts';
import { commonOf, noted, override, ownOf } from './params.ts';
import { augmentationOf, checkMomentum, type OptimizerName, type OptimizerSettings, optimizerOf } from './recipe.ts';
import type { ScheduleMaker } from './schedule.ts';
import { TUNABLES, valuesOf } from './search-space.ts';
import { isModulePath, loadUserModule, type UserModule, type Values } from './user-module.ts';

export interface DeviceFlags {
  device: 'webgpu' | 'cpu';
  adapter?: AdapterChoice;
}

export interface ModelFlags {
  model?: ModelName;
  width?: number;
  batchNorm?: boolean;
  dropout?: number;
}

export interface TaskFlags extends DataFlags, DeviceFlags, ModelFlags, OptimizerSettings {
  optimizer?: OptimizerName;
  /** How training images are changed at random, as --augment has it. */
  augment?: string;
  seed: number;
  /** Values for a module of the user's, as --param has them. */
  param?: string[];
  /** Values of a search. */
  params?: Values;
}

export interface Task {
  device: Device;
  splits: Splits;
  /** What inputs are made of; null where they are no images. */
  input: ImageInput | null;
  model: Module;
  /** The model in words, for people. */
  name: string;
  loss?: Loss;
  /** What training adds to it. */
  penalty?: (model: Module) => Tensor;
  /** The loss of training: with the penalty, which evaluation leaves out. Undefined where neither was given. */
  trainingLoss?: Loss;
  /** Changes the inputs of training at random. */
  augment?: (x: Tensor) => Tensor;
  /** Another optimizer over the model, as if none had been made before. */
  optimizer(): Optimizer;
  /** The schedule that a module brings. */
  makeSchedule?: ScheduleMaker;
  /** The optimizer in words. */
  optimizerName: string;
  /** What makes the model again, and what was chosen, by name. */
  settings: Record<string, string | number | boolean>;
}

/** Throws a UserError where the flags do not go together. */
export function checkDevice({ device, adapter }: DeviceFlags): void {
  if (device === 'cpu' && adapter) {
    throw new UserError('--adapter chooses among WebGPU adapters: leave it out with --device cpu');
  }
}

/** Opens the device that flags ask for. */
export async function openDevice({ device, adapter }: DeviceFlags): Promise<Device> {
  checkDevice({ device, adapter });
  return init({ device, adapter });
}

/**
 * Does some work on a task, and destroys its device. Throws a UserError where an argument does not fit, and for what goes
 * wrong with a module of the user's.
 */
export async function withTask<T>(what: string, flags: TaskFlags, work: (task: Task) => Promise<T>): Promise<T> {
  const task = await openTask(what, flags);
  try {
    return await work(task);
  } catch (error) {
    if (!isModulePath(what) || error instanceof UserError || error instanceof DeviceError) throw error;
    throw new UserError(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    task.device.destroy();
  }
}

/** Makes what is worked on. */
async function openTask(what: string, flags: TaskFlags): Promise<Task> {
  const isModule = isModulePath(what);
  if (isModule) refuseModelFlags(flags);
  else checkWhat(what);
  if (isModule && !existsSync(what)) throw new UserError(`${what}: there is no such file`);
  // Data that is wrong is told of before a device is opened; a module may need the device for what it exports.
  const loaded = isModule ? null : await loadSplits(what, flags);
  const device = await openDevice(flags);
  try {
    manualSeed(flags.seed);
    const common: Common = { device, limit: flags.limit ?? 'none' };
    return loaded ? builtIn(what, flags, loaded, common) : await ofModule(what, flags, common);
  } catch (error) {
    device.destroy();
    throw error;
  }
}

interface Common {
  device: Device;
  limit: number | 'none';
}

function builtIn(what: string, flags: TaskFlags, loaded: Awaited<ReturnType<typeof loadSplits>>, common: Common): Task {
  const { splits, input } = loaded;
  const { device, limit } = common;
  const settings = modelSettings(flags, loaded.model);
  const model = builtInModel(settings, input!);
  const { optimizer = 'adam', momentum, param } = flags;
  if (param) refuseParam(param[0], what);
  // In a search, values for one optimizer come along with another.
  if (momentum !== undefined && !flags.params) checkMomentum('--momentum', [optimizer]);
  return {
    ...{ device, splits, input, model },
    name: modelWords(settings),
    ...augmenting(flags, input, what),
    optimizer: () => optimizerOf(optimizer, model.parameters(), flags),
    optimizerName: optimizer,
    settings: { ...settings, dataset: placeOf(what), limit },
  };
}

async function ofModule(path: string, flags: TaskFlags, { device, limit }: Common): Promise<Task> {
  const user = await loadUserModule(path);
  const given = await user.data();
  const named = typeof given === 'string' ? folderOf(given, path) : null;
  if (named !== null) checkWhat(named, `${path}: data: `);
  if (named === null && (flags.data !== undefined || flags.size)) {
    throw new UserError(`--data and --size are of named data: ${path} has data of its own`);
  }
  const loaded = named === null ? null : await loadSplits(named, flags);
  const splits = loaded?.splits ?? limited(given as Splits, flags.limit);
  const whole = loaded ? null : ((given as Splits).train as Partial<Dataset>);
  const input = loaded ? loaded.input : inputOf(whole);
  const { optimizer, momentum } = flags;
  const asked = valuesOf(flags.param ?? []);
  const own = { ...ownOf(flags.params ?? {}), ...asked };
  const [lost] = user.takesParams ? [] : Object.keys(own);
  if (lost) {
    throw new UserError(`${path}: nothing takes ${lost}: export a function of { shape, classes, params } as model`);
  }
  const { params, unread } = noted({ ...commonOf(flags), ...own });
  const model = await modelOf(user, input, whole, params);
  const making = optimizer || !user.makeOptimizer ? null : user.makeOptimizer;
  if (momentum !== undefined && !making && !flags.params) checkMomentum('--momentum', [optimizer]);
  return {
    ...{ device, splits, input, model },
    name: path,
    ...lossesOf(user, model),
    ...(user.makeSchedule && { makeSchedule: user.makeSchedule }),
    ...augmenting(flags, input, path),
    optimizer() {
      const made = making?.(model.parameters(), params) ?? optimizerOf(optimizer ?? 'adam', model.parameters(), flags);
      const idle = Object.keys(asked).find((name) => unread.has(name));
      if (idle) throw new UserError(`${path}: --param ${idle}: neither model nor optimizer reads params.${idle}`);
      if (making) override(made, flags, unread, path);
      return made;
    },
    optimizerName: optimizer ?? (user.makeOptimizer ? "the module's optimizer" : 'adam'),
    settings: {
      ...{ model: placeOf(path), dataset: placeOf(named ?? path), limit },
      ...(Object.keys(own).length > 0 && { params: JSON.stringify(own) }),
    },
  };
}

/** The losses of a user's module. */
function lossesOf({ loss, penalty }: UserModule, model: Module): Pick<Task, 'loss' | 'penalty' | 'trainingLoss'> {
  if (!penalty) return loss ? { loss, trainingLoss: loss } : {};
  const mean = loss ?? crossEntropy;
  const trainingLoss: Loss = (output, target) => {
    const found = mean(output, target);
    return model.training ? found.add(penalty(model)) : found;
  };
  return { ...(loss && { loss }), penalty, trainingLoss };
}

/** What a file of a task's model says of it, so that it can be made again. */
export const metadataOf = ({ settings, input }: Task): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)])),
  ...(input && { input: JSON.stringify(input) }),
});

/** A folder that a module names, from where the command runs or else from where the module lies. */
function folderOf(named: string, path: string): string {
  const beside = join(dirname(path), named);
  return Object.hasOwn(DATASETS, named) || existsSync(named) || !existsSync(beside) ? named : beside;
}

/** What changes training images, where that is asked for. */
function augmenting({ augment }: TaskFlags, input: ImageInput | null, what: string): Pick<Task, 'augment'> {
  if (augment === undefined) return {};
  if (!input) throw new UserError(`--augment changes images, and the data of ${what} is no ImageSet`);
  return { augment: augmentationOf(augment, input) };
}

/** The model of a user's module, for data like this. */
export const modelOf = (
  user: UserModule,
  input: ImageInput | null,
  data: Partial<Dataset> | null,
  params: Values = {},
): Promise<Module> =>
  user.makeModel({
    shape: input?.shape ?? data?.shape ?? null,
    classes: (input?.classes ?? data?.classes)?.length ?? null,
    params,
  });

/** Throws a UserError unless this is a dataset's name or a folder. */
function checkWhat(what: string, where = ''): void {
  if (Object.hasOwn(DATASETS, what)) return;
  if (existsSync(what)) {
    if (statSync(what).isDirectory()) return;
    throw new UserError(`${where}${what}: expected a folder of images or a module (.ts, .js), got another file`);
  }
  const names = Object.keys(DATASETS).join(', ');
  throw new UserError(
    `${where}expected ${names}, a folder of images or a module (.ts, .js), got ${what}, and there is no such folder`,
  );
}

function refuseParam(param: string, what: string): never {
  const [name] = param.split('=');
  const other = Object.hasOwn(TUNABLES, name) ? `; ${name} has a flag of its own, ${flagOf(name)}` : '';
  throw new UserError(`--param ${param}: it is of modules of your own, not of ${what}${other}`);
}

function refuseModelFlags({ model, width, batchNorm, dropout }: ModelFlags): void {
  const given = Object.entries({ '--model': model, '--width': width, '--batch-norm': batchNorm, '--dropout': dropout });
  const [flag] = given.find(([, value]) => value !== undefined) ?? [];
  if (flag) throw new UserError(`${flag} is of the built-in models: leave it out with a module of your own`);
}

/** What a built-in model is made of, as text that model.safetensors can hold. */
function modelSettings({ model, width, batchNorm, dropout }: ModelFlags, usual: ModelName): Texts {
  if ((model ?? usual) === 'reference') {
    if (width !== undefined) throw new UserError('--width is of --model cnn alone');
    return { model: 'referenceCnn', 'batch-norm': batchNorm ?? false, dropout: dropout ?? 0 };
  }
  return { model: 'imageCnn', width: width ?? 16, 'batch-norm': batchNorm ?? true, dropout: dropout ?? 0.25 };
}

type Texts = Record<string, string | number | boolean>;

/** A built-in model from its settings, or from the metadata that they became. */
export function builtInModel(settings: Texts, { shape, classes }: Pick<ImageInput, 'shape' | 'classes'>): Module {
  const options = {
    ...{ shape, classes: classes.length },
    batchNorm: String(settings['batch-norm']) === 'true',
    dropout: Number(settings.dropout),
  };
  try {
    return settings.model === 'imageCnn'
      ? imageCnn({ ...options, width: Number(settings.width) })
      : referenceCnn(options);
  } catch (error) {
    return asUserError(error as Error);
  }
}

function modelWords(settings: Texts): string {
  const { model, width, dropout, 'batch-norm': batchNorm } = settings;
  const name = model === 'imageCnn' ? `CNN of width ${width}` : 'reference CNN';
  return [name, batchNorm && 'batch norm', dropout && `dropout ${dropout}`].filter(Boolean).join(', ');
}
