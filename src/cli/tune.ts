// `downhill tune`: times the configurations of products and convolutions on this adapter, and keeps the fastest.
import { type Command, InvalidArgumentError } from 'commander';
import { init } from '../backends/init.ts';
import { tune } from '../backends/tune.ts';
import type { AdapterChoice } from '../backends/webgpu/door.ts';
import '../ops/gemm-trials.ts';
import { adapterOption } from './options.ts';

interface TuneFlags {
  adapter?: AdapterChoice;
  budget: number;
  fresh?: boolean;
}

function milliseconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === '' || !(seconds > 0)) throw new InvalidArgumentError('Expected seconds above 0.');
  return seconds * 1000;
}

export function addTune(program: Command): void {
  program
    .command('tune')
    .description('Find the fastest kernels of matrix products and convolutions on this adapter, and keep them.')
    .option('--budget <seconds>', 'how long measuring may take', milliseconds, 2000)
    .option('--fresh', 'measure again what is kept already')
    .addOption(adapterOption())
    .action(run);
}

async function run({ adapter, budget, fresh }: TuneFlags): Promise<void> {
  const device = await init({ adapter, tune: false });
  try {
    const choices = Object.entries(await tune({ device, budget, fresh }));
    console.log(`${device}`);
    const width = Math.max(0, ...choices.map(([name]) => name.length));
    for (const [name, choice] of choices) console.log(`${name.padEnd(width)}  ${choice}`);
    if (choices.length === 0) console.log('nothing was measured in time: try a larger --budget');
  } finally {
    device.destroy();
  }
}
