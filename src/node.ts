// What users import in Node: what reads files.
export * from './data/index.node.ts';
