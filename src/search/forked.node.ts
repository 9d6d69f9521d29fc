// Trials as Node processes of their own: several run side by side, and one that crashes takes nothing along (Node only).
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { manualSeed } from '../tensor/random.ts';
import { writeCheckpoint } from './folder.node.ts';
import type { Params, Space } from './space.ts';
import type { Trial, TrialContext, TrialReport, TrialResult } from './trial.ts';

/** To the child: what to try. */
interface Task {
  params: Params;
  context: Omit<TrialContext, 'report' | 'signal'>;
}
/** From the child: reports, and one of the others at the end. */
type Told = { report: TrialReport } | { result: TrialResult } | { error: string };

/** Characters of a child's stderr that are kept for the message about its end. */
const STDERR = 2000;

/**
 * A trial that runs `script` in a process of its own: a Node script that calls serveTrial(). The process is killed where the
 * trial is hopeless or the search ends. Throws what the trial throws, and the last line of stderr of a process that died.
 */
export function forked<S extends Space = Space>(script: string | URL, args: readonly string[] = []): Trial<S> {
  const run = async (params: Params<S>, { report, signal, ...context }: TrialContext): Promise<TrialResult> => {
    signal.throwIfAborted();
    // The advanced serialization keeps NaN.
    const child = fork(script, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], serialization: 'advanced' });
    const kill = () => child.kill();
    signal.addEventListener('abort', kill, { once: true });
    try {
      return await outcome(child, { params, context }, report);
    } finally {
      signal.removeEventListener('abort', kill);
    }
  };
  return Object.assign(run, { apart: true });
}

function outcome(child: ChildProcess, task: Task, report: (report: TrialReport) => void): Promise<TrialResult> {
  let end: TrialResult | string | undefined;
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR);
  });
  child.on('message', (told: Told) => {
    if ('report' in told) report(told.report);
    else end = 'result' in told ? told.result : told.error;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (typeof end === 'object') return resolve(end);
      const last = stderr.trimEnd().split('\n').at(-1);
      reject(new Error(end ?? `its process ended with ${signal ?? `code ${code}`}${last ? `: ${last}` : ''}`));
    });
    // A child that died before it was told ends in 'close'.
    child.send(task, () => {});
  });
}

/**
 * The other end of forked(): waits for values, runs the trial, writes the model that it gives into its folder, and leaves.
 * Ctrl-C in the terminal is the search's business; where the search has died, so does this process.
 */
export async function serveTrial<S extends Space = Space>(trial: Trial<S>): Promise<never> {
  if (!process.send) throw new Error('serveTrial: expected to run in a process that forked() started');
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit(1));
  const tell = (told: Told) => new Promise<void>((done) => process.send!(told, undefined, undefined, () => done()));
  const [{ params, context }] = (await once(process, 'message')) as [Task];
  manualSeed(context.seed);
  try {
    const report = (report: TrialReport) => void tell({ report });
    const result = await trial(params as Params<S>, { ...context, report, signal: new AbortController().signal });
    const { score, state, metadata } = result;
    const keep = state && context.folder !== null && Number.isFinite(score);
    const checkpoint = keep ? await writeCheckpoint(context.folder!, score, state, metadata) : result.checkpoint;
    await tell({ result: { score, ...(checkpoint && { checkpoint }) } });
  } catch (error) {
    await tell({ error: error instanceof Error ? error.message : String(error) });
  }
  process.exit(0);
}
