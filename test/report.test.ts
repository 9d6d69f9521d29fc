// The report page: self-contained, sound in its numbers, and without fault in a browser, wide and narrow.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LayerRecord, ProbeRecord } from '../src/train/monitor-records.ts';
import { type Report, type RunLine, reportHtml, reportOf } from '../src/train/report.ts';
import { logTicks, roundTicks, thinned } from '../src/train/report-chart.ts';
import { duration, percent, Running, significant } from '../src/train/report-format.ts';
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
      lr: 0.003 * (1 - i / all),
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

const histogram = (shift: number) => ({
  min: -1 + shift,
  max: 1 + shift,
  counts: Array.from({ length: 24 }, (_, i) => Math.round(900 * Math.exp(-(((i - 12) / 5) ** 2)))),
});

/** What monitors might have seen of four layers, every 50 steps. */
function probes(all: number): ProbeRecord[] {
  const layer = (step: number, i: number): LayerRecord => ({
    name: `block.${i}`,
    type: i % 2 ? 'ReLU' : 'Linear<x>',
    role: i % 2 ? 'activation' : 'weights',
    activation: { mean: 0.1 * i, std: 0.5 + 0.001 * step, histogram: histogram(0.001 * step) },
    zeros: i % 2 ? 0.4 : 0,
    saturated: null,
    dead: i % 2 ? [3, 5] : null,
    units: 32,
    gradient: i === 0 ? null : { mean: -1e-6, std: 1e-3, histogram: histogram(0) },
  });
  return Array.from({ length: Math.ceil(all / 50) }, (_, k) => ({
    kind: 'probe',
    step: 1 + 50 * k,
    memory: { bytes: 3e6, reserved: 8e6 },
    parameters: [
      { name: 'block.0.weight', shape: [32, 8], weight: 3, update: 3e-3 / (k + 1) },
      { name: 'block.0.bias', shape: [32], weight: 0.1, update: 3e-3 },
      { name: 'frozen', shape: [4, 4], weight: 2, update: 0 },
    ],
    layers: Array.from({ length: 4 }, (_, i) => layer(1 + 50 * k, i)),
  }));
}

const watched = (epochs: number): Report => ({ ...sample(epochs), probes: probes(200 * epochs) });

