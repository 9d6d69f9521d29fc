// Line charts for reports: curves as SVG that stretches with the page, words and numbers as HTML that does not.

export type Point = [x: number, y: number];

export interface Series {
  name: string;
  /** A colour of the page, by name. */
  color: 'training' | 'validation';
  points: Point[];
  /** `faint` for noise, `line` for its trend, `marked` for few and certain values, each with a dot. */
  style: 'faint' | 'line' | 'marked';
}

export interface Axis {
  label: string;
  min: number;
  max: number;
  log?: boolean;
  ticks: number[];
  format: (value: number) => string;
}

/** Points along a curve that a screen can tell apart. */
const POINTS = 1200;

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** At most about POINTS points: of each stretch its lowest and highest, so that the spread of the noise stays. */
export function thinned(points: Point[], limit = POINTS): Point[] {
  if (points.length <= limit) return points;
  const size = Math.ceil((2 * points.length) / limit);
  const kept: Point[] = [];
  for (let at = 0; at < points.length; at += size) {
    const stretch = points.slice(at, at + size);
    const low = stretch.reduce((a, b) => (b[1] < a[1] ? b : a));
    const high = stretch.reduce((a, b) => (b[1] > a[1] ? b : a));
    kept.push(...(low === high ? [low] : low[0] < high[0] ? [low, high] : [high, low]));
  }
  return kept;
}

/** About `count` round values from min to max. */
export function roundTicks(min: number, max: number, count = 5): number[] {
  const rough = (max - min || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((size) => size >= rough * 0.999) ?? rough;
  const ticks: number[] = [];
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** 1, 2 and 5 times powers of ten from min to max; powers alone where those would be many, round values where few. */
export function logTicks(min: number, max: number): number[] {
  const factors = max / min > 1000 ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  for (let e = Math.floor(Math.log10(min)); e <= Math.ceil(Math.log10(max)); e++) {
    for (const factor of factors) ticks.push(Number((factor * 10 ** e).toPrecision(12)));
  }
  const inside = ticks.filter((tick) => tick >= min && tick <= max);
  return inside.length < 3 ? roundTicks(min, max) : inside;
}

/** Share of the axis below a value, from 0 to 1 within it. */
function place({ min, max, log }: Axis, value: number): number {
  if (log) return Math.log(Math.max(value, min / 1e3) / min) / Math.log(max / min || 10);
  return (value - min) / (max - min || 1);
}

const round = (n: number) => Number(n.toFixed(2));

/** A chart as an HTML figure. */
export function chart(title: string, x: Axis, y: Axis, series: Series[]): string {
  const shown = series.filter(({ points }) => points.length > 0);
  const at = ([px, py]: Point) => `${round(1000 * place(x, px))} ${round(1000 - 1000 * place(y, py))}`;
  const curves = shown.map(({ points, color, style }) => {
    const line = `<path class="${style} ${color}" d="M${thinned(points).map(at).join('L')}"/>`;
    // A dot is a line of no length with round ends: it stays round while the picture stretches.
    const dots =
      style === 'marked' ? `<path class="dot ${color}" d="${points.map((p) => `M${at(p)}h0`).join('')}"/>` : '';
    return line + dots;
  });
  const grid = [
    ...x.ticks.map((tick) => `M${round(1000 * place(x, tick))} 0v1000`),
    ...y.ticks.map((tick) => `M0 ${round(1000 - 1000 * place(y, tick))}h1000`),
  ];
  const tick = (axis: Axis, side: string) =>
    axis.ticks
      .map((value) => `<i style="${side}:${round(100 * place(axis, value))}%">${axis.format(value)}</i>`)
      .join('');
  const legend = shown.map(({ name, color, style }) => `<li class="${style} ${color}">${escapeHtml(name)}</li>`);
  // What the page's script shows at the pointer: trends and certain values, not the noise.
  const readable = shown
    .filter(({ style }) => style !== 'faint')
    .map(({ name, color, points }) => ({
      name,
      color,
      points: thinned(points, 400).map((p) => [round(place(x, p[0]) * 1000) / 1000, x.format(p[0]), y.format(p[1])]),
    }));
  return `<figure class="chart">
<figcaption><h2>${escapeHtml(title)}</h2><ul class="legend">${legend.join('')}</ul></figcaption>
<div class="plot" data-label="${escapeHtml(x.label)}" data-series="${escapeHtml(JSON.stringify(readable))}">
<b class="y-label">${escapeHtml(y.label)}</b><div class="y-ticks">${tick(y, 'bottom')}</div>
<div class="area"><svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" aria-label="${escapeHtml(title)}"><path class="grid" d="${grid.join('')}"/>${curves.join('')}</svg></div>
<div class="x-ticks">${tick(x, 'left')}</div><b class="x-label">${escapeHtml(x.label)}</b>
</div>
</figure>`;
}
