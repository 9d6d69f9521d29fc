// Elementwise math under one name, for ops that are made of it. The rows are in the files by theme.
export * from './arithmetic.ts';
export * from './cast.ts';
export * from './comparison.ts';
export * from './exponential.ts';
export * from './rounding.ts';
export * from './trigonometry.ts';
