// One trial from its values to its record, and several at a time.
import { manualSeed, randomState, setRandomState } from '../tensor/random.ts';
import type { Space } from './space.ts';
import type { Draw, SearchPlan, Trial, TrialContext, TrialRecord, TrialReport, TrialStore } from './trial.ts';

interface Surroundings<S extends Space> {
  store?: TrialStore;
  signal: AbortSignal;
  onBegin?: (begun: Omit<TrialContext, 'report' | 'signal'> & { params: Draw<S>['params'] }) => void;
  onReport?: (trial: number, report: TrialReport) => void;
}

/** Makes a trial. Gives null where the signal ended it: it is to be made again. */
export async function runTrial<S extends Space>(
  trial: Trial<S>,
  draw: Draw<S>,
  { stages, growth, hopeless }: SearchPlan,
  { store, signal, onBegin, onReport }: Surroundings<S>,
): Promise<TrialRecord<S> | null> {
  const folder = (await store?.begin(draw as Draw)) ?? null;
  const given = {
    trial: draw.trial,
    stage: draw.stage,
    stages,
    effort: growth ** (draw.stage - 1),
    seed: draw.seed,
    folder,
  };
  onBegin?.({ ...given, params: draw.params });
  const lost = new AbortController();
  const hope = hopeOf(hopeless);
  const report = (told: TrialReport) => {
    if (signal.aborted || lost.signal.aborted) return;
    store?.report(draw.trial, told);
    onReport?.(draw.trial, told);
    const reason = hope(told);
    if (reason) lost.abort(reason);
  };
  const began = performance.now();
  const before = randomState();
  const record = (
    rest: Pick<TrialRecord<S>, 'status' | 'score' | 'reason' | 'checkpoint' | 'state'>,
  ): TrialRecord<S> => {
    return { ...draw, ...rest, seconds: Number(((performance.now() - began) / 1000).toFixed(2)) };
  };
  try {
    if (!trial.apart) manualSeed(draw.seed);
    const { score, state, metadata, checkpoint } = await trial(draw.params, {
      ...given,
      report,
      signal: AbortSignal.any([signal, lost.signal]),
    });
    if (signal.aborted) return null;
    if (lost.signal.aborted) return record({ status: 'stopped', reason: lost.signal.reason });
    if (!Number.isFinite(score)) return record({ status: 'stopped', reason: `the score is ${score}` });
    if (!state) return record({ status: 'done', score, ...(checkpoint && { checkpoint }) });
    if (!store) return record({ status: 'done', score, state });
    return record({ status: 'done', score, checkpoint: await store.checkpoint(draw.trial, score, state, metadata) });
  } catch (error) {
    if (signal.aborted) return null;
    if (lost.signal.aborted) return record({ status: 'stopped', reason: lost.signal.reason });
    return record({ status: 'failed', reason: error instanceof Error ? error.message : String(error) });
  } finally {
    if (!trial.apart) setRandomState(before);
  }
}

/** Tells from a trial's reports why it is hopeless: its cost is no number, or over `limit` times its first one. */
function hopeOf(limit: number): (report: TrialReport) => string | null {
  let first: number | undefined;
  return ({ cost }) => {
    if (cost === undefined) return null;
    if (!Number.isFinite(cost)) return `the cost became ${cost}`;
    first ??= cost;
    const over = first > 0 && cost > limit * first;
    return over ? `the cost, ${cost.toPrecision(4)}, is over ${limit} times the first, ${first.toPrecision(4)}` : null;
  };
}

/** Works on items in order, `jobs` at a time, until they are done or the signal comes. One failure stops the rest, and is thrown. */
export async function pooled<T>(
  items: readonly T[],
  jobs: number,
  signal: AbortSignal | undefined,
  work: (item: T, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const broken = new AbortController();
  const stop = signal ? AbortSignal.any([signal, broken.signal]) : broken.signal;
  let next = 0;
  const worker = async () => {
    while (next < items.length && !stop.aborted) await work(items[next++], stop);
  };
  const workers = Array.from({ length: Math.min(jobs, items.length) }, () =>
    worker().catch((error) => {
      broken.abort();
      throw error;
    }),
  );
  const failure = (await Promise.allSettled(workers)).find(({ status }) => status === 'rejected');
  if (failure) throw (failure as PromiseRejectedResult).reason;
}
