// `downhill search`: its flags, the words of its help, and the search for hyperparameters of whatever can be trained.
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { writeWhole } from '../io/files.node.ts';
import { SearchFolder } from '../search/folder.node.ts';
import { forked, serveTrial } from '../search/forked.node.ts';
import { searchHtml } from '../search/page.ts';
import { type SearchResult, search } from '../search/search.ts';
import { drawn, type Space } from '../search/space.ts';
import { nameOf } from './datasets.ts';
import { UserError } from './errors.ts';
import { INTERRUPTED, onInterrupt } from './interrupt.ts';
import { collect, deviceOptions, positive, taskOptions, trainingOptions, WHAT, wholeFrom } from './options.ts';
import { checkMomentum } from './recipe.ts';
import { stamp } from './run-folder.ts';
import { trainCommand } from './search-command.ts';
import { bestTable, SCORES, type SearchProgress, searchProgress, spaceText } from './search-progress.ts';
import { spaceOf, TUNABLES } from './search-space.ts';
import { goalOf, type TrialSettings, trainTrial } from './search-trial.ts';
import { isModulePath } from './user-module.ts';

interface SearchFlags extends Omit<TrialSettings, 'what'> {
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
Each trial trains as \`downhill train\` does, in a process of its own, with values drawn from the ranges; its score is the
accuracy on the validation images, or the loss where there is no accuracy. With --stages 2, the trials of the second half draw from ranges narrowed
around the best quarter of the first, and train longer. A trial whose cost is over three times its first one, or is no
number, is stopped. A best value on the border of its range is warned of.

Ranges: low:high is even, low:high:log even on a log scale (--lr always is), a,b,c a choice of these.
Hyperparameters: ${Object.entries(TUNABLES)
  .map(([name, { wanted }]) => `${name} (${wanted})`)
  .join(', ')}.
A module of yours may have others of any name: \`model\` gets them as \`params\` beside \`shape\` and \`classes\`, \`optimizer\` behind
the parameters.

The folder holds search.json, search.html (all trials in charts) and a folder for each trial: params.json, metrics.jsonl,
model-val<score>.safetensors and result.json; \`downhill predict\` and \`downhill compare\` take it like that of a run. The last
lines say how to train like the best trial. Ctrl-C keeps the trials that are done; --resume goes on with the others.

Examples:
  $ downhill search mnist --trials 20 --limit 2000            learning rates from 1e-6 to 10
  $ downhill search mnist --lr 1e-4:1e-1 --param weightDecay=1e-6:1e-2:log --param dropout=0,0.25,0.5
  $ downhill search mnist --trials 30 --stages 3 --jobs 2 --limit 5000 --out runs/search
  $ downhill search mnist --trials 30 --stages 3 --jobs 2 --limit 5000 --out runs/search --resume
  $ downhill search ./my-model.ts --lr 1e-4:1e-1 --param hidden=16,32,64
  $ downhill search ./photos --size 64 --augment flip --param width=8,16,32 --param dropout=0:0.5
  $ downhill search mnist --strategy grid --trials 9 --lr 1e-4,1e-3,1e-2 --param batch=32,64,128 --json`;

export function addSearch(program: Command): void {
  const command = program
    .command('search')
    .description('Search for hyperparameters: many trials, the best of them, charts.')
    .argument('<what>', WHAT)
    .option('--trials <n>', 'trials of all stages together', wholeFrom(1), 20);
  const lr = new Option('--lr <range>', 'learning rates to try').default('1e-6:10');
  const param = new Option('--param <name=range>', 'another hyperparameter to try; may come several times');
  trainingOptions(taskOptions(command, { lr, param: param.argParser(collect) }))
    .addOption(new Option('--strategy <name>', 'how values are chosen').choices(['random', 'grid']).default('random'))
    .option('--stages <n>', 'from coarse to fine, in so many steps', wholeFrom(1), 1)
    .option('--growth <factor>', 'how many times longer each stage trains than the one before', positive, 3)
    .option('--jobs <n>', 'trials at a time', wholeFrom(1), 1)
    .option('--epochs <n>', 'passes over the training data, in the first stage', wholeFrom(1), 1)
    .option('--out <dir>', 'folder of the search (default: runs/search-<name>-<date>-<time>)')
    .option('--resume', 'go on with the search that --out holds')
    .option('--json', 'print the result as JSON; how it goes is then told on stderr');
  deviceOptions(command).addHelpText('after', help).action(run);
  program.command(`${TRIAL} <settings>`, { hidden: true }).action(async (settings: string) => {
    const given = JSON.parse(settings) as TrialSettings;
    await serveTrial((params, context) => trainTrial(given, params, context));
  });
}

async function run(what: string, flags: SearchFlags): Promise<void> {
  if (flags.resume && !flags.out) throw new UserError('--resume needs --out, the folder of the search to go on with');
  const { trials, lr, param = [], strategy, stages, growth, jobs, seed, out, resume, json, ...shared } = flags;
  const own = isModulePath(what);
  const space = spaceOf(lr, param, shared.optimizer ?? (own ? undefined : 'adam'), own);
  const momentumOf = space.optimizer?.kind === 'choice' ? space.optimizer.values : [shared.optimizer];
  if (shared.momentum !== undefined && !own) checkMomentum('--momentum', momentumOf);
  const settings: TrialSettings = { what, ...shared };
  // What is wrong with the data or the model is better said once here than by every trial.
  const goal = await goalOf(settings, drawn(space, seed, 1));
  if (trials > 1 && Object.values(space).every((range) => range.kind === 'choice' && range.values.length === 1)) {
    throw new UserError(
      `--lr ${lr} is one value, and all ${trials} trials would be the same: give a range such as 1e-4:1e-1, or a list`,
    );
  }
  const path = out ?? join('runs', `search-${nameOf(what)}-${stamp(new Date())}`);
  const stream = json ? process.stderr : process.stdout;
  let shown: SearchProgress | undefined;
  const interrupt = onInterrupt(() => shown?.say('stopping; the trials that are done stay, --resume goes on'));
  try {
    const result = await made({ settings, flags, space, goal, path, signal: interrupt.signal }, (finished) => {
      shown = searchProgress(trials, finished, goal, stream);
      return shown;
    });
    shown?.stop();
    conclude(result, path, { settings, json }, stream);
    if (interrupt.signal.aborted) process.exitCode = INTERRUPTED;
  } finally {
    shown?.stop();
    interrupt.release();
  }
}

interface Given {
  settings: TrialSettings;
  flags: SearchFlags;
  space: Space;
  goal: 'max' | 'min';
  path: string;
  signal: AbortSignal;
}

/** Searches, and writes the page after every trial. */
async function made(given: Given, showing: (finished: number) => SearchProgress): Promise<SearchResult> {
  const { settings, flags, space, goal, path, signal } = given;
  const { trials, stages, strategy, seed, growth, jobs, resume } = flags;
  const store = new SearchFolder(path, { resume });
  const title = `${nameOf(settings.what).toUpperCase()}: search for hyperparameters`;
  const { name, format } = SCORES[goal];
  const page = { title, score: name, format };
  const write = (soFar: SearchResult) => writeWhole(join(path, 'search.html'), searchHtml(soFar, page));
  let shown: SearchProgress | undefined;
  try {
    const result = await search(forked(process.argv[1], [TRIAL, JSON.stringify(settings)]), {
      ...{ space, trials, stages, strategy, seed, growth, goal, jobs, store, signal },
      settings: decisive(settings),
      onStage(stage, within, done) {
        shown ??= showing(done);
        shown.say(`${stages > 1 ? `stage ${stage} of ${stages}: ` : ''}${spaceText(within)}`);
      },
      onBegin: ({ trial, params, effort }) => shown?.begin(trial, params, Math.round(settings.epochs * effort)),
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

/** What decides about the trials, in an order that does not depend on that of the flags. */
function decisive({ device: _, adapter: __, data: ___, ...settings }: TrialSettings): Record<string, unknown> {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** What is told at the end, and how `json` has it. */
interface Told {
  settings: TrialSettings;
  json?: boolean;
}

function conclude(result: SearchResult, path: string, { settings, json }: Told, stream: NodeJS.WriteStream): void {
  const { best, trials, warnings, complete, spaces, plan } = result;
  const command = best && trainCommand(settings, best, plan.growth);
  const all = { folder: path, ...plan, complete, best, command, warnings, spaces, trials };
  if (json) console.log(JSON.stringify(all, null, 2));
  const say = (line: string) => stream.write(`${line}\n`);
  if (best) say(bestTable(result));
  for (const warning of warnings) say(`warning: ${warning}`);
  say(`wrote ${trials.length} ${trials.length === 1 ? 'trial' : 'trials'} and search.html into ${path}`);
  const { name, format } = SCORES[plan.goal];
  if (command) say(`train like it with: ${command}`);
  if (best) say(`best ${name} ${format(best.score!)}, of trial ${best.trial}`);
}
