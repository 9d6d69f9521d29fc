// `downhill predict`: what a trained model makes of pictures.

// Gives tensors their methods.
import '../ops/methods.ts';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { noGrad } from '../autograd/tape.ts';
import { ImageSet, whiteOf } from '../data/images.ts';
import { decodePng, toChannels } from '../data/png.node.ts';
import { resize } from '../data/resize.ts';
import { decodeSafetensors, safetensorsMetadata } from '../io/safetensors.ts';
import type { Module } from '../nn/module.ts';
import { tensor } from '../tensor/creation.ts';
import { scope } from '../tensor/scope.ts';
import { percent } from '../train/report-format.ts';
import type { ImageInput } from './datasets.ts';
import { asUserError, UserError } from './errors.ts';
import { deviceOptions, wholeFrom } from './options.ts';
import { modelFileOf } from './run-records.ts';
import { builtInModel, type DeviceFlags, modelOf, openDevice } from './task.ts';
import { isModulePath, loadUserModule } from './user-module.ts';

interface PredictFlags extends DeviceFlags {
  top: number;
  invert?: boolean;
  json?: boolean;
}

const help = `
An image is brought to the size and the channels of the model's input. It has to look like the images of the training: digits
of MNIST are white on black, and --invert makes them of black ones on white.

Examples:
  $ downhill predict runs/mnist-20261121-213005 seven.png
  $ downhill predict runs/photos *.png --top 5
  $ downhill predict runs/search/trial-0007 seven.png
  $ downhill predict runs/mnist-20261121-213005 scan.png --invert --json`;

export function addPredict(program: Command): void {
  const command = program
    .command('predict')
    .description('Say what a trained model sees in PNG images.')
    .argument('<run>', 'folder of a run, or of a trial of a search')
    .argument('<images...>', 'PNG files')
    .option('--top <n>', 'classes to name for each image', wholeFrom(1), 3)
    .option('--invert', 'turn light and dark around')
    .option('--json', 'print all probabilities as JSON');
  deviceOptions(command).addHelpText('after', help).action(predict);
}

async function predict(run: string, images: string[], flags: PredictFlags): Promise<void> {
  const saved = await readModel(run);
  const { input } = saved;
  const read = await Promise.all(images.map((path) => readImage(path, input, flags.invert)));
  const device = await openDevice(flags);
  try {
    const model = await saved.model();
    const seen = [];
    for (const [i, image] of read.entries()) {
      const probabilities = await probabilitiesOf(model, image, input);
      const order = probabilities.map((_, c) => c).sort((a, b) => probabilities[b] - probabilities[a]);
      seen.push({
        ...{ image: images[i], class: input.classes[order[0]], probability: probabilities[order[0]] },
        classes: order.map((c) => ({ class: input.classes[c], probability: probabilities[c] })),
      });
    }
    if (flags.json) console.log(JSON.stringify({ run, predictions: seen }, null, 2));
    else for (const { image, classes } of seen) console.log(`${image}: ${inWords(classes.slice(0, flags.top))}`);
  } finally {
    device.destroy();
  }
}

const inWords = ([first, ...others]: { class: string; probability: number }[]): string => {
  const words = (one: typeof first) => `${one.class} (${percent(one.probability)})`;
  return `${words(first)}${others.length > 0 ? `, then ${others.map(words).join(', ')}` : ''}`;
};

interface Saved {
  input: ImageInput;
  /** Makes the model, on the default device. */
  model(): Promise<Module>;
}

/** The model of a run, or of a trial of a search, from its file. Throws a UserError where the folder holds none for images by class. */
async function readModel(run: string): Promise<Saved> {
  const path = await modelFileOf(run);
  const wrong = (error: Error): never => {
    throw new UserError(`${path}: ${error.message}`, { cause: error });
  };
  try {
    const bytes = await readFile(path);
    const metadata = safetensorsMetadata(bytes);
    const tensors = decodeSafetensors(bytes);
    const { model: name } = metadata;
    if (!name) throw new Error('does not say which model it holds; expected one that downhill train wrote');
    if (!metadata.input) throw new Error('does not say what its inputs are; expected a model of images by class');
    const input: ImageInput = JSON.parse(metadata.input);
    return {
      input,
      async model() {
        const made = isModulePath(name)
          ? await modelOf(await loadUserModule(name), input, null, JSON.parse(metadata.params ?? '{}'))
          : builtInModel(metadata, input);
        try {
          made.loadStateDict(tensors);
        } catch (error) {
          wrong(new Error(`is not of the model ${name}: ${(error as Error).message}`));
        }
        return made.eval();
      },
    };
  } catch (error) {
    return wrong(error as Error);
  }
}

/** An image as the model takes it. Throws a UserError that names the file. */
async function readImage(path: string, { shape: [C, H, W], ...input }: ImageInput, invert = false): Promise<ImageSet> {
  if (C !== 1 && C !== 3 && C !== 4) {
    throw new UserError(`${path}: the model takes images of ${C} channels, and a PNG has 1, 3 or 4`);
  }
  const bytes = await readFile(path).catch((error) => {
    throw new UserError(`${path}: cannot be read (${error.message})`);
  });
  try {
    const { data, shape } = toChannels(decodePng(bytes, path), C);
    const images = resize(data, shape, [H, W]);
    const white = whiteOf(images);
    return new ImageSet({
      ...input,
      images: invert ? images.map((value) => white - value) : images,
      labels: Uint8Array.of(0),
      shape: [C, H, W],
    });
  } catch (error) {
    return asUserError(error as Error);
  }
}

/** The share of each class, by softmax of the model's scores. */
async function probabilitiesOf(model: Module, image: ImageSet, { classes }: ImageInput): Promise<number[]> {
  const { x, shape } = image.batch([0]);
  const output = scope(() => noGrad(() => model.call(tensor(x, { shape })).softmax(1)));
  const values = Array.from(await output.data());
  output.dispose();
  if (values.length === classes.length) return values;
  throw new UserError(`expected the model to tell ${classes.length} classes apart, got an output of [${output.shape}]`);
}
