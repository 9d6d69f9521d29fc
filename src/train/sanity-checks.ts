// The single sanity checks, but that of learning by heart: each compares what is with what should be, and advises.
import { backward } from '../autograd/backward.ts';
import { noGrad } from '../autograd/tape.ts';
import { gradcheckModule } from '../check/gradcheck-module.ts';
import type { Module } from '../nn/module.ts';
import type { Optimizer } from '../optim/index.ts';
import { zeros } from '../tensor/creation.ts';
import type { HostArray } from '../tensor/dtype.ts';
import { scope } from '../tensor/scope.ts';
import { hostTensors } from '../tensor/state.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Data, type Examples, type Loss, type Pair, placeOf, rowsOf, type Task, upload } from './batch.ts';
import { type SanityCheck, short } from './sanity-report.ts';
import { momentsOf } from './statistics.ts';
import { Stepper } from './step.ts';

/** How far from chance the first loss may be, relative to it. */
const NEAR = 0.25;
/** Steps before gradients are looked at: at the very start they may be an odd case. */
const BURN_IN = 5;
/** Coordinates of each parameter whose gradients are checked. */
const SAMPLES = 4;

/** What is checked. */
export interface Subject {
  model: Module;
  loss: Loss;
  task: Task;
  /** Whether many steps are compiled. */
  compiled: boolean;
}

export function result(name: string, expected: string, actual: string, advice: string | null): SanityCheck {
  return { name, passed: advice === null, expected, actual, advice };
}

/** One number, outside the tape. */
function numberOf(make: () => Tensor): Promise<number> {
  const value = noGrad(() => scope(make));
  const read = value.item();
  value.dispose();
  return read;
}

const numberOfBatch = ({ task }: Subject, examples: Examples, of: (pair: Pair) => Tensor): Promise<number> =>
  numberOf(() => of(upload(examples, task.device)));

/** The loss of the model as it is. */
export const lossOf = (subject: Subject, examples: Examples): Promise<number> =>
  numberOfBatch(subject, examples, ({ x, y }) => subject.loss(subject.model.call(x), y));

/** The loss of a model whose outputs are all 0, such as that of classes that are all as likely. */
export const lossOfZeros = (subject: Subject, examples: Examples): Promise<number> =>
  numberOfBatch(subject, examples, ({ x, y }) => {
    const { shape, dtype, device } = subject.model.call(x);
    return subject.loss(zeros(shape, { dtype, device }), y);
  });

/** Is training well off with the data? `wrong` is what it would refuse; and same indices, same examples? `order` has them. */
export function checkOfData(
  wrong: string | null,
  data: Data,
  order: ArrayLike<number>,
  first: Examples,
  again: Examples,
): SanityCheck {
  const name = 'data';
  const expected = 'finite numbers, examples of every class, and the same targets when asked again';
  if (wrong !== null) {
    const advice = 'Look at how it is read: training refuses numbers that are not finite and classes without examples.';
    return result(name, expected, wrong, advice);
  }
  const other = Array.from(first.y).findIndex((value, i) => value !== again.y[i]);
  if (other >= 0) {
    const index = order[Math.floor((other * rowsOf(first)) / first.y.length)];
    const actual = `another target for ${placeOf(data, index)}`;
    return result(name, expected, actual, 'Targets do not stay with their inputs: they are probably shuffled apart.');
  }
  return result(name, expected, 'all of them', null);
}

/** Is the loss of every example twice that of every example once? */
export async function isMean(subject: Subject, first: Examples): Promise<SanityCheck> {
  const twice = <T extends HostArray>(values: T): T => {
    const both = new (values.constructor as new (length: number) => T)(2 * values.length);
    both.set(values);
    both.set(values, values.length);
    return both;
  };
  const { x, y, shape, yShape } = first;
  const double = {
    ...{ x: twice(x), shape: [2 * shape[0], ...shape.slice(1)], y: twice(y) },
    ...(yShape && { yShape: [2 * yShape[0], ...yShape.slice(1)] }),
  };
  const [one, two] = [await lossOfZeros(subject, first), await lossOfZeros(subject, double)];
  const differs = Math.abs(two - one) > 1e-3 * Math.max(Math.abs(one), Math.abs(two));
  return result(
    'loss is a mean',
    `${short(one)} for a batch and for the same batch twice over`,
    `${short(one)} and ${short(two)}`,
    differs ? 'The loss grows with the batch: it is a sum, so that the step would depend on the batch size.' : null,
  );
}

