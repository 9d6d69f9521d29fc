// downhill: what users import.
import './ops/methods.ts';

export { type BackwardOptions, grad, gradEnabled, noGrad } from './autograd/tape.ts';
export { type InitOptions, init } from './backends/init.ts';
export * from './ops/index.ts';
export {
  arange,
  eye,
  full,
  linspace,
  ones,
  rand,
  randn,
  type TensorOptions,
  tensor,
  zeros,
} from './tensor/creation.ts';
export { Device, type DeviceInfo, defaultDevice, memory, setDefaultDevice } from './tensor/device.ts';
export type { DType, HostArray } from './tensor/dtype.ts';
export { DeviceError, ReleasedError, ShaderError, ShapeError } from './tensor/errors.ts';
export { manualSeed, randomState, setRandomState } from './tensor/random.ts';
export { keep, scope } from './tensor/scope.ts';
export type { Shape } from './tensor/shape.ts';
export { Tensor } from './tensor/tensor.ts';
