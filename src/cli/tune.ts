// `downhill tune`: times the configurations of products and convolutions on this adapter, and keeps the fastest.
import type { Command } from 'commander';
import { init } from '../backends/init.ts';
import { tune } from '../backends/tune.ts';
import type { AdapterChoice } from '../backends/webgpu/door.ts';
import '../ops/gemm-trials.ts';
import { adapterOption, positive } from './options.ts';

interface TuneFlags {
  adapter?: AdapterChoice;
  budget: number;
  fresh?: boolean;
  json?: boolean;
}

const help = `
What is found is kept in ~/.cache/downhill/tuning, for this adapter and driver; later runs use it. DOWNHILL_TUNING=off takes
the built-in choices.

Examples:
  $ downhill tune                                  for two seconds at most
  $ downhill tune --budget 30 --fresh              all over again, with more patience
  $ downhill tune --adapter lavapipe --json`;

export function addTune(program: Command): void {
  program
    .command('tune')
    .description('Find the fastest kernels of matrix products and convolutions on this adapter, and keep them.')
    .option('--budget <seconds>', 'how long measuring may take', positive, 2)
    .option('--fresh', 'measure again what is kept already')
    .option('--json', 'print the choices as JSON')
    .addOption(adapterOption())
    .addHelpText('after', help)
    .action(run);
}

async function run({ adapter, budget, fresh, json }: TuneFlags): Promise<void> {
  const device = await init({ adapter, tune: false });
  try {
    const choices = Object.entries(await tune({ device, budget: 1000 * budget, fresh }));
    if (json) {
      console.log(JSON.stringify({ device: String(device), choices: Object.fromEntries(choices) }, null, 2));
      return;
    }
    console.log(`${device}`);
    const width = Math.max(0, ...choices.map(([name]) => name.length));
    for (const [name, choice] of choices) console.log(`${name.padEnd(width)}  ${choice}`);
    if (choices.length === 0) console.log('nothing was measured in time: try a larger --budget');
  } finally {
    device.destroy();
  }
}
