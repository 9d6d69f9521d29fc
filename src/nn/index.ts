// The namespace `nn`: modules, their initial values, and what they are made of as a table.
export * as init from './init.ts';
export * from './layers.ts';
export {
  buffer,
  type ForwardHook,
  type ForwardPreHook,
  type FullBackwardHook,
  type HostTensor,
  type LoadReport,
  Module,
  parameter,
} from './module.ts';
export { type LayerSummary, Summary, type SummaryOptions, summary } from './summary.ts';
