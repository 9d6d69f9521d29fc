// The race of optimizers: contour lines, the picture that the command writes, and the page, on a desk and on a phone.
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { init, optim } from 'downhill';
import { decode } from 'fast-png';
import type { Browser, Page } from 'playwright-core';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Canvas, rgb } from '../src/cli/canvas.ts';
import { strokesOf, widthOf } from '../src/cli/stroke-font.ts';
import { launchChromium } from './chromium.ts';
import { commandIn } from './command.ts';

const { contestants, contour, heightMap, race, surfaces } = optim.race;
const names = Object.keys(surfaces) as optim.race.SurfaceName[];

describe('races', () => {
  test('with their own learning rates all optimizers come far down everywhere', async () => {
    const device = await init({ device: 'cpu' });
    for (const name of names) {
      const surface = surfaces[name];
      const [first, lowest] = [surface.value(...surface.start), surface.value(...surface.minima[0])];
      for (const { make, lr, name: who } of contestants) {
        const { x, y, loss } = await race(surface, (p) => make(p, lr[name]), { steps: 200, device });
        expect([x.length, y.length, loss.length]).toEqual([201, 201, 201]);
        expect([x[0], y[0]]).toEqual(surface.start);
        expect(loss[200]).toBe(surface.value(x[200], y[200]));
        expect((loss[200] - lowest) / (first - lowest), `${who} on ${name}`).toBeLessThan(0.6);
      }
    }
  });

  test('a path ends where it leaves for good', async () => {
    const device = await init({ device: 'cpu' });
    const path = await race(surfaces.valley, (p) => new optim.SGD(p, { lr: 2 }), { steps: 200, device });
    expect(path.x.length).toBeLessThan(40);
    expect(path.x.every(Number.isFinite)).toBe(true);
  });
});

describe('contour lines', () => {
  test('of a bowl are ellipses of that height', () => {
    const { bounds, value } = surfaces.bowl;
    const map = heightMap(surfaces.bowl, 101, 77);
    expect([Math.min(...map.heights), Math.max(...map.heights)]).toEqual([0, 1]);
    const top = value(bounds.x[1], bounds.y[1]);
    const pieces = contour(map, 0.5);
    expect(pieces.length).toBeGreaterThan(100);
    for (const [x1, y1, x2, y2] of pieces) {
      for (const [x, y] of [
        [x1, y1],
        [x2, y2],
      ]) {
        // The height is the root of the share of the highest loss.
        expect(Math.sqrt(value(-5 + 10 * x, -3.75 + 7.5 * y) / top)).toBeCloseTo(0.5, 3);
      }
      expect(Math.hypot(x2 - x1, y2 - y1)).toBeLessThan(0.02);
    }
  });

  test('join the sides of a cell that is crossed four times as its middle says', () => {
    const cell = (...heights: number[]) => contour({ columns: 2, rows: 2, heights: Float64Array.from(heights) }, 0.5);
    // Lower left and upper right are high; in the middle is a ridge, or a pass. Lines go around what is apart.
    const around = (pieces: readonly optim.race.Piece[]) =>
      pieces
        .map(
          ([x1, y1, x2, y2]) => `${(x1 + x2) / 2 < 0.5 ? 'left' : 'right'} ${(y1 + y2) / 2 < 0.5 ? 'lower' : 'upper'}`,
        )
        .sort();
    expect(around(cell(1, 0.4, 0.4, 1))).toEqual(['left upper', 'right lower']);
    expect(around(cell(0.6, 0, 0, 0.6))).toEqual(['left lower', 'right upper']);
    expect(around(cell(0, 0.6, 0.6, 0))).toEqual(['left upper', 'right lower']);
    expect(around(cell(0.4, 1, 1, 0.4))).toEqual(['left lower', 'right upper']);
    expect(cell(1, 1, 1, 1)).toEqual([]);
    expect(cell(1, 1, 0, 0)).toEqual([[1, 0.5, 0, 0.5]]);
  });
});

