// A dry run: what a function would do with inputs of some shapes, without computing anything.
import { noGrad } from '../autograd/tape.ts';
import type { Spec } from '../tensor/backend.ts';
import type { Device } from '../tensor/device.ts';
import { LiveLog, logged } from '../tensor/live.ts';
import { randomState, setRandomState } from '../tensor/random.ts';
import { scope } from '../tensor/scope.ts';
import { contiguousLayout, elementCount } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { Recorder } from './recorder.ts';

/**
 * Runs `fn` on stand-ins of these shapes and dtypes: ops check what they are given, and nothing is computed, allocated or
 * changed, nor a random number used up. Throws what the ops throw. The result must not hold tensors.
 */
export function dryRun<T>(device: Device, inputs: Spec[], fn: (...tensors: Tensor[]) => T): T {
  const log = new LiveLog();
  const recorder = new Recorder(device.backend, log);
  const state = randomState();
  const stand = ({ shape, dtype }: Spec) =>
    new Tensor(device, 'input', dtype, recorder.input(elementCount(shape), dtype), contiguousLayout(shape));
  try {
    const run = () => noGrad(() => scope(() => fn(...inputs.map(stand))));
    return device.recorded(recorder, () => logged(log, run));
  } finally {
    recorder.close();
    setRandomState(state);
  }
}
