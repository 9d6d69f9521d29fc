// One training run: data, device, model, training, test, and the files that stay.

// Gives tensors their methods, backward() among them.
import '../ops/methods.ts';
import { init } from '../backends/init.ts';
import type { AdapterChoice } from '../backends/webgpu/door.ts';
import type { ImageSet } from '../data/images.ts';
import { loadMnist } from '../data/mnist.node.ts';
import type { Mnist } from '../data/mnist.ts';
import { hostTensors } from '../io/checkpoint.ts';
import { encodeSafetensors } from '../io/safetensors.ts';
import type { Module } from '../nn/module.ts';
import { Adam, type Optimizer, RMSprop, SGD } from '../optim/index.ts';
import type { Device } from '../tensor/device.ts';
import { manualSeed } from '../tensor/random.ts';
import type { StepReport } from '../train/callback.ts';
import { evaluate } from '../train/evaluate.ts';
import { fit } from '../train/fit.ts';
import { referenceCnn } from '../train/models.ts';
import { reportHtml } from '../train/report.ts';
import { duration, grouped, percent } from '../train/report-format.ts';
import { UserError } from './errors.ts';
import { type Interrupt, onInterrupt } from './interrupt.ts';
import { epochLine, progress } from './progress.ts';
import { RunFolder } from './run-folder.ts';

/** Learning rates that suit the reference CNN at batch 64, by optimizer. */
export const LEARNING_RATES = { adam: 0.003, rmsprop: 0.001, sgd: 0.05 };

export interface TrainFlags {
  epochs: number;
  batch: number;
  lr?: number;
  optimizer: keyof typeof LEARNING_RATES;
  seed: number;
  batchNorm?: boolean;
  dropout: number;
  limit?: number;
  data?: string;
  out?: string;
  device: 'webgpu' | 'cpu';
  adapter?: AdapterChoice;
}

const INTERRUPTED = 130;

/** Factor on the learning rate: from 1 straight down to 0, which after one epoch is as good as half a cosine. */
export const schedule = (progress: number): number => 1 - progress;

/** Trains as the flags say. A run that Ctrl-C ended leaves with exit code 130. */
export async function train(dataset: string, flags: TrainFlags): Promise<void> {
  const data = limited(await loadMnist(flags.data).catch(asUserError), flags.limit);
  const device = await init({ device: flags.device, adapter: flags.adapter });
  let folder: RunFolder | undefined;
  let interrupt: Interrupt | undefined;
  try {
    console.log(`device: ${device}${device.info.software ? '' : ' (hardware)'}`);
    folder = flags.out ? await RunFolder.at(flags.out) : await RunFolder.fresh(dataset);
    const shown = progress();
    interrupt = onInterrupt(() => {
      shown.stop();
      shown.say('stopping after the step at hand; Ctrl-C again stops at once, without a model');
    });
    try {
      await run({ dataset, flags, data, device, folder, shown, signal: interrupt.signal });
    } finally {
      shown.stop();
    }
  } finally {
    interrupt?.release();
    folder?.close();
    device.destroy();
  }
}

interface Run {
  dataset: string;
  flags: TrainFlags;
  data: Mnist;
  device: Device;
  folder: RunFolder;
  shown: ReturnType<typeof progress>;
  signal: AbortSignal;
}

