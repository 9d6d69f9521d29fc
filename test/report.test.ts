// The report page: self-contained, sound in its numbers, and without fault in a browser, wide and narrow.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Report, reportHtml } from '../src/train/report.ts';
import { logTicks, roundTicks, thinned } from '../src/train/report-chart.ts';
import { duration, percent, Running } from '../src/train/report-format.ts';
import { launchChromium } from './chromium.ts';

function sample(epochs: number, perEpoch = 200): Report {
  const all = epochs * perEpoch;
  return {
    title: 'A <title> & "more"',
    device: 'some adapter',
    flags: { lr: '0.003', evil: '</script><b>' },
    steps: Array.from({ length: all }, (_, i) => ({
      step: i + 1,
      steps: all,
      epoch: 1 + Math.floor(i / perEpoch),
      loss: 2.3 * Math.exp(-i / 60) + 0.05 + 0.03 * Math.sin(i * 7),
      accuracy: 1 - 0.9 * Math.exp(-i / 60),
      imagesPerSecond: 1234.5,
    })),
    epochs: Array.from({ length: epochs }, (_, i) => ({
      epoch: i + 1,
      trainLoss: 0.3 / (i + 1),
      trainAccuracy: 0.9 + 0.01 * i,
      validationLoss: 0.2 / (i + 1),
      validationAccuracy: 0.95 + 0.01 * i,
      seconds: 60,
    })),
    stepsPerEpoch: perEpoch,
    filters: { shape: [8, 1, 5, 5], data: Float32Array.from({ length: 200 }, (_, i) => Math.sin(i)) },
    test: { loss: 0.05, accuracy: 0.9842, images: 10000 },
    seconds: 60 * epochs,
  };
}

describe('the page', () => {
  test('has no outside references, and escapes what it is given', () => {
    const html = reportHtml(sample(3));
    expect(html).not.toMatch(/https?:|\b(src|href)=|@import|url\(/);
    expect(html).toContain('A &#60;title&#62; &#38; &#34;more&#34;');
    expect(html.match(/<\/script>/g)).toHaveLength(1);
    expect(html).toContain('98.42 %');
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });

  test('shows a run of one step, of no finished epoch, without a test', () => {
    const html = reportHtml({
      ...sample(1),
      steps: sample(1).steps.slice(0, 1),
      epochs: [],
      test: null,
      filters: null,
    });
    expect(html).toContain('Stopped early, after step 1 of 200.');
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('parts', () => {
  test('thinned keeps the extremes', () => {
    const points = Array.from({ length: 10_000 }, (_, i): [number, number] => [i, i === 777 ? 9 : i === 888 ? -9 : 0]);
    const kept = thinned(points, 100);
    expect(kept.length).toBeLessThanOrEqual(102);
    expect(kept).toContainEqual([777, 9]);
    expect(kept).toContainEqual([888, -9]);
    expect(kept.map(([x]) => x)).toEqual(kept.map(([x]) => x).toSorted((a, b) => a - b));
  });

  test('ticks are round and inside', () => {
    expect(roundTicks(0, 860)).toEqual([0, 200, 400, 600, 800]);
    expect(roundTicks(70, 100)).toEqual([70, 80, 90, 100]);
    expect(roundTicks(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(logTicks(0.03, 2.4)).toEqual([0.05, 0.1, 0.2, 0.5, 1, 2]);
    expect(logTicks(1.1, 1.9).length).toBeGreaterThanOrEqual(3);
  });

  test('numbers read well', () => {
    expect(percent(0.98425)).toBe('98.42 %');
    expect(duration(59.6)).toBe('1:00');
    expect(duration(3725)).toBe('1:02:05');
  });

  test('a running mean begins without bias and forgets', () => {
    const mean = new Running(10);
    expect(mean.add(4)).toBeCloseTo(4);
    for (let i = 0; i < 200; i++) mean.add(1);
    expect(mean.add(1)).toBeCloseTo(1);
  });
});

describe('in a browser', () => {
  let browser: Awaited<ReturnType<typeof launchChromium>>;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  test.each([1200, 390])('at %i pixels, charts show and nothing overflows', async (width) => {
    const page = await browser.newPage({ viewport: { width, height: 800 } });
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => faults.push(message.text()));
    page.on('request', (request) => request.url().startsWith('http') && faults.push(request.url()));
    await page.setContent(reportHtml(sample(3)));
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    const areas = page.locator('.area');
    expect(await areas.count()).toBe(2);
    const box = (await areas.first().boundingBox())!;
    expect(box.width).toBeGreaterThan(200);
    await areas.first().hover();
    expect(await page.locator('.tip').first().textContent()).toMatch(/^step \d+training, running mean 0\.\d+/);
    expect(faults).toEqual([]);
    await page.close();
  });
});
