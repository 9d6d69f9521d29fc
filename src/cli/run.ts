// One training run: a task, training, test, and the files that stay.

import { resolve } from 'node:path';
import { encodeSafetensors } from '../io/safetensors.ts';
import { crossEntropy } from '../ops/index.ts';
import { EMA, type Optimizer } from '../optim/index.ts';
import { hostTensors } from '../tensor/state.ts';
import { AnomalyError } from '../train/anomaly.ts';
import { checkEvaluation } from '../train/batch.ts';
import type { Callback } from '../train/callback.ts';
import { EarlyStopping } from '../train/early-stopping.ts';
import { evaluate } from '../train/evaluate.ts';
import { fit } from '../train/fit.ts';
import { tensorBoard } from '../train/monitor-tensorboard.node.ts';
import { monitors } from '../train/monitors.ts';
import { reportHtml } from '../train/report.ts';
import { duration, grouped, percent } from '../train/report-format.ts';
import { type CourseFlags, courseOf, courseWords } from './course.ts';
import { nameOf, placeOf } from './datasets.ts';
import { asUserError, UserError } from './errors.ts';
import { INTERRUPTED, onInterrupt } from './interrupt.ts';
import { epochLine, progress } from './progress.ts';
import type { Resumed } from './resume.ts';
import { RunFolder } from './run-folder.ts';
import { readRun } from './run-records.ts';
import { metadataOf, type Task, type TaskFlags, withTask } from './task.ts';

export interface TrainFlags extends TaskFlags, CourseFlags {
  epochs: number;
  batch: number;
  /** How much averages keep of themselves, where they take the place of the weights at the end. */
  ema?: number;
  /** Epochs without progress after which training ends. */
  patience?: number;
  precision?: 'float32' | 'float16';
  checkpointEvery?: number;
  out?: string;
  tensorboard?: boolean;
  anomaly?: boolean;
  json?: boolean;
}

/** Trains as the flags say, from the start or from a checkpoint. A run that Ctrl-C ended leaves with exit code 130. */
export async function train(what: string, flags: TrainFlags, resumed?: Resumed<TrainFlags>): Promise<void> {
  if (flags.anomaly && flags.precision === 'float16') {
    throw new UserError('--anomaly takes infinite gradients for an error, which are none with --precision float16');
  }
  if (flags.ema !== undefined && flags.patience) {
    throw new UserError('--patience goes back to the weights of the best epoch, and --ema on to averages: give one');
  }
  await withTask(what, flags, async (task) => {
    const { device } = task;
    const optimizer = task.optimizer();
    // Flags that do not go together leave no folder behind.
    const course = courseOf(flags, task, optimizer);
    const shown = progress(flags.json ? process.stderr : process.stdout);
    shown.say(`device: ${device}${device.info.software ? '' : ' (hardware)'}`);
    const folder = flags.out ? await RunFolder.at(flags.out) : await RunFolder.fresh(nameOf(what));
    const interrupt = onInterrupt(() => {
      shown.stop();
      shown.say('stopping after the step at hand; Ctrl-C again stops at once, without a model');
    });
    try {
      const result = await run({
        what,
        flags,
        resumed,
        task,
        optimizer,
        course,
        folder,
        shown,
        signal: interrupt.signal,
      });
      if (flags.json) console.log(JSON.stringify(result, null, 2));
    } finally {
      shown.stop();
      interrupt.release();
      folder.close();
    }
  });
}

interface Run {
  what: string;
  flags: TrainFlags;
  resumed?: Resumed<TrainFlags>;
  task: Task;
  optimizer: Optimizer;
  course: ReturnType<typeof courseOf>;
  folder: RunFolder;
  shown: ReturnType<typeof progress>;
  signal: AbortSignal;
}

/** What --json prints. */
interface Result {
  folder: string;
  device: string;
  model: string;
  parameters: number;
  settings: Record<string, string>;
  /** Steps done, and of how many. */
  step: number;
  steps: number;
  epochs: object[];
  test: { loss: number; accuracy: number | null; images: number } | null;
  /** Why training was stopped early, with --patience. */
  stopped: string | null;
  complete: boolean;
}

