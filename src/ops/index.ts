// Every public op whose first argument is a tensor: a function of the package and, by methods.ts, a method of Tensor.
// Beside what they document, all throw a ReleasedError for released tensors, and a ShapeError for tensors of two devices.
export {
  celu,
  elu,
  erf,
  gelu,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logSigmoid,
  mish,
  prelu,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softplus,
  softsign,
  tanh,
} from './activation.ts';
export { type AttentionOptions, scaledDotProductAttention } from './attention.ts';
export {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  avgPool1d,
  avgPool2d,
  globalAvgPool1d,
  globalAvgPool2d,
} from './average-pool.ts';
export { expand, sum } from './broadcast.ts';
export { conv1d, conv2d, convTranspose1d, convTranspose2d } from './conv.ts';
export { type CrossEntropyOptions, crossEntropy, type NllOptions, nllLoss } from './cross-entropy.ts';
export { diag, diagonal, tril, triu } from './diagonal.ts';
export { outer } from './einsum.ts';
export {
  abs,
  add,
  atan,
  atan2,
  cast,
  ceil,
  clamp,
  contiguous,
  cos,
  cosh,
  div,
  eq,
  exp,
  expm1,
  floor,
  ge,
  gt,
  isFinite,
  isNan,
  le,
  log,
  log1p,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  lt,
  maximum,
  minimum,
  mul,
  ne,
  neg,
  onesLike,
  pow,
  reciprocal,
  remainder,
  round,
  rsqrt,
  sign,
  sin,
  sinh,
  sqrt,
  square,
  sub,
  tan,
  trunc,
  where,
} from './elementwise.ts';
export { amax, amin, argmax, argmin, max, min } from './extrema.ts';
export { embedding, gather, indexSelect, maskedFill, oneHot, scatterAdd, takeAlongDim } from './indexing.ts';
export { hingeEmbeddingLoss, hingeLoss, type MultiMarginOptions, multiMarginLoss, svmLoss } from './margin.ts';
export { linear, matmul } from './matmul.ts';
export {
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  globalMaxPool1d,
  globalMaxPool2d,
  maxPool1d,
  maxPool2d,
} from './max-pool.ts';
export { maxout } from './maxout.ts';
export { flatten, permute, reshape, squeeze, transpose, unsqueeze } from './movement.ts';
export { batchNorm } from './norm.ts';
export { groupNorm, instanceNorm, layerNorm, rmsNorm } from './normalize.ts';
export { pad } from './pad.ts';
export {
  type BceOptions,
  type BceWithLogitsOptions,
  bceLoss,
  bceWithLogitsLoss,
  type KlDivOptions,
  klDivLoss,
} from './probability.ts';
export { alphaDropout, dropout, dropout2d } from './random.ts';
export { flip, repeatInterleave, roll, tile } from './rearrange.ts';
export { all, any, countNonzero, mean, prod } from './reduction.ts';
export { huberLoss, l1Loss, mseLoss, smoothL1Loss } from './regression.ts';
export { localResponseNorm, type ResponseNormOptions } from './response-norm.ts';
export { bernoulli, type MultinomialOptions, multinomial } from './sampling.ts';
export { cumprod, cumsum } from './scan.ts';
export { narrow, select, slice } from './slice.ts';
export { logSoftmax, softmax } from './softmax.ts';
export { argsort, sort, topk } from './sort.ts';
export { chunk, split, unbind } from './split.ts';
export { logsumexp, norm, std, variance as var } from './statistics.ts';
