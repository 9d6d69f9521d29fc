// `downhill compare`: several runs on one page, from what their folders hold.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { compareHtml, type NamedRun } from '../train/report-compare.ts';
import { UserError } from './errors.ts';
import { writeOut } from './out.ts';
import { readRun } from './run-records.ts';

const help = `
The page shows the losses and accuracies of all runs on the same axes, their results side by side, the flags that are not
the same in all, and what the curves say of each. A run is a folder that \`downhill train\` wrote, or that of a trial which
\`downhill search\` made.

Examples:
  $ downhill compare runs/mnist-20261121-213005 runs/mnist-20261121-220410
  $ downhill compare runs/* --out sweep.html
  $ downhill compare runs/search/trial-0003 runs/search/trial-0007
  $ downhill compare runs/a runs/b --json`;

export function addCompare(program: Command): void {
  program
    .command('compare')
    .description('Put several training runs on one page.')
    .argument('<runs...>', 'folders of runs, two or more')
    .option('--out <file>', 'the page', 'compare.html')
    .option('--json', 'print the result of each run as JSON')
    .addHelpText('after', help)
    .action(compare);
}

async function compare(folders: string[], { out, json }: { out: string; json?: boolean }): Promise<void> {
  const paths = [...new Map(folders.map((folder) => [resolve(folder), folder])).values()];
  if (paths.length < 2) throw new UserError(`expected at least two folders of runs, got ${paths.join(', ')}`);
  const reports = await Promise.all(paths.map(readRun));
  const runs: NamedRun[] = namesOf(paths).map((name, i) => ({ name, report: reports[i] }));
  await writeOut(out, compareHtml(runs));
  if (!json) return console.log(`wrote ${out}, of ${runs.length} runs`);
  const results = runs.map(({ report: { title, device, flags, steps, epochs, test, seconds } }, i) => ({
    ...{ folder: paths[i], title, device, flags, steps: steps.at(-1)?.step ?? 0, seconds, epochs, test },
  }));
  console.log(JSON.stringify({ page: out, runs: results }, null, 2));
}

/** The last parts of paths, as many as it takes to tell them apart. */
function namesOf(paths: string[]): string[] {
  const parts = paths.map((path) => resolve(path).split(/[/\\]/));
  for (let n = 1; ; n++) {
    const names = parts.map((all) => all.slice(-n).join('/'));
    if (new Set(names).size === names.length || n > 64) return names;
  }
}
