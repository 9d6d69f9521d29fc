// Scatter charts of trials: points are elements of the page, so that they stay round and tell what they are.
import { escapeHtml, logTicks, roundTicks } from '../train/report-chart.ts';
import { placeOf, type Range, type Value, valueText } from './space.ts';

/** A trial in a chart: places from 0 to 1 along both axes. */
export interface Dot {
  trial: number;
  x: number;
  y: number;
  /** Rank of its score, from 0 for the worst to 1 for the best. */
  rank: number;
  kind: 'done' | 'best' | 'stopped' | 'imagined';
}

export interface Scale {
  label: string;
  ticks: [place: number, text: string][];
}

/** Labels that fit beside each other under a small chart. */
const TICKS = 6;
/** Share of a cell that the points of one value of a choice are spread over. */
const SPREAD = 0.4;

function few<T>(items: T[]): T[] {
  const step = Math.ceil(items.length / TICKS);
  return items.filter((_, i) => i % step === 0);
}

/** The axis of a hyperparameter, on its range's own scale. */
export function rangeScale(label: string, range: Range): Scale {
  if (range.kind === 'choice') {
    return { label, ticks: range.values.map((value) => [placeOf(range, value), valueText(value)]) };
  }
  const { min, max } = range;
  const ticks = range.kind === 'logUniform' ? logTicks(min, max) : roundTicks(min, max);
  const name = range.kind === 'logUniform' ? `${label} (log scale)` : label;
  return { label: name, ticks: few(ticks).map((tick) => [placeOf(range, tick), valueText(tick)]) };
}

/** Where a trial's value stands in a chart: points of one value of a choice are spread over its cell, by their number. */
export function dotPlace(range: Range, value: Value, trial: number): number {
  const place = placeOf(range, value);
  if (range.kind !== 'choice') return place;
  // The golden ratio's multiples spread evenly, however many there are.
  return place + (((trial * 0.618034) % 1) - 0.5) * (SPREAD / range.values.length);
}

/** The axis of the scores, and where a score stands on it. */
export function scoreScale(label: string, scores: number[], format: (score: number) => string) {
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const room = 0.06 * (high - low || Math.abs(high) || 1);
  const [min, max] = [low - room, high + room];
  const place = (score: number) => (score - min) / (max - min);
  const texts = roundTicks(min, max).map(format);
  // Decimals that are 0 on every tick only take room.
  const plain = texts.every((text) => /\.0+(?!\d)/.test(text));
  const ticks = roundTicks(min, max).map((tick, i): [number, string] => {
    return [place(tick), plain ? texts[i].replace(/\.0+(?!\d)/, '') : texts[i]];
  });
  return { scale: { label, ticks } satisfies Scale, place };
}

const share = (place: number) => `${Number((100 * place).toFixed(2))}%`;

const dotHtml = ({ trial, x, y, rank, kind }: Dot): string => {
  const data = kind === 'imagined' ? '' : ` data-trial="${trial}"`;
  return `<s class="${kind}"${data} style="left:${share(x)};bottom:${share(y)};--p:${share(rank)}"></s>`;
};

const ticksHtml = ({ ticks }: Scale, side: string) =>
  ticks.map(([place, text]) => `<i style="${side}:${share(place)}">${escapeHtml(text)}</i>`).join('');

export interface Scatter {
  title: string;
  note?: string;
  x: Scale;
  y: Scale;
  dots: Dot[];
  /** Stretches of the x axis to shade, such as the narrowed ranges. */
  bands?: [from: number, to: number][];
  /** What goes into the chart besides, as HTML. */
  more?: string;
  /** What stands above the chart over the same x axis, as HTML. */
  above?: string;
}

/** A scatter chart as an HTML figure. */
export function scatter({ title, note, x, y, dots, bands = [], more = '', above = '' }: Scatter): string {
  const shaded = bands.map(([from, to]) => `<u style="left:${share(from)};right:${share(1 - to)}"></u>`).join('');
  const grid = [
    ...x.ticks.map(([place]) => `M${Math.round(1000 * place)} 0v1000`),
    ...y.ticks.map(([place]) => `M0 ${Math.round(1000 - 1000 * place)}h1000`),
  ];
  // The best on top of the others.
  const sorted = dots.toSorted((a, b) => Number(a.kind === 'best') - Number(b.kind === 'best') || a.rank - b.rank);
  return `<figure class="chart scatter">
<figcaption><h2>${escapeHtml(title)}</h2>${note ? `<span>${escapeHtml(note)}</span>` : ''}</figcaption>
${above}<div class="plot">
<b class="y-label">${escapeHtml(y.label)}</b><div class="y-ticks">${ticksHtml(y, 'bottom')}</div>
<div class="area">${shaded}<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true"><path class="grid" d="${grid.join('')}"/></svg>${more}${sorted.map(dotHtml).join('')}</div>
<div class="x-ticks">${ticksHtml(x, 'left')}</div><b class="x-label">${escapeHtml(x.label)}</b>
</div>
</figure>`;
}
