// Where the models of an ensemble come from: seeds, checkpoints, and the mean of their weights.
import { noGrad } from '../autograd/tape.ts';
import { evaluating } from '../nn/modes.ts';
import type { HostTensor, Module } from '../nn/module.ts';
import { averageCheckpoints } from '../optim/average.ts';
import { manualSeed, randomState, setRandomState, shuffled } from '../tensor/random.ts';
import { scope } from '../tensor/scope.ts';
import { type Data, deviceOf, upload, withoutLone } from './batch.ts';
import { Ensemble } from './ensemble.ts';

type State = Record<string, HostTensor>;

/**
 * An ensemble of one model for each state, such as snapshot() gives after some epochs of one run, or decodeSafetensors() from
 * files. `makeModel(i)` makes the model that state i fits. Throws the ShapeError of the state that does not, and a RangeError for none.
 */
export function fromCheckpoints(makeModel: (i: number) => Module, states: readonly State[]): Ensemble {
  const models: Module[] = [];
  try {
    for (const [i, state] of states.entries()) {
      models.push(makeModel(i));
      models[i].loadStateDict(state);
    }
    return new Ensemble(models);
  } catch (error) {
    for (const model of models) model.dispose();
    throw error;
  }
}

/**
 * An ensemble of one model for each seed: made and trained after `manualSeed(seed)`, so that initial weights, the order of the
 * data and dropout differ. The random state is put back. Throws what `train` throws.
 */
export async function fromSeeds(
  makeModel: (seed: number) => Module,
  train: (model: Module, seed: number) => unknown,
  seeds: readonly number[],
): Promise<Ensemble> {
  const before = randomState();
  const models: Module[] = [];
  try {
    for (const seed of seeds) {
      manualSeed(seed);
      const model = makeModel(seed);
      models.push(model);
      await train(model, seed);
    }
    return new Ensemble(models);
  } catch (error) {
    for (const model of models) model.dispose();
    throw error;
  } finally {
    setRandomState(before);
  }
}

/**
 * One model with the mean of the states' weights, as averageCheckpoints() gives it, which costs no more than one of them to run. It does for checkpoints of one run,
 * or of runs that began from the same trained weights; other models have no common meaning weight by weight.
 *
 * Running statistics of batch norm are averaged too, but those of the averaged weights differ: call refreshStatistics() before
 * the model is evaluated. Throws a ShapeError where the states are not of one model, and a RangeError for none.
 */
export function averagedWeights(makeModel: () => Module, states: readonly State[]): Module {
  return fromCheckpoints(makeModel, [averageCheckpoints(states)]).models[0];
}

/**
 * Brings the running statistics of normalization layers up to the present weights: a pass over the data in random order with these
 * layers in training mode, all others (dropout) in evaluation mode, without gradients. What the statistics were before counts
 * (1 - momentum) ** batches afterwards, so give it some dozens of batches. A last batch of one
 * example is left out. Modes are put back; does nothing without such layers.
 */
export async function refreshStatistics(model: Module, data: Data, { batchSize = 64 } = {}): Promise<void> {
  const restore = evaluating(model);
  try {
    const layers = [...model.modules()].filter((layer) => 'runningMean' in layer && layer.runningMean);
    if (layers.length === 0) return;
    for (const layer of layers) layer.training = true;
    const device = deviceOf(model);
    const order = shuffled(data.length);
    const end = withoutLone(data.length, batchSize);
    for (let at = 0; at < end; at += batchSize) {
      const batch = await data.batch(order.subarray(at, Math.min(at + batchSize, end)));
      noGrad(() => scope(() => void model.call(upload(batch, device).x)));
      // Waits, so that the host does not run ahead of the device without end.
      await Object.values(layers[0].stateDict())[0].data();
    }
  } finally {
    restore();
  }
}
