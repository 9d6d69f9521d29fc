// Grid against random search, as the CS231n notes draw it (after Bergstra and Bengio), from the trials that were made.
import { escapeHtml } from '../train/report-chart.ts';
import { type Dot, dotPlace, rangeScale, scatter } from './scatter.ts';
import { drawn, grid, type Params, placeOf, type Space } from './space.ts';
import type { TrialRecord } from './trial.ts';

/** Width of the window that the curve above the charts averages over, as a share of the axis. */
const WINDOW = 0.07;

interface Versus<S extends Space> {
  space: S;
  /** The trials of the first stage, which drew from the whole ranges. */
  trials: TrialRecord<S>[];
  strategy: 'random' | 'grid';
  seed: number;
  /** The hyperparameters from the one that matters most. */
  order: string[];
  ranks: Map<number, number>;
  /** The chart's points of the trials. */
  dotOf: (record: TrialRecord<S>, x: string, y: string) => Dot;
}

/**
 * Two charts over the two hyperparameters that matter most: the trials that were made, and what the other strategy would have
 * made of as many over these two alone. Lines lead up to where each stands on the axis that matters. Null where there are not
 * two, or too few trials.
 */
export function versus<S extends Space>(given: Versus<S>): string | null {
  const { space, trials, strategy, seed, order } = given;
  const [x, y] = order;
  if (y === undefined || trials.length < 4) return null;
  let others: Params<S>[];
  try {
    const drawnOf = { [x]: space[x], [y]: space[y] } as unknown as S;
    others =
      strategy === 'grid' ? trials.map(({ trial }) => drawn(drawnOf, seed, trial)) : grid(drawnOf, trials.length);
  } catch {
    return null; // no grid is as small
  }
  const made = trials.map((record) => given.dotOf(record, x, y));
  const imagined = others.map((params, i): Dot => {
    const at = (name: string) =>
      strategy === 'grid' ? dotPlace(space[name], params[name], i) : placeOf(space[name], params[name]);
    return { trial: 0, x: at(x), y: at(y), rank: 0, kind: 'imagined' };
  });
  const curve = curveOf(given, x);
  const panel = (title: string, dots: Dot[], params: Params<S>[]) => {
    const distinct = new Set(params.map((values) => values[x])).size;
    const lines = dots.map((dot) => `M${Math.round(1000 * dot.x)} 0V1000`).join('');
    return scatter({
      title,
      note: `${params.length} trials, ${distinct} ${distinct === 1 ? 'value' : 'values'} of ${x}`,
      x: rangeScale(x, space[x]),
      y: rangeScale(y, space[y]),
      dots,
      more: `<svg class="up" viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">${dots
        .map((dot) => `<path d="M${Math.round(1000 * dot.x)} ${Math.round(1000 - 1000 * dot.y)}V0"/>`)
        .join('')}</svg>`,
      above: `<div class="above"><svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" aria-label="rank of the score along ${escapeHtml(x)}"><path class="fall" d="${lines}"/>${curve}</svg></div>`,
    });
  };
  const values = trials.map(({ params }) => params);
  const [first, second] =
    strategy === 'random'
      ? [panel('Random, as tried', made, values), panel('A grid, for comparison', imagined, others)]
      : [panel('The grid, as tried', made, values), panel('Random, for comparison', imagined, others)];
  return `<section><h2>Grid against random</h2>
<p>${escapeHtml(x)} matters most here, ${escapeHtml(y)} less. A grid spends its trials on few values of each; random trials try a new value of every one, every time.
The curve above each chart is the running mean of the tried trials’ rank along ${escapeHtml(x)}.</p>
<div class="pair">${first}${second}</div></section>`;
}

/** The running mean of the ranks along an axis, as an SVG path filled below. */
function curveOf<S extends Space>({ space, trials, ranks }: Versus<S>, x: string): string {
  const points = trials.filter(({ trial }) => ranks.has(trial));
  const at = Array.from({ length: 61 }, (_, i) => i / 60);
  const heights = at.map((t) => {
    const weights = points.map(
      ({ params }) => Math.exp(-0.5 * ((placeOf(space[x], params[x]) - t) / WINDOW) ** 2) + 1e-9,
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    return points.reduce((total, { trial }, i) => total + (weights[i] / sum) * ranks.get(trial)!, 0);
  });
  const line = heights.map((height, i) => `${Math.round(1000 * at[i])} ${Math.round(960 - 900 * height)}`).join('L');
  return `<path class="hill" d="M0 1000L${line}L1000 1000Z"/><path class="ridge" d="M${line}"/>`;
}
