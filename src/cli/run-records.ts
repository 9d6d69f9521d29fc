// What the folder of a run holds: its records, its report, and what its model file says.
import { existsSync } from 'node:fs';
import { open, readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type Report, type RunLine, reportOf } from '../train/report.ts';
import { UserError } from './errors.ts';
import { isTrial, trialLines } from './trial-records.ts';

/** The path of a file that the folder of a run has to hold. Throws a UserError where it does not. */
export function fileOf(folder: string, name: string): string {
  const path = join(folder, name);
  if (!existsSync(folder)) throw new UserError(`${folder}: there is no such folder`);
  if (!existsSync(path)) throw new UserError(`${folder}: expected the folder of a run, found no ${name} in it`);
  return path;
}

/** The path of the model in the folder of a run or of a trial of a search. Throws a UserError where there is none. */
export async function modelFileOf(folder: string): Promise<string> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const kept = names.find((name) => /^model-val.*\.safetensors$/.test(name));
  if (kept && !names.includes('model.safetensors')) return join(folder, kept);
  if (names.includes('search.json')) throw new UserError(`${folder}: holds a search; name one of its trials`);
  return fileOf(folder, 'model.safetensors');
}

/** The lines of a run's metrics.jsonl. Throws a UserError where the folder holds no run. */
export async function linesOf(folder: string): Promise<RunLine[]> {
  const path = fileOf(folder, 'metrics.jsonl');
  const text = await readFile(path, 'utf8').catch((error) => {
    throw new UserError(`${path}: cannot be read (${error.message})`);
  });
  const rows = text.split('\n');
  return rows.flatMap((row, i): RunLine[] => {
    if (row.trim() === '') return [];
    try {
      const line = JSON.parse(row);
      if (typeof line?.kind === 'string') return [line];
    } catch {
      // A run that was killed may have left its last line unfinished.
      if (i === rows.length - 1) return [];
    }
    throw new UserError(`${path}: line ${i + 1} is no record of a run`);
  });
}

/** The report of a run from its folder. Throws a UserError where it holds no run. */
export async function readRun(folder: string): Promise<Report> {
  const lines = isTrial(folder) ? await trialLines(folder) : await linesOf(folder);
  if (!lines.some(({ kind }) => kind === 'step'))
    throw new UserError(`${join(folder, 'metrics.jsonl')}: holds no training step`);
  // A trial's lines say what it was asked for.
  const flags = await flagsIn(join(folder, 'model.safetensors'));
  return reportOf(lines, { title: basename(resolve(folder)), flags });
}

/** Bytes of a header that is believed. */
const HEADER = 10_000_000;

/** What a model file says of its training: the metadata of its header. Empty where there is no such file. */
async function flagsIn(path: string): Promise<Record<string, string>> {
  if (!existsSync(path)) return {};
  const file = await open(path);
  try {
    const start = new DataView(new ArrayBuffer(8));
    await file.read(start, 0, 8, 0);
    const length = Number(start.getBigUint64(0, true));
    const header = new Uint8Array(Math.min(length, HEADER));
    await file.read(header, 0, header.length, 8);
    return JSON.parse(new TextDecoder().decode(header)).__metadata__ ?? {};
  } catch {
    throw new UserError(`${path}: expected a model in the safetensors format`);
  } finally {
    await file.close();
  }
}
