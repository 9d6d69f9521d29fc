// The `downhill` command. Errors that a user can mend are one line on stderr and exit code 1.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { addCheck } from './check.ts';
import { addCompare } from './compare.ts';
import { complain, oneLine } from './errors.ts';
import { addFindLr } from './find-lr.ts';
import { addPredict } from './predict.ts';
import { addRace } from './race.ts';
import { addSanity } from './sanity.ts';
import { addSearch } from './search.ts';
import { addTrain } from './train.ts';
import { addTune } from './tune.ts';

const packageFile = createRequire(import.meta.url).resolve('downhill/package.json');
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };

// A reader that went away (`| head`) ends the command, as it ends others.
process.stdout.on('error', () => process.exit(1));

const examples = `
Examples:
  $ downhill train mnist                                     a model, its figures and a report in a folder
  $ downhill predict runs/mnist-20261121-213005 seven.png    what it makes of a picture
  $ downhill sanity ./my-model.ts                            what to check before training a model of yours
  $ downhill search ./my-model.ts --trials 30                learning rates and other hyperparameters
  $ downhill train --help                                    flags and more examples of a command`;

const program = new Command('downhill')
  .description('Train neural networks on any GPU, and prove its kernels.')
  .version(version)
  .option('--verbose', 'show where in the program an error came from')
  .configureHelp({ showGlobalOptions: true })
  .configureOutput({ outputError: (text, write) => write(`${oneLine(text)}\n`) })
  .exitOverride();
addTrain(program);
addSanity(program);
addFindLr(program);
addPredict(program);
addCheck(program);
addCompare(program);
addSearch(program);
addRace(program);
addTune(program);
program.addHelpText('after', examples);

try {
  await program.parseAsync();
} catch (error) {
  // Commander has said what is wrong; help and version leave with 0.
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    process.exitCode = 1;
    complain(error, Boolean(program.opts().verbose || process.env.DEBUG));
  }
}