async function run(given: Run): Promise<Result> {
  const { what, flags, task, optimizer, course, folder, shown } = given;
  const { splits, model, name, device } = task;
  const { train: data, validation, test: testing } = splits;
  const { epochs, batch, seed } = flags;
  const parameters = [...model.parameters()].reduce((n, { size }) => n + size, 0);
  const rest = [
    validation && `${grouped(validation.length)} to validate`,
    testing && `${grouped(testing.length)} to test`,
  ];
  const examples = task.input ? 'images' : 'examples';
  shown.say(
    `data: ${[`${task.settings.dataset}, ${grouped(data.length)} ${examples} to train on`, ...rest.filter(Boolean)].join(', ')}`,
  );
  shown.say(
    `model: ${name}, ${grouped(parameters)} parameters; ${task.optimizerName}, lr ${optimizer.lr}, seed ${seed}`,
  );
  const chosen = {
    ...{ ...task.settings, epochs, batch, optimizer: task.optimizerName, lr: optimizer.lr },
    ...{ 'weight-decay': optimizer.paramGroups[0].weightDecay, ...courseWords(flags, task) },
    ...(flags.ema !== undefined && { ema: flags.ema }),
    ...(flags.momentum !== undefined && { momentum: flags.momentum }),
    ...{ ...(flags.augment && { augment: flags.augment }), ...(flags.patience && { patience: flags.patience }) },
    ...{ ...(flags.precision && { precision: flags.precision }), seed },
  };
  const settings = Object.fromEntries(Object.entries(chosen).map(([key, value]) => [key, String(value)]));
  const { out: _, json: __, ...others } = flags;
  const asked = { what: placeOf(what), flags: { ...others, ...(flags.data && { data: resolve(flags.data) }) } };
  const begin = {
    ...{ kind: 'run', title: `${nameOf(what).toUpperCase()}: ${name}`, device: String(device), flags: settings },
    ...{ stepsPerEpoch: course.stepsPerEpoch, asked },
  };

  const { seconds, stopped } = await fitModel(given, begin).catch(async (error) => {
    // What went wrong is best seen in a report, where there is anything to see.
    const seen = folder.begun ? await readRun(folder.path).catch(() => null) : null;
    if (seen) {
      await folder.write('report.html', reportHtml(seen));
      shown.say(`wrote metrics.jsonl and report.html into ${folder.path}`);
    }
    throw error;
  });
  // Of the whole run, with what was done before it was resumed; a run without any step makes no report.
  const soFar = await readRun(folder.path).catch(() => null);
  const steps = { done: soFar?.steps.at(-1)?.step ?? 0, all: course.stepsPerEpoch * epochs };
  const result: Result = {
    ...{ folder: folder.path, device: String(device), model: name, parameters, settings },
    ...{ step: steps.done, steps: steps.all, epochs: soFar?.epochs ?? [], test: null, stopped, complete: false },
  };
  if (steps.done === 0) {
    process.exitCode = INTERRUPTED;
    shown.say('stopped before the first step: nothing was trained');
    return result;
  }

  const metadata = { ...settings, ...metadataOf(task), steps: String(steps.done) };
  await folder.write('model.safetensors', encodeSafetensors(await hostTensors(model.stateDict()), metadata));

  if (flags.ema !== undefined) shown.say('the model has averages of the weights, as --ema asks');
  if (stopped) shown.say(`stopped early: ${stopped}; back to the weights of the best epoch`);
  const trained = stopped !== null || result.epochs.length >= epochs;
  const test = trained && testing ? await testOf(given) : null;
  const complete = trained && (test !== null || !testing);
  if (test) folder.log({ kind: 'test', ...test });
  await folder.write('report.html', reportHtml(await readRun(folder.path)));
  shown.say(`wrote model.safetensors, metrics.jsonl and report.html into ${folder.path}`);
  if (complete) {
    const last = soFar?.epochs.at(-1);
    if (test)
      shown.say(
        test.accuracy === null ? `test loss ${test.loss.toFixed(4)}` : `test accuracy ${percent(test.accuracy)}`,
      );
    else if (typeof last?.validationAccuracy === 'number')
      shown.say(`validation accuracy ${percent(last.validationAccuracy)}`);
  } else {
    process.exitCode = INTERRUPTED;
    const where = `step ${steps.done} of ${steps.all}, ${duration(seconds)} into training`;
    shown.say(`go on with: downhill train --resume ${folder.path}`);
    shown.say(`stopped after ${where}; not tested`);
  }
  return { ...result, test, complete };
}

