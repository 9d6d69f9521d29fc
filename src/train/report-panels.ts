// The parts of a report that are words and numbers: findings, tiles, filters, flags, epochs.
import type { HostTensor } from '../nn/module.ts';
import { diagnose } from './diagnose.ts';
import type { Finding } from './diagnosis.ts';
import { escapeHtml } from './report-chart.ts';
import { duration, fixed, grouped, inPoints, percent, significant } from './report-format.ts';
import type { Report } from './report-records.ts';

/** Filters shown at most, and their weights: each is an element of the page. */
const FILTERS = 64;
const FILTER_WEIGHTS = 10_000;

const optional = <T>(value: T | null, show: (value: T) => string) => (value === null ? '–' : show(value));

/** Sentences, each marked as good or as something to mend. */
export function findingList(findings: Finding[]): string {
  const item = ({ kind, text }: Finding) =>
    `<li class="${kind === 'good' ? 'fine' : 'fault'}">${escapeHtml(text)}</li>`;
  return findings.length === 0 ? '' : `<ul class="findings">${findings.map(item).join('')}</ul>`;
}

export function findingPanel({ steps, epochs, probes = [] }: Report): string {
  const list = findingList(diagnose({ steps, epochs, probes }));
  return list && `<section class="panel"><h2>Diagnosis</h2>${list}</section>`;
}

export function tiles({ test, epochs, steps, seconds }: Report): string {
  const last = epochs.at(-1);
  const entries: [name: string, value: string, more: string][] = [];
  if (test) {
    const more = `${grouped(test.images)} images`;
    entries.push(
      test.accuracy === null
        ? ['Test loss', fixed(test.loss), more]
        : ['Test accuracy', percent(test.accuracy), `${more}, loss ${fixed(test.loss)}`],
    );
  } else {
    entries.push(['Test', '–', 'not tested']);
  }
  if (last && last.validationLoss !== null) {
    entries.push(
      last.validationAccuracy === null
        ? ['Validation loss', fixed(last.validationLoss), `after epoch ${last.epoch}`]
        : ['Validation accuracy', percent(last.validationAccuracy), `loss ${fixed(last.validationLoss)}`],
    );
  }
  const step = steps.at(-1);
  if (step) {
    entries.push(['Training took', optional(seconds, duration), `${grouped(step.step)} steps`]);
    entries.push(['Speed', grouped(step.imagesPerSecond), 'images a second']);
  }
  const tile = ([name, value, more]: [string, string, string]) =>
    `<div><dt>${name}</dt><dd>${value}<small>${more}</small></dd></div>`;
  return `<dl class="tiles">${entries.map(tile).join('')}</dl>`;
}

/** Weights [out, channels, height, width] as pictures, of three channels in their colours. */
export function filterPanel({ shape, data }: HostTensor): string {
  const [out, channels, height, width] = shape;
  const area = height * width;
  const all = Array.from(data);
  const top = all.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const colours = channels === 3;
  const pictures = colours ? out : out * channels;
  const shown = Math.min(pictures, FILTERS, Math.max(1, Math.floor(FILTER_WEIGHTS / area)));
  const place = (i: number) => `x="${i % width}" y="${Math.floor(i / width)}" width="1" height="1"`;
  const signed = (k: number) =>
    all.slice(k * area, (k + 1) * area).map((value, i) => {
      const share = top > 0 ? Math.round((100 * Math.abs(value)) / top) : 0;
      return `<rect class="${value < 0 ? 'low' : 'high'}" style="--p:${share}%" ${place(i)}/>`;
    });
  const coloured = (k: number) =>
    Array.from({ length: area }, (_, i) => {
      const [r, g, b] = [0, 1, 2].map((c) => {
        const value = all[(k * 3 + c) * area + i];
        return Math.round(127.5 * (1 + (top > 0 ? value / top : 0)));
      });
      return `<rect style="fill:rgb(${r} ${g} ${b})" ${place(i)}/>`;
    });
  const svgs = Array.from({ length: shown }, (_, k) => {
    const name =
      colours || channels === 1 ? `filter ${k}` : `filter ${Math.floor(k / channels)}, channel ${k % channels}`;
    const pixels = (colours ? coloured(k) : signed(k)).join('');
    return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}"><title>${name}</title>${pixels}</svg>`;
  });
  const edge = significant(top);
  const scale = colours ? '' : `<div class="scale">−${edge}<span></span>+${edge}</div>`;
  const what = colours ? 'red, green and blue as weights, grey is 0' : 'on one scale of colours';
  return `<section class="panel"><h2>First-layer filters</h2>
<p>${shown < pictures ? `${shown} of ${pictures}` : out} filters of ${height} by ${width} weights, ${what}</p>
<div class="filters${shown > 16 ? ' many' : ''}">${svgs.join('')}</div>
${scale}</section>`;
}

export function flagPanel({ flags, device, test }: Report): string {
  const rows = Object.entries({
    ...flags,
    device,
    ...(test && { 'test accuracy': optional(test.accuracy, percent), 'test loss': fixed(test.loss) }),
  });
  const row = ([name, value]: string[]) =>
    `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`;
  return `<section class="panel"><h2>Run</h2><table>${rows.map(row).join('')}</table></section>`;
}

export function epochPanel({ epochs }: Report): string {
  if (epochs.length === 0) return '';
  const rows = epochs.map((e) => {
    const gap =
      e.trainAccuracy === null || e.validationAccuracy === null ? null : e.trainAccuracy - e.validationAccuracy;
    const cells = [
      String(e.epoch),
      fixed(e.trainLoss),
      optional(e.trainAccuracy, percent),
      optional(e.validationLoss, fixed),
      optional(e.validationAccuracy, percent),
      optional(gap, inPoints),
      duration(e.seconds),
    ];
    return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  const head = ['epoch', 'training loss', 'accuracy', 'validation loss', 'accuracy', 'gap, points', 'time'];
  const ahead = epochs.some((e) => e.trainAccuracy !== null && e.trainAccuracy < (e.validationAccuracy ?? 0));
  const note = ahead
    ? '<p>Training figures are means over an epoch in which the model still learned, and so may lie behind validation.</p>'
    : '';
  return `<section class="panel"><h2>Epochs</h2>${note}<div class="scroll"><table class="epochs">
<tr>${head.map((name) => `<th scope="col">${name}</th>`).join('')}</tr>${rows.join('\n')}
</table></div></section>`;
}
