// The namespace `nn`: modules and their initial values.
export * as init from './init.ts';
export * from './layers.ts';
export { buffer, type HostTensor, Module, parameter } from './module.ts';
