// What users import in Node: what reads and writes files.
export * from './data/index.node.ts';
export { EventFile } from './io/tensorboard.node.ts';
export { tensorBoard } from './train/monitor-tensorboard.node.ts';
