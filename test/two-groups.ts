// What the tests of schedules share: an optimizer with two parameter groups.
import { optim, tensor } from 'downhill';
import { owned } from './training.ts';

export const leaf = () => owned(tensor([1], { requiresGrad: true }));

/** SGD with momentum 0.9 and two groups, of learning rates 0.4 and 0.04. */
export const twoGroups = () =>
  owned(new optim.SGD([{ params: [leaf()] }, { params: [leaf()], lr: 0.04 }], { lr: 0.4, momentum: 0.9 }));

export type TwoGroups = ReturnType<typeof twoGroups>;