/**
 * Trains, with every step and epoch shown and logged, and tells how long that took and why it was stopped early, if it was.
 * Throws a UserError where the loss is no number any more.
 */
async function fitModel({ flags, resumed, task, optimizer, course, folder, shown, signal }: Run, begin: object) {
  const { splits, model, loss, trainingLoss, augment } = task;
  const { stepsPerEpoch: _, ...trained } = course;
  // Before any factor of the schedule.
  const { lr } = optimizer;
  const board = flags.tensorboard ? tensorBoard(folder.path) : null;
  const watch = monitors({
    write(record) {
      folder.log(record);
      board?.write(record);
    },
  });
  // Only images by class surely have an accuracy.
  const monitor = task.input && !loss ? 'accuracy' : 'loss';
  const early = flags.patience ? [new EarlyStopping({ monitor, patience: flags.patience, restoreBest: true })] : [];
  let stopped: string | null = null;
  // Once all is checked: a run that is refused leaves what was in the folder before.
  const beginning: Callback = {
    async onBegin() {
      await folder.begin(resumed?.lines);
      folder.log(begin);
    },
  };
  const telling: Callback = {
    onStep(report) {
      folder.log({ kind: 'step', ...report });
      shown.step(report);
      if (!Number.isFinite(report.loss)) {
        throw new UserError(
          report.step > 1
            ? `the loss became ${report.loss} at step ${report.step}: try a --lr below ${lr}`
            : `the loss is ${report.loss} at step 1, before any update: see what the model and the loss make of the data with --anomaly`,
        );
      }
      // Gives Ctrl-C a turn, where the device computes on this thread.
      return new Promise((resolve) => setImmediate(resolve));
    },
    onEpoch(report) {
      folder.log({ kind: 'epoch', ...report });
      shown.say(epochLine(report, flags.epochs));
    },
    onEnd(training) {
      stopped = training.stopped;
    },
  };
  const ema = flags.ema === undefined ? null : new EMA(optimizer.parameters, { decay: flags.ema });
  const began = performance.now();
  try {
    if (splits.test) await checkEvaluation('test', model, splits.test, { loss: loss ?? crossEntropy, signal });
    await fit(model, {
      data: splits.train,
      validation: splits.validation,
      ...{ loss: trainingLoss, optimizer, augment, signal, ...trained, ...(ema && { ema }) },
      callbacks: [beginning, watch, ...(board ? [board] : []), ...early, telling],
      checkpoint: {
        folder: folder.path,
        every: flags.checkpointEvery,
        best: monitor,
      },
      precision: flags.precision,
      resume: resumed?.checkpoint,
      anomaly: flags.anomaly,
    });
    // For the test and the file of the model; checkpoints have both.
    ema?.swap();
  } catch (error) {
    // Data or a model that changed since, and a disk that is full.
    if (error instanceof AnomalyError) asUserError(error);
    if (/^(resume|checkpoint): /.test((error as Error).message)) asUserError(error as Error);
    throw error;
  } finally {
    shown.stop();
  }
  return { seconds: (performance.now() - began) / 1000, stopped };
}

/** Loss and accuracy on the test images, or null where Ctrl-C came first. */
async function testOf({ task, shown, signal }: Run): Promise<Result['test']> {
  const { model, splits, loss, input } = task;
  const data = splits.test!;
  shown.say(`testing on ${grouped(data.length)} ${input ? 'images' : 'examples'}`);
  const { count, ...means } = await evaluate(model, data, { signal, loss });
  return count < data.length ? null : { ...means, images: count };
}
