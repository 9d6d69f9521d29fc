// What a trial of a search noted, as the records of a run, so that trials can be put beside runs.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { SearchPlan, TrialRecord, TrialReport } from '../search/trial.ts';
import type { RunLine } from '../train/report.ts';
import { nameOf } from './datasets.ts';
import { UserError } from './errors.ts';

/** Whether a folder is that of a trial. */
export const isTrial = (folder: string): boolean => existsSync(join(folder, 'params.json'));

/**
 * The records that the reports of a trial in a search of the command stand for: a step for each cost, which is a mean since
 * the one before, and an epoch for each score. Throws a UserError where the trial is not finished, or of another search.
 */
export async function trialLines(folder: string): Promise<RunLine[]> {
  const search = join(resolve(folder), '..', 'search.json');
  if (!existsSync(search)) throw new UserError(`${folder}: a trial without its search: found no ${search}`);
  if (!existsSync(join(folder, 'result.json'))) {
    throw new UserError(`${folder}: expected a finished trial, found no result.json in it`);
  }
  const [plan, record, reports] = (await Promise.all([
    jsonOf(search),
    jsonOf(join(folder, 'result.json')),
    jsonOf(join(folder, 'metrics.jsonl'), (text) => `[${text.trimEnd().split('\n').join()}]`),
  ])) as [SearchPlan, TrialRecord, TrialReport[]];
  const { settings, goal } = plan;
  const first = reports.find(({ cost }) => cost !== undefined);
  if (!first || typeof settings.what !== 'string') {
    throw new UserError(`${folder}: expected a trial of downhill search, with its losses in metrics.jsonl`);
  }
  // The first report is of the first step.
  const perEpoch = Math.max(1, Math.round(1 / first.epoch));
  const last = Math.ceil(reports.at(-1)!.epoch);
  const chosen = Object.entries({ ...settings, ...record.params, seed: record.seed });
  const run: RunLine = {
    kind: 'run',
    title: `${nameOf(settings.what).toUpperCase()}: ${basename(resolve(folder))} of ${basename(dirname(search))}`,
    device: 'an unknown device',
    flags: Object.fromEntries(chosen.map(([name, value]) => [name, String(value)])),
    stepsPerEpoch: perEpoch,
  };
  const lines = reports.map(({ epoch, cost, score }): RunLine => {
    if (score === undefined) {
      const step = { step: Math.round(epoch * perEpoch), steps: perEpoch * last, epoch: Math.ceil(epoch) };
      const rates = { lr: Number(record.params.lr), imagesPerSecond: 0 };
      return { kind: 'step', ...step, ...rates, loss: cost ?? Number.NaN, accuracy: null };
    }
    const validation = {
      validationLoss: goal === 'min' ? score : null,
      validationAccuracy: goal === 'max' ? score : null,
    };
    const trained = { trainLoss: cost ?? Number.NaN, trainAccuracy: null };
    return { kind: 'epoch', epoch, ...trained, ...validation, seconds: record.seconds / last };
  });
  return [run, ...lines];
}

async function jsonOf(path: string, listed = (text: string) => text): Promise<unknown> {
  try {
    return JSON.parse(listed(await readFile(path, 'utf8')));
  } catch (error) {
    throw new UserError(`${path}: cannot be read (${(error as Error).message})`);
  }
}
