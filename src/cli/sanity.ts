// `downhill sanity`: what to check before training.
import type { Command } from 'commander';
import type { Module } from '../nn/module.ts';
import { l2Penalty } from '../ops/penalty.ts';
import type { Optimizer } from '../optim/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { grouped } from '../train/report-format.ts';
import { sanity } from '../train/sanity.ts';
import { deviceOptions, taskOptions, WHAT, wholeFrom } from './options.ts';
import { quietBar } from './progress.ts';
import { type Task, type TaskFlags, withTask } from './task.ts';

interface SanityFlags extends TaskFlags {
  batch: number;
  examples: number;
  steps: number;
  gradients: boolean;
  json?: boolean;
}

/** The weight decay that is tried where none was given. */
const DECAY = 0.001;

const help = `
Checks that a batch stays as it is, that the loss is a mean, that the first loss is that of chance, that gradients reach
every parameter and agree with differences, and that a few examples can be learnt by heart; says what is probably wrong
where a check fails, and leaves with exit code 1 then. That regularization raises the loss is checked with the \`penalty\`
that a module exports, or else with the optimizer's weight decay; where there is none, with one of ${DECAY}, which
--weight-decay 0 leaves out. A few examples are learnt by heart without any of these.

Examples:
  $ downhill sanity mnist
  $ downhill sanity ./my-model.ts --lr 0.01 --weight-decay 0.05
  $ downhill sanity cifar10 --data cifar-10-batches-bin --no-gradients --json`;

export function addSanity(program: Command): void {
  const command = program
    .command('sanity')
    .description('Check a model, its loss and its data before training.')
    .argument('<what>', WHAT);
  taskOptions(command)
    .option('--examples <n>', 'examples that are learnt by heart', wholeFrom(1), 20)
    .option('--steps <n>', 'steps that it may take', wholeFrom(1), 500)
    .option('--no-gradients', 'leave out the check of gradients, which computes on the CPU')
    .option('--json', 'print the checks as JSON');
  deviceOptions(command).addHelpText('after', help).action(run);
}

async function run(what: string, flags: SanityFlags): Promise<void> {
  const { batch, examples, steps, gradients, json } = flags;
  await withTask(what, flags, async (task) => {
    const { device, splits, model, name, loss, input } = task;
    const optimizer = task.optimizer();
    const { words, regularization } = regularizationOf(task, flags, optimizer);
    const examplesIn = grouped(splits.train.length);
    if (!json) console.log(`device: ${device}\nmodel: ${name}; ${examplesIn} examples\nregularization: ${words}`);
    const bar = quietBar('checks');
    const report = await sanity(model, {
      ...{ data: splits.train, loss, batchSize: batch, examples, steps, gradients },
      classes: input?.classes.length,
      ...{ optimizer: () => optimizer, regularization },
      onCheck: (check, done, all) => bar.update(done, all, check),
    }).finally(bar.stop);
    const { passed, checks, leftOut } = report;
    const all = { what, device: String(device), model: name, regularization: words, passed, checks, leftOut };
    console.log(json ? JSON.stringify(all, null, 2) : `${report}`);
    if (!passed) process.exitCode = 1;
  });
}

/** What regularization is checked, in words too; undefined where it is the optimizer's own or none. */
function regularizationOf(
  { penalty }: Pick<Task, 'penalty'>,
  { weightDecay }: SanityFlags,
  { paramGroups }: Optimizer,
): { words: string; regularization?: (model: Module) => Tensor } {
  if (penalty) return { words: "the module's penalty", regularization: penalty };
  const own = Math.max(...paramGroups.map((group) => group.weightDecay));
  if (own > 0) return { words: `weight decay ${own}` };
  if (weightDecay === 0) return { words: 'none, as was asked' };
  const regularization = (model: Module) => l2Penalty(model.parameters()).mul(DECAY / 2);
  return { words: `weight decay ${DECAY}, tried since none was given`, regularization };
}
