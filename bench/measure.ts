// Runs workloads: every library in a process of its own, checked against float64, then timed by turns.
import type { InitOptions } from 'downhill';
import { compare } from './check.ts';
import { Unable } from './libraries/library.ts';
import type { Peaks } from './peaks.ts';
import { type Command, type Counts, type LibraryName, type Opened, type Sample, Session } from './session.ts';
import { dataFor, type SentData, sent } from './workloads/data.ts';
import type { Workload } from './workloads/workload.ts';

/** Median and quartiles, in milliseconds. */
export interface Spread {
  median: number;
  low: number;
  high: number;
}

export type Timed = Counts & {
  status: 'ok';
  /** The first step with all compilation, in a fresh process without kept shaders. */
  firstMs: number;
  /** A step among others. */
  step: Spread;
  /** A step that is waited for. */
  alone: Spread;
  /** JavaScript of a step, until its commands are handed over. */
  js: Spread;
  samples: number;
  /** Largest error found in the check of values, and the limit, in the words of check.ts. */
  error: string;
};

export type Measured = Timed | { status: 'unable' | 'wrong' | 'failed'; reason: string };

export interface Row {
  workload: Pick<Workload, 'id' | 'title' | 'group' | 'flops' | 'bytes'>;
  libraries: Partial<Record<LibraryName, Measured>>;
}

export interface Options {
  adapter: InitOptions['adapter'];
  libraries: LibraryName[];
  /** Seconds of timed steps for each workload and library. */
  budget: number;
  /** Most samples of a library. */
  samples: number;
  mnist?: string;
  /** Starts the process of a library. */
  command: (library: LibraryName) => Command;
  say: (line: string) => void;
}

/** A sample of many steps takes about this long: waiting for it is then a small part. */
const SAMPLE_MS = 60;
const MOST_INNER = 200;
const MOST_WARM_UPS = 40;
const WARM_UP_SECONDS = 10;

const quantile = (sorted: number[], q: number) => {
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  return sorted[below] + (at - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
};

export function spreadOf(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

/** A library that passed the check of a workload and waits to be timed. */
interface Ready {
  name: LibraryName;
  session: Session;
  inner: number;
  samples: Sample[];
  timed: Timed;
}

/** The adapter's peaks, and what is to be measured on, as downhill opened it. */
export async function openAdapter({ adapter, command }: Options): Promise<{ opened: Opened; peaks: Peaks }> {
  const session = new Session(command('downhill'));
  try {
    const opened = await session.request({ do: 'open', library: 'downhill', adapter });
    return { opened, peaks: await session.request({ do: 'peaks' }) };
  } finally {
    await session.close();
  }
}

/** Values of a workload in float64. */
async function reference(workload: Workload, data: SentData | null, { command }: Options) {
  const session = new Session(command('reference'));
  try {
    await session.request({ do: 'open', library: 'reference', adapter: undefined });
    await session.request({ do: 'prepare', workload: workload.id, spec: workload, data });
    return await session.request({ do: 'values', workload: workload.id });
  } finally {
    await session.close();
  }
}

/** One workload on all libraries. */
export async function measure(workload: Workload, options: Options, versions: Record<string, string>): Promise<Row> {
  const { libraries, budget, samples, say } = options;
  const data = workload.kind === 'train' ? sent(await dataFor(workload, options.mnist)) : null;
  const wanted = await reference(workload, data, options);
  const row: Row = { workload: pick(workload), libraries: {} };
  const ready: Ready[] = [];
  try {
    for (const name of libraries) {
      const session = new Session(options.command(name));
      const outcome = await begin(name, session, workload, data, wanted, options, versions);
      row.libraries[name] = outcome;
      if (outcome.status === 'ok') ready.push({ name, session, inner: 1, samples: [], timed: outcome });
      else {
        await session.close();
        say(`  ${name}: ${outcome.status}: ${outcome.reason.split('\n')[0]}`);
      }
    }
    await time(ready, row, budget, samples);
  } finally {
    await Promise.all(ready.map(({ session }) => session.close()));
  }
  return row;
}

const pick = ({ id, title, group, flops, bytes }: Workload) => ({ id, title, group, flops, bytes });

/** Opens a library, runs the first step, and checks the values. */
async function begin(
  name: LibraryName,
  session: Session,
  workload: Workload,
  data: SentData | null,
  wanted: Record<string, number[]>,
  { adapter }: Options,
  versions: Record<string, string>,
): Promise<Measured> {
  try {
    const { version } = await session.request({ do: 'open', library: name, adapter });
    versions[name] = version;
    const { firstMs } = await session.request({ do: 'prepare', workload: workload.id, spec: workload, data });
    const found = await session.request({ do: 'values', workload: workload.id });
    const { wrong, error } = compare(workload, found, wanted);
    if (wrong) return { status: 'wrong', reason: wrong };
    const none = { median: 0, low: 0, high: 0 };
    const counts = await session.request({ do: 'counts' });
    return { status: 'ok', firstMs, error, ...counts, step: none, alone: none, js: none, samples: 0 };
  } catch (error) {
    const status = error instanceof Unable ? 'unable' : 'failed';
    return { status, reason: (error as Error).message };
  }
}

/** Samples that are thrown away, until they get no shorter; they tell how many steps make one of about SAMPLE_MS. */
async function warmUp(one: Ready): Promise<void> {
  const until = performance.now() + 1000 * WARM_UP_SECONDS;
  let best = Number.POSITIVE_INFINITY;
  let still = 0;
  for (let i = 0; i < MOST_WARM_UPS && (i === 0 || performance.now() < until); i++) {
    const { ms } = await one.session.request({ do: 'sample', inner: one.inner });
    still = ms < 0.9 * best ? 0 : still + 1;
    best = Math.min(best, ms);
    if (still < 3) continue;
    if (best * one.inner >= SAMPLE_MS / 2 || one.inner === MOST_INNER) break;
    one.inner = Math.ceil(Math.min(MOST_INNER, SAMPLE_MS / best, one.inner * 8));
    best = Number.POSITIVE_INFINITY;
    still = 0;
  }
}

/** Samples by turns until each library has had its budget. */
async function time(ready: Ready[], row: Row, budget: number, most: number): Promise<void> {
  const left = new Set(ready);
  const drop = (one: Ready, reason: string) => {
    row.libraries[one.name] = { status: 'failed', reason };
    left.delete(one);
  };
  for (const one of ready) {
    try {
      await warmUp(one);
    } catch (error) {
      drop(one, (error as Error).message);
    }
  }
  const spent = new Map(ready.map((one) => [one, 0]));
  while (left.size > 0) {
    for (const one of [...left]) {
      const began = performance.now();
      try {
        one.samples.push(await one.session.request({ do: 'sample', inner: one.inner }));
      } catch (error) {
        drop(one, (error as Error).message);
        continue;
      }
      const total = spent.get(one)! + (performance.now() - began) / 1000;
      spent.set(one, total);
      if (one.samples.length >= most || (total >= budget && one.samples.length >= 3)) left.delete(one);
    }
  }
  for (const { name, samples, timed, session } of ready) {
    if (row.libraries[name]?.status !== 'ok') continue;
    const part = (key: keyof Sample) => spreadOf(samples.map((sample) => sample[key]));
    const counts = await session.request({ do: 'counts' });
    row.libraries[name] = {
      ...timed,
      ...counts,
      ...{ step: part('ms'), alone: part('alone'), js: part('js'), samples: samples.length },
    };
  }
}
