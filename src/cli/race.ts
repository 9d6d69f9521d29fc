// `downhill race`: all optimizers on a contour plot, as a PNG.
import { Argument, type Command } from 'commander';
// Gives tensors their methods, and rows their names.
import '../ops/methods.ts';
import { cpuDevice } from '../backends/cpu/backend.ts';
import { contestants, race, type SurfaceName, surfaces } from '../optim/race/index.ts';
import { wholeFrom } from './options.ts';
import { writeOut } from './out.ts';
import { racePicture } from './race-picture.ts';

interface RaceFlags {
  steps: number;
  out: string;
  json?: boolean;
}

const names = Object.keys(surfaces) as SurfaceName[];

const help = `
SGD, momentum, Nesterov, Adagrad, Adadelta, RMSprop, Adam, AdamW and L-BFGS start at the same place, each with a learning
rate that suits it, in float64 on the CPU. The demo page "Race" shows the same with sliders.

Examples:
  $ downhill race                                  all surfaces in one picture
  $ downhill race valley --steps 100 --out valley.png`;

export function addRace(program: Command): void {
  program
    .command('race')
    .description('Draw how all optimizers go downhill on a contour plot.')
    .addArgument(
      new Argument('[surface]', 'one surface alone, with a table of learning rates and losses').choices(names),
    )
    .option('--steps <n>', 'steps of each optimizer', wholeFrom(1), 200)
    .option('--out <file>', 'the picture to write', 'race.png')
    .option('--json', 'print the last place and loss of each optimizer as JSON')
    .addHelpText('after', help)
    .action(draw);
}

async function draw(chosen: SurfaceName | undefined, { steps, out, json }: RaceFlags): Promise<void> {
  const device = cpuDevice();
  const races = [];
  for (const name of chosen ? [chosen] : names) {
    const surface = surfaces[name];
    const runs = [];
    for (const contestant of contestants) {
      const lr = contestant.lr[name];
      const path = await race(surface, (point) => contestant.make(point, lr), { steps, device });
      runs.push({ contestant, lr, path });
    }
    races.push({ surface, runs });
  }
  await writeOut(out, racePicture(races, steps));
  if (!json) return console.log(`wrote ${out}`);
  const ends = races.map(({ surface: { title, formula }, runs }) => ({
    ...{ title, formula },
    runs: runs.map(({ contestant: { name }, lr, path: { x, y, loss } }) => ({
      ...{ optimizer: name, lr, steps: loss.length - 1, x: x.at(-1), y: y.at(-1), loss: loss.at(-1) },
    })),
  }));
  console.log(JSON.stringify({ picture: out, races: ends }, null, 2));
}
