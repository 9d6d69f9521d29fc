// The report of a training run: one HTML page without outside references, from numbers alone.
import type { HostTensor } from '../nn/module.ts';
import type { EpochReport, StepReport } from './callback.ts';
import { type Axis, chart, escapeHtml, logTicks, type Point, roundTicks } from './report-chart.ts';
import { duration, grouped, percent, Running } from './report-format.ts';
import { script, style } from './report-page.ts';

export interface Report {
  title: string;
  /** The adapter, in words. */
  device: string;
  /** What the run was asked for, by name. */
  flags: Record<string, string>;
  steps: Pick<StepReport, 'step' | 'steps' | 'epoch' | 'loss' | 'accuracy' | 'imagesPerSecond'>[];
  epochs: EpochReport[];
  /** Training steps in an epoch. */
  stepsPerEpoch: number;
  /** Weights of the first convolution, [out, in, height, width]. */
  filters: HostTensor | null;
  test: { loss: number; accuracy: number; images: number } | null;
  /** Seconds of training, validation included. */
  seconds: number;
}

/** Filters shown at most. */
const FILTERS = 64;

/** The page as text. */
export function reportHtml(report: Report): string {
  const { title, device, filters } = report;
  const last = report.steps.at(-1);
  const note =
    last && last.step < last.steps
      ? `<p class="note">Stopped early, after step ${grouped(last.step)} of ${grouped(last.steps)}.</p>`
      : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<header><h1>${escapeHtml(title)}</h1><p>Trained with downhill on ${escapeHtml(device)}</p>${note}</header>
${tiles(report)}
<div class="pair">
${lossChart(report)}
${accuracyChart(report)}
</div>
<div class="pair">
<div class="stack">
${filters ? filterPanel(filters) : ''}
${epochPanel(report.epochs)}
</div>
${flagPanel(report)}
</div>
</main>
<script>${script}</script>
</body>
</html>
`;
}

function tiles({ test, epochs, steps, seconds }: Report): string {
  const held = epochs.at(-1);
  const entries: [name: string, value: string, more: string][] = [
    test
      ? ['Test accuracy', percent(test.accuracy), `${grouped(test.images)} images, loss ${test.loss.toFixed(4)}`]
      : ['Test accuracy', '–', 'not tested'],
  ];
  if (held?.validationAccuracy != null && held.validationLoss != null) {
    entries.push(['Validation accuracy', percent(held.validationAccuracy), `loss ${held.validationLoss.toFixed(4)}`]);
  }
  const last = steps.at(-1);
  if (last) {
    entries.push(['Training took', duration(seconds), `${grouped(last.step)} steps`]);
    entries.push(['Speed', grouped(last.imagesPerSecond), 'images a second']);
  }
  const tile = ([name, value, more]: [string, string, string]) =>
    `<div><dt>${name}</dt><dd>${value}<small>${more}</small></dd></div>`;
  return `<dl class="tiles">${entries.map(tile).join('')}</dl>`;
}

/** Steps that a running mean looks back on: enough to be steady, few enough to follow. */
const span = (steps: unknown[]) => Math.min(100, Math.max(5, Math.round(steps.length / 25)));

function running(steps: Report['steps'], value: (step: Report['steps'][number]) => number): number[] {
  const mean = new Running(span(steps));
  return steps.map((step) => mean.add(value(step)));
}

function lossChart({ steps, epochs, stepsPerEpoch }: Report): string {
  const each = steps.map(({ step, loss }): Point => [step, loss]);
  const trend = running(steps, ({ loss }) => loss).map((loss, i): Point => [steps[i].step, loss]);
  const held = epochs.flatMap(({ epoch, validationLoss }): Point[] =>
    validationLoss === null ? [] : [[epoch * stepsPerEpoch, validationLoss]],
  );
  const positive = [...each, ...held].map(([, loss]) => loss).filter((loss) => loss > 0 && Number.isFinite(loss));
  // A few batches without loss would stretch a logarithmic axis without end.
  const lowest = Math.min(quantile(positive, 0.01), ...trend.map(([, loss]) => loss), ...held.map(([, loss]) => loss));
  const [min, max] = [Math.max(lowest, 1e-6) / 1.15, Math.max(...positive, 1e-6) * 1.15];
  const x = stepAxis(steps);
  const y: Axis = {
    label: 'cross entropy, nats (log scale)',
    min,
    max,
    log: true,
    ticks: logTicks(min, max),
    format: significant,
  };
  return chart('Loss', x, y, [
    { name: 'training, each step', color: 'training', style: 'faint', points: each },
    { name: 'training, running mean', color: 'training', style: 'line', points: trend },
    { name: 'validation', color: 'validation', style: 'marked', points: held },
  ]);
}

function accuracyChart({ steps, epochs, stepsPerEpoch }: Report): string {
  const percents = running(steps, ({ accuracy }) => 100 * accuracy!);
  const trend = percents.map((accuracy, i): Point => [steps[i].step / stepsPerEpoch, accuracy]);
  const trained = epochs.map(({ epoch, trainAccuracy }): Point => [epoch, 100 * trainAccuracy!]);
  const held = epochs.flatMap(({ epoch, validationAccuracy }): Point[] =>
    validationAccuracy === null ? [] : [[epoch, 100 * validationAccuracy]],
  );
  // From below the epochs' values and most of the run; the first rise comes in from under the chart.
  const low = Math.min(quantile(percents, 0.1), ...trained.map(([, v]) => v), ...held.map(([, v]) => v), 99);
  const step = 100 - low > 40 ? 20 : 100 - low > 15 ? 10 : 5;
  const min = Math.max(0, Math.floor((low - 0.5) / step) * step);
  const epochCount = Math.ceil(trend.at(-1)?.[0] ?? 1);
  const ticks = roundTicks(0, epochCount, 5).filter((tick) => epochCount === 1 || Number.isInteger(tick));
  const x: Axis = { label: 'epoch', min: 0, max: epochCount, ticks, format: (v) => String(Number(v.toFixed(2))) };
  const y: Axis = {
    label: 'accuracy, %',
    min,
    max: 100,
    ticks: roundTicks(min, 100),
    format: (value) => String(Number(value.toFixed(2))),
  };
  return chart('Accuracy', x, y, [
    { name: 'training, running mean', color: 'training', style: trained.length > 1 ? 'faint' : 'line', points: trend },
    { name: 'training, epoch mean', color: 'training', style: 'marked', points: trained },
    { name: 'validation', color: 'validation', style: 'marked', points: held },
  ]);
}

function stepAxis(steps: Report['steps']): Axis {
  const max = Math.max(1, steps.at(-1)?.step ?? 1);
  return { label: 'step', min: 0, max, ticks: roundTicks(0, max).filter(Number.isInteger), format: grouped };
}

function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 1;
}

const significant = (value: number) => String(Number(value.toPrecision(3)));

function filterPanel({ shape, data }: HostTensor): string {
  const [out, channels, height, width] = shape;
  const all = Array.from(data);
  const top = all.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const pictures = Array.from({ length: Math.min(out * channels, FILTERS) }, (_, k) => {
    const pixels = all.slice(k * height * width, (k + 1) * height * width).map((value, i) => {
      const share = top > 0 ? Math.round((100 * Math.abs(value)) / top) : 0;
      const place = `x="${i % width}" y="${Math.floor(i / width)}"`;
      return `<rect class="${value < 0 ? 'low' : 'high'}" style="--p:${share}%" ${place} width="1" height="1"/>`;
    });
    const name = channels > 1 ? `filter ${Math.floor(k / channels)}, channel ${k % channels}` : `filter ${k}`;
    return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}"><title>${name}</title>${pixels.join('')}</svg>`;
  });
  const edge = significant(top);
  return `<section class="panel"><h2>First-layer filters</h2>
<p>${out} filters of ${height} by ${width} weights, on one scale of colours</p>
<div class="filters${pictures.length > 16 ? ' many' : ''}">${pictures.join('')}</div>
<div class="scale">−${edge}<span></span>+${edge}</div></section>`;
}

