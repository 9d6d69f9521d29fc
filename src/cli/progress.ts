// How training goes, on the terminal: a progress bar there, plain lines on a pipe.
import type { WriteStream } from 'node:tty';
import { SingleBar } from 'cli-progress';
import type { EpochReport, StepReport } from '../train/callback.ts';
import { duration, grouped, percent, Running } from '../train/report-format.ts';

/** Seconds between plain lines. */
const LINE_SECONDS = 5;

/** What progress bars have in common. */
export const barLook = {
  barsize: 20,
  barCompleteChar: '█',
  barIncompleteChar: '░',
  clearOnComplete: true,
  // Ctrl-C is the command's business, and so is what the terminal is left with.
  gracefulExit: false,
  linewrap: true,
};

/** A bar on stderr for work that has no lines of its own, on a terminal alone. `words` stand behind it. */
export function quietBar(what: string): { update(done: number, all: number, words?: string): void; stop(): void } {
  const shown = new SingleBar({ ...barLook, format: `{bar} {value}/{total} ${what}  {words}` });
  return {
    update(done, all, words = '') {
      if (!process.stderr.isTTY) return;
      if (shown.isActive) shown.update(done, { words });
      else shown.start(all, done, { words });
    },
    stop: () => shown.stop(),
  };
}

export interface Progress {
  step(report: StepReport): void;
  /** Prints a line between reports. */
  say(line: string): void;
  /** Takes the bar off the terminal, for good. */
  stop(): void;
}

/** Whether bars can be drawn there. */
export const takesBars = (stream: WriteStream): boolean => stream.isTTY && process.env.TERM !== 'dumb';

export function progress(stream: WriteStream = process.stdout): Progress {
  const write = (line: string) => stream.write(`${line}\n`);
  return takesBars(stream) ? bar(stream, write) : lines(write);
}

/** Step reports in words, with loss and accuracy as running means. */
function describer(): (report: StepReport) => Record<'loss' | 'accuracy' | 'speed' | 'left', string> {
  const loss = new Running();
  const accuracy = new Running();
  return (report) => ({
    loss: loss.add(report.loss).toFixed(4),
    accuracy: report.accuracy === null ? '-' : percent(accuracy.add(report.accuracy), 1),
    speed: `${grouped(report.imagesPerSecond)} images/s`,
    left: duration(report.secondsLeft),
  });
}

function bar(stream: WriteStream, write: (line: string) => void): Progress {
  const describe = describer();
  const format = '{bar} {percentage} %  step {value}/{total}  loss {loss}  accuracy {accuracy}  {speed}  {left} left';
  const shown = new SingleBar({
    format,
    ...barLook,
    stream,
    hideCursor: true,
    linewrap: false,
  });
  let stopped = false;
  let last: [StepReport, ReturnType<typeof describe>] | undefined;
  const show = () => {
    if (!last || stopped) return;
    const [{ step, steps }, words] = last;
    if (shown.isActive) shown.update(step, words);
    else shown.start(steps, step, words);
  };
  const hide = () => {
    if (shown.isActive) shown.stop();
  };
  return {
    step(report) {
      last = [report, describe(report)];
      show();
    },
    say(line) {
      hide();
      write(line);
      show();
    },
    stop() {
      stopped = true;
      hide();
    },
  };
}

function lines(write: (line: string) => void): Progress {
  const describe = describer();
  let written = Number.NEGATIVE_INFINITY;
  return {
    step(report) {
      const { loss, accuracy, speed, left } = describe(report);
      const now = performance.now();
      const { step, steps } = report;
      if (now - written < 1000 * LINE_SECONDS && step < steps) return;
      written = now;
      write(`step ${step}/${steps}  loss ${loss}  accuracy ${accuracy}  ${speed}  ${left} left`);
    },
    say: write,
    stop() {},
  };
}

/** An epoch's result as one line. */
export function epochLine(report: EpochReport, epochs: number): string {
  const { epoch, trainLoss, trainAccuracy, validationLoss, validationAccuracy, seconds } = report;
  const figures = (loss: number, accuracy: number | null) =>
    `loss ${loss.toFixed(4)}${accuracy === null ? '' : `, accuracy ${percent(accuracy)}`}`;
  const validation = validationLoss === null ? '' : `  validation: ${figures(validationLoss, validationAccuracy)}`;
  return `epoch ${epoch}/${epochs}  training: ${figures(trainLoss, trainAccuracy)}${validation}  in ${duration(seconds)}`;
}
