// The plain part of an optimizer's state: hyperparameters and counts, and whether those of a checkpoint fit.
import type { GroupValues } from './groups.ts';

export interface OptimizerValues {
  /** The optimizer's class. */
  optimizer: string;
  groups: GroupValues[];
  /** How often each parameter was updated. */
  steps: number[];
}

const kindOf = (value: unknown) => (Array.isArray(value) ? `list of ${value.length}` : typeof value);

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/** The values given, where an optimizer whose values are `mine` can take them up. Throws a TypeError that says why not. */
export function checkValues(owner: string, mine: OptimizerValues, given: unknown): OptimizerValues {
  const fail = (expected: string, got: string): never => {
    throw new TypeError(`${owner}: expected ${expected}, got ${got}`);
  };
  const { optimizer, groups, steps } = (given ?? {}) as Partial<OptimizerValues>;
  if (optimizer !== mine.optimizer) fail(`the state of ${mine.optimizer}`, `that of ${optimizer ?? 'no optimizer'}`);
  if (!Array.isArray(groups) || groups.length !== mine.groups.length) {
    return fail(`${mine.groups.length} parameter groups`, `${Array.isArray(groups) ? groups.length : 'none'}`);
  }
  // States from before optimizers could maximize do not say whether they do.
  const filled: GroupValues[] = groups.map((group) => ({ maximize: false, ...group }));
  mine.groups.forEach((own, g) => {
    const other: Record<string, unknown> = filled[g];
    for (const [key, value] of Object.entries(own)) {
      if (!(key in other)) fail(`${key} in group ${g}`, 'none');
      const kinds = [value, other[key]].map(kindOf);
      if (kinds[0] !== kinds[1]) fail(`${key} of group ${g} to be a ${kinds[0]}`, `a ${kinds[1]}`);
    }
    const unknown = Object.keys(other).find((key) => !(key in own));
    if (unknown !== undefined) fail(`no ${unknown} in group ${g}`, String(other[unknown]));
    if (other.params !== own.params) fail(`${own.params} parameters in group ${g}`, String(other.params));
  });
  if (!Array.isArray(steps) || steps.length !== mine.steps.length || !steps.every(isCount)) {
    return fail(`${mine.steps.length} counts of steps`, JSON.stringify(steps) ?? 'none');
  }
  return { optimizer: mine.optimizer, groups: filled, steps };
}
