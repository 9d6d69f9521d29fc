// `npm run mutants`: alters the WGSL one place at a time and runs the kernel cases, which must notice.
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import type { Case } from '../../src/check/case.ts';
import { cases } from '../../src/check/cases/index.ts';
import { positive, wholeFrom } from '../../src/cli/options.ts';
import { barLook } from '../../src/cli/progress.ts';
import { shuffled } from '../../src/tensor/random.ts';
import { type Run, wayText } from './bench.ts';
import { type Equivalent, listed } from './equivalent.ts';
import { type Mutant, mutantsOf, type Use, useName } from './mutant.ts';
import { Pool } from './pool.ts';
import { formatOutcomes, type Outcome, score } from './report.ts';
import { serve } from './worker.ts';

interface Flags {
  sample?: number;
  seed: number;
  budget?: number;
  file?: string[];
  op?: string[];
  least: number;
  equivalent?: boolean;
  large: boolean;
  json?: string;
  after?: string;
  jobs: number;
  patience: number;
}

/** The share of mutants that must be caught. */
const NEEDED = 0.95;

/** Seconds between lines about the progress, where there is no bar. */
const LINE_SECONDS = 30;

const cores = availableParallelism();

const help = `
A mutant is caught when a case fails on it. Leaves with 0 where ${100 * NEEDED} % of those that were tried are caught,
or what --least says, else with 1. Ctrl-C stops it, and it reports what was tried. Those that no input can tell from the
code as it is are listed in tools/mutants/equivalent.txt. What survives where threads share memory is tried once more with
the last threads first, which shows races that their usual order hides.

Examples:
  $ npm run mutants                                        all of them
  $ npm run mutants -- --file conv2d.wgsl                  a shader
  $ npm run mutants -- --after a.json --json b.json        the rest of a run that was stopped
  $ npm run mutants -- --op gelu geluGrad                  the expressions of two ops
  $ npm run mutants -- --sample 150 --seed 1 --budget 90   some, for 90 seconds`;

if (process.argv[2] === 'worker') serve();
else {
  await new Command('mutants')
    .description('Alter the kernels one place at a time, and see whether their cases notice.')
    .option('--sample <count>', 'try so many, drawn at random', wholeFrom(1))
    .option('--seed <seed>', 'which ones are drawn', wholeFrom(0), 0)
    .option('--budget <seconds>', 'stop then, and report what was tried', positive)
    .option('--file <name...>', 'code of these shader files, or other files of the report')
    .option('--op <name...>', 'code of these ops: that in their preambles, or else the shaders they run')
    .option('--least <percent>', 'share that must be caught; a small sample may have bad luck', positive, 100 * NEEDED)
    .option('--equivalent', 'try those listed as equivalent too; one that is caught is an error')
    .option('--no-large', 'leave out the cases marked large, as with --sample or --budget; else they come last')
    .option('--json <path>', 'write the outcome of each mutant to a file')
    .option('--after <path>', 'take over what such a file says was caught, and try the others')
    .option('--jobs <count>', 'processes', wholeFrom(1), Math.max(1, cores >> 1))
    .option('--patience <seconds>', 'silence after which a process is taken to hang', positive, 10)
    .addHelpText('after', help)
    .action(run)
    .parseAsync();
}

async function run(flags: Flags): Promise<void> {
  const begin = performance.now();
  const seconds = () => (performance.now() - begin) / 1000;
  // For lavapipe, which takes a thread for each core in each process, and compiles large kernels for seconds, most of it
  // to make them faster than a few small cases need.
  const threads = String(Math.max(1, Math.floor(cores / flags.jobs)));
  const env = { LP_NUM_THREADS: threads, GALLIVM_PERF: 'nopt', ...process.env };
  const pool = new Pool({ script: process.argv[1], jobs: flags.jobs, patience: flags.patience, env });
  try {
    const runs = await scan(pool, flags);
    const all = mutantsOf(runs.flatMap(({ uses }) => uses));
    console.log(`${runs.length} runs of cases, ${all.length} mutants, ${seconds().toFixed(1)} s`);
    const { equal, known, stale } = listed(all);
    const earlier = flags.after ? earlierOf(JSON.parse(await readFile(flags.after, 'utf8')), all) : new Map();
    const isOpen = (mutant: Mutant) => flags.equivalent || !equal.has(mutant);
    // Those that survived before take the longest.
    const rank = (mutant: Mutant) => Number(earlier.get(mutant)?.state === 'survived');
    const left = all
      .filter((mutant) => !isSettled(earlier.get(mutant)) && wanted(mutant, flags, runs) && isOpen(mutant))
      .sort((a, b) => rank(a) - rank(b));
    const chosen =
      flags.sample || flags.budget
        ? [...shuffled(left.length, { seed: flags.seed, stream: 0 })].slice(0, flags.sample).map((i) => left[i])
        : left;
    await pool.greet({ begin: runs.filter(({ fault }) => fault === null) });
    let stopped = false;
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.once(signal, () => {
        stopped = true;
      });
    }
    const large = flags.large && !flags.sample && !flags.budget;
    const tried = await tryAll(
      pool,
      chosen,
      large,
      () => !stopped && seconds() < (flags.budget ?? Number.POSITIVE_INFINITY),
    );
    const outcomes = all.map((mutant): Outcome => {
      const outcome = tried.get(mutant) ?? earlier.get(mutant);
      const isEqual = equal.has(mutant) && outcome?.state !== 'caught';
      return {
        ...mutant,
        why: known.get(mutant),
        ...(isEqual ? { state: 'equivalent', how: '' } : (outcome ?? { state: 'untried', how: '' })),
      };
    });
    if (flags.json) await writeFile(flags.json, JSON.stringify({ seconds: seconds(), outcomes }, null, 1));
    console.log(formatOutcomes(outcomes));
    const settled = [...earlier.values()].filter(isSettled).length;
    const taken = settled > 0 ? `, ${settled} taken over` : '';
    const caught = `${(100 * score(outcomes)).toFixed(1)} % caught`;
    console.log(`${tried.size} tried in ${seconds().toFixed(1)} s${taken}: ${caught}`);
    const wrong = outcomes.filter(({ state }, i) => equal.has(all[i]) && state === 'caught');
    const faults = [
      ...runs.filter(({ fault }) => fault !== null).map((one) => `fails unaltered: ${titleOf(one)}: ${one.fault}`),
      // Of some ops alone, nothing is known about the code of others.
      ...(flags.op ? [] : stale).map(
        ({ file, text, mutated }: Equivalent) => `finds no mutant: ${file}: ${text} -> ${mutated}`,
      ),
      ...wrong.map(({ id, how }) => `is listed as equivalent and was caught: ${id} by ${how}`),
    ];
    for (const fault of faults) console.log(fault);
    process.exitCode = faults.length > 0 || 100 * score(outcomes) < flags.least ? 1 : 0;
  } finally {
    pool.close();
  }
}

