// One trial of `downhill search`: the reference CNN trained as `downhill train` does it, in a process of its own.

// Gives tensors their methods, backward() among them.
import '../ops/methods.ts';
import { loadMnist } from '../data/mnist.node.ts';
import type { Params } from '../search/space.ts';
import type { TrialContext, TrialResult } from '../search/trial.ts';
import { snapshot } from '../train/ensemble.ts';
import { fit } from '../train/fit.ts';
import { referenceCnn } from '../train/models.ts';
import { limited } from './datasets.ts';
import { type OptimizerName, type OptimizerValues, optimizerOf, schedule } from './recipe.ts';
import type { TrainFlags } from './run.ts';
import { openDevice } from './task.ts';

/** What all trials of a search share. */
export type TrialSettings = Pick<TrainFlags, 'epochs' | 'batch' | 'limit' | 'data' | 'device' | 'adapter'> & {
  optimizer: OptimizerName;
};

/** Reports of the cost in an epoch. */
const REPORTS = 20;

/** Trains with these values; the score is the validation accuracy after the last epoch. */
export async function mnistTrial(
  settings: TrialSettings,
  params: Params,
  { effort, report, signal }: TrialContext,
): Promise<TrialResult> {
  const values = {
    batch: settings.batch,
    optimizer: settings.optimizer,
    batchNorm: false,
    dropout: 0,
    ...params,
  } as Values;
  const data = limited(await loadMnist(settings.data), settings.limit);
  const device = await openDevice(settings);
  try {
    const model = referenceCnn({ batchNorm: values.batchNorm, dropout: values.dropout });
    const perEpoch = Math.ceil(data.train.length / values.batch);
    const every = Math.max(1, Math.round(perEpoch / REPORTS));
    let costs: number[] = [];
    const epochs = await fit(model, {
      data: data.train,
      validation: data.validation,
      optimizer: optimizerOf(values.optimizer, model, values),
      epochs: Math.max(1, Math.round(settings.epochs * effort)),
      batchSize: values.batch,
      schedule,
      signal,
      callbacks: [
        {
          onStep({ step, loss }) {
            costs.push(loss);
            // The first step alone, for it is what the others are measured by; no number at once.
            if (step > 1 && step % every > 0 && Number.isFinite(loss)) return;
            report({ epoch: step / perEpoch, cost: costs.reduce((a, b) => a + b) / costs.length });
            costs = [];
          },
          onEpoch: ({ epoch, validationAccuracy }) => report({ epoch, score: validationAccuracy ?? Number.NaN }),
        },
      ],
    });
    return { score: epochs.at(-1)?.validationAccuracy ?? Number.NaN, state: await snapshot(model) };
  } finally {
    device.destroy();
  }
}

interface Values extends OptimizerValues {
  batch: number;
  optimizer: OptimizerName;
  batchNorm: boolean;
  dropout: number;
}
