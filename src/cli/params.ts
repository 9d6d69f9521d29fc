// Hyperparameters on their way to a module of the user's: its own, and those that flags set of any optimizer.
import type { Optimizer } from '../optim/index.ts';
import { UserError } from './errors.ts';
import { COMMON, type OptimizerSettings } from './recipe.ts';
import type { Values } from './user-module.ts';

/** What the flags say of hyperparameters that all tasks have. */
export const commonOf = (flags: object): Values =>
  Object.fromEntries(Object.entries(flags).filter(([name, value]) => COMMON.includes(name) && value !== undefined));

/** The others of a search's values. */
export const ownOf = (params: Values): Values =>
  Object.fromEntries(Object.entries(params).filter(([name]) => !COMMON.includes(name)));

/** Values that note which of them nobody has read. */
export function noted(values: Values): { params: Values; unread: Set<string> } {
  const unread = new Set(Object.keys(values));
  const params = {};
  for (const [name, value] of Object.entries(values)) {
    const get = () => {
      unread.delete(name);
      return value;
    };
    Object.defineProperty(params, name, { enumerable: true, get });
  }
  return { params, unread };
}

/** Sets what flags say in the optimizer of a user's module. */
export function override(
  made: Optimizer,
  { lr, weightDecay, momentum }: OptimizerSettings,
  unread: Set<string>,
  path: string,
): void {
  if (lr !== undefined) made.lr = lr;
  if (weightDecay !== undefined) for (const group of made.paramGroups) group.weightDecay = weightDecay;
  if (momentum === undefined) return;
  // A group that begins without momentum has no memory for it.
  const moved = (made.paramGroups as readonly { momentum?: number }[]).filter((group) => group.momentum);
  for (const group of moved) group.momentum = momentum;
  if (moved.length > 0 || !unread.has('momentum')) return;
  throw new UserError(`${path}: --momentum: its optimizer has none, and does not read params.momentum`);
}
