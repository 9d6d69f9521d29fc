// `downhill find-lr`: the learning-rate range test, its curve as a page.
import type { Command } from 'commander';
import { findLr } from '../train/lr-finder.ts';
import { escapeHtml } from '../train/report-chart.ts';
import { page } from '../train/report-page.ts';
import { nameOf } from './datasets.ts';
import { UserError } from './errors.ts';
import { deviceOptions, positive, taskOptions, WHAT, wholeFrom } from './options.ts';
import { writeOut } from './out.ts';
import { quietBar } from './progress.ts';
import { type TaskFlags, withTask } from './task.ts';

interface FindLrFlags extends TaskFlags {
  batch: number;
  from: number;
  to: number;
  steps: number;
  out: string;
  json?: boolean;
}

const help = `
Trains a few steps with ever larger learning rates. The suggestion is the rate at which the loss fell fastest; the page
shows the whole curve.

Examples:
  $ downhill find-lr mnist
  $ downhill find-lr ./my-model.ts --from 1e-5 --to 1 --out rates.html
  $ downhill train mnist --lr "$(downhill find-lr mnist --json | jq .suggestion)"`;

export function addFindLr(program: Command): void {
  const command = program
    .command('find-lr')
    .description('Find a learning rate: where the loss falls fastest.')
    .argument('<what>', WHAT);
  taskOptions(command)
    .option('--from <rate>', 'the first learning rate', positive, 1e-7)
    .option('--to <rate>', 'the last one', positive, 10)
    .option('--steps <n>', 'rates to try, a constant factor apart', wholeFrom(3), 100)
    .option('--out <file>', 'the page', 'lr.html')
    .option('--json', 'print the curve and the suggestion as JSON');
  deviceOptions(command)
    .addHelpText('after', help)
    .action(async (what: string, flags: FindLrFlags) => {
      if (flags.lr !== undefined) throw new UserError('--lr is what find-lr finds: give --from and --to');
      if (flags.to <= flags.from) throw new UserError(`--to ${flags.to}: expected more than --from ${flags.from}`);
      await run(what, flags);
    });
}

async function run(what: string, flags: FindLrFlags): Promise<void> {
  const { from, to, steps, batch, out, json } = flags;
  await withTask(what, flags, async (task) => {
    const { device, model, splits, trainingLoss, name, optimizerName } = task;
    if (!json) console.log(`device: ${device}\nmodel: ${name}; ${optimizerName}`);
    const optimizer = task.optimizer();
    const bar = quietBar('rates');
    const found = await findLr(model, {
      ...{ data: splits.train, loss: trainingLoss, optimizer, from, to, steps, batchSize: batch },
      onStep: (step, all) => bar.update(step, all, `rate ${optimizer.lr.toPrecision(2)}`),
    }).finally(bar.stop);
    const title = `${nameOf(what).toUpperCase()}: learning rates`;
    const words = `${name}, ${optimizerName}, ${device}; ${found}`;
    const header = `<header><h1>${escapeHtml(title)}</h1><p>${escapeHtml(words)}</p></header>`;
    await writeOut(out, page(title, `${header}\n${found.figure()}`));
    const { suggestion, blowUp, lrs, losses, raw } = found;
    if (json) return console.log(JSON.stringify({ suggestion, blowUp, page: out, lrs, losses, raw }, null, 2));
    console.log(`${found}\nwrote ${out}`);
    if (suggestion !== null) console.log(`suggestion: --lr ${Number(suggestion.toPrecision(2))}`);
  });
}