describe('the canvas', () => {
  const pixel = (canvas: Canvas, x: number, y: number) => {
    const { data, width } = decode(canvas.png());
    return [...data.slice(3 * (y * width + x), 3 * (y * width + x) + 3)];
  };

  test('draws smooth lines once, within a box', () => {
    const canvas = new Canvas(20, 10, rgb('#ffffff'));
    const cross = [
      [
        [2, 5.5],
        [18, 5.5],
      ] as const,
      [
        [10.5, 1],
        [10.5, 9],
      ] as const,
    ];
    canvas.within({ x: 0, y: 0, width: 15, height: 10 }, () => canvas.stroke(cross, 1, rgb('#000000'), 0.5));
    expect(pixel(canvas, 5, 5)).toEqual([128, 128, 128]);
    expect(pixel(canvas, 10, 5)).toEqual([128, 128, 128]); // no darker where they cross
    expect(pixel(canvas, 10, 2)).toEqual([128, 128, 128]);
    expect(pixel(canvas, 16, 5)).toEqual([255, 255, 255]);
    expect(pixel(canvas, 5, 8)).toEqual([255, 255, 255]);
    canvas.stroke([[[30, 30]]], 4, rgb('#000000')); // outside
    canvas.fill({ x: 0, y: 0, width: 2, height: 1 }, (across) => [across * 200, 0, 0]);
    expect([pixel(canvas, 0, 0), pixel(canvas, 1, 0)]).toEqual([
      [50, 0, 0],
      [150, 0, 0],
    ]);
  });

  test('writes text of all characters, and refuses others', () => {
    const text = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:-+=/()²⁴ ';
    for (const [x, y] of strokesOf(text, 10).flat()) {
      expect(x).toBeGreaterThanOrEqual(-1);
      expect(x).toBeLessThanOrEqual(widthOf(text, 10));
      expect(y > -3 && y < 9).toBe(true);
    }
    expect(widthOf('mm', 20)).toBeGreaterThan(widthOf('ii', 20));
    expect(() => strokesOf('é', 10)).toThrow('stroke font: there is no character "é"');
    const canvas = new Canvas(60, 30, rgb('#ffffff'));
    canvas.text('l', 30, 25, { size: 20, color: rgb('#000000'), align: 'center' });
    expect(pixel(canvas, 30, 18)[0]).toBeLessThan(130);
    expect(pixel(canvas, 34, 18)).toEqual([255, 255, 255]);
  });
});

describe('the command', () => {
  const { out, downhill } = commandIn('race');

  test.each([[[]], [['rosenbrock']]])('draws a picture: race %s', async (surface: string[]) => {
    const { stdout } = await downhill(['race', ...surface, '--steps', '60', '--out', 'picture.png']);
    expect(stdout).toBe('wrote picture.png\n');
    expect((await readdir(out('.'))).filter((name) => name.includes('picture'))).toEqual(['picture.png']);
    const { width, height, channels, data } = decode(await readFile(out('picture.png')));
    expect([width, height, channels]).toEqual(surface.length > 0 ? [1670, 980, 3] : [1680, 1492, 3]);
    const seen = new Set<string>();
    for (let i = 0; i < data.length; i += 3) seen.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
    // The key shows every optimizer's colour as it is.
    for (const { color } of contestants) expect(seen).toContain(rgb(color).join());
  });

  test('tells as JSON how far each came', async () => {
    const path = 'told.png';
    const { stdout } = await downhill(['race', 'bowl', '--steps', '30', '--out', path, '--json']);
    const { picture, races } = JSON.parse(stdout);
    expect(picture).toBe(path);
    expect(races).toMatchObject([{ title: 'Quadratic bowl', formula: 'x² / 2 + y²' }]);
    expect(races[0].runs.map(({ optimizer }: { optimizer: string }) => optimizer)).toEqual(
      contestants.map(({ name }) => name),
    );
    const sgd = races[0].runs[0];
    expect(sgd.steps).toBe(30);
    expect(sgd.loss).toBeCloseTo(surfaces.bowl.value(sgd.x, sgd.y), 9);
  });

  test('says in one line what is wrong', async () => {
    expect(await downhill(['race', 'mountain'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: .*mountain.*bowl, rosenbrock, saddle, valley.*\n$/),
    });
    expect(await downhill(['race', 'bowl', '--out', 'no/race.png'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: --out: cannot write no\/race\.png .*\n$/),
    });
  });
});

