// Every public op whose first argument is no tensor but a list or an equation: functions of the package, not methods.
export { einsum } from './einsum.ts';
export { concat, stack } from './join.ts';
