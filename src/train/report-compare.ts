// Several runs on one page: their curves on shared axes, what sets their flags apart, and what came of them.
import { diagnose } from './diagnose.ts';
import { chart, escapeHtml, type Point, type Series } from './report-chart.ts';
import { epochAxis, held, hue, lossAxes, percentAxis, running } from './report-curves.ts';
import { duration, fixed, grouped, percent } from './report-format.ts';
import { page } from './report-page.ts';
import { findingList } from './report-panels.ts';
import type { Report } from './report-records.ts';

/** A run, by the name it goes by on the page. */
export interface NamedRun {
  name: string;
  report: Report;
}

/** The page as text. */
export function compareHtml(runs: readonly NamedRun[]): string {
  const title = `${runs.length} runs compared`;
  return page(
    title,
    `<header><h1>${title}</h1><p>${runs.map(({ name }, i) => `<span class="run" style="--c:${hue(i, runs.length)}">${escapeHtml(name)}</span>`).join(' ')}</p></header>
<div class="pair">
${lossCurves(runs)}
${accuracyCurves(runs)}
</div>
${results(runs)}
${flags(runs)}
${findings(runs)}`,
  );
}

const NOTE = 'Training as a running mean, validation with dots';

const values = (series: Series[], style: Series['style']) =>
  series.filter((one) => one.style === style).flatMap(({ points }) => points.map(([, value]) => value));

/** For each run its course through training, and what was measured on validation data. */
function curves(
  runs: readonly NamedRun[],
  trained: (report: Report) => Point[],
  validated: (report: Report) => Point[],
) {
  return runs.flatMap(({ name, report }, i): Series[] => {
    const color = hue(i, runs.length);
    const validation = validated(report);
    return [
      { name, color, style: validation.length > 0 ? 'thin' : 'line', points: trained(report) },
      { name: `${name}, validation`, color, style: 'marked', points: validation, quiet: true },
    ];
  });
}

function lossCurves(runs: readonly NamedRun[]): string {
  const reports = runs.map(({ report }) => report);
  const series = curves(
    runs,
    (report) => running(report, ({ loss }) => loss),
    (report) => held(report, ({ validationLoss }) => validationLoss),
  );
  const axes = lossAxes([], [...values(series, 'thin'), ...values(series, 'line'), ...values(series, 'marked')]);
  return chart('Loss', epochAxis(reports), axes, series, { note: NOTE });
}

function accuracyCurves(runs: readonly NamedRun[]): string {
  const percents = (share: number | null) => (share === null ? null : 100 * share);
  const series = curves(
    runs,
    (report) => running(report, ({ accuracy }) => percents(accuracy)),
    (report) => held(report, ({ validationAccuracy }) => percents(validationAccuracy)),
  );
  if (series.every(({ points }) => points.length === 0)) return '';
  const late = series.flatMap(({ points }) => points.slice(Math.floor(points.length / 5)).map(([, value]) => value));
  const axis = percentAxis(Math.min(...late, 99));
  return chart('Accuracy', epochAxis(runs.map(({ report }) => report)), axis, series, {
    note: NOTE,
  });
}

/** A table with a column for each run. */
function table(title: string, runs: readonly NamedRun[], rows: [name: string, cells: string[]][]): string {
  const head = runs.map(
    ({ name }, i) =>
      `<th scope="col"><span class="run" style="--c:${hue(i, runs.length)}">${escapeHtml(name)}</span></th>`,
  );
  const body = rows.map(([name, cells]) => {
    return `<tr><th scope="row">${escapeHtml(name)}</th>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`;
  });
  return `<section class="panel"><h2>${title}</h2><div class="scroll"><table class="runs">
<tr><td></td>${head.join('')}</tr>${body.join('\n')}
</table></div></section>`;
}

function results(runs: readonly NamedRun[]): string {
  const row = (name: string, cell: (report: Report) => string | null | undefined): [string, string[]] => [
    name,
    runs.map(({ report }) => cell(report) ?? '–'),
  ];
  const share = (value: number | null | undefined) => (value == null ? null : percent(value));
  const loss = (value: number | null | undefined) => (value == null ? null : fixed(value));
  return table('Results', runs, [
    row('test accuracy', ({ test }) => share(test?.accuracy)),
    row('test loss', ({ test }) => loss(test?.loss)),
    row('validation accuracy', ({ epochs }) => share(epochs.at(-1)?.validationAccuracy)),
    row('validation loss', ({ epochs }) => loss(epochs.at(-1)?.validationLoss)),
    row('training accuracy', ({ epochs }) => share(epochs.at(-1)?.trainAccuracy)),
    row('training loss', ({ epochs }) => loss(epochs.at(-1)?.trainLoss)),
    row('steps', ({ steps }) => {
      const last = steps.at(-1);
      return last && (last.step < last.steps ? `${grouped(last.step)} of ${grouped(last.steps)}` : grouped(last.step));
    }),
    row('epochs finished', ({ epochs }) => String(epochs.length)),
    row('training took', ({ seconds }) => (seconds === null ? null : duration(seconds))),
    row('images a second', ({ steps }) => {
      const rate = steps.at(-1)?.imagesPerSecond;
      return rate ? grouped(rate) : null;
    }),
  ]);
}

/** The flags that are not the same in all runs, and the devices where they differ. */
function flags(runs: readonly NamedRun[]): string {
  const all = runs.map(({ report }): Record<string, string> => ({ ...report.flags, device: report.device }));
  const names = [...new Set(all.flatMap((one) => Object.keys(one)))];
  const differing = names.filter((name) => all.some((one) => one[name] !== all[0][name]));
  if (differing.length === 0) {
    return '<section class="panel"><h2>Flags</h2><p>All runs have the same flags.</p></section>';
  }
  const rows = differing.map((name): [string, string[]] => [name, all.map((one) => one[name] ?? '–')]);
  return table('Flags that differ', runs, rows);
}

function findings(runs: readonly NamedRun[]): string {
  const parts = runs.map(({ name, report: { steps, epochs, probes = [] } }, i) => {
    const list = findingList(diagnose({ steps, epochs, probes }));
    return list && `<h3><span class="run" style="--c:${hue(i, runs.length)}">${escapeHtml(name)}</span></h3>${list}`;
  });
  return parts.some(Boolean) ? `<section class="panel"><h2>Diagnosis</h2>${parts.join('')}</section>` : '';
}
