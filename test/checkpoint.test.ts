// Checkpoints: N steps and N steps make 2 N steps to the bit; what does not belong is refused by name; files appear whole.
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Callback,
  type Data,
  decodeCheckpoint,
  EarlyStopping,
  type EpochReport,
  encodeCheckpoint,
  encodeSafetensors,
  type FitOptions,
  manualSeed,
  nn,
  optim,
  randomState,
  type StepReport,
  setDefaultDevice,
  fit as train,
} from 'downhill';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeWhole } from '../src/io/files.node.ts';
import { normal } from '../src/tensor/random.ts';
import { openDevices, owned, values } from './training.ts';

const devices = openDevices();
const folder = join('test', 'output', 'checkpoint');

beforeAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
});

/** Pictures of 6 by 6 with a bright column that tells the class. */
function pictures(length: number, seed = 2): Data {
  const noise = normal(length * 36, { seed, stream: 0 });
  const label = (i: number) => (i * 5 + 1) % 3;
  const pixels = (i: number) =>
    Array.from({ length: 36 }, (_, k) => noise[36 * i + k] + 2 * Number(k % 6 === label(i)));
  return {
    length,
    batch: (indices) => ({
      x: Float32Array.from(Array.from(indices, pixels).flat()),
      shape: [indices.length, 1, 6, 6],
      y: Int32Array.from(indices, label),
    }),
  };
}

function network({ channels = 4, norm = true } = {}) {
  manualSeed(7);
  const model = new nn.Sequential(
    new nn.Conv2d(1, channels, 3, { padding: 1 }),
    ...(norm ? [new nn.BatchNorm2d(channels)] : []),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Dropout(0.3),
    new nn.Linear(9 * channels, 3),
  );
  return owned(model);
}

/** A scheduler with a state of its own. */
class Decay {
  private readonly optimizer: optim.Optimizer;
  private calls = 0;

  constructor(optimizer: optim.Optimizer) {
    this.optimizer = optimizer;
  }

  step(): void {
    this.calls++;
    this.optimizer.lr *= 1 - 0.1 / this.calls;
  }

  stateDict = () => ({ calls: this.calls });

  loadStateDict({ calls }: { calls: number }): void {
    this.calls = calls;
  }
}

/** Everything that a run leaves: parameters, buffers, the optimizer's state, reports and the random state. */
async function left(
  model: nn.Module,
  optimizer: optim.Optimizer,
  { history, losses }: { history: EpochReport[]; losses: number[] },
) {
  const { tensors, values: counts } = optimizer.stateDict();
  return {
    model: await values(Object.values(model.stateDict())),
    optimizer: [await values(Object.values(tensors)), counts],
    history: history.map(({ seconds, ...report }) => report),
    losses,
    random: randomState(),
  };
}

const losses = (reports: StepReport[]) => reports.map(({ loss }) => loss);

const schedules = {
  'a function': () => ({ schedule: (progress: number) => 1 - progress }),
  'a scheduler': (optimizer: optim.Optimizer) => ({ schedule: new Decay(optimizer), scheduleBy: 'step' as const }),
};

describe.each(['cpu', 'webgpu'])('on %s, N steps and N steps make 2 N steps to the bit', (kind) => {
  test.each(Object.entries(schedules))('with dropout, batch norm, Adam, shuffling and %s', async (_, scheduleOf) => {
    setDefaultDevice(devices[kind]);
    const options = { data: pictures(24), validation: pictures(8, 3), epochs: 3, batchSize: 4 };
    const run = async (more: Partial<FitOptions> = {}, callbacks: Callback[] = []) => {
      const model = network();
      const optimizer = owned(new optim.Adam(model.parameters(), { lr: 0.01, amsgrad: true }));
      const seen: StepReport[] = [];
      const history = await train(model, {
        ...options,
        ...scheduleOf(optimizer),
        optimizer,
        ...more,
        callbacks: [
          { onStep: (report) => void seen.push(report) },
          new EarlyStopping({ patience: 9 }),
          new EarlyStopping({ monitor: 'accuracy', patience: 8 }),
          ...callbacks,
        ],
      });
      return left(model, optimizer, { history, losses: losses(seen) });
    };
    const whole = await run();
    expect(whole.losses).toHaveLength(18);

    // In the middle of the second epoch, and at its end.
    const taken: { bytes: Uint8Array; step: number }[] = [];
    const take = async (training: Parameters<typeof encodeCheckpoint>[0]) => {
      const { step } = training;
      taken.push({ step, bytes: await encodeCheckpoint(training) });
    };
    const halves = await run({}, [
      {
        onStep: ({ step }, training) => (step === 7 ? take(training) : undefined),
        onEpoch: ({ epoch }, training) => (epoch === 2 ? take(training) : undefined),
      },
    ]);
    expect(halves).toEqual(whole);
    expect(taken.map(({ step }) => step)).toEqual([9, 12]);
    for (const { step, bytes } of taken) {
      manualSeed(99);
      const again = await run({ resume: bytes });
      expect(again).toEqual({ ...whole, losses: whole.losses.slice(step) });
    }
  });
});

