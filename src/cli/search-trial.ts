// One trial of `downhill search`: a task trained as `downhill train` does it, with values from the search, in a process of its own.
import { crossEntropy } from '../ops/index.ts';
import type { Params } from '../search/space.ts';
import type { TrialContext, TrialResult } from '../search/trial.ts';
import { checkData, checkTraining, taskOf } from '../train/batch.ts';
import { snapshot } from '../train/ensemble.ts';
import { fit } from '../train/fit.ts';
import { type CourseFlags, courseOf } from './course.ts';
import { UserError } from './errors.ts';
import { COMMON } from './recipe.ts';
import type { TrainFlags } from './run.ts';
import { metadataOf, type TaskFlags, withTask } from './task.ts';
import { isModulePath } from './user-module.ts';

/** What all trials of a search share. */
export interface TrialSettings
  extends Omit<TaskFlags, 'seed' | 'lr' | 'param' | 'params'>,
    CourseFlags,
    Pick<TrainFlags, 'epochs'> {
  /** What is trained on: a dataset, a folder or a module. */
  what: string;
  batch: number;
}

/** The flags of a trial: values of the search take the place of what all trials share. */
export function flagsOf(settings: TrialSettings, params: Params, seed: number): TrialSettings & TaskFlags {
  const own = Object.entries(params).filter(([name]) => !isModulePath(settings.what) || COMMON.includes(name));
  return { ...settings, ...Object.fromEntries(own), seed, params };
}

/**
 * Makes the task of a trial and looks at its data without training, so that what is wrong with it is said before there is any trial. Gives what
 * the score is to be: the largest accuracy where the task has one, else the smallest loss.
 */
export const goalOf = (settings: TrialSettings, params: Params): Promise<'max' | 'min'> =>
  withTask(settings.what, flagsOf(settings, params, 0), async (given) => {
    const { splits, model, loss = crossEntropy, optimizer } = given;
    const { train, validation } = splits;
    if (!validation?.length) {
      throw new UserError(
        `${settings.what}: a search needs data to validate with: export { train, validation } as data`,
      );
    }
    const trained = optimizer();
    courseOf(settings, given, trained);
    trained.dispose();
    // Two examples: batch norm makes nothing of one.
    const few = await train.batch(train.length > 1 ? [0, 1] : [0]);
    const task = taskOf('search', model, few, { loss });
    await checkTraining('search', train, task);
    await checkData('search: validation', validation, task);
    return task.classes === null ? 'min' : 'max';
  });

/** Passes over the data in a stage, whose trials train `effort` times longer than the first ones. */
export const epochsOf = ({ epochs }: TrialSettings, effort: number): number => Math.max(1, Math.round(epochs * effort));

/** Reports of the cost in an epoch. */
const REPORTS = 20;

/** Trains with these values; the score is the accuracy, or else the loss, of validation after the last epoch. */
export function trainTrial(settings: TrialSettings, params: Params, context: TrialContext): Promise<TrialResult> {
  const { effort, report, signal, seed } = context;
  const flags = flagsOf(settings, params, seed);
  return withTask(settings.what, flags, async (task) => {
    const { splits, model, trainingLoss, augment, optimizer } = task;
    const given = { ...flags, epochs: epochsOf(settings, effort) };
    const trained = optimizer();
    const { stepsPerEpoch: perEpoch, ...course } = courseOf(given, task, trained);
    const every = Math.max(1, Math.round(perEpoch / REPORTS));
    let costs: number[] = [];
    const epochs = await fit(model, {
      data: splits.train,
      validation: splits.validation,
      ...{ loss: trainingLoss, augment, signal, optimizer: trained, check: false },
      ...course,
      callbacks: [
        {
          onStep({ step, loss }) {
            costs.push(loss);
            // The first step alone, for it is what the others are measured by; no number at once.
            if (step > 1 && step % every > 0 && Number.isFinite(loss)) return;
            report({ epoch: step / perEpoch, cost: costs.reduce((a, b) => a + b) / costs.length });
            costs = [];
          },
          onEpoch: (epoch) => report({ epoch: epoch.epoch, cost: epoch.trainLoss, score: scoreOf(epoch) }),
        },
      ],
    });
    const last = epochs.at(-1);
    return { score: last ? scoreOf(last) : Number.NaN, state: await snapshot(model), metadata: metadataOf(task) };
  });
}

interface Validated {
  validationLoss: number | null;
  validationAccuracy: number | null;
}

const scoreOf = ({ validationAccuracy, validationLoss }: Validated): number =>
  validationAccuracy ?? validationLoss ?? Number.NaN;
