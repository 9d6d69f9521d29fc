// The sanity check that a model can learn a few examples by heart, with regularization and dropout off.
import { DropoutLayer } from '../nn/dropout.ts';
import type { Optimizer } from '../optim/index.ts';
import { type Examples, rowsOf } from './batch.ts';
import { lossOfZeros, result, type Subject } from './sanity-checks.ts';
import { type SanityCheck, short } from './sanity-report.ts';
import { Stepper } from './step.ts';

/** What counts as zero: this share of the loss at chance, or of the first loss where that is lower. */
const ZERO = 0.01;
/** A loss that stays above this share of the first one has not moved. */
const MOVED = 0.98;
/** A loss that fell below this share of itself in the last fifth of the steps is still falling. */
const FALLS = 0.97;

/** Does the loss of a few examples go to zero? Leaves the model trained, and the optimizer without weight decay. */
export async function byHeart(
  subject: Subject,
  few: Examples,
  optimizer: Optimizer,
  steps: number,
): Promise<SanityCheck> {
  const { model, loss, task, compiled } = subject;
  const rows = rowsOf(few);
  const chance = await lossOfZeros(subject, few);
  const losses: number[] = [];
  const zero = () => ZERO * Math.min(chance, losses[0]);
  const stepper = new Stepper({ model, loss, device: task.device, optimizer, compiled });
  try {
    model.train();
    for (const group of optimizer.paramGroups) group.weightDecay = 0;
    for (const module of model.modules()) if (module instanceof DropoutLayer) module.eval();
    while (losses.length < steps && !(losses.at(-1)! <= zero())) {
      const { loss: value } = await stepper.run([few], losses.length + 1);
      losses.push(value);
      if (!Number.isFinite(value)) break;
    }
  } finally {
    stepper.dispose();
  }
  const last = losses.at(-1)!;
  return result(
    `${rows} examples by heart`,
    `a loss of at most ${short(zero())}`,
    `${short(last)} after ${losses.length} steps, from ${short(losses[0])}`,
    last <= zero() ? null : reason(few, losses, optimizer.lr),
  );
}

/** What is probably wrong where examples are not learnt. */
function reason(few: Examples, losses: number[], lr: number): string {
  const [first, last] = [losses[0], losses.at(-1)!];
  const alike = contradiction(few);
  if (alike) return `Two of the examples have the same input and different targets: no model can tell them apart.`;
  if (!Number.isFinite(last) && losses.length === 1) {
    return `The loss is ${last} before any step of the optimizer: the model or the loss makes that of these examples.`;
  }
  if (!Number.isFinite(last)) return `The loss became ${last}: the learning rate ${lr} is probably too high.`;
  const least = Math.min(...losses);
  if (least > MOVED * first && last < first / MOVED) {
    return `The loss does not move: the learning rate ${lr} is too low, or gradients do not arrive at the parameters.`;
  }
  const late = losses.slice(Math.floor(0.8 * losses.length));
  const rises = late.filter((value, i) => i > 0 && value > late[i - 1]).length;
  if (last > first || (rises > late.length / 4 && Math.max(...late) > 1.5 * Math.min(...late))) {
    return `The loss goes up and down: the learning rate ${lr} is probably too high.`;
  }
  if (last < FALLS * late[0]) return `The loss still falls: the learning rate ${lr} is low, or it takes more steps.`;
  return 'The loss stays where it is: the model is probably too small, or its inputs do not tell the targets.';
}

/** Whether two examples have the same input and different targets. */
function contradiction({ x, y, shape: [n] }: Examples): boolean {
  const part = (values: ArrayLike<number>, i: number) => {
    const size = values.length / n;
    return Array.from({ length: size }, (_, k) => values[i * size + k]).join();
  };
  const targets = new Map<string, string>();
  for (let i = 0; i < n; i++) {
    const [input, target] = [part(x, i), part(y, i)];
    if ((targets.get(input) ?? target) !== target) return true;
    targets.set(input, target);
  }
  return false;
}
