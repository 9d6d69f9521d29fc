// downhill/check: what kernel authors import.
export type { Case, Run, Tolerance } from './case.ts';
export { cases } from './cases/index.ts';
export {
  type Differentiable,
  type GradcheckOptions,
  type GradcheckReport,
  gradcheck,
  type InputReport,
} from './gradcheck.ts';
export { type KernelCheckOptions, kernelCheck } from './kernel-check.ts';
export { type Failure, formatReport, type KernelReport, type OpReport, type ShaderReport } from './report.ts';
export {
  apart,
  between,
  coins,
  given,
  givenWhole,
  type HostTensor,
  type Input,
  nonzero,
  normal,
  whole,
} from './values.ts';