describe('files', () => {
  const run = async (name: string, more: Partial<FitOptions> = {}) => {
    setDefaultDevice(devices.webgpu);
    const model = network();
    const optimizer = owned(new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }));
    const seen: StepReport[] = [];
    const history = await train(model, {
      data: pictures(20),
      validation: pictures(8, 3),
      optimizer,
      epochs: 3,
      batchSize: 5,
      checkpoint: { folder: join(folder, name), every: 3 },
      ...more,
      callbacks: [{ onStep: (report) => void seen.push(report) }, ...(more.callbacks ?? [])],
    });
    return { model, history, result: await left(model, optimizer, { history, losses: losses(seen) }) };
  };
  const read = async (name: string) => decodeCheckpoint(await readFile(join(folder, name)));

  test('hold the last state and the best one, and a run that was stopped goes on from its path', async () => {
    const whole = await run('whole');
    const last = await read('whole/last.safetensors');
    expect(last.training).toMatchObject({ step: 12, epoch: 3 });
    expect(last.training.history).toEqual(whole.history);
    const grades = whole.history.map(({ validationLoss }) => validationLoss!);
    const best = await read('whole/best.safetensors');
    expect(best.training.epoch).toBe(grades.indexOf(Math.min(...grades)) + 1);
    network().loadStateDict(best.model);

    const stops: Callback = { onStep: ({ step }, training) => void (step === 5 && training.stop('a test')) };
    await run('halves', { callbacks: [stops] });
    const stopped = (await read('halves/last.safetensors')).training.step;
    const halves = await run('halves', { resume: join(folder, 'halves', 'last.safetensors') });
    expect(halves.result).toEqual({ ...whole.result, losses: whole.result.losses.slice(stopped) });
    const { model, optimizer } = await read('halves/best.safetensors');
    expect({ model, optimizer }).toEqual({ model: best.model, optimizer: best.optimizer });
    expect((await readdir(join(folder, 'halves'))).sort()).toEqual(['best.safetensors', 'last.safetensors']);
  });

  test('are written between epochs, at the very step, with nothing read late', async () => {
    const steps: number[] = [];
    const at: Callback = {
      onStep: async ({ step }) => {
        if (step === 4) steps.push((await read('every/last.safetensors')).training.step);
      },
    };
    await run('every', { callbacks: [at] });
    expect(steps).toEqual([3]);
  });

  test('stay as they were where the disk is full', async () => {
    const path = join(folder, 'full', 'last.safetensors');
    await run('full');
    const good = await readFile(path);
    // What is written beside its place goes to a device that is always full.
    await symlink('/dev/full', `${path}.${process.pid}.tmp`);
    await expect(run('full', { epochs: 1 })).rejects.toThrow(
      /^checkpoint: cannot write .*last\.safetensors, what was there before stays \(ENOSPC/,
    );
    expect((await readFile(path)).equals(good)).toBe(true);
    expect((await readdir(join(folder, 'full'))).sort()).toEqual(['best.safetensors', 'last.safetensors']);
  });

  test('stay whole where the process is killed in the middle of writing', async () => {
    const script = join(folder, 'writer.mjs');
    await build({
      stdin: {
        contents: `import { writeWhole } from './src/io/files.node.ts';
          for (let i = 0; ; i++) {
            await writeWhole(process.argv[2], new Uint8Array(4e6).fill(i));
            if (i === 2) console.log('going');
          }`,
        resolveDir: '.',
      },
      outfile: script,
      bundle: true,
      format: 'esm',
      platform: 'node',
    });
    const path = join(folder, 'killed.bin');
    for (let time = 0; time < 5; time++) {
      const child = spawn(process.execPath, [script, path]);
      const closed = new Promise((done) => child.on('close', done));
      await new Promise((going) => child.stdout.once('data', going));
      await new Promise((wait) => setTimeout(wait, 7 * time));
      child.kill('SIGKILL');
      await closed;
      const bytes = await readFile(path);
      expect(bytes.length).toBe(4e6);
      expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
    }
  });

  test('take drafts away that killed processes left behind, and no others', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((done) => child.on('close', done));
    const dead = child.pid;
    const at = join(folder, 'drafts');
    await mkdir(at);
    const mine = ['a.bin', `a.bin.${process.ppid}.tmp`, `b.bin.${dead}.tmp`, 'a.bin.old.tmp', `a.bin.${dead}.tmp.txt`];
    for (const name of [...mine.slice(1), `a.bin.${dead}.tmp`]) await writeFile(join(at, name), 'half');
    await writeWhole(join(at, 'a.bin'), 'whole');
    expect((await readdir(at)).sort()).toEqual(mine.sort());
    expect(await readFile(join(at, 'a.bin'), 'utf8')).toBe('whole');
  });

  test('that cannot be written at all are told of before training', async () => {
    await writeFile(join(folder, 'a-file'), '');
    await expect(run('a-file/below')).rejects.toThrow(/^checkpoint: cannot write .*a-file/);
  });

  test('are replaced by text as well as by bytes', async () => {
    const path = join(folder, 'text');
    await writeWhole(path, 'one');
    await writeWhole(path, 'two');
    expect(await readFile(path, 'utf8')).toBe('two');
  });
});

