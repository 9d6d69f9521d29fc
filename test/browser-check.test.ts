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
  // What was checked, on what, and how exactly.
  expect(report).toMatchObject({ date: expect.stringMatching(/^\d{4}-/), userAgent: expect.stringMatching(/Chrom/) });
  const { adapter, software, driver, features, limits } = report.device;
  expect(adapter).toBe(await page.locator('#adapter-name').textContent());
  expect(report.adapter).toContain(adapter);
  expect([software, typeof driver, Array.isArray(features)]).toEqual([true, 'string', true]);
  expect(limits).toMatchObject({
    maxComputeInvocationsPerWorkgroup: expect.any(Number),
    maxComputeWorkgroupsPerDimension: 65535,
    maxComputeWorkgroupSizeX: expect.any(Number),
    maxStorageBuffersPerShaderStage: expect.any(Number),
  });
  const ulps = report.ops.flatMap(({ forwardUlp }) => forwardUlp ?? []);
  expect(ulps.length).toBeGreaterThan(100);
  expect(ulps.every(Number.isFinite)).toBe(true);
  // The page says of the device what the report does.
  const facts = await page.locator('#facts').innerText();
  expect(facts).toContain(driver || 'not told');
  for (const feature of features!) expect(facts).toContain(feature);
  expect(await page.locator('#facts > div').count()).toBe(3 + Object.keys(limits!).length);
  expect(facts).toMatch(/workgroups per dimension\s+65,535/i);
  expect(errors).toEqual([]);

  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForTimeout(300);
  await page.screenshot({ path: 'test/output/check-phone-dark.png' });
  const hidden = await page.locator('.scroll').evaluate((table) => table.scrollWidth - table.clientWidth);
  expect(hidden).toBe(0);
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(beyond).toBeLessThanOrEqual(0);
});
