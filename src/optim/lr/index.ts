// The namespace `optim.lr`: schedules of the learning rate and of momentum, by epoch or by step.
export { CosineAnnealingLR, LinearLR, MomentumAnneal } from './anneal.ts';
export { ExponentialLR, InverseTimeLR, LambdaLR, MultiStepLR, StepLR } from './decay.ts';
export { OneCycleLR, type OneCycleOptions } from './one-cycle.ts';
export { type PlateauOptions, ReduceLROnPlateau } from './plateau.ts';
export { type Scheduled, Scheduler, type SchedulerState } from './scheduler.ts';
export { SequentialLR } from './sequential.ts';
