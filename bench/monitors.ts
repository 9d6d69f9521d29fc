// What watching costs: fits with and without monitors(), at their default interval, by turns; `npm run bench:monitors`.
import { Command, Option } from 'commander';
import { data, fit, type InitOptions, init, manualSeed, monitors, nn, optim, referenceCnn } from 'downhill';

/** Steps until everything is compiled, then those that are timed: two of them are measured by the monitors. */
const WARM_UP = 60;
const TIMED = 100;
const BATCH = 64;

const networks = {
  'reference CNN': () => referenceCnn(),
  'MLP 784-256-256-10': () =>
    new nn.Sequential(
      ...[new nn.Flatten(), new nn.Linear(784, 256), new nn.ReLU()],
      ...[new nn.Linear(256, 256), new nn.ReLU(), new nn.Linear(256, 10)],
    ),
};

const program = new Command('bench:monitors')
  .description('Time training steps with and without monitors() at their default interval, by turns.')
  .option('--turns <n>', 'fits of each kind', Number, 5)
  .addOption(new Option('--adapter <kind>').choices(['hardware', 'software', 'lavapipe', 'swiftshader']))
  .parse();
const { turns, adapter } = program.opts<{ turns: number; adapter?: InitOptions['adapter'] }>();

const steps = WARM_UP + TIMED;
const pixels = Float32Array.from({ length: steps * BATCH * 784 }, (_, i) => Math.sin(i * 12.9898) % 1);
const labels = Int32Array.from({ length: steps * BATCH }, (_, i) => i % 10);
const examples = data.fromArrays(pixels, [steps * BATCH, 1, 28, 28], labels);

/** Milliseconds of a step, from the first timed one to the end. */
async function timed(network: () => nn.Module, watched: boolean): Promise<number> {
  manualSeed(0);
  const model = network();
  const optimizer = new optim.Adam(model.parameters());
  let begin = 0;
  const clock = {
    onStep: ({ step }: { step: number }) => {
      if (step === WARM_UP) begin = performance.now();
    },
  };
  const callbacks = watched ? [clock, monitors()] : [clock];
  await fit(model, { data: examples, optimizer, epochs: 1, batchSize: BATCH, callbacks });
  const ms = (performance.now() - begin) / TIMED;
  optimizer.dispose();
  model.dispose();
  return ms;
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];

const { info } = await init({ adapter });
console.log(`${info.adapter}; ${turns} turns of ${TIMED} steps, batch of ${BATCH}`);
for (const [name, network] of Object.entries(networks)) {
  const times: { plain: number; watched: number }[] = [];
  for (let turn = 0; turn < turns; turn++) {
    times.push({ plain: await timed(network, false), watched: await timed(network, true) });
  }
  const cost = times.map(({ plain, watched }) => 100 * (watched / plain - 1));
  const [plain, watched] = [median(times.map((t) => t.plain)), median(times.map((t) => t.watched))];
  const range = `${Math.min(...cost).toFixed(1)} to ${Math.max(...cost).toFixed(1)}`;
  const more = (100 * (watched / plain - 1)).toFixed(1);
  console.log(
    `${name}: ${plain.toFixed(2)} ms a step, watched ${watched.toFixed(2)}: ${more} % more (by turns ${range})`,
  );
}
process.exit(0);
