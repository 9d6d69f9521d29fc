// fit with averages of the weights: they follow every step, inside the compiled step, and checkpoints hold them.
import {
  type Callback,
  encodeCheckpoint,
  type FitOptions,
  type nn,
  optim,
  setDefaultDevice,
  fit as train,
} from 'downhill';
import { describe, expect, test } from 'vitest';
import { adam, examples, network } from './fitting.ts';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();
const DECAY = 0.9;
const emaOf = (model: nn.Module, decay = DECAY) => owned(new optim.EMA(model.parameters(), { decay }));
const averages = (ema: optim.EMA) =>
  values(Object.values(ema.stateDict().tensors)).then((all) => all.flat(3) as number[]);

describe.each(['cpu', 'webgpu'])('on %s', (kind) => {
  test.each([true, false])('averages are those of the weights after each step, compiled %s', async (compile) => {
    setDefaultDevice(devices[kind]);
    const model = network(3, { dropout: 0.2 });
    const ema = emaOf(model);
    let expected = await averages(ema);
    const probe: Callback['probe'] = {
      interval: 1,
      begin() {},
      end: () => Object.fromEntries([...model.namedParameters()]),
      report(_, found) {
        const now = Object.values(found).flatMap(({ data }) => Array.from(data));
        expected = expected.map((average, i) => DECAY * average + (1 - DECAY) * now[i]);
      },
    };
    const options = { data: examples(35), epochs: 2, batchSize: 5, compile, ema, callbacks: [{ probe }] };
    await train(model, { ...options, optimizer: adam(model) });
    const found = await averages(ema);
    expect(found).toHaveLength(expected.length);
    for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i], 5);
    // They lag behind, and trade places with the weights.
    const weights = (await values(model.parameters())).flat(3);
    expect(weights).not.toEqual(found);
    ema.swap();
    expect((await values(model.parameters())).flat(3)).toEqual(found);
  });

  test('a run that goes on from a checkpoint has the averages of the unbroken one, to the bit', async () => {
    setDefaultDevice(devices[kind]);
    const run = async (more: Partial<FitOptions> = {}, decay = DECAY) => {
      const model = network(3, { dropout: 0.2 });
      const ema = emaOf(model, decay);
      const optimizer = adam(model);
      await train(model, { data: examples(20), epochs: 3, batchSize: 5, optimizer, ema, ...more });
      return { model: await values(model.parameters()), ema: await averages(ema), decay: ema.decay };
    };
    const whole = await run();
    let bytes: Uint8Array = new Uint8Array();
    const keep: Callback = {
      onEpoch: async ({ epoch }, training) => {
        if (epoch === 2) bytes = await encodeCheckpoint(training);
      },
    };
    expect(await run({ callbacks: [keep] })).toEqual(whole);
    expect(await run({ resume: bytes }, 0.5)).toEqual(whole);
    await expect(run({ resume: bytes, ema: undefined })).rejects.toThrow(
      'resume: the checkpoint was made with ema, got none',
    );
  });
});

test('averages that do not fit are refused before anything is trained or loaded', async () => {
  setDefaultDevice(devices.cpu);
  const [model, other] = [network(), network(4)];
  const before = await values(model.parameters());
  const given = { data: examples(10), optimizer: adam(model), batchSize: 5 };
  await expect(train(model, { ...given, ema: emaOf(other) })).rejects.toThrow(
    "fit: expected an EMA of the model's parameters, got one that has none of them",
  );
  await expect(train(model, { ...given, ema: 0.99 as unknown as optim.EMA })).rejects.toThrow(
    'fit: expected ema to be an optim.EMA, got 0.99',
  );
  const ema = emaOf(model);
  ema.swap();
  await expect(train(model, { ...given, ema })).rejects.toThrow('swap() them back first');
  ema.swap();
  // A checkpoint without averages, and one whose averages are of more parameters.
  const checkpoint = async (averaged: boolean) => {
    const bytes: Uint8Array[] = [];
    const onEnd: Callback['onEnd'] = async (training) => void bytes.push(await encodeCheckpoint(training));
    const same = network();
    const averages = averaged ? emaOf(same) : undefined;
    await train(same, { ...given, optimizer: adam(same), ema: averages, callbacks: [{ onEnd }] });
    return bytes[0];
  };
  await expect(train(model, { ...given, ema, resume: await checkpoint(false) })).rejects.toThrow(
    'resume: the checkpoint was made without ema, got one',
  );
  const part = owned(new optim.EMA([(model.layers[0] as nn.Linear).weight]));
  await expect(train(model, { ...given, ema: part, resume: await checkpoint(true) })).rejects.toThrow(
    /resume: the checkpoint is of another ema: .*unexpected.*1/s,
  );
  expect(await values(model.parameters())).toEqual(before);
});
