// The page of a search: every trial in its charts, the picture of grid and random, and no outside references.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importance, scoreRanks } from '../src/search/importance.ts';
import { searchHtml } from '../src/search/page.ts';
import { type SearchOptions, search } from '../src/search/search.ts';
import { choice, logUniform } from '../src/search/space.ts';
import type { Trial } from '../src/search/trial.ts';
import { launchChromium } from './chromium.ts';

const space = { lr: logUniform(1e-6, 10), '<decay>': logUniform(1e-6, 1e-2), dropout: choice(0, 0.25, 0.5) };
/** The learning rate decides, the rest hardly; the largest rates are stopped. */
const trial: Trial<typeof space> = ({ lr, dropout }, { report, trial: number }) => {
  report({ epoch: 0, cost: 1 });
  report({ epoch: 1, cost: lr > 1 ? 9 : 0.5 });
  if (number === 5) throw new Error('out of memory');
  return { score: 0.1 + 0.88 * Math.exp(-((Math.log10(lr) + 2.5) ** 2) / 3) - 0.002 * dropout };
};
const page = {
  title: 'A <title>',
  score: 'validation accuracy',
  format: (score: number) => `${(100 * score).toFixed(2)} %`,
};
const made = (options: Partial<SearchOptions<typeof space>> = {}) =>
  search(trial, { space, trials: 24, stages: 2, ...options });

