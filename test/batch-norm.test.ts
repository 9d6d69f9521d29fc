// Batch norm lets a network train at ten times its learning rate, as the CS231n notes say. With PICTURE=docs/batch-norm.png
// in the environment the same is measured at more rates, and drawn.
import { writeFile } from 'node:fs/promises';
import { type Device, init } from 'downhill';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHANCE, type Trained, trainer } from './batch-norm.ts';
import { batchNormPicture } from './batch-norm-picture.ts';

const { PICTURE } = process.env;
let device: Device;
let train: Awaited<ReturnType<typeof trainer>>;
beforeAll(async () => {
  device = await init();
  train = await trainer();
});
afterAll(() => device.destroy());

const best = (runs: Trained[]) => runs.reduce((a, b) => (b.loss < a.loss ? b : a));

test('at ten times its best rate a network fails; with batch norm it trains there, and better', async () => {
  const plain: Trained[] = [];
  for (const lr of [0.03, 0.1, 0.3]) plain.push(await train(false, lr));
  const { lr, loss } = best(plain);
  expect(loss).toBeLessThan(0.5 * CHANCE); // it does learn
  const failed = await train(false, 10 * lr);
  expect(failed.loss < 0.95 * CHANCE).toBe(false); // no better than guessing, or no number
  const normalized = await train(true, 10 * lr);
  expect(normalized.loss).toBeLessThan(loss);
});

test.runIf(PICTURE)('the picture', { timeout: 300_000 }, async () => {
  const runs: Trained[] = [];
  for (const batchNorm of [false, true]) {
    for (const lr of [0.01, 0.03, 0.1, 0.3, 1, 3, 10]) runs.push(await train(batchNorm, lr));
  }
  await writeFile(PICTURE!, batchNormPicture(runs, best(runs.filter(({ batchNorm }) => !batchNorm)).lr));
});
