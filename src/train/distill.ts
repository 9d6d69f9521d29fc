// Distillation: one small model learns from the soft answers of a teacher, mostly an ensemble (Hinton, Vinyals and Dean, 2015).
import { noGrad } from '../autograd/tape.ts';
import { evaluating } from '../nn/modes.ts';
import type { Module } from '../nn/module.ts';
import { add, cast, crossEntropy, div, klDivLoss, logSoftmax, mul, reshape, slice } from '../ops/index.ts';
import { checkWhole } from '../optim/check.ts';
import { ShapeError } from '../tensor/errors.ts';
import { scope } from '../tensor/scope.ts';
import { format, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Data, deviceOf, type Examples, upload } from './batch.ts';
import { fit } from './fit.ts';
import type { FitOptions } from './fit-options.ts';

export interface DistillLossOptions {
  /** What both sides' logits are divided by: the higher, the more the small probabilities count. Default 4. */
  temperature?: number;
  /** Share of the teacher in the loss, from 0 to 1; the rest is the labels'. Default 0.9. */
  alpha?: number;
}

export interface DistillOptions
  extends DistillLossOptions,
    Pick<FitOptions, 'data' | 'optimizer' | 'epochs' | 'batchSize' | 'dropLast' | 'schedule' | 'compile' | 'signal'> {
  /**
   * When the teacher answers: `batch` (default) for each batch, which is right for data that is altered each time; `once` for all
   * the data before the first step, which spares a costly teacher all epochs but one and keeps length * C numbers on the host.
   */
  softTargets?: 'batch' | 'once';
  /** Called after each epoch with the mean loss over its batches; distill waits for a promise. */
  onEpoch?: (report: { epoch: number; loss: number }) => void | Promise<void>;
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
  const { temperature = 4, alpha = 0.9, softTargets = 'batch', onEpoch, ...fitting } = options;
  const { data, epochs = 1, batchSize = 64, signal } = fitting;
  checkLoss(temperature, alpha);
  checkWhole('distill', { epochs, batchSize }, 1);
  if (data.length === 0) throw new RangeError('distill: expected data to learn from, got none');
  const restores = [evaluating(student), evaluating(teacher)];
  try {
    const lesson =
      softTargets === 'once' ? await answered(teacher, data, batchSize, signal) : answering(student, teacher, data);
    restores.push(lesson.end);
    if (signal?.aborted) return [];
    const history = await fit(student, {
      ...fitting,
      data: lesson.data,
      loss: (output, target) => distillLoss(output, ...lesson.of(target), { temperature, alpha }),
      callbacks: [{ onEpoch: ({ epoch, trainLoss }) => onEpoch?.({ epoch, loss: trainLoss }) }],
    });
    return history.map(({ trainLoss }) => trainLoss);
  } finally {
    for (const restore of restores) restore();
  }
}

function checkLoss(temperature: number, alpha: number): void {
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new RangeError(`distill: expected a temperature above 0, got ${temperature}`);
  }
  if (!(alpha >= 0 && alpha <= 1)) throw new RangeError(`distill: expected alpha from 0 to 1, got ${alpha}`);
}

/** What a student learns from: data, and of its targets the teacher's logits and the labels. */
interface Lesson {
  data: Data;
  of(target: Tensor): [answers: Tensor, labels: Tensor];
  end(): void;
}

/** The teacher answers whenever the student is asked, on the same inputs. */
function answering(student: Module, teacher: Module, data: Data): Lesson {
  let answers: Tensor;
  const end = student.registerForwardPreHook((_, x) => {
    answers = noGrad(() => teacher.call(x));
  });
  return { data, of: (labels) => [answers, labels], end };
}

/** The teacher's logits for all the data, read once: they are targets, each with the label behind it. */
async function answered(teacher: Module, data: Data, batchSize: number, signal?: AbortSignal): Promise<Lesson> {
  const device = deviceOf(teacher);
  const rows: ArrayLike<number>[] = [];
  let classes = 0;
  for (let at = 0; at < data.length && !signal?.aborted; at += batchSize) {
    const n = Math.min(batchSize, data.length - at);
    const batch = await data.batch(Array.from({ length: n }, (_, i) => at + i));
    const logits = noGrad(() => scope(() => teacher.call(upload(batch, device).x)));
    classes = logits.size / n;
    const read = logits.data();
    logits.dispose();
    const values = await read;
    for (let i = 0; i < n; i++) rows.push(values.slice(i * classes, (i + 1) * classes));
  }
  const size = classes + 1;
  const withAnswers = async (indices: ArrayLike<number>): Promise<Examples> => {
    const { x, y, shape } = await data.batch(indices);
    const both = new Float64Array(indices.length * size);
    Array.from(indices, (index, i) => both.set([...Array.from(rows[index]), y[i]], i * size));
    return { x, shape, y: both, yShape: [indices.length, size] };
  };
  const of = (target: Tensor): [Tensor, Tensor] => {
    const labels = reshape(slice(target, 1, classes, size), [-1]);
    return [slice(target, 1, 0, classes), cast(labels, 'int32')];
  };
  return { data: { length: data.length, batch: withAnswers }, of, end() {} };
}
