// Values of tensors on the host, as checkpoints hold them, and how they come back into tensors.
import type { HostArray } from './dtype.ts';
import { ShapeError } from './errors.ts';
import { elementCount, format, type Shape, sameShape } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** Values of a tensor on the host, row-major. */
export interface HostTensor {
  shape: Shape;
  data: ArrayLike<number>;
}

/** What keeps values from taking the place of a tensor of this shape, in words. */
export function misfit(key: string, shape: Shape, { shape: given, data }: HostTensor): string | null {
  if (!sameShape(shape, given)) return `${key} is ${format(given)}, expected ${format(shape)}`;
  if (data.length === elementCount(shape)) return null;
  return `${key} ${format(shape)} comes with ${data.length} values`;
}

/** Throws a ShapeError that names every key that is missing, unexpected, of another shape or short of values. */
export function checkState(
  owner: string,
  mine: Record<string, { shape: Shape }>,
  state: Record<string, HostTensor>,
): void {
  const problems = Object.keys(state).flatMap((key) => (Object.hasOwn(mine, key) ? [] : [`unexpected ${key}`]));
  for (const [key, { shape }] of Object.entries(mine)) {
    const problem = Object.hasOwn(state, key) ? misfit(key, shape, state[key]) : `missing ${key}`;
    if (problem) problems.push(problem);
  }
  if (problems.length > 0) throw new ShapeError(`${owner}: ${problems.join('; ')}`);
}

/** Overwrites tensors with values of the same names. Throws as `checkState`, before any is changed. */
export function loadState(owner: string, mine: Record<string, Tensor>, state: Record<string, HostTensor>): void {
  checkState(owner, mine, state);
  for (const [key, tensor] of Object.entries(mine)) tensor.assign(state[key].data);
}

/** Reads tensors. All reads are queued at once, so that later changes do not show. */
export async function hostTensors(
  tensors: Record<string, Tensor>,
): Promise<Record<string, { shape: Shape; data: HostArray }>> {
  const reads = Object.entries(tensors).map(
    async ([name, tensor]) => [name, { shape: tensor.shape, data: await tensor.data() }] as const,
  );
  return Object.fromEntries(await Promise.all(reads));
}
