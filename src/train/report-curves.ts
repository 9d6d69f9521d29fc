// The curves of a report: loss, accuracy, sizes of updates, learning rate, speed and memory.
import { ratioOf } from './diagnosis.ts';
import { type Axis, chart, logTicks, type Point, roundTicks, type Series } from './report-chart.ts';
import { grouped, inPoints, Running, significant } from './report-format.ts';
import type { Report, StepFigures } from './report-records.ts';

const TRAINING = 'var(--training)';
const VALIDATION = 'var(--validation)';

/** Steps that a running mean looks back on: enough to be steady, few enough to follow. */
const span = (steps: unknown[]) => Math.min(100, Math.max(5, Math.round(steps.length / 25)));

/** Running means of what steps tell; steps that tell no number are left out. */
export function running(
  { steps, stepsPerEpoch }: Pick<Report, 'steps' | 'stepsPerEpoch'>,
  value: (step: StepFigures) => number | null,
): Point[] {
  const mean = new Running(span(steps));
  return steps.flatMap((step): Point[] => {
    const here = value(step);
    return here === null || !Number.isFinite(here) ? [] : [[step.step / stepsPerEpoch, mean.add(here)]];
  });
}

function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 1;
}

const plain = (value: number) => String(Number(value.toFixed(2)));

/** The epochs of one or more runs. The pointer tells the step too, where it is the same in all. */
export function epochAxis(reports: Pick<Report, 'steps' | 'stepsPerEpoch'>[]): Axis {
  const ends = reports.map(({ steps, stepsPerEpoch }) => (steps.at(-1)?.step ?? 1) / stepsPerEpoch);
  const max = Math.max(1e-9, ...ends);
  const ticks = roundTicks(0, max, 5).filter((tick) => max <= 2 || Number.isInteger(tick));
  const [{ stepsPerEpoch }] = reports;
  const same = reports.every((report) => report.stepsPerEpoch === stepsPerEpoch);
  const step = (value: number) => (same ? `step ${grouped(value * stepsPerEpoch)}, ` : '');
  return { label: 'epoch', min: 0, max, ticks, format: plain, tell: (v) => `${step(v)}epoch ${plain(v)}` };
}

/** Axes for losses, on a scale of logarithms and on a straight one. `trend` is to be seen whole, the noise is not. */
export function lossAxes(noise: number[], trend: number[]): Record<string, Axis> {
  const usable = (values: number[]) => values.filter(Number.isFinite);
  const [all, means] = [usable([...noise, ...trend]), usable(trend)];
  const highest = Math.max(quantile(all, 0.995), ...means, 1e-6);
  const positive = all.filter((loss) => loss > 0);
  // A few batches without loss would stretch a logarithmic axis without end.
  const lowest = Math.min(quantile(positive, 0.01), ...means.filter((loss) => loss > 0));
  const [min, max] = [Math.max(lowest, 1e-7 * highest) / 1.15, highest * 1.15];
  const least = Math.min(0, ...means);
  const straight = { min: least, max: 1.05 * highest };
  return {
    log: { label: 'loss (log scale)', min, max, log: true, ticks: logTicks(min, max), format: significant },
    linear: { label: 'loss', ...straight, ticks: roundTicks(straight.min, straight.max), format: significant },
  };
}

/** Epochs at which a validation figure was taken. */
export const held = (
  { epochs }: Pick<Report, 'epochs'>,
  value: (epoch: Report['epochs'][number]) => number | null,
): Point[] =>
  epochs.flatMap((epoch): Point[] => {
    const here = value(epoch);
    return here === null ? [] : [[epoch.epoch, here]];
  });

/** What is told of batches whose loss lies above the chart. */
function aboveNote({ steps }: Report, top: number): string | undefined {
  const above = steps.filter(({ loss }) => loss > top);
  if (above.length === 0) return undefined;
  const highest = above.reduce((most, step) => (step.loss > most.loss ? step : most));
  const what = above.length === 1 ? 'One batch lies' : `${grouped(above.length)} batches lie`;
  return `${what} above the chart, the highest at ${significant(highest.loss)} in step ${grouped(highest.step)}`;
}

export function lossChart(report: Report): string {
  const each = report.steps.map(({ step, loss }): Point => [step / report.stepsPerEpoch, loss]);
  const trend = running(report, ({ loss }) => loss);
  const validation = held(report, ({ validationLoss }) => validationLoss);
  const values = (points: Point[]) => points.map(([, value]) => value);
  const axes = lossAxes(values(each), values([...trend, ...validation]));
  const series: Series[] = [
    { name: 'training, each batch', color: TRAINING, style: 'faint', points: each },
    { name: 'training, running mean', color: TRAINING, style: 'line', points: trend },
    { name: 'validation', color: VALIDATION, style: 'marked', points: validation },
  ];
  return chart('Loss', epochAxis([report]), axes, series, { note: aboveNote(report, axes.linear.max) });
}

