// All layers, with PyTorch's names, defaults and parameter shapes.
export * from './activation.ts';
export * from './activation-composed.ts';
export * from './attention.ts';
export { BatchNorm1d, BatchNorm2d, type BatchNormLayerOptions } from './batch-norm.ts';
export * from './container.ts';
export { Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d } from './conv.ts';
export * from './dropout.ts';
export * from './linear.ts';
export * from './loss.ts';
export * from './norm.ts';
export * from './pool.ts';
