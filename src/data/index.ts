// The namespace `data`: datasets, loading, preprocessing and augmentation, in pages and in Node.
export { type ArrayOptions, type Example, fromArrays, fromIterable } from './arrays.ts';
export * as augment from './augment.ts';
export { type CheckOptions, checkDataset } from './check.ts';
export { CIFAR10_CLASSES, CIFAR10_FILES, cifar10From } from './cifar10.ts';
export type { Batch, Dataset, Values } from './dataset.ts';
export { DataError } from './error.ts';
export { FASHION_CLASSES, fashionMnistFrom } from './fashion-mnist.ts';
export { ImageSet, type ImageSource, type ImageSplits, pixelStatistics } from './images.ts';
export {
  DataLoader,
  epochOrder,
  type LoaderOptions,
  type LoaderState,
  type Source,
  type StreamOptions,
  stream,
  type TensorBatch,
} from './loader.ts';
export { MNIST_FILES, type Mnist, mnistFrom, parseIdx } from './mnist.ts';
export { concat, type SplitOptions, slice, split, subset } from './parts.ts';
export { Pca, type PcaOptions, type ProjectionState, Whiten, type WhitenOptions } from './pca.ts';
export type { Preprocessor, PreprocessorState } from './preprocess.ts';
export { MinMax, type MinMaxOptions, type ScalingState, Standardize, type StandardizeOptions } from './scaling.ts';