function flagPanel({ flags, device, test }: Report): string {
  const rows = Object.entries({
    ...flags,
    device,
    ...(test && { 'test accuracy': percent(test.accuracy), 'test loss': test.loss.toFixed(4) }),
  });
  const row = ([name, value]: string[]) =>
    `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`;
  return `<section class="panel"><h2>Run</h2><table>${rows.map(row).join('')}</table></section>`;
}

function epochPanel(epochs: EpochReport[]): string {
  if (epochs.length === 0) return '';
  const optional = (value: number | null, show: (value: number) => string) => (value === null ? '–' : show(value));
  const loss = (value: number) => value.toFixed(4);
  const rows = epochs.map((e) => {
    const cells = [
      String(e.epoch),
      loss(e.trainLoss),
      percent(e.trainAccuracy!),
      optional(e.validationLoss, loss),
      optional(e.validationAccuracy, percent),
      duration(e.seconds),
    ];
    return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  const head = ['epoch', 'training loss', 'accuracy', 'validation loss', 'accuracy', 'time'];
  return `<section class="panel"><h2>Epochs</h2><div class="scroll"><table class="epochs">
<tr>${head.map((name) => `<th scope="col">${name}</th>`).join('')}</tr>${rows.join('\n')}
</table></div></section>`;
}
