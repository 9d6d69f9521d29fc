// averageCheckpoints: one state from several, which often tests better than the best of them.
import { checkState, type HostTensor } from '../tensor/state.ts';

/**
 * The mean of state dicts, tensor by tensor, summed in float64 on the host. A tensor that is float32 in every state stays so,
 * one of whole numbers (Int32Array, Uint8Array) is taken from the last state, others become float64. Throws a RangeError for no
 * states, and a ShapeError that names the state and every key that is missing, unexpected or of another shape there.
 */
export function averageCheckpoints(states: readonly Record<string, HostTensor>[]): Record<string, HostTensor> {
  if (states.length === 0) throw new RangeError('averageCheckpoints: expected at least one state, got none');
  const [first] = states;
  for (const [i, state] of states.entries()) checkState(`averageCheckpoints: state ${i}`, first, state);
  const mean = (key: string): HostTensor => {
    const all = states.map((state) => state[key].data);
    const { shape } = first[key];
    const last = all[all.length - 1];
    if (last instanceof Int32Array || last instanceof Uint8Array) return { shape, data: last.slice() };
    const sums = new Float64Array(last.length);
    for (const data of all) for (let i = 0; i < sums.length; i++) sums[i] += data[i];
    const means = sums.map((sum) => sum / all.length);
    return { shape, data: all.every((data) => data instanceof Float32Array) ? Float32Array.from(means) : means };
  };
  return Object.fromEntries(Object.keys(first).map((key) => [key, mean(key)]));
}
