// What trials do to a model is taken back: its tensors, its modes, the random state, and the optimizer where there is one.

import { modesOf } from '../nn/modes.ts';
import type { Module } from '../nn/module.ts';
import type { Optimizer } from '../optim/index.ts';
import { randomState, setRandomState } from '../tensor/random.ts';
import { hostTensors } from '../tensor/state.ts';

/** Notes a state; the function that it resolves to goes back to it, as often as it is called. Gradients are dropped. */
export async function kept(model: Module, optimizer?: Optimizer): Promise<() => void> {
  const restoreModes = modesOf(model);
  const random = randomState();
  const state = optimizer?.stateDict();
  const values = structuredClone(state?.values);
  const [tensors, held] = await Promise.all([hostTensors(model.stateDict()), hostTensors(state?.tensors ?? {})]);
  return () => {
    model.loadStateDict(tensors);
    if (optimizer && values) optimizer.loadStateDict({ tensors: held, values });
    model.zeroGrad();
    restoreModes();
    setRandomState(random);
  };
}
