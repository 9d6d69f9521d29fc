// downhill: what users import.
/// <reference lib="esnext.disposable" preserve="true" />
import './ops/gemm-trials.ts';
import './ops/methods.ts';

export { autocast } from './autograd/autocast.ts';
export { type BackwardOptions, grad } from './autograd/backward.ts';
export { gradEnabled, noGrad } from './autograd/tape.ts';
export { type InitOptions, init } from './backends/init.ts';
export { tune } from './backends/tune.ts';
export type { TuneOptions } from './backends/webgpu/tune.ts';
export { type GradcheckOptions, gradcheck, gradgradcheck } from './check/gradcheck.ts';
export { gradcheckModule, type ModuleCheckOptions } from './check/gradcheck-module.ts';
export type { GradcheckReport } from './check/gradcheck-report.ts';
export { type Compiled, type CompileOptions, compile, type Explanation, type KernelUse } from './compile/index.ts';
export type { Batch } from './data/dataset.ts';
export { DataError } from './data/error.ts';
export { ImageSet } from './data/images.ts';
export * as data from './data/index.ts';
export { MNIST_FILES, type Mnist, mnistFrom, parseIdx } from './data/mnist.ts';
export { decodeNpy, encodeNpy, type NpyArray } from './io/npy.ts';
export { decodeSafetensors, encodeSafetensors } from './io/safetensors.ts';
export * as nn from './nn/index.ts';
export * from './ops/functions.ts';
export * from './ops/index.ts';
export { l1Penalty, l2Penalty } from './ops/penalty.ts';
export {
  permutation,
  type RandomOptions,
  rand,
  randint,
  randn,
  type TruncatedNormalOptions,
  truncatedNormal,
} from './ops/sampling.ts';
export * as optim from './optim/index.ts';
export {
  arange,
  eye,
  full,
  linspace,
  ones,
  type TensorOptions,
  tensor,
  zeros,
} from './tensor/creation.ts';
export { Device, type DeviceInfo, defaultDevice, memory, setDefaultDevice } from './tensor/device.ts';
export type { DType, HostArray } from './tensor/dtype.ts';
export { CompileError, DeviceError, IndexError, ReleasedError, ShaderError, ShapeError } from './tensor/errors.ts';
export { manualSeed, randomState, setRandomState } from './tensor/random.ts';
export { keep, scope } from './tensor/scope.ts';
export type { Shape } from './tensor/shape.ts';
export { Tensor } from './tensor/tensor.ts';
export { VERSION } from './tensor/version.ts';
export { AnomalyError, type AnomalyOptions, detectAnomaly } from './train/anomaly.ts';
export type { Data, Examples, Loss } from './train/batch.ts';
export type {
  Callback,
  CallbackState,
  EpochReport,
  Probe,
  StepReport,
  Training,
  TrainingState,
} from './train/callback.ts';
export { type Checkpoint, type CheckpointOptions, decodeCheckpoint, encodeCheckpoint } from './train/checkpoint.ts';
export { diagnose } from './train/diagnose.ts';
export type { Finding } from './train/diagnosis.ts';
export { type DistillOptions, distill, distillLoss } from './train/distill.ts';
export { EarlyStopping, type EarlyStoppingOptions } from './train/early-stopping.ts';
export { type Combine, Ensemble, type EnsembleOutcome, snapshot } from './train/ensemble.ts';
export { averagedWeights, fromCheckpoints, fromSeeds, refreshStatistics } from './train/ensemble-members.ts';
export { type Evaluated, type EvaluateOptions, evaluate, predictions } from './train/evaluate.ts';
export { fit } from './train/fit.ts';
export type { FitOptions } from './train/fit-options.ts';
export { type FindLrOptions, type FoundLr, findLr } from './train/lr-finder.ts';
export { type ImageCnnOptions, imageCnn, type ReferenceCnnOptions, referenceCnn } from './train/models.ts';
export type { MonitorRecord, ProbeRecord } from './train/monitor-records.ts';
export { type MonitorOptions, type Monitors, monitors } from './train/monitors.ts';
export { type Report, reportHtml, reportOf } from './train/report.ts';
export { compareHtml } from './train/report-compare.ts';
export { type SanityOptions, sanity } from './train/sanity.ts';
export type { SanityCheck, SanityReport } from './train/sanity-report.ts';
export type { Schedule, Scheduler } from './train/schedule.ts';