/** Does the model begin with the loss of a model that knows nothing? */
export async function atChance(
  subject: Subject,
  first: Examples,
  start: number,
  classes?: number,
): Promise<SanityCheck> {
  const name = 'loss at chance';
  const outputs = subject.task.classes;
  if (classes !== undefined && outputs !== classes) {
    const has = outputs === null ? 'targets that are no classes' : `${outputs} outputs`;
    return result(name, `${classes} classes`, has, "Give the model's last layer one output for each class.");
  }
  const chance = await lossOfZeros(subject, first);
  const expected = `about ${short(chance)}${outputs === null ? '' : `, all ${outputs} classes alike`}`;
  const advice = () => {
    if (!Number.isFinite(start))
      return 'The loss is not finite: detectAnomaly(() => ...) names the op that made it so.';
    if (Math.abs(start - chance) <= NEAR * chance) return null;
    if (start < chance) return 'The model knows answers before training: it was trained, or inputs tell the targets.';
    const spread = momentsOf(first.x).std;
    const scale = spread > 5 ? `inputs are large (standard deviation ${short(spread)}; bring it to about 1)` : '';
    return `The first outputs are too large: ${scale || "initial weights are too large, most likely the last layer's"}.`;
  };
  return result(name, expected, short(start), advice());
}

/** Is a penalty one? */
export async function raises(
  model: Module,
  regularization: (model: Module) => Tensor,
  start: number,
): Promise<SanityCheck> {
  const penalty = await numberOf(() => regularization(model));
  return result(
    'regularization raises the loss',
    `more than ${short(start)}`,
    short(start + penalty),
    penalty > 0 && Number.isFinite(penalty)
      ? null
      : 'The penalty is not above 0: look at its sign and strength, and whether it sees model.parameters().',
  );
}

/** Does a gradient arrive at every parameter, after a short burn-in? */
export async function reaches(subject: Subject, few: Examples, optimizer: Optimizer): Promise<SanityCheck> {
  const { model, loss, task } = subject;
  const stepper = new Stepper({ model, loss, device: task.device, optimizer, compiled: false });
  for (let step = 1; step <= BURN_IN; step++) await stepper.run([few], step);
  scope(() => {
    const { x, y } = upload(few, task.device);
    model.zeroGrad();
    backward(loss(model.call(x), y));
  });
  const named = [...model.namedParameters()];
  const none = named.flatMap(([key, { grad }]) => (grad ? [] : [key]));
  const found = await hostTensors(Object.fromEntries(named.flatMap(([key, { grad }]) => (grad ? [[key, grad]] : []))));
  const zero = Object.entries(found).flatMap(([key, { data }]) =>
    Array.from(data).every((g) => g === 0) ? [key] : [],
  );
  const parts = [
    ...(none.length > 0 ? [`none for ${none.join(', ')}`] : []),
    ...(zero.length > 0 ? [`only zeros for ${zero.join(', ')}`] : []),
  ];
  const advice =
    none.length > 0
      ? 'The loss does not depend on them: are they used in forward(), without detach() and noGrad()?'
      : zero.length > 0
        ? 'Units before them may be dead or saturated: try smaller initial weights or a lower learning rate.'
        : null;
  const actual = parts.join('; ') || `one for each of ${named.length}`;
  return result('gradients arrive', 'one for every parameter, not all zeros', actual, advice);
}

/** Why gradients that pass may still be wrong. */
const DROWNED = 'gradients too small beside the loss, or all on kinks';

/** Do gradients agree with differences, on a tiny batch after a short burn-in? */
export async function agree(
  { model, loss, task }: Subject,
  tiny: Examples,
  regularization?: (model: Module) => Tensor,
): Promise<SanityCheck> {
  const { x, y } = upload(tiny, task.device);
  const report = await gradcheckModule(model, loss, [x, y], { samples: SAMPLES, burnIn: BURN_IN, regularization });
  x.dispose();
  y.dispose();
  const worst = report.inputs.reduce((a, b) => (b.error > a.error || Number.isNaN(b.error) ? b : a));
  const part = worst.part ? ` of the ${worst.part}` : '';
  const doubtful = report.inputs.filter(({ verdict }) => verdict === 'unproven').map(({ name }) => name);
  const unproven = doubtful.length > 0 ? `; not proven for ${doubtful.join(', ')}: ${DROWNED}` : '';
  return result(
    'gradients',
    `those of differences, with a relative error of at most ${report.tolerance.toExponential()}`,
    `an error of ${worst.error.toExponential(1)} at most, for ${worst.name}${part}${unproven}`,
    report.passed
      ? null
      : 'A gradient is wrong: look for detach() or values that are not of tensors in forward(), and at ops of your own.',
  );
}
