// The page of a search: every trial in scatter charts and in a table, as one HTML file without outside references.
import { escapeHtml } from '../train/report-chart.ts';
import { duration, grouped } from '../train/report-format.ts';
import { page } from '../train/report-page.ts';
import { importance, LEAST, scoreRanks } from './importance.ts';
import { pageScript, pageStyle } from './page-style.ts';
import { type Dot, dotPlace, rangeScale, scatter, scoreScale } from './scatter.ts';
import { ranked, type SearchResult } from './search.ts';
import { placeOf, rangeText, type Space, valueText } from './space.ts';
import type { TrialRecord } from './trial.ts';
import { versus } from './versus.ts';

export interface SearchPage {
  title: string;
  /** What the score is: `validation accuracy`. */
  score: string;
  /** A score in words. Default: four significant digits. */
  format?: (score: number) => string;
}

/** Hyperparameters whose pairs are drawn: six charts at most. */
const PAIRED = 4;

/** The page as text. */
export function searchHtml<S extends Space>(result: SearchResult<S>, named: SearchPage): string {
  const { plan, trials, warnings, complete } = result;
  const { title } = named;
  const format = named.format ?? ((score: number) => String(Number(score.toPrecision(4))));
  const of = trials.length === 1 ? 'trial' : 'trials';
  const how = `${plan.strategy} search, ${plan.stages === 1 ? 'one stage' : `${plan.stages} stages`}, seed ${plan.seed}`;
  const notes = [...(complete ? [] : ['Not finished: more trials are to come.']), ...warnings];
  const body = `<header><h1>${escapeHtml(title)}</h1><p>${grouped(trials.length)} ${of} with downhill: ${escapeHtml(how)}</p></header>
${notes.length > 0 ? `<ul class="notes">${notes.map((note) => `<li>${escapeHtml(note)}</li>`).join('')}</ul>` : ''}
${tiles(result, named, format)}
${charts(result, named, format)}
${table(result, named, format)}`;
  return page(title, body, { style: pageStyle, script: pageScript });
}

type Format = (score: number) => string;

function tiles<S extends Space>(
  { trials, best, plan, spaces }: SearchResult<S>,
  named: SearchPage,
  format: Format,
): string {
  const count = (status: string) => trials.filter((record) => record.status === status).length;
  const rest = [`${count('stopped')} stopped early`, ...(count('failed') > 0 ? [`${count('failed')} failed`] : [])];
  const seconds = trials.reduce((sum, record) => sum + record.seconds, 0);
  const tile = (name: string, value: string, more: string) =>
    `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}<small>${escapeHtml(more)}</small></dd></div>`;
  const values = Object.entries(best?.params ?? {}).map(([name, value]) =>
    tile(`best ${name}`, valueText(value), `of ${rangeText(plan.space[name])}`),
  );
  return `<dl class="tiles">${[
    tile(
      `Best ${named.score}`,
      best ? format(best.score!) : '–',
      best ? `trial ${best.trial}, stage ${best.stage}` : '',
    ),
    ...values,
    tile('Trials done', grouped(count('done')), `${rest.join(', ')}; stage ${spaces.length} of ${plan.stages}`),
    tile('Training took', duration(seconds), 'all trials together'),
  ].join('')}</dl>`;
}

