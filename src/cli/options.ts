// Options that commands share, and the readers of their values.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DATASETS } from './datasets.ts';
import { CHANGE_WORDS, changesOf, LEARNING_RATES } from './recipe.ts';
import { SCHEDULE_NAMES, USUAL_SCHEDULE } from './schedule.ts';

export const adapterOption = () =>
  new Option(
    '--adapter <kind>',
    'which WebGPU adapter to use (default: hardware, else lavapipe, else SwiftShader)',
  ).choices(['hardware', 'software', 'lavapipe', 'swiftshader']);

const decimal = /^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A decimal number without a minus; NaN for any other text. */
export const decimalOf = (text: string): number => (decimal.test(text) ? Number(text) : Number.NaN);

function numberIn(text: string, wanted: string, fits: (value: number) => boolean): number {
  const value = decimalOf(text);
  if (!fits(value)) throw new InvalidArgumentError(`Expected ${wanted}.`);
  return value;
}

/** The flag of an option by the name that it goes by in the program: --weight-decay for weightDecay. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** A whole number of at least `least`. */
export const wholeFrom = (least: number) => (text: string) =>
  numberIn(text, `a whole number of at least ${least}`, (value) => Number.isSafeInteger(value) && value >= least);

export const positive = (text: string) =>
  numberIn(text, 'a number above 0', (value) => value > 0 && Number.isFinite(value));

export const atLeast0 = (text: string) =>
  numberIn(text, 'a number of at least 0', (value) => value >= 0 && Number.isFinite(value));

export const probability = (text: string) =>
  numberIn(text, 'a number of at least 0 and below 1', (value) => value >= 0 && value < 1);

const share = (text: string) => numberIn(text, 'a number above 0 and below 1', (value) => value > 0 && value < 1);

/** Two shares: `0.5:0.99`. */
function shares(text: string): [number, number] {
  const [from, to, ...rest] = text.split(':').map(decimalOf);
  if (from > 0 && from < 1 && to > 0 && to < 1 && rest.length === 0) return [from, to];
  throw new InvalidArgumentError('Expected two numbers above 0 and below 1, such as 0.5:0.99.');
}

/** Height and width: `64`, or `48x64`. */
function imageSize(text: string): [number, number] {
  const [, height, width = height] = /^(\d{1,5})(?:x(\d{1,5}))?$/.exec(text) ?? [];
  if (!(Number(height) > 0 && Number(width) > 0)) {
    throw new InvalidArgumentError('Expected a size in pixels, such as 64 or 48x64 (height by width).');
  }
  return [Number(height), Number(width)];
}

/** Changes of pictures, checked, as they are written: `flip,shift=4`. */
function changes(text: string): string {
  try {
    changesOf(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}

/** What a command works on, as its help says it. */
export const WHAT = `${Object.keys(DATASETS).join(', ')}, a folder of images by class, or a module of yours (.ts, .js)`;

export const deviceOptions = (command: Command): Command =>
  command
    .addOption(new Option('--device <kind>', 'where to compute').choices(['webgpu', 'cpu']).default('webgpu'))
    .addOption(adapterOption());

const rates = Object.entries(LEARNING_RATES).map(([name, lr]) => `${lr} for ${name}`);

const lrOption = () =>
  new Option('--lr <rate>', `learning rate at its highest (default: ${rates.join(', ')})`).argParser(positive);

/** Gathers what an option is given each time it comes. */
export const collect = (value: string, all: string[] = []) => [...all, value];

const paramOption = () =>
  new Option('--param <name=value>', 'a value of `params` for a module of yours; may come several times').argParser(
    collect,
  );

/** The options of all commands that make a model and its data. */
export function taskOptions(command: Command, { lr = lrOption(), param = paramOption() } = {}): Command {
  const files = Object.entries(DATASETS).map(([name, known]) => `${name}: ${known.files}`);
  return command
    .addOption(
      new Option(
        '--model <name>',
        'a small network, or a deeper and more accurate one (default: reference for mnist, else cnn)',
      ).choices(['reference', 'cnn']),
    )
    .option('--width <n>', 'channels of the first convolutions of --model cnn (default: 16)', wholeFrom(1))
    .option('--batch-norm', 'normalize each batch after each convolution (default: --model cnn does)')
    .option('--no-batch-norm', 'leave that out')
    .option('--dropout <p>', 'probability of dropping an input of the last layer (default: 0.25 for cnn)', probability)
    .addOption(lr)
    .addOption(
      new Option('--optimizer <name>', "how weights follow their gradients (default: adam, or the module's)").choices(
        Object.keys(LEARNING_RATES),
      ),
    )
    .option('--weight-decay <strength>', 'how weights are drawn to 0 (default: 0, and 0.01 for adamw)', atLeast0)
    .option('--momentum <share>', 'how much of a step the next one keeps, of sgd alone (default: 0.9)', probability)
    .addOption(param)
    .option('--batch <n>', 'examples in a step', wholeFrom(1), 64)
    .option(
      '--seed <n>',
      'where randomness starts: the same seed on the same adapter gives the same bits',
      wholeFrom(0),
      0,
    )
    .option('--limit <n>', 'take the first n training images only, and at most as many of the others', wholeFrom(1))
    .option('--data <dir>', `folder of the dataset (${files.join('; ')})`)
    .option('--size <pixels>', 'what the images of a folder are resized to: 64, or 48x64', imageSize);
}

/** The options of commands that train for epochs. */
export const trainingOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--schedule <name>',
        `how the learning rate moves from step to step (default: ${USUAL_SCHEDULE}, or the module's)`,
      ).choices(SCHEDULE_NAMES),
    )
    .option(
      '--gamma <factor>',
      'how far step and plateau (default: 0.1) and, in an epoch, exponential (0.9) fall',
      share,
    )
    .option(
      '--every <epochs>',
      'when step falls (default: each third of training), or plateau, after so many without progress (2)',
      wholeFrom(1),
    )
    .option('--decay <k>', 'of inverse, 1 / (1 + k t) with t in epochs (default: 1)', positive)
    .option('--warmup <epochs>', 'first raises the learning rate in a straight line, such as for 0.5 epochs', positive)
    .addOption(
      new Option('--anneal-momentum [from:to]', 'moves the momentum from epoch to epoch')
        .preset('0.5:0.99')
        .argParser(shares),
    )
    .option('--drop-last', 'leave out a last batch of an epoch that is smaller than the others')
    .option('--accumulate <n>', 'batches in a step, whose gradients are averaged (default: 1)', wholeFrom(1))
    .option('--clip <norm>', 'shortens gradients whose norm is above that', positive)
    .option('--augment <changes>', `changes each training image at random: some of ${CHANGE_WORDS}`, changes);
