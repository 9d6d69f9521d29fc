// What it takes to go on with a run: what it was asked for, its records so far, and its checkpoint.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeCheckpoint } from '../train/checkpoint.ts';
import type { RunLine } from '../train/report.ts';
import { UserError } from './errors.ts';
import { linesOf } from './run-records.ts';

/** What a run was asked for: noted with it, so that it can be gone on with. */
export interface Asked<Flags> {
  what: string;
  flags: Flags;
}

export interface Resumed<Flags> {
  asked: Asked<Flags>;
  /** The records up to the checkpoint. */
  lines: RunLine[];
  checkpoint: Uint8Array;
  /** Epochs that were finished. */
  epochs: number;
}

/** Reads a run's folder. Throws a UserError where it holds no run that could be gone on with. */
export async function readResumed<Flags>(folder: string): Promise<Resumed<Flags>> {
  const lines = await linesOf(folder);
  const run = lines.findLast(({ kind }) => kind === 'run') as { asked?: Asked<Flags> } | undefined;
  const path = join(folder, 'last.safetensors');
  if (!run?.asked) throw new UserError(`${folder}: its metrics.jsonl does not say what the run was asked for`);
  if (!existsSync(path))
    throw new UserError(`${folder}: holds no last.safetensors: the run ended before its first checkpoint`);
  const checkpoint = await readFile(path);
  try {
    const { step, history } = decodeCheckpoint(checkpoint).training;
    return { asked: run.asked, lines: lines.filter(upTo(step, history.length)), checkpoint, epochs: history.length };
  } catch (error) {
    throw new UserError(`${path}: ${(error as Error).message}`);
  }
}

/** Records that a checkpoint knows of; the filters of its step are written again by whoever goes on. */
const upTo = (step: number, epochs: number) => (line: RunLine) => {
  if (line.kind === 'step' || line.kind === 'probe') return line.step <= step;
  if (line.kind === 'filters') return line.step < step;
  if (line.kind === 'epoch') return line.epoch <= epochs;
  return line.kind === 'run';
};
