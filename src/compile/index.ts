// What users import of compiling.
export { type Compiled, type CompileOptions, compile } from './compile.ts';
export type { Explanation, KernelUse } from './explain.ts';
