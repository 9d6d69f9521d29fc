// How the commands train: learning rates, optimizers and the schedule.
import type { Module } from '../nn/module.ts';
import { Adam, type Optimizer, RMSprop, SGD } from '../optim/index.ts';

/** Learning rates that suit the built-in models at batch 64, by optimizer. */
export const LEARNING_RATES = { adam: 0.003, rmsprop: 0.001, sgd: 0.05 };

export type OptimizerName = keyof typeof LEARNING_RATES;

/** Factor on the learning rate: from 1 straight down to 0, which after one epoch is as good as half a cosine. */
export const schedule = (progress: number): number => 1 - progress;

export interface OptimizerValues {
  /** Default: LEARNING_RATES. */
  lr?: number;
  weightDecay?: number;
  /** Of sgd alone. Default 0.9. */
  momentum?: number;
}

/** An optimizer over the parameters of a model. */
export function optimizerOf(
  name: OptimizerName,
  model: Module,
  { lr = LEARNING_RATES[name], weightDecay, momentum = 0.9 }: OptimizerValues,
): Optimizer {
  if (name === 'adam') return new Adam(model.parameters(), { lr, weightDecay });
  if (name === 'rmsprop') return new RMSprop(model.parameters(), { lr, weightDecay });
  return new SGD(model.parameters(), { lr, weightDecay, momentum });
}
