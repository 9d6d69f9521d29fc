// Distillation: one small model learns from the soft answers of a teacher, mostly an ensemble (Hinton, Vinyals and Dean, 2015).
import { backward, noGrad } from '../autograd/tape.ts';
import type { Module } from '../nn/module.ts';
import { add, crossEntropy, div, klDivLoss, logSoftmax, mul } from '../ops/index.ts';
import type { Optimizer } from '../optim/index.ts';
import { tensor } from '../tensor/creation.ts';
import { ShapeError } from '../tensor/errors.ts';
import { shuffled } from '../tensor/random.ts';
import { scope } from '../tensor/scope.ts';
import { format, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Batches, evaluating } from './ensemble.ts';

export interface DistillLossOptions {
  /** What both sides' logits are divided by: the higher, the more the small probabilities count. Default 4. */
  temperature?: number;
  /** Share of the teacher in the loss, from 0 to 1; the rest is the labels'. Default 0.9. */
  alpha?: number;
}

export interface DistillOptions extends DistillLossOptions {
  data: Batches;
  /** Of the student's parameters. */
  optimizer: Optimizer;
  epochs?: number;
  batchSize?: number;
  /** Factor on the optimizer's learning rate, from the share of all steps done. Default: none. */
  schedule?: (progress: number) => number;
  /**
   * When the teacher answers: `batch` (default) for each batch, which is right for data that is altered each time; `once` for all
   * the data before the first step, which spares a costly teacher all epochs but one and keeps length * C numbers on the host.
   */
  softTargets?: 'batch' | 'once';
  /** Called after each epoch with the mean loss over its batches; distill waits for a promise. */
  onEpoch?: (report: { epoch: number; loss: number }) => void | Promise<void>;
  /** Stops after the step at hand; what was learnt stays. */
  signal?: AbortSignal;
}

/**
 * alpha T^2 KL(softmax(teacher / T) || softmax(student / T)) + (1 - alpha) crossEntropy(student, labels), the mean over the rows of
 * logits [N, C]. T^2 keeps the soft part's gradients as large as those of the labels whatever T is. No gradient flows to the teacher.
 */
export function distillLoss(
  student: Tensor,
  teacher: Tensor,
  labels: Tensor,
  { temperature = 4, alpha = 0.9 }: DistillLossOptions = {},
): Tensor {
  checkLoss(temperature, alpha);
  if (!sameShape(student.shape, teacher.shape) || student.rank !== 2) {
    const shapes = [student, teacher].map(({ shape }) => format(shape)).join(' and ');
    throw new ShapeError(`distill: expected logits [N, C] of one shape from student and teacher, got ${shapes}`);
  }
  const soft = noGrad(() => logSoftmax(div(teacher, temperature), 1));
  const divergence = klDivLoss(logSoftmax(div(student, temperature), 1), soft, {
    logTarget: true,
    reduction: 'batchmean',
  });
  return add(mul(divergence, alpha * temperature ** 2), mul(crossEntropy(student, labels), 1 - alpha));
}

/**
 * Trains `student` on distillLoss() against `teacher`, a model or an Ensemble, which answers in evaluation mode and is left as it
 * was. Returns the mean loss of each finished epoch. Throws a RangeError for options that cannot be, and a ShapeError where the two
 * do not give logits of one shape [N, C].
 */
export async function distill(student: Module, teacher: Module, options: DistillOptions): Promise<number[]> {
  const { data, optimizer, temperature = 4, alpha = 0.9, epochs = 1, batchSize = 64, schedule, signal } = options;
  const { softTargets = 'batch', onEpoch } = options;
  checkLoss(temperature, alpha);
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new RangeError(`distill: expected a batch size of at least 1, got ${batchSize}`);
  }
  if (data.length === 0) throw new RangeError('distill: expected data to learn from, got none');
  const cached = softTargets === 'once' ? await answers(teacher, data, batchSize, signal) : null;
  const answer = (x: Tensor, indices: Uint32Array): Tensor => {
    if (cached) return cached(indices);
    const restore = evaluating(teacher);
    try {
      return noGrad(() => teacher.call(x));
    } finally {
      restore();
    }
  };
  const steps = epochs * Math.ceil(data.length / batchSize);
  const baseLr = optimizer.lr;
  const history: number[] = [];
  const restore = evaluating(student);
  let step = 0;
  try {
    for (let epoch = 1; epoch <= epochs && !signal?.aborted; epoch++) {
      student.train();
      const order = shuffled(data.length);
      let total = 0;
      let seen = 0;
      for (let at = 0; at < data.length && !signal?.aborted; at += batchSize) {
        const indices = order.subarray(at, at + batchSize);
        const batch = data.batch(indices);
        optimizer.lr = baseLr * (schedule?.(step++ / steps) ?? 1);
        const loss = scope(() => {
          const x = tensor(batch.x, { shape: batch.shape });
          const loss = distillLoss(student.call(x), answer(x, indices), tensor(batch.y), { temperature, alpha });
          optimizer.zeroGrad();
          backward(loss);
          optimizer.step();
          return loss;
        });
        const read = loss.item();
        loss.dispose();
        total += (await read) * indices.length;
        seen += indices.length;
      }
      if (seen < data.length) break;
      history.push(total / seen);
      await onEpoch?.({ epoch, loss: total / seen });
    }
  } finally {
    optimizer.lr = baseLr;
    restore();
  }
  return history;
}

function checkLoss(temperature: number, alpha: number): void {
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new RangeError(`distill: expected a temperature above 0, got ${temperature}`);
  }
  if (!(alpha >= 0 && alpha <= 1)) throw new RangeError(`distill: expected alpha from 0 to 1, got ${alpha}`);
}

/** The teacher's logits for all the data, read once. Gives what finds those of some indices. */
async function answers(teacher: Module, data: Batches, batchSize: number, signal?: AbortSignal) {
  const restore = evaluating(teacher);
  const rows: ArrayLike<number>[] = [];
  let classes = 0;
  try {
    for (let at = 0; at < data.length && !signal?.aborted; at += batchSize) {
      const n = Math.min(batchSize, data.length - at);
      const batch = data.batch(Array.from({ length: n }, (_, i) => at + i));
      const logits = noGrad(() => scope(() => teacher.call(tensor(batch.x, { shape: batch.shape }))));
      classes = logits.size / n;
      const read = logits.data();
      logits.dispose();
      const values = await read;
      for (let i = 0; i < n; i++) rows.push(values.slice(i * classes, (i + 1) * classes));
    }
  } finally {
    restore();
  }
  return (indices: Uint32Array): Tensor => {
    const picked = new Float64Array(indices.length * classes);
    indices.forEach((index, i) => {
      picked.set(rows[index], i * classes);
    });
    return tensor(picked, { shape: [indices.length, classes] });
  };
}
