// The kernel check in a real browser: its page, as `npm run demo` serves it, is all green and gives a report to keep.
import { readFile } from 'node:fs/promises';
import type { KernelReport } from 'downhill/check';
import type { Browser } from 'playwright-core';
import { createServer, type ViteDevServer } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from './chromium.ts';

let server: ViteDevServer;
let browser: Browser;

beforeAll(async () => {
  server = await createServer({
    configFile: 'demo/vite.config.ts',
    logLevel: 'error',
    server: { port: 0, hmr: false, watch: null },
  });
  await server.listen();
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

test('the kernel check page is all green in a browser', { timeout: 600_000 }, async () => {
  const page = await browser.newPage({ locale: 'en-US', viewport: { width: 1280, height: 800 } });
  const errors: string[] = [];
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(`${server.resolvedUrls!.local[0]}check.html`);
  await page.click('#start');
  const state = page.locator('#content:is([data-state=done], [data-state=failed])');
  await state.waitFor({ timeout: 580_000 });
  await page.screenshot({ path: 'test/output/check-desktop.png' });

  expect(await page.locator('#failure:visible').allTextContents()).toEqual([]);
  const faults = await page
    .locator('.detail')
    .evaluateAll((rows) =>
      rows.map((row) => `${row.previousElementSibling?.firstChild?.textContent}: ${row.textContent}`),
    );
  expect(faults).toEqual([]);
  expect(await page.locator('#verdict').textContent()).toMatch(/^All \d+ ops are right$/);
  expect(await page.locator('#adapter').textContent()).toMatch(/software|GPU/);

  const saved = page.waitForEvent('download');
  await page.click('#download');
  const report: KernelReport = JSON.parse(await readFile(await (await saved).path(), 'utf8'));
  expect(report.passed).toBe(true);
  expect(report.ops.length).toBe(await page.locator('#rows tr').count());
  expect(report.shaders.length).toBeGreaterThan(0);
  expect(errors).toEqual([]);

  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForTimeout(300);
  await page.screenshot({ path: 'test/output/check-phone-dark.png' });
  const hidden = await page.locator('.scroll').evaluate((table) => table.scrollWidth - table.clientWidth);
  expect(hidden).toBe(0);
});
