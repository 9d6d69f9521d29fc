// The namespace `optim`: optimizers, schedules, averages of weights, and clipping of gradients.
export { averageCheckpoints } from './average.ts';
export { type ClipNormOptions, clipGradNorm, clipGradValue } from './clip.ts';
export { EMA } from './ema.ts';
export { GradScaler, type GradScalerOptions } from './grad-scaler.ts';
export type { GroupOptions, GroupValues, ParameterGroup, Trained } from './groups.ts';
export { LBFGS, type LBFGSOptions, type LBFGSValues } from './lbfgs.ts';
export * as lr from './lr/index.ts';
export { type Hyperparameters, Optimizer } from './optimizer.ts';
export type { OptimizerValues } from './optimizer-state.ts';
export {
  Adadelta,
  type AdadeltaOptions,
  Adagrad,
  type AdagradOptions,
  Adam,
  type AdamOptions,
  AdamW,
  RMSprop,
  type RMSpropOptions,
  SGD,
  type SGDOptions,
} from './optimizers.ts';
export * as race from './race/index.ts';