describe('a checkpoint that does not belong is refused by name, and changes nothing:', () => {
  const state = async (
    model: nn.Module,
    make: (model: nn.Module) => optim.Optimizer,
    more: Partial<FitOptions> = {},
  ) => {
    const optimizer = owned(make(model));
    let bytes = new Uint8Array();
    const keeps: Callback = {
      onEnd: async (training) => {
        bytes = new Uint8Array(await encodeCheckpoint(training));
      },
    };
    const before = { model: await values(Object.values(model.stateDict())), random: randomState() };
    const training = train(model, { data: pictures(8), optimizer, batchSize: 4, callbacks: [keeps], ...more });
    const message = await training.then(
      () => '',
      (error: Error) => error.message,
    );
    const after = { model: await values(Object.values(model.stateDict())), random: randomState() };
    return { bytes, message, same: JSON.stringify(before) === JSON.stringify(after) };
  };
  const adam = (model: nn.Module) => new optim.Adam(model.parameters());
  const sgd = (model: nn.Module) => new optim.SGD(model.parameters(), { momentum: 0.9 });
  const cases: [string, () => nn.Module, (model: nn.Module) => optim.Optimizer, Partial<FitOptions>, RegExp][] = [
    [
      'of another width',
      () => network({ channels: 5 }),
      adam,
      {},
      /^resume: the checkpoint is of another model: .*0\.weight is \[4,1,3,3\], expected \[5,1,3,3\].*6\.weight is \[3,36\]/,
    ],
    [
      'of other layers',
      () => network({ norm: false }),
      adam,
      {},
      /^resume: the checkpoint is of another model: missing 5\.weight; missing 5\.bias; unexpected 1\.weight/,
    ],
    ['of another optimizer', network, sgd, {}, /^resume: the checkpoint is of another optimizer: .*SGD.*Adam/],
    ['of other batches', network, adam, { batchSize: 2 }, /^resume: the checkpoint was made with batchSize 4, got 2$/],
    ['of other data', network, adam, { data: pictures(9) }, /^resume: the checkpoint was made with examples 8, got 9$/],
  ];

  test.each(cases)('%s', async (_, make, optimizer, more, words) => {
    setDefaultDevice(devices.cpu);
    const { bytes } = await state(network(), adam);
    const { message, same } = await state(make(), optimizer, { resume: bytes, ...more });
    expect(message).toMatch(words);
    expect(same).toBe(true);
  });

  test('what is no checkpoint, or only a part of one', async () => {
    setDefaultDevice(devices.cpu);
    const { bytes } = await state(network(), adam);
    const model = encodeSafetensors({ a: { shape: [1], data: [1] } });
    expect((await state(network(), adam, { resume: model })).message).toContain('expected a checkpoint of fit');
    expect((await state(network(), adam, { resume: bytes.subarray(0, bytes.length - 9) })).message).toMatch(
      /^safetensors: the file is truncated: it has \d+ of \d+ bytes$/,
    );
    const message = async (resume: Uint8Array) => (await state(network(), adam, { resume })).message;
    expect(await message(bytes.subarray(0, 50))).toMatch(
      /^safetensors: the file is truncated: its header has \d+ bytes, and the whole file 50$/,
    );
    expect(await message(new Uint8Array(99).fill(0xdb))).toBe(
      'safetensors: expected a safetensors file, got another kind of file',
    );
    const holding = (text: string) => encodeSafetensors({}, { 'downhill.checkpoint': text });
    expect(await message(holding('{"version":1}'))).toBe('checkpoint: its state lacks training, optimizer, callbacks');
    expect(await message(holding('{version'))).toBe('checkpoint: expected its state as JSON, got what cannot be read');
    expect(await message(holding('{"version":7}'))).toBe('checkpoint: expected version 1, got 7');
    expect((await state(network(), adam, { resume: join(folder, 'nowhere') })).message).toContain('ENOENT');
  });
});
