// How a search goes, on the terminal: a bar for all and one for each trial at work there, plain lines on a pipe.
import type { WriteStream } from 'node:tty';
import { MultiBar, type SingleBar } from 'cli-progress';
import { ranked, type SearchResult } from '../search/search.ts';
import { type Params, rangeText, type Space, valueText } from '../search/space.ts';
import type { TrialRecord, TrialReport } from '../search/trial.ts';
import { duration, fixed, percent } from '../train/report-format.ts';
import { barLook, takesBars } from './progress.ts';

export interface SearchProgress {
  begin(trial: number, params: Params, epochs: number): void;
  report(trial: number, report: TrialReport): void;
  end(record: TrialRecord, soFar: SearchResult): void;
  say(line: string): void;
  stop(): void;
}

const paramsText = (params: Params): string =>
  Object.entries(params)
    .map(([name, value]) => `${name} ${valueText(value)}`)
    .join(', ');

/** What scores are, by what a search is for: accuracies are to be high, losses low. */
export const SCORES = {
  max: { name: 'validation accuracy', format: (score: number) => percent(score) },
  min: { name: 'validation loss', format: (score: number) => fixed(score) },
};

type Goal = keyof typeof SCORES;

/** A space on one line. */
export const spaceText = (space: Space): string =>
  Object.entries(space)
    .map(([name, range]) => `${name} ${rangeText(range)}`)
    .join('; ');

/** What stands before a score on a line of its own. */
const WORDS = { max: 'validation', min: 'validation loss' };

/** A trial's end on one line. */
export function trialLine(record: TrialRecord, trials: number, goal: Goal): string {
  const { trial, status, score, reason, params, seconds } = record;
  const outcome = status === 'done' ? `${WORDS[goal]} ${SCORES[goal].format(score!)}` : `${status}: ${reason}`;
  return `trial ${trial}/${trials}  ${outcome}  ${paramsText(params)}  in ${duration(seconds)}`;
}

/** The best trials as a table. */
export function bestTable({ trials, plan }: SearchResult, rows = 5): string {
  const names = Object.keys(plan.space);
  const body = ranked(trials, plan.goal)
    .slice(0, rows)
    .map(({ trial, score, params }) => [
      String(trial),
      SCORES[plan.goal].format(score!),
      ...names.map((name) => valueText(params[name])),
    ]);
  const cells = [['trial', WORDS[plan.goal], ...names], ...body];
  const widths = cells[0].map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  return cells.map((row) => row.map((cell, i) => cell.padStart(widths[i])).join('  ')).join('\n');
}

export function searchProgress(trials: number, finished: number, goal: Goal, stream: WriteStream): SearchProgress {
  const write = (line: string) => stream.write(`${line}\n`);
  const line = (record: TrialRecord) => trialLine(record, trials, goal);
  return takesBars(stream) ? bars(trials, finished, goal, line, stream, write) : lines(line, write);
}

type Line = (record: TrialRecord) => string;

function lines(line: Line, write: (line: string) => void): SearchProgress {
  return {
    begin() {},
    report() {},
    end: (record) => write(line(record)),
    say: write,
    stop() {},
  };
}

function bars(
  trials: number,
  finished: number,
  goal: Goal,
  line: Line,
  stream: WriteStream,
  write: (line: string) => void,
): SearchProgress {
  const all = new MultiBar({ ...barLook, stream, hideCursor: true, linewrap: false });
  const best = (soFar?: SearchResult) => (soFar?.best ? SCORES[goal].format(soFar.best.score!) : '–');
  const total = all.create(trials, finished, { best: best() }, { format: '{bar} {value}/{total} trials  best {best}' });
  const working = new Map<number, { bar: SingleBar; cost: string }>();
  let stopped = false;
  const say = (line: string) => {
    if (stopped) write(line);
    else all.log(`${line}\n`);
  };
  return {
    begin(trial, params, epochs) {
      const format = '{bar} trial {trial}  {percentage} %  cost {cost}  {params}';
      const payload = { trial, cost: '–', params: paramsText(params) };
      working.set(trial, { bar: all.create(epochs, 0, payload, { format }), cost: '–' });
    },
    report(trial, { epoch, cost }) {
      const mine = working.get(trial);
      if (!mine) return;
      if (cost !== undefined) mine.cost = cost.toFixed(4);
      mine.bar.update(epoch, { cost: mine.cost });
    },
    end(record, soFar) {
      const mine = working.get(record.trial);
      if (mine) all.remove(mine.bar);
      working.delete(record.trial);
      say(line(record));
      total.update(soFar.trials.length, { best: best(soFar) });
    },
    say,
    stop() {
      if (!stopped) all.stop();
      stopped = true;
    },
  };
}
