// The namespace `optim`: optimizers, averages of weights, and clipping of gradients.
export { type ClipNormOptions, clipGradNorm, clipGradValue } from './clip.ts';
export { EMA } from './ema.ts';
export { Optimizer } from './optimizer.ts';
export { Adadelta, Adagrad, Adam, AdamW, RMSprop, SGD } from './optimizers.ts';