describe('the page', () => {
  test('tells what was found, without outside references, and escapes what it is given', async () => {
    const result = await made();
    const html = searchHtml(result, page);
    expect(html).not.toMatch(/https?:|\b(src|href)=|@import|url\(|NaN|undefined|Infinity/);
    expect(html).toContain('A &#60;title&#62;');
    expect(html).not.toContain('<decay>');
    expect(html.match(/<\/script>/g)).toHaveLength(1);
    expect(html).toContain(page.format(result.best!.score!));
    expect(html).toContain('24 trials with downhill: random search, 2 stages, seed 0');
    const counts = ['done', 'stopped', 'failed'].map(
      (status) => result.trials.filter((record) => record.status === status).length,
    );
    expect(html).toContain(`${counts[1]} stopped early, ${counts[2]} failed`);
    expect(counts[1]).toBeGreaterThan(0);
    expect(html.match(/<tr[^>]*data-trial=/g)).toHaveLength(24);
    expect(html).not.toContain('Not finished');
    for (const warning of result.warnings) expect(html).toContain(warning.slice(0, 20));
  });

  test('draws every trial that did not fail in every chart', async () => {
    const { trials, ...rest } = await made();
    const html = searchHtml({ trials, ...rest }, page);
    const figures = html.split('<figure').slice(1);
    // Three against the score, three pairs, and two of grid and random.
    expect(figures).toHaveLength(8);
    const dots = figures.map((figure) => figure.match(/<s class="(done|best|stopped)"/g)?.length ?? 0);
    const [shown, first] = [trials, trials.filter(({ stage }) => stage === 1)].map(
      (list) => list.filter(({ status }) => status !== 'failed').length,
    );
    expect(dots).toEqual([shown, shown, shown, shown, shown, shown, first, 0]);
    expect(figures[0]).toContain('<h2>lr</h2>');
    // A grid of at most 11 points over two hyperparameters has three values of each.
    expect(figures[6]).toMatch(/Random, as tried.*11 trials, 11 values of lr/s);
    expect(figures[7]).toMatch(/A grid, for comparison.*9 trials, 3 values of lr/s);
    expect(figures[7].match(/<s class="imagined"/g)).toHaveLength(9);
    const grid = searchHtml(await made({ strategy: 'grid', stages: 1, trials: 27 }), page);
    expect(grid).toMatch(
      /The grid, as tried.*26 trials, 3 values of lr.*Random, for comparison.*26 trials, 26 values of lr/s,
    );
  });

  test('does with one trial, with none that has a score, and with one hyperparameter', async () => {
    const one = searchHtml(await made({ trials: 1, stages: 1 }), page);
    const none = searchHtml(await search(() => ({ score: Number.NaN }), { space, trials: 2 }), page);
    const single = searchHtml(await search(({ n }) => ({ score: n }), { space: { n: choice(1, 2) }, trials: 9 }), {
      title: 'x',
      score: 'score',
    });
    for (const html of [one, none, single]) {
      expect(html).not.toMatch(/[:"]NaN|undefined|Infinity/);
      expect(html).not.toContain('Grid against random');
    }
    expect(none).toContain('no trial has a score');
    // Why there is no picture of grid and random.
    const why = (html: string) => html.match(/There is no picture of grid against random: (.*?)\.<\/p>/)?.[1];
    expect(why(one)).toBe('it takes 8 trials in the first stage that did not fail, and there is 1');
    expect(why(single)).toBe('it takes two hyperparameters');
    const flat = await search(() => ({ score: 1 }), { space, trials: 12 });
    const drawn = why(searchHtml({ ...flat, trials: flat.trials.slice(0, 7) }, page));
    expect(drawn).toBe('it takes 8 trials in the first stage that did not fail, and there are 7');
    expect(why(searchHtml(await made(), page))).toBeUndefined();
  });
});

describe('what matters', () => {
  test('is the share of the ranks’ variance, next to nothing for what does not matter', async () => {
    const { trials } = await made({ trials: 200, stages: 1 });
    const shares = importance(trials, space, 'max')!;
    expect(shares.lr).toBeGreaterThan(0.4);
    expect(shares['<decay>']).toBeLessThan(0.1);
    expect(shares.dropout).toBeLessThan(0.1);
    expect(importance(trials.slice(0, 7), space, 'max')).toBe(null);
  });

  test('ranks go from the worst, the stopped ones, to the best', async () => {
    const { trials, best } = await made();
    const ranks = scoreRanks(trials, 'max');
    expect(ranks.get(best!.trial)).toBe(1);
    expect(ranks.has(5)).toBe(false);
    const stopped = trials.filter(({ status }) => status === 'stopped');
    const worst = stopped.map(({ trial }) => ranks.get(trial)!);
    expect(Math.min(...worst)).toBe(0);
    const done = trials.filter(({ status }) => status === 'done').map(({ trial }) => ranks.get(trial)!);
    expect(Math.max(...worst)).toBeLessThan(Math.min(...done));
    expect(scoreRanks(trials, 'min').get(best!.trial)).toBeLessThan(ranks.get(best!.trial)!);
  });
});

describe('in a browser', () => {
  let browser: Awaited<ReturnType<typeof launchChromium>>;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  test.each([1280, 390])('at %i pixels, points lie in their charts, and light up everywhere', async (width) => {
    const tab = await browser.newPage({ viewport: { width, height: 800 } });
    const faults: string[] = [];
    tab.on('pageerror', (error) => faults.push(String(error)));
    tab.on('console', (message) => faults.push(message.text()));
    tab.on('request', (request) => request.url().startsWith('http') && faults.push(request.url()));
    const result = await made();
    await tab.setContent(searchHtml(result, page));
    expect(await tab.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    const outside = await tab.evaluate(
      () =>
        [...document.querySelectorAll('.area s')].filter((dot) => {
          const [mine, area] = [dot, dot.parentElement!].map((element) => element.getBoundingClientRect());
          const [x, y] = [mine.x + mine.width / 2, mine.y + mine.height / 2];
          return x < area.left - 1 || x > area.right + 1 || y < area.top - 1 || y > area.bottom + 1;
        }).length,
    );
    expect(outside).toBe(0);
    const best = tab.locator('.area s.best');
    const charts = await best.count();
    expect(charts).toBeGreaterThanOrEqual(6);
    await best.first().hover();
    expect(await tab.locator('.area s.lit').count()).toBe(charts);
    const tip = tab.locator('.hover');
    expect(await tip.textContent()).toMatch(
      new RegExp(`^trial ${result.best!.trial}: ${page.format(result.best!.score!)} \\(lr `),
    );
    const box = (await tip.boundingBox())!;
    expect(box.x >= 0 && box.x + box.width <= width).toBe(true);
    expect(faults).toEqual([]);
    await tab.close();
  });
});