async function run(given: Run): Promise<void> {
  const { dataset, flags, data, device, folder, shown, signal } = given;
  const { epochs, batch, optimizer, seed, batchNorm = false, dropout } = flags;
  const lr = flags.lr ?? LEARNING_RATES[optimizer];
  manualSeed(seed);
  const model = referenceCnn({ batchNorm, dropout });
  const name = ['reference CNN', batchNorm && 'batch norm', dropout && `dropout ${dropout}`].filter(Boolean).join(', ');
  const parameters = [...model.parameters()].reduce((n, { size }) => n + size, 0);
  const [training, validating, testing] = [data.train, data.validation, data.test].map((set) => grouped(set.length));
  shown.say(`data: ${dataset}, ${training} images to train on, ${validating} to validate, ${testing} to test`);
  shown.say(`model: ${name}, ${grouped(parameters)} parameters; ${optimizer}, lr ${lr}, seed ${seed}`);

  const fitted = await fitModel(model, lr, given);
  const { steps } = fitted;
  const last = steps.at(-1);
  if (!last) {
    process.exitCode = INTERRUPTED;
    shown.say('stopped before the first step: nothing was trained');
    return;
  }

  const state = await hostTensors(model.stateDict());
  const used = Object.entries({
    ...{ model: 'referenceCnn', 'batch-norm': batchNorm, dropout, dataset, limit: flags.limit ?? 'none' },
    ...{ epochs, batch, optimizer, lr, seed, steps: last.step },
  });
  const metadata = Object.fromEntries(used.map(([key, value]) => [key, String(value)]));
  await folder.write('model.safetensors', encodeSafetensors(state, metadata));

  const test = last.step < last.steps ? null : await testOf(model, data.test, shown, signal);
  if (test) folder.log({ kind: 'test', ...test });
  const html = reportHtml({
    ...fitted,
    title: `${dataset.toUpperCase()}: ${name}`,
    device: String(device),
    flags: metadata,
    stepsPerEpoch: Math.ceil(data.train.length / batch),
    filters: state['0.weight'],
    test,
  });
  await folder.write('report.html', html);
  shown.say(`wrote model.safetensors, metrics.jsonl and report.html into ${folder.path}`);
  if (test) shown.say(`test accuracy ${percent(test.accuracy)}`);
  else {
    process.exitCode = INTERRUPTED;
    shown.say(
      `stopped after step ${last.step} of ${last.steps}, ${duration(fitted.seconds)} into training; not tested`,
    );
  }
}

/** Trains, with every step and epoch shown and logged. Throws a UserError where the loss is no number any more. */
async function fitModel(model: Module, lr: number, { flags, data, folder, shown, signal }: Run) {
  const steps: StepReport[] = [];
  let diverged = '';
  const began = performance.now();
  const epochs = await fit(model, {
    data: data.train,
    validation: data.validation,
    optimizer: optimizerOf(flags.optimizer, model, lr),
    epochs: flags.epochs,
    batchSize: flags.batch,
    schedule,
    signal,
    callbacks: [
      {
        onStep(report, training) {
          steps.push(report);
          folder.log({ kind: 'step', ...report });
          shown.step(report);
          if (!Number.isFinite(report.loss)) {
            diverged ||= `the loss became ${report.loss} at step ${report.step}`;
            training.stop(diverged);
          }
          // Gives Ctrl-C a turn, where the device computes on this thread.
          return new Promise((resolve) => setImmediate(resolve));
        },
        onEpoch(report) {
          folder.log({ kind: 'epoch', ...report });
          shown.say(epochLine(report, flags.epochs));
        },
      },
    ],
  });
  shown.stop();
  if (diverged) throw new UserError(`${diverged}: try a --lr below ${lr}`);
  return { steps, epochs, seconds: (performance.now() - began) / 1000 };
}

export function asUserError(error: Error): never {
  throw new UserError(error.message);
}

export function limited({ train, validation, test }: Mnist, limit = Number.POSITIVE_INFINITY): Mnist {
  const first = (set: ImageSet) => set.slice(0, Math.min(limit, set.length));
  return { train: first(train), validation: first(validation), test: first(test) };
}

function optimizerOf(name: TrainFlags['optimizer'], model: Module, lr: number): Optimizer {
  if (name === 'adam') return new Adam(model.parameters(), { lr });
  if (name === 'rmsprop') return new RMSprop(model.parameters(), { lr });
  return new SGD(model.parameters(), { lr, momentum: 0.9 });
}

/** Loss and accuracy on the test images, or null where Ctrl-C came first. */
async function testOf(model: Module, images: ImageSet, shown: Run['shown'], signal: AbortSignal) {
  shown.say(`testing on ${grouped(images.length)} images`);
  const { loss, accuracy, count } = await evaluate(model, images, { signal });
  return count < images.length ? null : { loss, accuracy: accuracy!, images: count };
}
