// Where a browser keeps what the tuner found: in IndexedDB, which pages and workers share.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from './chromium.ts';

let browser: Browser;
let server: Server;

beforeAll(async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: "export { tuningStore } from './src/backends/webgpu/tune-store.browser.ts';",
      resolveDir: process.cwd(),
    },
    bundle: true,
    format: 'esm',
    write: false,
  });
  server = createServer(({ url }, response) => {
    const script = url === '/store.js';
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
    response.end(script ? outputFiles[0].text : '<!doctype html><title>store</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  server?.close();
});

test('a text is found again by its key, by the next page, and in a worker', async () => {
  const context = await browser.newContext();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const run = async (body: string) => {
    const page = await context.newPage();
    await page.goto(url);
    const value = await page.evaluate(`(async () => {
      const { tuningStore: store } = await import('/store.js');
      ${body}
    })()`);
    await page.close();
    return value;
  };
  expect(await run("return [await store.read('a'), await store.write('a', 'one'), await store.read('b')];")).toEqual([
    null,
    undefined,
    null,
  ]);
  expect(await run("await store.write('b', 'two'); await store.write('a', 'three'); return store.read('a');")).toBe(
    'three',
  );
  const worker = `
    const code = "import { tuningStore } from '" + location.origin + "/store.js';"
      + "postMessage([await tuningStore.read('a'), await tuningStore.read('b')]);";
    const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })), { type: 'module' });
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
    });`;
  expect(await run(worker)).toEqual(['three', 'two']);
  await context.close();
});
