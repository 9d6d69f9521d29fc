// `downhill compare`: several runs on one page, from what their folders hold.
import { existsSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { type Report, type RunLine, reportOf } from '../train/report.ts';
import { compareHtml, type NamedRun } from '../train/report-compare.ts';
import { UserError } from './errors.ts';

const help = `
The page shows the losses and accuracies of all runs on the same axes, their results side by side, the flags that are not
the same in all, and what the curves say of each. A run is a folder that \`downhill train\` wrote.

Examples:
  $ downhill compare runs/mnist-20261121-213005 runs/mnist-20261121-220410
  $ downhill compare runs/* --out sweep.html`;

export function addCompare(program: Command): void {
  program
    .command('compare')
    .description('Put several training runs on one page.')
    .argument('<runs...>', 'folders of runs, two or more')
    .option('--out <file>', 'the page', 'compare.html')
    .addHelpText('after', help)
    .action(compare);
}

async function compare(folders: string[], { out }: { out: string }): Promise<void> {
  const paths = [...new Map(folders.map((folder) => [resolve(folder), folder])).values()];
  if (paths.length < 2) throw new UserError(`expected at least two folders of runs, got ${paths.join(', ')}`);
  const reports = await Promise.all(paths.map(readRun));
  const runs: NamedRun[] = namesOf(paths).map((name, i) => ({ name, report: reports[i] }));
  await writeFile(out, compareHtml(runs)).catch((error) => {
    throw new UserError(`--out: cannot write ${out} (${error.message})`);
  });
  console.log(`wrote ${out}, of ${runs.length} runs`);
}

/** The last parts of paths, as many as it takes to tell them apart. */
function namesOf(paths: string[]): string[] {
  const parts = paths.map((path) => resolve(path).split(/[/\\]/));
  for (let n = 1; ; n++) {
    const names = parts.map((all) => all.slice(-n).join('/'));
    if (new Set(names).size === names.length || n > 64) return names;
  }
}

/** The report of a run from its folder. Throws a UserError where it holds no run. */
export async function readRun(folder: string): Promise<Report> {
  const path = join(folder, 'metrics.jsonl');
  if (!existsSync(folder)) throw new UserError(`${folder}: there is no such folder`);
  if (!existsSync(path)) throw new UserError(`${folder}: expected the folder of a run, found no metrics.jsonl in it`);
  const text = await readFile(path, 'utf8').catch((error) => {
    throw new UserError(`${path}: cannot be read (${error.message})`);
  });
  const rows = text.split('\n');
  const lines = rows.flatMap((row, i): RunLine[] => {
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
  if (!lines.some(({ kind }) => kind === 'step')) throw new UserError(`${path}: holds no training step`);
  return reportOf(lines, { title: basename(resolve(folder)), flags: await flagsIn(join(folder, 'model.safetensors')) });
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
