// `downhill check`: every op's kernels and gradients on this device, against float64.
import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { allOps } from '../autograd/op.ts';
import { init } from '../backends/init.ts';
import type { AdapterChoice } from '../backends/webgpu/door.ts';
import { formatReport, kernelCheck } from '../check/index.ts';
import { UserError } from './errors.ts';
import { adapterOption } from './options.ts';
import { barLook } from './progress.ts';

interface CheckFlags {
  op?: string[];
  adapter?: AdapterChoice;
  json?: boolean;
}

const help = `
Each op runs on the device and on the CPU in float64, over odd shapes; outputs and gradients are compared. The float64
gradients are checked against differences. Leaves with 0 where all is well, with 1 where something is not.

Examples:
  $ downhill check                                 all ops, on the best adapter there is
  $ downhill check --op matmul conv2d              two of them
  $ downhill check --adapter swiftshader --json`;

export function addCheck(program: Command): void {
  program
    .command('check')
    .description('Check the kernels and gradients of every op on this device.')
    .option('--op <name...>', 'ops to check (default: all)')
    .addOption(adapterOption())
    .option('--json', 'print the report as JSON instead of a table')
    .addHelpText('after', help)
    .action(check);
}

async function check({ op: ops, adapter, json }: CheckFlags): Promise<void> {
  const known = allOps().map(({ name }) => name);
  const unknown = ops?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new UserError(`there is no op named ${unknown}; there are ${known.join(', ')}`);
  const device = await init({ adapter });
  const bar = new SingleBar({ ...barLook, format: '{bar} {value}/{total} ops  {op}' });
  if (process.stderr.isTTY) bar.start((ops ?? known).length, 0, { op: '' });
  try {
    const report = await kernelCheck(device, { ops, onProgress: ({ op }, done) => bar.update(done, { op }) });
    bar.stop();
    console.log(json ? JSON.stringify(report, null, 2) : formatReport(report));
    process.exitCode = report.passed ? 0 : 1;
  } finally {
    bar.stop();
    device.destroy();
  }
}