/** What an earlier run made of the mutants there are now: those whose function and line are as they were. */
function earlierOf({ outcomes }: { outcomes: Outcome[] }, mutants: Mutant[]): Map<Mutant, Tried> {
  const name = ({ file, key }: Mutant) => `${file}|${key}`;
  const known = new Map(outcomes.map((outcome) => [name(outcome), outcome]));
  return new Map(
    mutants.flatMap((mutant) => {
      const outcome = known.get(name(mutant));
      const wasTried = outcome && outcome.state !== 'untried' && outcome.state !== 'equivalent';
      return wasTried ? [[mutant, { state: outcome.state, how: outcome.how }] as const] : [];
    }),
  );
}

function isSettled(outcome?: Tried): boolean {
  return outcome?.state === 'caught' || outcome?.state === 'invalid';
}

function titleOf({ item, ...way }: Run): string {
  return `${cases[item].op}, ${cases[item].title}, ${wayText(way)}`;
}

/** Runs the cases once, unaltered: all but those marked large, or those of the ops that are asked for. */
async function scan(pool: Pool, { op: ops }: Flags): Promise<Run[]> {
  const isWanted = ({ op, refuses, large }: Case) => !refuses && !large && (!ops || ops.includes(op));
  const items = cases.flatMap((one, item) => (isWanted(one) ? [item] : []));
  const found = new Map<number, Run[]>();
  await pool.each(
    items,
    (item) => ({ scan: item }),
    (item, answer) => {
      if (!('scanned' in answer)) {
        throw new Error(`${cases[item].op}, ${cases[item].title}: ${JSON.stringify(answer)}`);
      }
      found.set(item, answer.scanned);
    },
  );
  // One object for each use, so that it goes to the children once.
  const known = new Map<string, Use>();
  const intern = (use: Use): Use => {
    const name = useName(use);
    if (!known.has(name)) known.set(name, use);
    return known.get(name)!;
  };
  const runs = items.flatMap((item) => found.get(item)!);
  return runs.map((one) => ({ ...one, uses: one.uses.map(intern) }));
}

/** Whether the options ask for a mutant. */
function wanted(mutant: Mutant, { file, op }: Flags, runs: Run[]): boolean {
  if (file && !file.includes(mutant.file)) return false;
  if (!op) return true;
  if (mutant.op !== null) return op.includes(mutant.op);
  // Ops that bring code of their own share the rest with many.
  const uses = runs.flatMap(({ uses }) => uses).filter((use) => op.includes(use.op));
  return uses.some(({ shader }) => shader.file === mutant.file && !/\bfn\b/.test(shader.preamble ?? ''));
}

type Tried = Pick<Outcome, 'state' | 'how'>;

/** Tries mutants as long as `goOn` holds; `large`: those that survive on the cases marked large, too. */
async function tryAll(pool: Pool, mutants: Mutant[], large: boolean, goOn: () => boolean): Promise<Map<Mutant, Tried>> {
  const tried = new Map<Mutant, Tried>();
  const bar = new SingleBar({ ...barLook, format: '{bar} {value}/{total} mutants, {survived} survived  {file}' });
  if (process.stderr.isTTY) bar.start(mutants.length, 0, { survived: 0, file: '' });
  function* next(): Generator<Mutant> {
    for (const mutant of mutants) if (goOn()) yield mutant;
  }
  let survived = 0;
  let said = performance.now();
  await pool.each(
    next(),
    (mutant) => ({ try: mutant, large }),
    (mutant, answer) => {
      if ('failed' in answer) throw new Error(`${mutant.id}: ${answer.failed}`);
      const outcome: Tried =
        'tried' in answer ? answer.tried : { state: 'caught', how: 'lost' in answer ? answer.lost : '' };
      tried.set(mutant, outcome);
      if (outcome.state === 'survived') survived++;
      bar.update(tried.size, { survived, file: mutant.file });
      if (process.stderr.isTTY || performance.now() - said < 1000 * LINE_SECONDS) return;
      said = performance.now();
      console.log(`${tried.size} of ${mutants.length} tried, ${survived} survived`);
    },
  );
  bar.stop();
  return tried;
}