describe('the page', () => {
  test('has no outside references, and escapes what it is given', () => {
    const html = reportHtml(sample(3));
    expect(html).not.toMatch(/https?:|\b(src|href)=|@import|url\(/);
    expect(html).toContain('A &#60;title&#62; &#38; &#34;more&#34;');
    expect(html.match(/<\/script>/g)).toHaveLength(1);
    expect(html).toContain('98.42 %');
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });

  test('shows all that monitors saw', () => {
    const html = reportHtml(watched(3));
    expect(html).not.toMatch(/https?:|\b(src|href)=|@import|url\(/);
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
    const headings = [...html.matchAll(/<h2>(.*?)<\/h2>/g)].map(([, text]) => text);
    expect(headings).toEqual([
      'Diagnosis',
      ...['Loss', 'Accuracy', 'Learning rate', 'Speed', 'Memory on the device'],
      ...['Size of updates', 'Epochs', 'First-layer filters', 'Run', 'Layers', 'Histograms'],
    ]);
    expect(html).toContain('block.0 <small>Linear&#60;x&#62;</small>');
    expect(html).toContain('After epoch 3 validation is 5.0 points above training, a mean over the whole epoch');
    expect(html).toContain('<p>Training figures are means over an epoch');
    // Two steps to choose from, four layers each.
    expect(html.match(/<th scope="row">block\.\d <small>/g)).toHaveLength(8);
    expect(html).toContain('<td>2 of 32</td>');
    // 9 of the 12 probes for outputs, and as many for the gradients of three layers.
    expect(html.match(/<path style="--age/g)).toHaveLength(9 * (4 + 3));
    // What was never updated has no place on a scale of logarithms.
    expect(html).toContain('>block.0.weight</li>');
    expect(html).not.toContain('>frozen</li>');
    expect(html).toContain('The loss fell from');
    expect(html).not.toContain('above the chart');
  });

  test('tells of batches above the loss chart, of a gap that is one, and has no columns without anything', () => {
    const report = watched(3);
    const spiked = report.steps.map((step) => ({ ...step, loss: step.step === 300 ? 400 : step.loss }));
    const epochs = report.epochs.map((epoch) => ({ ...epoch, trainAccuracy: 0.97, validationAccuracy: 0.95 }));
    const html = reportHtml({ ...report, steps: spiked, epochs });
    expect(html).toContain('One batch lies above the chart, the highest at 400 in step 300');
    expect(html).toContain('Gap after epoch 3, training less validation: 2.0 points');
    expect(html).not.toContain('<p>Training figures are means');
    const heads = (page: string) =>
      [...page.matchAll(/<th scope="col">(zeros|dead units|saturated)</g)].map(([, name]) => name);
    expect(heads(html)).toEqual(['zeros', 'dead units', 'zeros', 'dead units']);
    const squashed = report.probes!.map((probe) => ({
      ...probe,
      layers: probe.layers.map((layer) => ({ ...layer, dead: null, saturated: 0 })),
    }));
    expect(heads(reportHtml({ ...report, probes: squashed }))).toEqual(['zeros', 'saturated', 'zeros', 'saturated']);
  });

  test('shows runs without accuracy, and one whose loss became no number', () => {
    const report = watched(1);
    const plain = reportHtml({
      ...report,
      steps: report.steps.map((step) => ({ ...step, accuracy: null })),
      epochs: report.epochs.map((epoch) => ({ ...epoch, trainAccuracy: null, validationAccuracy: null })),
      test: { loss: 0.5, accuracy: null, images: 10 },
    });
    expect(plain).not.toContain('<h2>Accuracy');
    expect(plain).toContain('Test loss');
    const lost = report.steps.map((step, i) => ({
      ...step,
      loss: i > 100 ? Number.NaN : step.loss * 1e20 ** (i / 100),
    }));
    const html = reportHtml({ ...report, steps: lost, epochs: [], test: null });
    expect(html).toContain('The loss became NaN at step 102');
    expect(html.replace('became NaN', '')).not.toMatch(/NaN|undefined|Infinity/);
  });

  test('filters of three channels are coloured, of many weights only some are shown', () => {
    const filters = (shape: number[]) => {
      const size = shape.reduce((a, b) => a * b);
      return { shape, data: Float32Array.from({ length: size }, (_, i) => Math.sin(i)) };
    };
    const pictures = (html: string) => html.match(/<title>filter/g)?.length;
    const colours = reportHtml({ ...sample(1), filters: filters([16, 3, 5, 5]) });
    expect(pictures(colours)).toBe(16);
    expect(colours.match(/fill:rgb/g)).toHaveLength(16 * 25);
    expect(pictures(reportHtml({ ...sample(1), filters: filters([100, 1, 28, 28]) }))).toBe(12);
    expect(reportHtml({ ...sample(1), filters: filters([6, 2, 3, 3]) })).toContain('filter 5, channel 1');
  });

  test('is made of the lines of a run, in whatever order they came', () => {
    const { title, device, flags, stepsPerEpoch, steps, epochs, test: tested } = sample(2);
    const filters = sample(1).filters!;
    const lines: RunLine[] = [
      ...steps.map((step) => ({ kind: 'step' as const, ...step })),
      ...probes(400),
      { kind: 'filters', step: 0, name: '0', shape: [1, 1, 2, 2], data: [1, 2, 3, 4] },
      { kind: 'filters', step: 400, name: '0', shape: [...filters.shape], data: Array.from(filters.data) },
      ...epochs.map((epoch) => ({ kind: 'epoch' as const, ...epoch })),
      { kind: 'test', ...tested! },
      { kind: 'run', title, device, flags, stepsPerEpoch },
    ];
    const read = JSON.parse(JSON.stringify([{ kind: 'of another program' }, ...lines])) as RunLine[];
    const report = reportOf(read);
    expect(report).toMatchObject({ title, device, flags, stepsPerEpoch, seconds: 120, test: tested });
    expect(report.filters!.shape).toEqual(filters.shape);
    expect(reportHtml(report)).toContain('98.42 %');
    // Without the line of the run, from what the steps tell.
    const rest = reportOf(
      read.filter(({ kind }) => kind !== 'run'),
      { title: 'mine' },
    );
    expect(rest).toMatchObject({ title: 'mine', stepsPerEpoch: 200, flags: {} });
    const begun = reportOf(read.filter((line) => line.kind === 'step' && line.step < 150));
    expect(begun).toMatchObject({ stepsPerEpoch: 400, seconds: null, test: null, filters: null });
    expect(reportHtml(begun)).not.toMatch(/NaN|undefined|Infinity/);
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
    // One point alone is a dot: of the loss on both scales, accuracy, learning rate and speed.
    expect(html.match(/<path class="dot"/g)).toHaveLength(5);
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
    expect(significant(0.123456)).toBe('0.123');
    expect(significant(0.000021234)).toBe('2.1e-5');
    expect(significant(0)).toBe('0');
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
    await page.setContent(reportHtml(watched(3)));
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    const areas = page.locator('.area:visible');
    expect(await areas.count()).toBe(6);
    const box = (await areas.first().boundingBox())!;
    expect(box.width).toBeGreaterThan(200);
    await areas.first().hover();
    expect(await page.locator('.tip').first().textContent()).toMatch(
      /^step \d+, epoch \d\S*training, running mean 0\.\d+/,
    );
    // The switches: of scales, and of steps.
    const label = page.locator('.chart').first().locator('.y-label:visible');
    expect(await label.textContent()).toBe('loss (log scale)');
    await page.getByRole('button', { name: 'linear' }).click();
    expect(await label.textContent()).toBe('loss');
    expect(await page.getByRole('button', { name: 'linear' }).getAttribute('aria-pressed')).toBe('true');
    const stds = () => page.locator('.layers:visible tr:nth-child(2) td:nth-child(3)').textContent();
    expect(await stds()).toBe('1.05');
    await page.getByRole('button', { name: 'step 1', exact: true }).click();
    expect(await stds()).toBe('0.501');
    expect(faults).toEqual([]);
    await page.close();
  });
});