describe('the page', () => {
  const outDir = `${process.cwd()}/test/output/race-site`;
  const config = { configFile: 'demo/vite.config.ts', logLevel: 'error' } as const;
  let site: PreviewServer;
  let browser: Browser;

  beforeAll(async () => {
    await mkdir('test/output', { recursive: true });
    await build({ ...config, build: { outDir, emptyOutDir: true } });
    site = await preview({ ...config, build: { outDir }, preview: { port: 0 } });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  const state = (page: Page, name: string) => page.locator(`#content[data-state=${name}]`).waitFor({ timeout: 60_000 });
  const loss = async (page: Page, name: string) =>
    Number(await page.locator(`.runner[data-name="${name}"] b`).textContent());
  const step = async (page: Page) => Number(await page.locator('#step').textContent());

  /** How many pixels of the picture are of a colour, nearly. */
  const pixels = (page: Page, color: string) =>
    page.evaluate(
      ([r, g, b]) => {
        const canvas = document.querySelector('canvas')!;
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let i = 0; i < data.length; i += 4) {
          if (Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 12) count++;
        }
        return count;
      },
      rgb(color) as [number, number, number],
    );

  test('races without a GPU, can be stopped, wound back, changed, and fits a phone', async () => {
    const page = await browser.newPage({ locale: 'en-US', viewport: { width: 1280, height: 900 } });
    const errors: string[] = [];
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    page.on('pageerror', (error) => errors.push(String(error)));
    await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined }));
    await page.goto(`${site.resolvedUrls!.local[0]}race.html`);
    await state(page, 'running');
    expect(await page.locator('.runner[data-name]').count()).toBe(contestants.length);
    await expect.poll(() => step(page), { timeout: 60_000 }).toBeGreaterThan(3);
    await page.click('#toggle');
    await state(page, 'paused');
    const there = await step(page);
    await page.waitForTimeout(300);
    expect(await step(page)).toBe(there);

    await page.fill('#at', '200');
    expect(await loss(page, 'Adam')).toBeLessThan(0.01);
    const adam = contestants.find(({ name }) => name === 'Adam')!;
    const drawn = await pixels(page, adam.color);
    expect(drawn).toBeGreaterThan(100);
    await page.screenshot({ path: 'test/output/race-desktop.png', fullPage: true });
    await page.uncheck('.runner[data-name="Adam"] input[type=checkbox]');
    expect(await pixels(page, adam.color)).toBeLessThan(drawn / 4);
    await page.check('.runner[data-name="Adam"] input[type=checkbox]');

    // Too small a learning rate, and one that is too large.
    const before = await loss(page, 'SGD');
    await page.fill('.runner[data-name="SGD"] input[type=range]', '-10');
    expect(await page.locator('.runner[data-name="SGD"] output').textContent()).toBe('0.09');
    await expect.poll(() => loss(page, 'SGD')).toBeGreaterThan(10 * before);
    await page.fill('.runner[data-name="SGD"] input[type=range]', '15');
    await expect.poll(() => page.locator('.runner[data-name="SGD"] b').textContent()).toBe('far off');

    await page.selectOption('#surface', 'saddle');
    await state(page, 'running');
    expect(await page.locator('.runner[data-name="SGD"] output').textContent()).toBe('0.05');
    await page.fill('#at', '200');
    for (const { name } of contestants) expect(await loss(page, name)).toBeCloseTo(-0.25, 2);
    await page.click('#toggle'); // once more from the start
    await state(page, 'running');
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.fill('#at', '60');
    await page.waitForTimeout(300);
    await page.screenshot({ path: 'test/output/race-dark.png', fullPage: true });
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.waitForTimeout(300);
    await page.screenshot({ path: 'test/output/race-phone.png', fullPage: true });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await page.click('nav a[href$="index.html"]');
    await page.waitForURL('**/index.html');
    await page.click('nav a[href$="race.html"]');
    await state(page, 'running');
    expect(errors.filter((error) => !error.includes('WebGPU'))).toEqual([]);
    await page.close();
  }, 180_000);
});
