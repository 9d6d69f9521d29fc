// Ensembles answer better than their members; where members come from; modes are put back.
import { mkdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  averagedWeights,
  type Batch,
  Ensemble,
  evaluate,
  fromCheckpoints,
  fromSeeds,
  type ImageSet,
  manualSeed,
  memory,
  nn,
  randomState,
  refreshStatistics,
  setDefaultDevice,
  snapshot,
  tensor,
} from 'downhill';
import { choice, fromSearch, SearchFolder, search } from 'downhill/search';
import { describe, expect, test } from 'vitest';
import { held, small, train } from './spiral.ts';
import { openDevices, owned } from './training.ts';

const devices = openDevices();
const output = resolve('test/output/ensemble');

/** On the float64 CPU, and back. */
async function onCpu<T>(work: () => Promise<T>): Promise<T> {
  setDefaultDevice(devices.cpu);
  try {
    return await work();
  } finally {
    setDefaultDevice(devices.webgpu);
  }
}

const logitsModel = (logits: number[][]) => {
  class Fixed extends nn.Module {
    answer = nn.buffer(tensor(logits));
    override forward() {
      return this.answer.mul(1);
    }
  }
  return new Fixed();
};

describe('the answer', () => {
  const x = () => owned(tensor([[0], [0]]));
  const [a, b, c] = [
    [[2, 0, 1], [0, 0, 5]], // biome-ignore format: a table
    [
      [0, 1, 0],
      [1, 0, 0],
    ],
    [
      [0, 3, 0.5],
      [2, 1, 0],
    ],
  ];
  const softmax = (z: number[]) => z.map((v) => Math.exp(v) / z.reduce((sum, w) => sum + Math.exp(w), 0));
  const meanOf = (rows: number[][]) => rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);

  test('is the mean of probabilities, the softmax of mean logits, or the share of votes', async () => {
    const ensemble = owned(new Ensemble([a, b, c].map(logitsModel)));
    const expected = {
      probabilities: [0, 1].map((row) => meanOf([a, b, c].map((z) => softmax(z[row])))),
      logits: [0, 1].map((row) => softmax(meanOf([a, b, c].map((z) => z[row])))),
      votes: [[1 / 3, 2 / 3, 0], [2 / 3, 0, 1 / 3]], // biome-ignore format: a table
    };
    for (const [combine, rows] of Object.entries(expected)) {
      const found = await owned(ensemble.predict(x(), { combine: combine as 'votes' })).tolist();
      for (const [i, row] of rows.entries()) {
        for (const [j, value] of row.entries()) expect(found[i][j]).toBeCloseTo(value, 5);
      }
    }
    const logs = await owned(ensemble.forward(x())).tolist();
    expect(Math.exp(logs[0][1])).toBeCloseTo(expected.probabilities[0][1], 5);
    // Logits that overflow as exponentials.
    const far = owned(new Ensemble([[[900, 0]], [[0, 900]], [[900, 0]]].map(logitsModel)));
    const [[first]] = await owned(far.predict(x())).tolist();
    expect(first).toBeCloseTo(2 / 3, 5);
  });

  test('evaluate counts for members and ensemble', async () => {
    const data = {
      length: 2,
      batch: (indices: ArrayLike<number>): Batch => ({
        x: new Float32Array(indices.length),
        y: Int32Array.from(indices, (i) => [1, 0][i]),
        shape: [indices.length, 1],
      }),
    };
    const ensemble = owned(new Ensemble([a, b, c].map(logitsModel)));
    const found = await ensemble.evaluate(data);
    expect(found.members.map(({ accuracy }) => accuracy)).toEqual([0, 1, 1]);
    expect(found.meanAccuracy).toBeCloseTo(2 / 3);
    const rows = [0, 1].map((row) => meanOf([a, b, c].map((z) => softmax(z[row]))));
    expect(found.loss).toBeCloseTo(-(Math.log(rows[0][1]) + Math.log(rows[1][0])) / 2, 5);
    expect(found.members[1].loss).toBeCloseTo(-(Math.log(softmax(b[0])[1]) + Math.log(softmax(b[1])[0])) / 2, 5);
    // By probability class 2 wins the second row, by votes class 0.
    expect(found.accuracy).toBe(0.5);
    expect(await ensemble.evaluate(data, { combine: 'votes' })).toMatchObject({ accuracy: 1, loss: null, count: 2 });
  });

  test('comes in evaluation mode, and every module’s mode is put back', async () => {
    const made = () => new nn.Sequential(new nn.Linear(2, 4), new nn.Dropout(0.9), new nn.Linear(4, 2));
    const models = [made(), made()];
    const ensemble = owned(new Ensemble(models));
    models[0].layers[1].training = false;
    models[1].eval();
    models[1].layers[1].training = true;
    const modes = () =>
      [ensemble, ...models, ...models.flatMap(({ layers }) => layers)].map(({ training }) => training);
    const before = modes();
    const point = owned(tensor([[0.3, 0.4]]));
    const first = await owned(ensemble.predict(point)).tolist();
    expect(await owned(ensemble.predict(point)).tolist()).toEqual(first);
    expect(modes()).toEqual(before);
    await ensemble.evaluate(held).then(
      () => expect.unreachable(),
      () => {},
    ); // two classes for three labels
    expect(modes()).toEqual(before);
  });

  test('what cannot be is refused', async () => {
    expect(() => new Ensemble([])).toThrow('Ensemble: expected at least one model, got none');
    const model = owned(small());
    expect(() => new Ensemble([model, model])).toThrow('expected each model once, got model 1 again');
    const ensemble = new Ensemble([model]);
    expect(() => ensemble.predict(x(), { combine: 'mean' as 'votes' })).toThrow(
      'probabilities, logits or votes, got mean',
    );
    const flat = owned(new Ensemble([new nn.Flatten(), logitsModel([[1, 2]])]));
    const line = owned(tensor([[[[1]]]]));
    expect(() => new Ensemble([new nn.ReLU()]).predict(line)).toThrow(
      'expected logits [N, C] of model 0, got [1,1,1,1]',
    );
    await expect(flat.evaluate({ ...held, length: 0 })).rejects.toThrow('expected data to evaluate on, got none');
  });
});

