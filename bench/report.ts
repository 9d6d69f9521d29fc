// What a run found, as JSON, and as lines of text.
import type { Measured, Row, Spread, Timed } from './measure.ts';
import type { Peaks } from './peaks.ts';
import type { LibraryName } from './session.ts';

export interface Report {
  /** ISO 8601. */
  date: string;
  adapter: string;
  software: boolean;
  /** Operating system, processor, Node. */
  host: string;
  peaks: Peaks;
  /** Of each library that was opened. */
  versions: Partial<Record<LibraryName, string>>;
  /** Seconds of timed steps for each workload and library. */
  budget: number;
  rows: Row[];
}

export const TITLES: Record<LibraryName, string> = {
  downhill: 'downhill',
  tfjs: 'TensorFlow.js',
  jax: 'jax-js',
  torch: 'PyTorch',
  reference: 'reference',
};

/** Three digits, in ms or s. */
export function duration(ms: number): string {
  const [value, unit] = ms < 1000 ? [ms, 'ms'] : [ms / 1000, 's'];
  return `${value < 0.0995 ? value.toFixed(3) : value < 9.95 ? value.toFixed(2) : value < 99.5 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
}

export const spread = ({ median, low, high }: Spread, format = duration): string =>
  `${format(median)} (${format(low)} to ${format(high)})`;

export function size(bytes: number): string {
  const [value, unit] = bytes < 2 ** 20 ? [bytes / 2 ** 10, 'KB'] : [bytes / 2 ** 20, 'MB'];
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
}

/** A rate with its share of the adapter's peak: `3.4 (27 %)`. */
export function rate(perStep: number, ms: number, peak: number): string {
  const value = perStep / ms / 1e6;
  const text = value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toPrecision(2);
  const share = (100 * value) / peak;
  return `${text} (${share >= 9.95 ? share.toFixed(0) : share.toFixed(1)} %)`;
}

/** How many times downhill's time another library takes; the spread is of quartile over opposite quartile. */
export function ratio(one: Timed, downhill: Measured | undefined): Spread | null {
  if (downhill?.status !== 'ok') return null;
  const [a, b] = [one.step, downhill.step];
  return { median: a.median / b.median, low: a.low / b.high, high: a.high / b.low };
}

const times = (x: number) => (x < 0.0995 ? x.toFixed(3) : x < 9.95 ? x.toFixed(2) : x.toFixed(0));

export const HEAD = [
  'library',
  'first step',
  'step (quartiles)',
  'times downhill',
  'JS',
  'dispatches',
  'submits',
  'peak memory',
  'GFLOP/s (of peak)',
  'GB/s (of peak)',
];

const counted = (n: number | null, format: (n: number) => string = String) => (n === null ? '-' : format(n));

/** The cells of a library's line under HEAD; two where it has no figures. */
export function cells(name: LibraryName, { workload, libraries }: Row, peaks: Peaks): string[] {
  const found = libraries[name]!;
  if (found.status !== 'ok') return [TITLES[name], `${found.status}: ${found.reason.split('\n')[0]}`];
  const against = name === 'downhill' ? null : ratio(found, libraries.downhill);
  return [
    TITLES[name],
    duration(found.firstMs),
    spread(found.step),
    against ? spread(against, times) : '',
    duration(found.js.median),
    counted(found.dispatches),
    counted(found.submits),
    counted(found.peakBytes, size),
    // PyTorch need not run on the adapter whose peaks these are.
    rate(workload.flops, found.step.median, peaks.gflops),
    rate(workload.bytes, found.step.median, peaks.gbs),
  ];
}

export const names = (row: Row) => Object.keys(row.libraries) as LibraryName[];

/** Cells of equal width; the last cell of a short line may be as long as it likes. */
function aligned(lines: string[][]): string[] {
  const full = lines.filter((line) => line.length === HEAD.length);
  const widths = HEAD.map((_, i) => Math.max(...full.map((line) => line[i].length)));
  const nameWidth = Math.max(...lines.map(([name]) => name.length));
  return lines.map((line) =>
    line
      .map((cell, i) => (i === line.length - 1 ? cell : cell.padEnd(i === 0 ? nameWidth : widths[i])))
      .join('  ')
      .trimEnd(),
  );
}

/** All rows as lines of text. */
export function formatReport(report: Report): string {
  const lines = [HEAD, ...report.rows.flatMap((row) => names(row).map((name) => cells(name, row, report.peaks)))];
  const [head, ...body] = aligned(lines);
  const rows = report.rows.flatMap((row) => [
    '',
    `${row.workload.title}  [${row.workload.id}]`,
    ...body.splice(0, names(row).length).map((line) => `  ${line}`),
  ]);
  return [summary(report), '', `  ${head}`, ...rows].join('\n');
}

export function summary({ adapter, host, peaks, versions }: Report): string {
  const used = Object.entries(versions).map(([name, version]) => `${TITLES[name as LibraryName]} ${version}`);
  return [
    `${adapter}; ${host}`,
    `peaks measured in this run: ${peaks.gflops.toFixed(1)} GFLOP/s multiply-adds, ${peaks.gbs.toFixed(2)} GB/s copy`,
    used.join(', '),
  ].join('\n');
}
