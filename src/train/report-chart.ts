// Line charts for reports: curves as SVG that stretches with the page, words and numbers as HTML that does not.

export type Point = [x: number, y: number];

export interface Series {
  name: string;
  /** A CSS colour; the page's own are `var(--training)` and `var(--validation)`. */
  color: string;
  points: Point[];
  /** `faint` for noise, `line` for its trend, `thin` for one of many, `marked` for few and certain values, each with a dot. */
  style: 'faint' | 'line' | 'thin' | 'marked';
  /** Not in the legend. */
  quiet?: boolean;
}

export interface Axis {
  label: string;
  min: number;
  max: number;
  log?: boolean;
  ticks: number[];
  format: (value: number) => string;
  /** How the pointer's place is told; as a tick by default. */
  tell?: (value: number) => string;
}

export interface ChartOptions {
  /** A line of text below the title. */
  note?: string;
  /** A level to compare with, drawn across. */
  mark?: number;
  /** Half as high. */
  small?: boolean;
}

/** Points along a curve that a screen can tell apart. */
const POINTS = 1200;
/** Series that a legend names. */
const NAMED = 12;

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
  const every = Math.max(1, Math.ceil(Math.log10(max / min) / 8));
  const ticks: number[] = [];
  for (let e = Math.floor(Math.log10(min)); e <= Math.ceil(Math.log10(max)); e++) {
    if (e % every === 0) for (const factor of factors) ticks.push(Number((factor * 10 ** e).toPrecision(12)));
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

/** Panes of which one shows at a time, with a button for each. One pane alone has no buttons. */
export function tabs(panes: { name: string; html: string }[]): { buttons: string; panes: string } {
  const button = ({ name }: { name: string }, i: number) =>
    `<button type="button" aria-pressed="${i === 0}">${escapeHtml(name)}</button>`;
  return {
    buttons: panes.length > 1 ? `<div class="switch">${panes.map(button).join('')}</div>` : '',
    panes: panes.map(({ html }, i) => `<div class="pane"${i === 0 ? '' : ' hidden'}>${html}</div>`).join(''),
  };
}

/** A chart as an HTML figure. Of several y axes, by name, a switch chooses. */
export function chart(
  title: string,
  x: Axis,
  y: Axis | Record<string, Axis>,
  series: Series[],
  { note, mark, small = false }: ChartOptions = {},
): string {
  const shown = series
    .map((one) => ({ ...one, points: one.points.filter((point) => point.every(Number.isFinite)) }))
    .filter(({ points }) => points.length > 0);
  const axes = 'label' in y ? { '': y as Axis } : y;
  const switched = tabs(
    Object.entries(axes).map(([name, axis]) => ({ name, html: plot(title, x, axis, shown, mark) })),
  );
  const named = shown.filter(({ quiet }) => !quiet);
  const legend = named
    .slice(0, NAMED)
    .map(({ name, color, style }) => `<li class="${style}" style="--c:${color}">${escapeHtml(name)}</li>`);
  if (named.length > NAMED) legend.push(`<li class="more">and ${named.length - NAMED} more</li>`);
  return `<figure class="chart${small ? ' small' : ''}">
<figcaption><h2>${escapeHtml(title)}</h2>${switched.buttons}${series.length > 1 ? `<ul class="legend">${legend.join('')}</ul>` : ''}${note ? `<p>${escapeHtml(note)}</p>` : ''}</figcaption>
${switched.panes}
</figure>`;
}

function plot(title: string, x: Axis, y: Axis, shown: Series[], mark?: number): string {
  const at = ([px, py]: Point) => `${round(1000 * place(x, px))} ${round(1000 - 1000 * place(y, py))}`;
  const curves = shown.map(({ points, color, style }) => {
    const line = `<path class="${style}" style="--c:${color}" d="M${thinned(points).map(at).join('L')}"/>`;
    // A dot is a line of no length with round ends: it stays round while the picture stretches. One point alone has no line.
    const dots =
      style === 'marked' || (points.length === 1 && style !== 'faint')
        ? `<path class="dot" style="--c:${color}" d="${points.map((p) => `M${at(p)}h0`).join('')}"/>`
        : '';
    return line + dots;
  });
  const grid = [
    ...x.ticks.map((tick) => `M${round(1000 * place(x, tick))} 0v1000`),
    ...y.ticks.map((tick) => `M0 ${round(1000 - 1000 * place(y, tick))}h1000`),
  ];
  const level = mark === undefined ? '' : `<path class="mark" d="M0 ${round(1000 - 1000 * place(y, mark))}h1000"/>`;
  const tick = (axis: Axis, side: string) =>
    axis.ticks
      .map((value) => `<i style="${side}:${round(100 * place(axis, value))}%">${axis.format(value)}</i>`)
      .join('');
  const tell = x.tell ?? ((value: number) => `${x.label} ${x.format(value)}`);
  // What the page's script shows at the pointer: trends and certain values, not the noise.
  const readable = shown
    .filter(({ style }) => style !== 'faint')
    .slice(0, NAMED)
    .map(({ name, color, points }) => ({
      name,
      color,
      points: thinned(points, 400).map((p) => [round(place(x, p[0]) * 1000) / 1000, tell(p[0]), y.format(p[1])]),
    }));
  return `<div class="plot" data-series="${escapeHtml(JSON.stringify(readable))}">
<b class="y-label">${escapeHtml(y.label)}</b><div class="y-ticks">${tick(y, 'bottom')}</div>
<div class="area"><svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" aria-label="${escapeHtml(title)}"><path class="grid" d="${grid.join('')}"/>${level}${curves.join('')}</svg></div>
<div class="x-ticks">${tick(x, 'left')}</div><b class="x-label">${escapeHtml(x.label)}</b>
</div>`;
}