describe('members', () => {
  test('from seeds differ, come again, and do better together than each alone', () =>
    onCpu(async () => {
      manualSeed(3);
      const before = randomState();
      const ensemble = owned(
        await fromSeeds(
          () => small(),
          (model) => train(model),
          [0, 1, 2, 3, 4],
        ),
      );
      expect(randomState()).toEqual(before);
      const { accuracy, loss, members, meanAccuracy } = await ensemble.evaluate(held);
      expect(accuracy).toBeGreaterThan(meanAccuracy);
      expect(loss!).toBeLessThan(members.reduce((sum, member) => sum + member.loss!, 0) / members.length);
      expect(new Set(members.map((member) => member.loss)).size).toBe(5);
      // As a module it is what evaluate of fit sees, too.
      const same = await evaluate(ensemble, held as ImageSet);
      expect(same.accuracy).toBeCloseTo(accuracy);
      expect(same.loss).toBeCloseTo(loss!);

      const again = owned(
        await fromSeeds(
          () => small(),
          (model) => train(model),
          [3],
        ),
      );
      const states = await Promise.all([again.models[0], ensemble.models[3]].map(snapshot));
      expect(states[0]).toEqual(states[1]);
    }));

  test('from checkpoints of one run, and from the mean of their weights', () =>
    onCpu(async () => {
      manualSeed(0);
      const model = owned(small());
      await train(model, 12);
      const states: Awaited<ReturnType<typeof snapshot>>[] = [];
      for (let i = 0; i < 3; i++) {
        await train(model, 2);
        states.push(await snapshot(model));
      }
      const ensemble = owned(fromCheckpoints(() => small(), states));
      expect(await snapshot(ensemble.models[1])).toEqual(states[1]);
      expect(states[0]).not.toEqual(states[2]);
      const averaged = owned(averagedWeights(() => small(), states));
      const mean = (await snapshot(averaged))['0.weight'].data;
      const wanted = (k: number) => states.reduce((sum, state) => sum + state['0.weight'].data[k], 0) / 3;
      for (let k = 0; k < mean.length; k++) expect(mean[k]).toBeCloseTo(wanted(k), 12);
      const [whole, one] = [await ensemble.evaluate(held), await evaluate(averaged, held as ImageSet)];
      // Weights that lie near each other average well.
      expect(Math.abs(one.accuracy! - whole.accuracy)).toBeLessThan(0.05);

      expect(() => averagedWeights(() => small(), [])).toThrow('expected at least one state, got none');
      const other = await snapshot(owned(small(5)));
      expect(() => averagedWeights(() => small(), [states[0], other])).toThrow(
        /state 1: 0\.weight is \[5,2\], expected \[12,2\]/,
      );
      const { '2.bias': _, ...less } = states[0];
      expect(() => averagedWeights(() => small(), [states[0], less])).toThrow('state 1: missing 2.bias');
    }));

  test('that do not fit are refused, and what was made is released', async () => {
    const state = await snapshot(owned(small()));
    const before = memory();
    expect(() => fromCheckpoints((i) => small(i === 1 ? 7 : 12), [state, state])).toThrow(
      /0\.weight is \[12,2\], expected \[7,2\]/,
    );
    await expect(
      fromSeeds(
        () => small(),
        () => Promise.reject(new Error('no')),
        [1],
      ),
    ).rejects.toThrow('no');
    expect(memory()).toEqual(before);
  });

  test('with batch norm get statistics that fit their weights', () =>
    onCpu(async () => {
      const data: Pick<ImageSet, 'length' | 'batch'> = {
        length: 512,
        batch: (indices) => ({
          x: Float32Array.from(
            { length: 4 * indices.length },
            (_, k) => 3 + (((indices[k >> 2] * 37 + k) % 11) - 5) / 5,
          ),
          y: new Int32Array(indices.length),
          shape: [indices.length, 1, 2, 2],
        }),
      };
      const norm = new nn.BatchNorm2d(1);
      const drop = new nn.Dropout(0.5);
      const model = owned(new nn.Sequential(drop, norm));
      await refreshStatistics(model, data, { batchSize: 8 });
      // Dropout in training mode would double the variance and more.
      expect(await norm.runningMean!.item()).toBeCloseTo(3, 1);
      expect(await norm.runningVar!.item()).toBeCloseTo(0.4, 1);
      expect([model.training, norm.training, drop.training]).toEqual([true, true, true]);
    }));

  test('from the best trials of a search', () =>
    onCpu(async () => {
      await rm(output, { recursive: true, force: true });
      await mkdir(output, { recursive: true });
      const found = await search(
        async ({ hidden, epochs }) => {
          const model = owned(small(hidden));
          await train(model, epochs);
          return { score: (await evaluate(model, held as ImageSet)).accuracy!, state: await snapshot(model) };
        },
        {
          ...{ space: { hidden: choice(3, 12), epochs: choice(1, 20) }, strategy: 'grid' as const, trials: 4 },
          store: new SearchFolder(output),
        },
      );
      const ensemble = owned(await fromSearch(({ hidden }) => small(hidden as number), output, { top: 2 }));
      const scores = found.trials.map(({ score }) => score!).toSorted((a, b) => b - a);
      const { members } = await ensemble.evaluate(held);
      expect(members.map(({ accuracy }) => accuracy)).toEqual([expect.closeTo(scores[0]), expect.closeTo(scores[1])]);
      await expect(fromSearch(() => small(), output)).rejects.toThrow(
        /expected 5 trials with checkpoints in .*, got 4/,
      );
    }));
});