function charts<S extends Space>(result: SearchResult<S>, named: SearchPage, format: Format): string {
  const { plan, trials, best, spaces } = result;
  const { space, goal } = plan;
  const shown = trials.filter(({ status }) => status !== 'failed');
  if (!best) return '';
  const ranks = scoreRanks(trials, goal);
  const weight = importance(
    trials.filter(({ stage }) => stage === 1),
    space,
    goal,
  );
  const order = Object.keys(space).toSorted((a, b) => (weight ? weight[b] - weight[a] : 0));
  const kind = ({ trial, status }: TrialRecord<S>): Dot['kind'] =>
    trial === best.trial ? 'best' : status === 'stopped' ? 'stopped' : 'done';
  const dotOf = (record: TrialRecord<S>, x: string, y: string): Dot => {
    const at = (name: string) => dotPlace(space[name], record.params[name], record.trial);
    return { trial: record.trial, x: at(x), y: at(y), rank: ranks.get(record.trial)!, kind: kind(record) };
  };
  const scores = shown.flatMap(({ score }) => (score === undefined ? [] : [score]));
  const { scale, place } = scoreScale(named.score, scores, format);
  const against = order.map((name) => {
    const range = space[name];
    const bands = spaces.slice(1).flatMap((stage): [number, number][] => {
      const narrow = stage[name];
      return narrow.kind === 'choice' ? [] : [[placeOf(range, narrow.min), placeOf(range, narrow.max)]];
    });
    const explained = weight ? `explains ${Math.round(100 * weight[name])} % of the rank` : undefined;
    const dots = shown.map((record) => {
      const worst = goal === 'max' ? 0 : 1;
      return { ...dotOf(record, name, name), y: record.score === undefined ? worst : place(record.score) };
    });
    return scatter({ title: name, note: explained, x: rangeScale(name, range), y: scale, dots, bands });
  });
  const paired = order.slice(0, PAIRED);
  const pairs = paired.flatMap((x, i) =>
    paired.slice(i + 1).map((y) =>
      scatter({
        title: `${x} and ${y}`,
        x: rangeScale(x, space[x]),
        y: rangeScale(y, space[y]),
        dots: shown.map((record) => dotOf(record, x, y)),
      }),
    ),
  );
  const first = shown.filter(({ stage }) => stage === 1);
  const missing = unknown(order, weight, first.length);
  const picture = missing ?? versus({ ...plan, trials: first, order, ranks, dotOf });
  const why = missing ?? (picture === null ? 'no grid over two hyperparameters has as few points' : null);
  const bandsNote = spaces.length > 1 ? '<li class="band-key">range of a later stage</li>' : '';
  const key = `<ul class="key"><li>worst<span></span>best, by rank</li><li class="best-key">the best</li><li class="stopped-key">stopped early</li>${bandsNote}</ul>`;
  return `${key}
<section><h2>Score against each hyperparameter</h2><div class="many">${against.join('')}</div></section>
${pairs.length > 0 ? `<section><h2>Pairs, coloured by score</h2><div class="many">${pairs.join('')}</div></section>` : ''}
${why === null ? picture : `<p class="note">There is no picture of grid against random: ${why}.</p>`}`;
}

/** Why nobody can tell which hyperparameter matters most, and which less; null where it is known. */
function unknown(order: string[], weight: Record<string, number> | null, trials: number): string | null {
  if (order.length < 2) return 'it takes two hyperparameters';
  if (!weight)
    return `it takes ${LEAST} trials in the first stage that did not fail, and there ${trials === 1 ? 'is' : 'are'} ${trials}`;
  return weight[order[0]] > 0 ? null : 'no hyperparameter alone explains the score';
}

function table<S extends Space>({ trials, plan, best }: SearchResult<S>, named: SearchPage, format: Format): string {
  const names = Object.keys(plan.space);
  const sorted = [...ranked(trials, plan.goal), ...trials.filter(({ status }) => status !== 'done')];
  const rows = sorted.map((record, i) => {
    const { trial, stage, params, status, score, reason, seconds } = record;
    const cells = [
      status === 'done' ? String(i + 1) : '–',
      String(trial),
      ...(plan.stages > 1 ? [String(stage)] : []),
      score === undefined ? status : format(score),
      ...names.map((name) => valueText(params[name])),
      duration(seconds),
      reason ?? '',
    ];
    const mark = trial === best?.trial ? ' class="top"' : '';
    const text = names.map((name) => `${name} ${valueText(params[name])}`).join(', ');
    const tip = `trial ${trial}: ${score === undefined ? status : format(score)} (${text})`;
    return `<tr${mark} data-trial="${trial}" data-tip="${escapeHtml(tip)}">${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`;
  });
  const head = ['rank', 'trial', ...(plan.stages > 1 ? ['stage'] : []), named.score, ...names, 'time', ''];
  return `<section class="panel"><h2>Trials</h2><div class="scroll"><table class="trials">
<thead><tr>${head.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('')}</tr></thead><tbody>${rows.join('\n')}
</tbody></table></div></section>`;
}
