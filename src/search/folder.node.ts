// The folder of a search: search.json, and a folder for each trial with its values, metrics, checkpoint and result (Node only).
import { appendFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, writeWhole } from '../io/files.node.ts';
import { encodeSafetensors } from '../io/safetensors.ts';
import type { HostTensor } from '../nn/module.ts';
import type { Space } from './space.ts';
import type { Draw, SearchPlan, TrialRecord, TrialReport, TrialStore } from './trial.ts';

const PLAN = 'search.json';
const RESULT = 'result.json';
const PARAMS = 'params.json';
const METRICS = 'metrics.jsonl';
const FAILURE = 'error.txt';

/** The name of a trial's folder: trial-0007. */
export const trialFolder = (trial: number): string => `trial-${String(trial).padStart(4, '0')}`;

/** A score in a file's name: four decimals, or powers of ten where those would say nothing. */
const scoreText = (score: number): string =>
  score !== 0 && (Math.abs(score) < 1e-3 || Math.abs(score) >= 1e6) ? score.toExponential(3) : score.toFixed(4);

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** Writes a model into a trial's folder, named with its validation score: `model-val0.9812.safetensors`. Gives the name. */
export async function writeCheckpoint(
  folder: string,
  score: number,
  state: Record<string, HostTensor>,
  metadata: Record<string, string> = {},
): Promise<string> {
  const name = `model-val${scoreText(score)}.safetensors`;
  await writeWhole(join(folder, name), encodeSafetensors(state, { ...metadata, validation: String(score) }));
  return name;
}

/** A file's JSON, undefined where there is no such file. Throws an Error that names a file which is not JSON. */
async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${path}: not JSON (${(error as Error).message})`);
  }
}

/** The plan and the finished trials of a search's folder. Throws an Error where there is no search. */
export async function readSearch(path: string): Promise<{ plan: SearchPlan; trials: TrialRecord[] }> {
  const plan = (await readJson(join(path, PLAN))) as SearchPlan | undefined;
  if (!plan) throw new Error(`${path}: there is no search here (no ${PLAN})`);
  const folders = (await readdir(path)).filter((name) => /^trial-\d{4,}$/.test(name));
  const records = await Promise.all(folders.map((name) => readJson(join(path, name, RESULT))));
  const trials = (records as (TrialRecord | undefined)[]).filter((record) => record !== undefined);
  return { plan, trials: trials.toSorted((a, b) => a.trial - b.trial) };
}

/**
 * Keeps a search on disk. Each trial has a folder with params.json, metrics.jsonl (a line per report), its checkpoint and, last
 * of all and whole, result.json: a trial without one is made again. A failed trial leaves error.txt instead.
 */
export class SearchFolder implements TrialStore {
  readonly path: string;
  /** Whether a search that is there may go on; without it, one that is there is an error. */
  readonly resume: boolean;

  constructor(path: string, { resume = false } = {}) {
    this.path = path;
    this.resume = resume;
  }

  /**
   * Makes the folder, or opens it to go on. Throws an Error where it holds a search and `resume` is off, or another search
   * than this plan: it may differ in the number of trials alone, of a random search with one stage.
   */
  async open(plan: SearchPlan): Promise<TrialRecord[]> {
    await makeFolder(this.path);
    if ((await readJson(join(this.path, PLAN))) === undefined) {
      await writeWhole(join(this.path, PLAN), json(plan));
      return [];
    }
    if (!this.resume) throw new Error(`${this.path} holds a search already: resume it, or name another folder`);
    const { plan: there, trials } = await readSearch(this.path);
    const growing = plan.stages === 1 && plan.strategy === 'random';
    for (const key of Object.keys(plan) as (keyof SearchPlan)[]) {
      const [old, wanted] = [there, plan].map((which) => JSON.stringify(which[key]));
      if (old !== wanted && !(key === 'trials' && growing)) {
        throw new Error(`${this.path} holds a search with other ${key}: ${old} there, ${wanted} here`);
      }
    }
    if (there.trials !== plan.trials) await writeWhole(join(this.path, PLAN), json(plan));
    return trials.filter(({ trial }) => trial <= plan.trials);
  }

  /** In stage-2.json and on: a failed trial of the stage before that is made again later does not move the ranges. */
  async stage(stage: number, space: Space): Promise<Space> {
    if (stage === 1) return space;
    const path = join(this.path, `stage-${stage}.json`);
    const kept = (await readJson(path)) as Space | undefined;
    if (!kept) await writeWhole(path, json(space));
    return kept ?? space;
  }

  async begin(draw: Draw): Promise<string> {
    const folder = this.folderOf(draw.trial);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    await writeFile(join(folder, PARAMS), json(draw));
    return folder;
  }

  report(trial: number, report: TrialReport): void {
    appendFileSync(join(this.folderOf(trial), METRICS), `${JSON.stringify(report)}\n`);
  }

  checkpoint(
    trial: number,
    score: number,
    state: Record<string, HostTensor>,
    metadata?: Record<string, string>,
  ): Promise<string> {
    return writeCheckpoint(this.folderOf(trial), score, state, metadata);
  }

  async finish(record: TrialRecord): Promise<void> {
    const folder = this.folderOf(record.trial);
    if (record.status === 'failed') await writeFile(join(folder, FAILURE), `${record.reason}\n`);
    else await writeWhole(join(folder, RESULT), json(record));
  }

  private folderOf(trial: number): string {
    return join(this.path, trialFolder(trial));
  }
}
