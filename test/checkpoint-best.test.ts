// Checkpoints beside early stopping that goes back to the best weights.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Callback,
  decodeCheckpoint,
  EarlyStopping,
  type FitOptions,
  optim,
  setDefaultDevice,
  fit as train,
} from 'downhill';
import { expect, test } from 'vitest';
import { examples, network } from './fitting.ts';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();

test('weights of the best epoch are not gone back to where a run is cut off: it goes on to the same bits', async () => {
  setDefaultDevice(devices.cpu);
  const at = join('test', 'output', 'checkpoint-best');
  const run = async (more: Partial<FitOptions> = {}, callbacks: Callback[] = []) => {
    const model = network();
    const optimizer = owned(new optim.SGD(model.parameters(), { lr: 0.5, momentum: 0.9 }));
    const early = new EarlyStopping({ patience: 9, restoreBest: true });
    const history = await train(model, {
      ...{ data: examples(12), validation: examples(8, { seed: 3 }), optimizer, epochs: 6, batchSize: 4, ...more },
      callbacks: [early, ...callbacks],
    });
    const left = await values(Object.values(model.stateDict()));
    return { model: left, history: history.map(({ seconds, ...report }) => report) };
  };
  const whole = await run();
  const grades = whole.history.map(({ validationLoss }) => validationLoss!);
  // The best epoch is behind where the run is cut off, or nothing would have been gone back to.
  expect(grades.slice(0, 4).indexOf(Math.min(...grades.slice(0, 4)))).toBeLessThan(3);
  const cut = new AbortController();
  const aborts: Callback = { onStep: ({ step }) => void (step === 10 && cut.abort()) };
  const checkpoint = { folder: at };
  const broken = await run({ checkpoint, signal: cut.signal }, [aborts]);
  const path = join(at, 'last.safetensors');
  const last = decodeCheckpoint(await readFile(path));
  expect(last.training.step).toBeGreaterThan(9);
  expect(Object.values(last.model).map(({ data }) => Array.from(data))).toEqual(broken.model.map((x) => x.flat(9)));
  expect(await run({ resume: path, checkpoint })).toEqual(whole);
  // A run that had come to its end goes back again.
  expect((await run({ resume: path, checkpoint })).model).toEqual(whole.model);
});
