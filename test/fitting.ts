// What the tests of fit share: examples that can be learnt, a small network, and a callback that keeps reports.
import { type Callback, type Data, type EpochReport, manualSeed, nn, optim, type StepReport } from 'downhill';
import { normal } from '../src/tensor/random.ts';
import { owned } from './training.ts';

/** Inputs of an example. */
export const FEATURES = 6;

/** Examples of three classes that a line can tell apart; `y` is the class, or with `floats` a linear function. */
export function examples(length: number, { seed = 5, floats = false, classes = 3 } = {}): Data & { labels?: number[] } {
  const noise = normal(length * FEATURES, { seed, stream: 0 });
  const labels = Array.from({ length }, (_, i) => (i * 7 + 1) % classes);
  const x = (i: number) =>
    Array.from({ length: FEATURES }, (_, k) => noise[i * FEATURES + k] + 2 * Number(k === labels[i]));
  return {
    length,
    ...(!floats && { labels }),
    batch: (indices) => {
      const rows = Array.from(indices, x);
      const target = floats
        ? Float32Array.from(rows, (row) => 0.5 * row[0] - row[1] + 0.25)
        : Int32Array.from(indices, (i) => labels[i]);
      return {
        x: Float32Array.from(rows.flat()),
        shape: [indices.length, FEATURES],
        y: target,
        yShape: floats ? [indices.length, 1] : undefined,
      };
    },
  };
}

/** Two layers, the same each time. */
export function network(outputs = 3, { dropout = 0, seed = 1 } = {}) {
  manualSeed(seed);
  const drop = dropout > 0 ? [new nn.Dropout(dropout)] : [];
  return owned(new nn.Sequential(new nn.Linear(FEATURES, 16), new nn.ReLU(), ...drop, new nn.Linear(16, outputs)));
}

/** Adam over a model, disposed of with the test. */
export const adam = (model: nn.Module, lr = 0.01) => owned(new optim.Adam(model.parameters(), { lr }));

/** Collects the reports of a run. */
export function collector(): Callback & { steps: StepReport[]; epochs: EpochReport[] } {
  const steps: StepReport[] = [];
  const epochs: EpochReport[] = [];
  return { steps, epochs, onStep: (report) => void steps.push(report), onEpoch: (report) => void epochs.push(report) };
}
