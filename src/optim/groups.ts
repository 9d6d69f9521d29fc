// Parameter groups: which parameters an optimizer trains, and with which hyperparameters.
import { ShapeError } from '../tensor/errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { withDefaults } from './check.ts';

/** A group as an optimizer holds it: its hyperparameters may be set between steps. */
export type ParameterGroup<H> = H & { readonly params: readonly Tensor[] };

/** A group as it is given: what it does not say is as for the whole optimizer. */
export type GroupOptions<H> = Partial<H> & { params: Iterable<Tensor> };

/** What an optimizer is made for: parameters, or groups of them. */
export type Trained<H> = Iterable<Tensor> | Iterable<GroupOptions<H>>;

/**
 * The groups; one for a plain list of parameters. Each parameter is taken once: a second time within a group does
 * nothing, in another group it is a ShapeError.
 */
export function groupsOf<H extends object>(owner: string, given: Trained<H>, defaults: H): ParameterGroup<H>[] {
  const items = [...given];
  const plain = items.filter((item) => item instanceof Tensor);
  if (plain.length > 0 && plain.length < items.length) {
    throw new TypeError(`${owner}: expected parameters or groups of parameters, got both`);
  }
  const options: GroupOptions<H>[] =
    plain.length > 0 ? [{ params: plain } as unknown as GroupOptions<H>] : (items as GroupOptions<H>[]);
  const taken = new Set<Tensor>();
  return options.map(({ params, ...own }, i) => {
    if (params === undefined || params === null || typeof params[Symbol.iterator] !== 'function') {
      throw new TypeError(`${owner}: expected params, a list of tensors, in group ${i}`);
    }
    const list = [...new Set(params)];
    const twice = list.find((parameter) => taken.has(parameter));
    if (twice) throw new ShapeError(`${owner}: ${twice} of group ${i} is in a group before, too`);
    for (const parameter of list) taken.add(parameter);
    return { ...withDefaults(owner, defaults, own as unknown as Partial<H>), params: list };
  });
}

/** Hyperparameters of a group as plain JSON, and how many parameters it has. */
export type GroupValues = Record<string, unknown> & { params: number };

export const valuesOf = (group: ParameterGroup<object>): GroupValues => ({
  ...structuredClone({ ...group, params: null }),
  params: group.params.length,
});
