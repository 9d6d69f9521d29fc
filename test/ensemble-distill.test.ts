// Distillation: its loss, and a student that comes nearer to its teacher than labels alone bring it.
import {
  distill,
  distillLoss,
  Ensemble,
  fromSeeds,
  manualSeed,
  memory,
  type nn,
  optim,
  setDefaultDevice,
  snapshot,
  tensor,
} from 'downhill';
import { describe, expect, test } from 'vitest';
import { held, small, train, training } from './spiral.ts';
import { openDevices, owned } from './training.ts';

const devices = openDevices();

/** On the float64 CPU, and back. */
async function onCpu<T>(work: () => Promise<T>): Promise<T> {
  setDefaultDevice(devices.cpu);
  try {
    return await work();
  } finally {
    setDefaultDevice(devices.webgpu);
  }
}

describe('distilling', () => {
  test('the loss is alpha T^2 KL + (1 - alpha) cross entropy, with gradients to the student alone', async () => {
    const [s, t] = [[1, 2, -1], [0.5, -0.5, 3]]; // biome-ignore format: a table
    const student = owned(tensor([s], { requiresGrad: true }));
    const teacher = owned(tensor([t], { requiresGrad: true }));
    const labels = owned(tensor(Int32Array.of(1)));
    const softmax = (z: number[], T: number) => {
      const sum = z.reduce((total, v) => total + Math.exp(v / T), 0);
      return z.map((v) => Math.exp(v / T) / sum);
    };
    const loss = owned(distillLoss(student, teacher, labels, { temperature: 2, alpha: 0.7 }));
    const [p, q] = [softmax(t, 2), softmax(s, 2)];
    const kl = p.reduce((sum, v, i) => sum + v * Math.log(v / q[i]), 0);
    expect(await loss.item()).toBeCloseTo(0.7 * 4 * kl - 0.3 * Math.log(softmax(s, 1)[1]), 5);
    loss.backward();
    const grad = Array.from(await student.grad!.data());
    for (const [i, g] of grad.entries()) {
      expect(g).toBeCloseTo(0.7 * 2 * (q[i] - p[i]) + 0.3 * (softmax(s, 1)[i] - Number(i === 1)), 5);
    }
    expect(teacher.grad).toBe(null);
    student.grad!.dispose();
    expect(() => distillLoss(student, teacher, labels, { temperature: 0 })).toThrow('a temperature above 0, got 0');
    expect(() => distillLoss(student, teacher, labels, { alpha: 1.5 })).toThrow('alpha from 0 to 1, got 1.5');
    const two = owned(tensor([[1, 2]]));
    expect(() => distillLoss(student, two, labels)).toThrow(
      'of one shape from student and teacher, got [1,3] and [1,2]',
    );
  });

  test('brings a student nearer to the teacher than hard labels do', () =>
    onCpu(async () => {
      const teacher = owned(
        await fromSeeds(
          () => small(16),
          (model) => train(model, 30),
          [0, 1, 2],
        ),
      );
      teacher.models[1].eval();
      const students = [0, 1, 2].map(() => {
        manualSeed(7);
        return owned(small(16));
      });
      const settings = { data: training, epochs: 40, batchSize: 30 };
      const taught = async (student: nn.Module, more: object) => {
        manualSeed(8);
        const optimizer = owned(new optim.Adam(student.parameters(), { lr: 0.1 }));
        return distill(student, teacher, { ...settings, optimizer, ...more });
      };
      const losses = await taught(students[0], { temperature: 2, alpha: 1 });
      expect(losses).toHaveLength(40);
      expect(losses[39]).toBeLessThan(losses[0] / 4);
      expect(teacher.models.map(({ training }) => training)).toEqual([true, false, true]);
      // Of nothing but labels: the same student, the same order of the data.
      await taught(students[1], { alpha: 0 });
      await taught(students[2], { temperature: 2, alpha: 1, softTargets: 'once' });
      const states = await Promise.all(students.map(snapshot));
      for (const [k, value] of Array.from(states[0]['0.weight'].data).entries()) {
        expect(states[2]['0.weight'].data[k]).toBeCloseTo(value, 10);
      }

      const batch = held.batch(Uint32Array.from({ length: held.length }, (_, i) => i));
      const x = owned(tensor(batch.x, { shape: batch.shape }));
      const wanted = await owned(teacher.predict(x)).data();
      const divergence = async (student: nn.Module) => {
        const given = await owned(new Ensemble([student]).predict(x)).data();
        return Array.from(wanted).reduce((sum, p, i) => sum + (p * Math.log(p / given[i])) / held.length, 0);
      };
      expect(await divergence(students[0])).toBeLessThan(0.7 * (await divergence(students[1])));
    }));

  test('on the device, with a schedule, a report and a stop', async () => {
    manualSeed(1);
    const [teacher, student] = [owned(small()), owned(small(4))];
    const optimizer = owned(new optim.SGD(student.parameters(), { lr: 0.1 }));
    const controller = new AbortController();
    const rates: number[] = [];
    const epochs: number[] = [];
    const before = memory().bytes;
    const history = await distill(student.eval(), teacher, {
      ...{ data: training, optimizer, epochs: 4, batchSize: 45, signal: controller.signal },
      schedule(progress) {
        rates.push(progress);
        return 1 - progress;
      },
      onEpoch({ epoch, loss }) {
        epochs.push(epoch);
        expect(loss).toBeGreaterThan(0);
        if (epoch === 2) controller.abort();
      },
    });
    expect(rates).toEqual([0, 1 / 8, 2 / 8, 3 / 8]);
    expect(epochs).toEqual([1, 2]);
    expect(history).toHaveLength(2);
    expect([optimizer.lr, student.training]).toEqual([0.1, false]);
    optimizer.zeroGrad();
    expect(memory().bytes).toBeLessThanOrEqual(before);
    await expect(distill(student, teacher, { data: training, optimizer, batchSize: 0 })).rejects.toThrow(
      'distill: expected batchSize to be a whole number of at least 1, got 0',
    );
  });
});
