// What monitors saw of the layers: a table of means and standard deviations, and histograms over the run.
import type { Histogram } from './histogram.ts';
import type { LayerRecord, ProbeRecord, Spread } from './monitor-records.ts';
import { escapeHtml, tabs } from './report-chart.ts';
import { grouped, significant } from './report-format.ts';
import type { Report } from './report-records.ts';

/** Ridges of a picture: probes from the first to the last. */
const RIDGES = 9;

const number = (value: number | null | undefined) => (value == null ? '–' : significant(value).replaceAll('-', '−'));
const share = (value: number | null) => (value === null ? '' : `${Number((100 * value).toFixed(1))} %`);

/** Layers of the first and of the last probe, as tables behind a switch; histograms below. */
export function layerPanels({ probes = [] }: Report): string {
  const [first, last] = [probes[0], probes.at(-1)];
  if (!last || last.layers.length === 0) return '';
  const shown = first === last ? [last] : [last, first];
  const switched = tabs(shown.map((probe) => ({ name: `step ${grouped(probe.step)}`, html: layerTable(probe) })));
  return `<section class="panel"><div class="head"><h2>Layers</h2>${switched.buttons}</div>
<p>Outputs, and gradients of the loss by them, at one step; the bars show standard deviations on a scale of logarithms</p>
${switched.panes}</section>
${histograms(probes)}`;
}

function layerTable({ layers }: ProbeRecord): string {
  const bars = barsOf(layers.map(({ activation }) => activation.std));
  const gradientBars = barsOf(layers.map(({ gradient }) => gradient?.std ?? null));
  // Only a ReLU has dead units, and only tanh and sigmoid are saturated: no column without either.
  const columns: [name: string, cell: (layer: LayerRecord, i: number) => string][] = [
    ['mean', ({ activation }) => number(activation.mean)],
    ['std', ({ activation }, i) => `${number(activation.std)}${bars[i]}`],
    ['zeros', ({ zeros }) => share(zeros)],
    ['dead units', ({ dead, units }) => (dead === null ? '' : `${dead.length} of ${grouped(units)}`)],
    ['saturated', ({ saturated }) => share(saturated)],
    ['gradient mean', ({ gradient }) => number(gradient?.mean)],
    ['gradient std', ({ gradient }, i) => `${number(gradient?.std)}${gradientBars[i]}`],
  ];
  const shown = columns.filter(([, cell]) => layers.some((layer, i) => cell(layer, i) !== ''));
  const rows = layers.map((layer, i) => {
    const { name, type } = layer;
    const cells = shown.map(([, cell]) => cell(layer, i));
    const head = `<th scope="row">${escapeHtml(name)} <small>${escapeHtml(type)}</small></th>`;
    return `<tr>${head}${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  const heads = ['layer', ...shown.map(([name]) => name)];
  return `<div class="scroll"><table class="layers">
<tr>${heads.map((name) => `<th scope="col">${name}</th>`).join('')}</tr>${rows.join('\n')}
</table></div>`;
}

/** A bar for each value, on a common scale of logarithms over three powers of ten or more. */
function barsOf(values: (number | null)[]): string[] {
  const positive = values.filter((value): value is number => value !== null && value > 0);
  const high = Math.log10(Math.max(...positive, Number.MIN_VALUE));
  const low = Math.min(Math.log10(Math.min(...positive, 1)), high - 2) - 1;
  return values.map((value) => {
    const length = value ? Math.round((100 * (Math.log10(value) - low)) / (high - low)) : 0;
    return `<span class="bar" style="--w:${length}%"></span>`;
  });
}

function histograms(probes: ProbeRecord[]): string {
  const chosen = spaced(probes, RIDGES);
  const layers = probes.at(-1)!.layers;
  const cards = layers.flatMap((layer): string[] => {
    const over = chosen.map(({ step, layers: all }) => ({ step, layer: all.find(({ name }) => name === layer.name) }));
    const pictures = [
      ridges('outputs', over, (one) => one.activation),
      ridges('gradients', over, (one) => one.gradient),
    ].filter(Boolean);
    if (pictures.length === 0) return [];
    return [
      `<div class="layer"><h3>${escapeHtml(layer.name)} <small>${escapeHtml(layer.type)}</small></h3>${pictures.join('')}</div>`,
    ];
  });
  if (cards.length === 0) return '';
  const steps = chosen.map(({ step }) => grouped(step)).join(', ');
  return `<section class="panel"><h2>Histograms</h2>
<p>Outputs and gradients of each layer, one curve a probe, the latest in front: step${chosen.length > 1 ? 's' : ''} ${steps}</p>
<div class="ridges">${cards.join('\n')}</div></section>`;
}

/** At most `count` of the items, evenly, the first and the last among them. */
function spaced<T>(items: T[], count: number): T[] {
  if (items.length <= count) return items;
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))]);
}

const WIDTH = 240;
const RISE = 46;
const APART = 9;

/** Histograms one before the other, the latest in front, on one scale of values. Empty where there is none. */
function ridges(
  label: string,
  over: { step: number; layer: LayerRecord | undefined }[],
  of: (layer: LayerRecord) => Spread | null,
): string {
  const seen = over.flatMap(({ step, layer }) => {
    const histogram = layer && of(layer)?.histogram;
    return histogram ? [{ step, histogram }] : [];
  });
  if (seen.length === 0) return '';
  const least = Math.min(...seen.map(({ histogram }) => histogram.min));
  const most = Math.max(...seen.map(({ histogram }) => histogram.max));
  const room = most - least || Math.abs(most) || 1;
  const height = RISE + APART * (seen.length - 1) + 2;
  const curves = seen.map(({ step, histogram }, i) => {
    const base = RISE + APART * i;
    const age = seen.length > 1 ? Math.round((100 * i) / (seen.length - 1)) : 100;
    return `<path style="--age:${age}%" d="${outline(histogram, least, room, base)}"><title>step ${grouped(step)}</title></path>`;
  });
  return `<div class="ridge"><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label} over the run">${curves.join('')}</svg>
<div><i>${number(least)}</i><b>${label}</b><i>${number(most)}</i></div></div>`;
}

/** The outline of a histogram as a path: as high as its greatest bin, with roots so that small bins are seen. */
function outline({ min, max, counts }: Histogram, least: number, room: number, base: number): string {
  const top = Math.sqrt(Math.max(...counts, 1));
  const x = (value: number) => Number(((WIDTH * (value - least)) / room).toFixed(1));
  // All values the same: a line of its own width.
  const width = Math.max((max - min) / counts.length, room / 400);
  const y = (count: number) => Number((base - (RISE - 4) * (Math.sqrt(count) / top)).toFixed(1));
  const points = counts.map((count, i) => `${x(min + (i + 0.5) * width)} ${y(count)}`);
  const used = max > min ? points : points.slice(0, 1);
  const end = max > min ? x(max) : x(min + width);
  return `M0 ${base}H${x(min)}L${used.join('L')}L${end} ${base}H${WIDTH}`;
}
