// `downhill sanity`: what to check before training.
import type { Command } from 'commander';
import { grouped } from '../train/report-format.ts';
import { sanity } from '../train/sanity.ts';
import { deviceOptions, taskOptions, WHAT, wholeFrom } from './options.ts';
import { quietBar } from './progress.ts';
import { type TaskFlags, withTask } from './task.ts';

interface SanityFlags extends TaskFlags {
  batch: number;
  examples: number;
  steps: number;
  gradients: boolean;
  json?: boolean;
}

const help = `
Checks that a batch stays as it is, that the loss is a mean, that the first loss is that of chance, that gradients reach
every parameter and agree with differences, and that a few examples can be learnt by heart; says what is probably wrong
where a check fails, and leaves with exit code 1 then.

Examples:
  $ downhill sanity mnist
  $ downhill sanity ./my-model.ts --lr 0.01
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
  await withTask(what, flags, async ({ device, splits, model, name, loss, input, optimizer }) => {
    if (!json) console.log(`device: ${device}\nmodel: ${name}; ${grouped(splits.train.length)} examples`);
    const bar = quietBar('checks');
    const report = await sanity(model, {
      ...{ data: splits.train, loss, batchSize: batch, examples, steps, gradients },
      classes: input?.classes.length,
      optimizer,
      onCheck: (check, done, all) => bar.update(done, all, check),
    }).finally(bar.stop);
    const { passed, checks } = report;
    const all = { what, device: String(device), model: name, passed, checks };
    console.log(json ? JSON.stringify(all, null, 2) : `${report}`);
    if (!passed) process.exitCode = 1;
  });
}
