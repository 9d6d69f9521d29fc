// `downhill train`: its flags, and the words of its help.
import { type Command, Option } from 'commander';
import { placeOf } from './datasets.ts';
import { UserError } from './errors.ts';
import { deviceOptions, probability, taskOptions, trainingOptions, WHAT, wholeFrom } from './options.ts';
import { readResumed } from './resume.ts';
import { type TrainFlags, train } from './run.ts';

const help = `
The learning rate falls in a straight line to 0, or as --schedule says: along half a cosine; up from a 25th and down
again (one-cycle); not at all (constant); to a tenth after each third of training (step); by a factor in each epoch
(exponential); with 1/t (inverse); or where the loss of validation stays (plateau). Each epoch ends with a validation:
on the last 5,000 training images, or a tenth of a folder without images for it. The run folder holds
model.safetensors, report.html, metrics.jsonl (a line per step and per epoch, and what was measured inside) and the
checkpoints last.safetensors and best.safetensors. Ctrl-C stops after the step at hand and keeps what was trained; a
second one stops at once. --resume goes on to the bits of a run without a break, with the flags of the run.

A folder of images has a folder of PNG files for each class, or train/, val/ and test/ with such folders.

A module exports a model, and what else it wants:
  import { nn, optim } from 'downhill';
  export const model = ({ shape, classes, params }) => new nn.Sequential(new nn.Flatten(), new nn.Linear(784, classes));
  export const data = 'fashion-mnist';                    or a dataset, { train, validation, test }, or a function
  export const loss = (output, target) => output.crossEntropy(target);
  export const penalty = (model) => model.layer.weight.abs().sum().mul(1e-4);           added to the loss of training
  export const optimizer = (parameters, params) => new optim.AdamW(parameters, { lr: 0.001 });
  export const schedule = (optimizer, { epochs }) => new optim.lr.CosineAnnealingLR(optimizer, { tMax: epochs });
\`params\` has what --param says, and --lr, --weight-decay, --momentum, --batch and --optimizer where they are given.

Examples:
  $ downhill train mnist                                     one epoch, on the best adapter there is
  $ downhill train mnist --model cnn --epochs 5              deeper, slower and more accurate
  $ downhill train fashion-mnist --epochs 20 --patience 3 --tensorboard
  $ downhill train cifar10 --data cifar-10-batches-bin --width 32 --epochs 20 --augment flip,shift=4 \\
      --schedule one-cycle --optimizer adamw --weight-decay 0.05
  $ downhill train fashion-mnist --epochs 20 --schedule step --every 8 --gamma 0.2 --warmup 1 --clip 1 --ema 0.999
  $ downhill train mnist --epochs 10 --optimizer sgd --anneal-momentum 0.5:0.99 --accumulate 4
  $ downhill train ./photos --size 64 --epochs 10
  $ downhill train ./my-model.ts --limit 2000 --optimizer sgd --lr 0.1 --out runs/quick
  $ downhill train ./my-model.ts --param hidden=32 --param gate=tanh
  $ downhill train --resume runs/quick
  $ downhill train mnist --limit 500 --device cpu --json     in float64, slow, without WebGPU`;

/** Flags that a run may be gone on with; all others are those of the run. */
const WITH_RESUME = [
  'resume',
  'epochs',
  'adapter',
  'device',
  'tensorboard',
  'anomaly',
  'json',
  'checkpointEvery',
  'patience',
];

export function addTrain(program: Command): void {
  const command = program
    .command('train')
    .description('Train a model, and write what came of it into a folder.')
    .argument('[what]', WHAT)
    .option('--epochs <n>', 'passes over the training data', wholeFrom(1), 1);
  trainingOptions(taskOptions(command))
    .option('--out <dir>', 'folder of the run (default: runs/<name>-<date>-<time>)')
    .option('--resume <run>', 'go on with the run in this folder')
    .option('--patience <n>', 'stop after so many epochs without progress, with the weights of the best', wholeFrom(1))
    .addOption(
      new Option('--precision <dtype>', 'of products; float16 where the adapter has it').choices([
        'float32',
        'float16',
      ]),
    )
    .option('--ema <decay>', 'saves and tests averages of the weights, which keep so much of themselves', probability)
    .option('--checkpoint-every <n>', 'steps between checkpoints (default: one after each epoch)', wholeFrom(1))
    .option('--tensorboard', 'write event files for TensorBoard into the run folder too')
    .option('--anomaly', 'stop at the first NaN or infinity, and name the op and the line that made it; slow')
    .option('--json', 'print the result as JSON; how it goes is then told on stderr');
  deviceOptions(command)
    .addHelpText('after', help)
    .action(async (what: string | undefined, flags: TrainFlags & { resume?: string }) => {
      if (flags.resume !== undefined) await resume(what, flags.resume, flags, command);
      else if (what === undefined) throw new UserError(`name what to train on: ${WHAT}`);
      else await train(what, flags);
    });
}

/** Goes on with a run, with its flags. */
async function resume(what: string | undefined, folder: string, given: TrainFlags, command: Command): Promise<void> {
  const isGiven = (name: string) => command.getOptionValueSource(name) === 'cli';
  const other = command.options.find(
    (option) => isGiven(option.attributeName()) && !WITH_RESUME.includes(option.attributeName()),
  );
  if (other) throw new UserError(`${other.long} is the run's: leave it out with --resume`);
  const resumed = await readResumed<TrainFlags>(folder);
  const { asked, epochs } = resumed;
  if (what !== undefined && placeOf(what) !== placeOf(asked.what)) {
    throw new UserError(`${folder} trains ${asked.what}, not ${what}: leave it out with --resume`);
  }
  const changed = Object.fromEntries(Object.entries(given).filter(([name]) => isGiven(name)));
  const flags: TrainFlags = { ...asked.flags, ...changed, out: folder };
  if (isGiven('device')) flags.adapter = given.adapter;
  if (flags.epochs < epochs) {
    throw new UserError(`--epochs ${flags.epochs}: the run has ${epochs} behind it`);
  }
  await train(asked.what, flags, resumed);
}
