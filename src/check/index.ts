// downhill/check: what kernel authors import.
export type { Case, Run, Tolerance } from './case.ts';
export { cases } from './cases/index.ts';
export type { Coordinate } from './differences.ts';
export { type Differentiable, type GradcheckOptions, gradcheck, gradgradcheck } from './gradcheck.ts';
export { gradcheckModule, type ModuleCheckOptions } from './gradcheck-module.ts';
export type { GradcheckReport, InputReport, SweepPoint, Verdict } from './gradcheck-report.ts';
export { type KernelCheckOptions, kernelCheck } from './kernel-check.ts';
export {
  errorText,
  type Failure,
  failureText,
  formatReport,
  type KernelReport,
  type OpReport,
  type ShaderReport,
  ulpText,
} from './report.ts';
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
