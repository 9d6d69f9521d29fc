// What the tests of monitors share: a short training that measures its steps as fit does, and data to train on.
import { compile, type nn, optim, randint, scope, type Tensor } from 'downhill';
import type { Training } from '../src/train/callback.ts';
import type { LayerRecord, ProbeRecord } from '../src/train/monitor-records.ts';
import { type MonitorOptions, monitors } from '../src/train/monitors.ts';

interface Options extends MonitorOptions {
  steps?: number;
  optimizer?: optim.Optimizer;
  compiled?: boolean;
  /** Rows of x and y that a step takes, by chance; all of them where it is left out. */
  batch?: number;
  loss?: (output: Tensor, target: Tensor) => Tensor;
}

/** Trains on x and y, every `interval`-th step measured. Returns losses and records. */
export async function monitored(model: nn.Module, x: Tensor, y: Tensor, options: Options = {}) {
  const { steps = 1, compiled = false, loss: criterion = (output, target) => output.crossEntropy(target) } = options;
  const optimizer = options.optimizer ?? new optim.SGD(model.parameters(), { lr: 0.1 });
  const watch = monitors({ interval: 1, ...options });
  const { probe } = watch;
  const training = { model, optimizer, step: 0, steps, epoch: 1, stepsPerEpoch: steps, stop() {} };
  await watch.onBegin?.(training as unknown as Training);
  const stepOf = (probed: boolean) => (x: Tensor, y: Tensor) => {
    if (probed) probe.begin(training);
    const loss = criterion(model.call(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return { loss, values: probed ? probe.end(training) : {} };
  };
  const wrap = (probed: boolean) => {
    const step = stepOf(probed);
    return compiled ? compile(step) : (x: Tensor, y: Tensor) => scope(() => step(x, y));
  };
  const [plain, probed] = [wrap(false), wrap(true)];
  const losses: { step: number; loss: number; lr: number }[] = [];
  for (training.step = 1; training.step <= steps; training.step++) {
    const due = (training.step - 1) % probe.interval === 0;
    const rows = options.batch ? randint(0, x.shape[0], [options.batch]) : null;
    const batch = rows ? ([x.indexSelect(0, rows), y.indexSelect(0, rows)] as const) : ([x, y] as const);
    const { loss, values } = (due ? probed : plain)(...batch);
    losses.push({ step: training.step, loss: await loss.item(), lr: optimizer.lr });
    loss.dispose();
    if (!due) continue;
    const entries = Object.entries(values).map(async ([name, value]) => {
      const data = await value.data();
      value.dispose();
      return [name, { shape: value.shape, data }] as const;
    });
    probe.report(training.step, Object.fromEntries(await Promise.all(entries)));
  }
  training.step = steps;
  await watch.onEnd?.(training as unknown as Training);
  optimizer.dispose();
  const probes = watch.records.filter((record): record is ProbeRecord => record.kind === 'probe');
  return { losses, records: watch.records, probes };
}

export const layerOf = (probe: ProbeRecord, name: string): LayerRecord =>
  probe.layers.find((layer) => layer.name === name)!;