/** Percents up to 100, from below what matters. */
export function percentAxis(low: number): Axis {
  const step = 100 - low > 40 ? 20 : 100 - low > 15 ? 10 : 5;
  const min = Math.max(0, Math.floor((low - 0.5) / step) * step);
  return { label: 'accuracy, %', min, max: 100, ticks: roundTicks(min, 100), format: plain };
}

/** Training less validation in words. The one is a mean over an epoch, the other taken behind it, and so often ahead. */
function gapNote(epoch: number, gap: number): string {
  if (gap >= 0) return `Gap after epoch ${epoch}, training less validation: ${inPoints(gap)} points`;
  return `After epoch ${epoch} validation is ${inPoints(-gap)} points above training, a mean over the whole epoch`;
}

export function accuracyChart(report: Report): string {
  const percents = (share: number | null) => (share === null ? null : 100 * share);
  const trend = running(report, ({ accuracy }) => percents(accuracy));
  if (trend.length === 0) return '';
  const trained = held(report, ({ trainAccuracy }) => percents(trainAccuracy));
  const validation = held(report, ({ validationAccuracy }) => percents(validationAccuracy));
  // From below the epochs' values and most of the run; the first rise comes in from under the chart.
  const values = (points: Point[]) => points.map(([, value]) => value);
  const low = Math.min(quantile(values(trend), 0.1), ...values(trained), ...values(validation), 99);
  const last = report.epochs.at(-1);
  const known = last && last.trainAccuracy !== null && last.validationAccuracy !== null;
  const note = known ? gapNote(last.epoch, last.trainAccuracy! - last.validationAccuracy!) : undefined;
  return chart(
    'Accuracy',
    epochAxis([report]),
    percentAxis(low),
    [
      { name: 'training, running mean', color: TRAINING, style: trained.length > 1 ? 'faint' : 'line', points: trend },
      { name: 'training, epoch mean', color: TRAINING, style: 'marked', points: trained },
      { name: 'validation', color: VALIDATION, style: 'marked', points: validation },
    ],
    { note },
  );
}

/** A colour for the i-th of n things in order: hues from blue over green to red, as bright as the page's theme wants them. */
export const hue = (i: number, n: number): string =>
  `oklch(var(--bright) 0.15 ${Math.round(265 - (240 * i) / Math.max(1, n - 1))})`;

/** Update to weight norm over the run, of each parameter, on a scale of logarithms. */
export function updateChart({ probes = [], stepsPerEpoch, steps }: Report): string {
  const names = [...new Set(probes.flatMap(({ parameters }) => parameters.map(({ name }) => name)))];
  const series = names.map((name, i): Series => {
    const points = probes.flatMap(({ step, parameters }): Point[] => {
      const parameter = parameters.find((one) => one.name === name);
      const ratio = parameter ? ratioOf(parameter) : null;
      return ratio ? [[step / stepsPerEpoch, ratio]] : [];
    });
    const shape = probes.flatMap(({ parameters }) => parameters.find((one) => one.name === name) ?? [])[0].shape;
    const bias = shape.length < 2;
    return { name, color: hue(i, names.length), style: bias ? 'faint' : 'thin', points, quiet: bias };
  });
  const shown = series.filter(({ points }) => points.length > 0).sort((a, b) => b.style.localeCompare(a.style));
  if (shown.length === 0) return '';
  const values = shown.flatMap(({ points }) => points.map(([, ratio]) => ratio));
  const [min, max] = [Math.min(...values, 3e-4) / 1.3, Math.max(...values, 3e-3) * 1.3];
  const y: Axis = { label: 'ratio (log scale)', min, max, log: true, ticks: logTicks(min, max), format: significant };
  const note = 'Norm of a step’s update over the norm of the parameter; the dashed line is 0.001. Biases are faint.';
  return chart('Size of updates', epochAxis([{ steps, stepsPerEpoch }]), y, shown, { note, mark: 1e-3 });
}

/** A small chart of one curve, from 0. */
function level(report: Report, title: string, label: string, points: Point[], format = significant): string {
  if (points.length === 0) return '';
  const max = 1.1 * Math.max(...points.map(([, value]) => value).filter(Number.isFinite), 1e-12);
  const y: Axis = { label, min: 0, max, ticks: roundTicks(0, max, 3), format };
  return chart(title, epochAxis([report]), y, [{ name: title, color: TRAINING, style: 'line', points }], {
    small: true,
  });
}

export function smallCharts(report: Report): string {
  const { steps, probes = [], stepsPerEpoch } = report;
  const of = (value: (step: StepFigures) => number) =>
    steps.map((step): Point => [step.step / stepsPerEpoch, value(step)]);
  const memory = probes.map(({ step, memory: { bytes } }): Point => [step / stepsPerEpoch, bytes / 2 ** 20]);
  return [
    level(
      report,
      'Learning rate',
      'rate',
      of(({ lr }) => lr),
    ),
    level(
      report,
      'Speed',
      'images a second',
      of(({ imagesPerSecond }) => imagesPerSecond),
      (v) => grouped(v),
    ),
    level(report, 'Memory on the device', 'MiB in tensors', memory),
  ].join('\n');
}
